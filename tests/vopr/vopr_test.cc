// The fault simulator itself: a seed says all, and what it finds is made small.
#include <catch2/catch.hpp>

#include "sim/vopr/run.h"
#include "sim/vopr/shrink.h"

using namespace ballast;
using namespace ballast::sim::vopr;

TEST_CASE("The same seed draws the same scenario, and another seed another one") {
    CHECK(to_string(draw(7)) == to_string(draw(7)));
    CHECK(to_string(draw(7)) != to_string(draw(8)));
}

TEST_CASE("What is drawn stays within what a scenario may be") {
    for (std::uint64_t seed = 1; seed <= 500; ++seed) {
        const Scenario scenario = draw(seed);
        INFO(to_string(scenario));
        CHECK(scenario.hosts.size() >= 3);
        CHECK(scenario.hosts.size() <= 5);
        CHECK(scenario.guests.size() >= 3);
        CHECK(scenario.guests.size() <= 10);
        CHECK(scenario.events.size() >= 5);
        CHECK(scenario.events.size() <= 50);
        for (const Event& event : scenario.events) {
            CHECK(event.at < scenario.length);
            CHECK((event.host.value.empty() || event.host != event.other));  // empty: whoever leads, or the store
        }
    }
}

TEST_CASE("The same seed gives the same trace, and one that is not written down the same run") {
    const Scenario scenario = draw(1);
    const Outcome once = run(scenario, true), again = run(scenario, true), silent = run(scenario, false);
    CHECK(once.broken.empty());
    CHECK(once.trace.size() > 500);
    CHECK(once.trace == again.trace);
    CHECK(silent.trace.empty());
    CHECK(silent.steps == once.steps);
    CHECK(silent.took == once.took);
}

TEST_CASE("Shrinking leaves the events without which nothing breaks, and no others") {
    Scenario scenario = draw(3);
    while (scenario.events.size() < 20) scenario.events.push_back(scenario.events.front());
    scenario.events[4].kind = scenario.events[17].kind = Event::Kind::compact;
    for (std::size_t i = 0; i < scenario.events.size(); ++i)
        if (i != 4 && i != 17) scenario.events[i].kind = Event::Kind::kill;
    unsigned played = 0;
    const auto breaks = [&](const Scenario& smaller) {
        ++played;
        unsigned compactions = 0;
        for (const Event& event : smaller.events) compactions += event.kind == Event::Kind::compact ? 1 : 0;
        return compactions == 2;
    };
    const Scenario fewest = shrink(scenario, breaks);
    CHECK(fewest.events.size() == 2);
    CHECK(played < 100);
}

TEST_CASE("A transient VM whose host reboots in the middle of an operation on it is started again") {
    Scenario scenario;
    scenario.seed = 165;
    scenario.hosts = {{"h1"}, {"h2"}, {"h3"}};
    scenario.guests = {{{"vm5"}, {"h3"}, 1, 10, false}, {{"vm4"}, {"h1"}, 6, 10, true}};
    scenario.length = std::chrono::minutes{13};
    Event apart{Event::Kind::separate, Duration{314145}, {"h3"}, {"h1"}, {"vm5"}, Duration{152365}};
    Event order{Event::Kind::migrate, Duration{345959}, {"h1"}, {"h3"}, {"vm5"}};
    Event cut{Event::Kind::power_cut, Duration{357451}, {"h3"}, {"h1"}, {"vm5"}, Duration{9201}};
    scenario.events = {apart, order, cut};
    const Outcome outcome = run(scenario, true);
    CHECK(outcome.broken.empty());
    CHECK(outcome.starts == 1);
}
