// When a host is taken to be dead, and when it is not [safety.md, invariants 2 and 12].
#include "policy/failover.h"

#include <catch2/catch.hpp>
#include <random>

using namespace ballast;
using namespace ballast::policy;
using namespace std::chrono_literals;

namespace {

const Instant started{};

/// Hosts h1, h2, ... that all answer at `now`.
struct Hosts {
    explicit Hosts(int count) {
        for (int i = 1; i <= count; ++i) {
            Contact& contact = contacts[{"h" + std::to_string(i)}];
            contact.watched = contact.concerns_vms = true;
            contact.answered = now;
        }
    }
    void silence(const char* host, Duration since) {
        contacts.at({host}).answered = now - since;
        contacts.at({host}).unanswered = static_cast<unsigned>(since / 1s);
    }
    Suspicion judged() const { return suspect(contacts, options, started, now); }
    bool suspects(const char* host) const {
        for (const Suspect& one : judged().suspects)
            if (one.host.value == host) return true;
        return false;
    }

    FailoverOptions options;
    Instant now{2h};
    std::map<HostId, Contact> contacts;
};

}  // namespace

TEST_CASE("A host is suspect once nothing of it has answered for long enough") {
    Hosts hosts(3);
    CHECK(hosts.judged().suspects.empty());
    hosts.silence("h3", 11s);
    CHECK(hosts.judged().silent == std::vector<HostId>{{"h3"}});
    CHECK_FALSE(hosts.suspects("h3"));
    hosts.silence("h3", 12s);
    REQUIRE(hosts.suspects("h3"));
    CHECK(hosts.judged().frozen.empty());
    CHECK(hosts.judged().suspects.front().reason == "h3 has not answered for 12 s, neither its libvirt nor its kernel");
}

TEST_CASE("Time alone proves nothing: it must have been looked at often enough") {
    Hosts hosts(3);
    hosts.silence("h3", 1min);
    hosts.contacts.at({"h3"}).unanswered = 4;  // the daemon was stopped in between
    CHECK_FALSE(hosts.suspects("h3"));
    hosts.contacts.at({"h3"}).unanswered = 5;
    CHECK(hosts.suspects("h3"));
}

TEST_CASE("Who is not looked at in two ways, is worked on, or has no VMs, is not suspect") {
    Hosts hosts(3);
    hosts.silence("h3", 1min);
    SECTION("one way only") {
        hosts.contacts.at({"h3"}).watched = false;
    }
    SECTION("in maintenance") {
        hosts.contacts.at({"h3"}).maintenance = true;
    }
    SECTION("no VMs") {
        hosts.contacts.at({"h3"}).concerns_vms = false;
    }
    CHECK_FALSE(hosts.suspects("h3"));
}

TEST_CASE("After a start a host that never answered is given the time to boot") {
    Hosts hosts(3);
    hosts.contacts.at({"h3"}).answered.reset();
    hosts.contacts.at({"h3"}).unanswered = 100;
    hosts.now = started + 299s;
    CHECK_FALSE(hosts.suspects("h3"));
    hosts.now = started + 300s;
    CHECK(hosts.suspects("h3"));
}

TEST_CASE("When half of the hosts are silent none is cut off, however long each of them is") {
    for (const int count : {2, 3, 4, 5, 9}) {
        Hosts hosts(count);
        hosts.silence("h1", 1h);
        for (int silent = 1; silent <= count; ++silent) {
            if (silent > 1) hosts.silence(("h" + std::to_string(silent)).c_str(), 3s);  // has only just begun
            INFO(silent << " of " << count);
            CHECK(hosts.judged().frozen.empty() == (2 * silent < count));
        }
    }
    Hosts hosts(4);
    hosts.silence("h1", 1h);
    hosts.silence("h2", 2s);
    CHECK(hosts.judged().frozen.starts_with("2 of 4 hosts do not answer (h1, h2): "));
    hosts.contacts.at({"h2"}).watched = false;  // seen in one way only: it counts all the same
    CHECK_FALSE(hosts.judged().frozen.empty());
    hosts.contacts.at({"h2"}).maintenance = true;  // expected to be silent
    CHECK(hosts.judged().frozen.empty());
    Hosts three(3);
    three.silence("h1", 1h);
    three.contacts.at({"h2"}).maintenance = true;  // but it answers, so the network is well
    CHECK(three.suspects("h1"));
}

TEST_CASE("After half of the hosts were silent there is half a minute of calm, and no more than a minute in five") {
    Calm calm;
    Suspicion storm, none;
    storm.frozen = "2 of 4 hosts do not answer";
    Instant now{1h};
    const auto seconds_of_calm = [&](const Suspicion& seen, int looks) {
        int held = 0;
        for (int i = 0; i < looks; ++i) held += calm.holds(seen, now += 1s);
        return held;
    };
    CHECK(seconds_of_calm(none, 60) == 0);
    CHECK(seconds_of_calm(storm, 60) == 0);
    SECTION("that end at once") {
        CHECK(seconds_of_calm(none, 120) == 30);
        SECTION("and another one within five minutes") {
            seconds_of_calm(storm, 60);
            CHECK(seconds_of_calm(none, 60) == 30);
        }
        SECTION("and ever more of them, by one that fails now and then") {
            int held = 30;
            for (int i = 0; i < 15; ++i) {
                seconds_of_calm(storm, 2);
                held += seconds_of_calm(none, 10);
            }
            CHECK(held >= 60);
            CHECK(held <= 70);
            seconds_of_calm(none, 300);
            seconds_of_calm(storm, 2);
            CHECK(seconds_of_calm(none, 60) == 30);
        }
    }
    SECTION("that end with a flicker") {
        CHECK(seconds_of_calm(none, 1) == 1);
        seconds_of_calm(storm, 60);
        CHECK(seconds_of_calm(none, 60) == 30);
    }
    SECTION("as at a start of which nobody knows what was before") {
        Calm fresh;
        fresh.begin(now);
        CHECK(fresh.holds(none, now + 1s));
        CHECK_FALSE(fresh.holds(none, now + 30s));
    }
}

TEST_CASE("Whatever is silent, never half of the hosts are to be cut off") {
    std::mt19937 random(1);
    for (int round = 0; round < 5000; ++round) {
        Hosts hosts(1 + static_cast<int>(random() % 12));
        std::size_t expected = 0;
        for (auto& [id, contact] : hosts.contacts) {
            contact.watched = random() % 8 != 0;
            contact.maintenance = random() % 8 == 0;
            contact.concerns_vms = random() % 8 != 0;
            if (random() % 3 == 0) hosts.silence(id.value.c_str(), Duration(random() % 30000));
            expected += !contact.maintenance || contact.unanswered < 2;
        }
        const Suspicion found = hosts.judged();
        for (const Suspect& one : found.suspects) {
            const Contact& contact = hosts.contacts.at(one.host);
            CHECK((contact.watched && !contact.maintenance && contact.concerns_vms));
            CHECK(hosts.now - *contact.answered >= hosts.options.after);
        }
        if (found.frozen.empty()) CHECK((found.suspects.empty() || 2 * found.suspects.size() < expected));
    }
}
