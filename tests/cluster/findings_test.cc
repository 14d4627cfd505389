#include "cluster/findings.h"

#include "tests/cluster/bench.h"

using namespace ballast;
using namespace ballast::test;
using cluster::FindingsReader;
using cluster::FindingsTeller;
using cluster::Told;

namespace json = boost::json;

namespace {

/// A member that tells a number, and a leader that hears it.
struct FindingsBench : ClusterBench {
    FindingsBench() { put(cluster::agent_key(h1), "agent"); }

    void start() {
        begin(teller.run());
        begin(reader.run());
        run_for(1s);
    }
    void say(int what) {
        number = what;
        teller.changed();
    }
    std::int64_t last() const { return heard.back().findings.at("number").as_int64(); }
    std::int64_t puts() const { return data.entries.at(cluster::findings_key(h1)).version; }

    int number = 1;
    bool registered = true;
    std::vector<Told> heard;
    FindingsTeller teller{io.get_executor(),
                          clock,
                          store,
                          h1,
                          [this] { return registered ? std::optional(created(cluster::agent_key(h1))) : std::nullopt; },
                          [this] {
                              return json::object{{"number", number}};
                          }};
    FindingsReader reader{clock, store, [this](const HostId& host, const Told& told) {
                              CHECK(host == h1);
                              heard.push_back(told);
                          }};
};

}  // namespace

TEST_CASE("a change of what a member found reaches the leader at once, and nothing else is written for half a minute") {
    FindingsBench bench;
    bench.start();
    REQUIRE(bench.last() == 1);
    CHECK(bench.puts() == 1);
    bench.run_for(20s);
    CHECK(bench.puts() == 1);
    bench.say(2);
    bench.run_for(1s);
    CHECK(bench.last() == 2);
    CHECK(bench.heard.back().prompt);
    CHECK(bench.puts() == 2);
    bench.run_for(5min);
    CHECK(bench.puts() >= 11);
    CHECK(bench.puts() <= 13);
}

TEST_CASE("many changes at once are told together, and the last one is always told") {
    FindingsBench bench;
    bench.start();
    for (int i = 2; i <= 100; ++i) {
        bench.say(i);
        bench.run_for(1ms);
    }
    bench.run_for(2s);
    CHECK(bench.last() == 100);
    CHECK(bench.puts() < 10);
}

TEST_CASE("only a registered agent tells, and it tells once it is registered") {
    FindingsBench bench;
    bench.start();
    bench.registered = false;
    bench.say(2);
    bench.run_for(1min);
    CHECK(bench.last() == 1);
    bench.registered = true;
    bench.run_for(2s);
    CHECK(bench.last() == 2);
}

TEST_CASE("an agent that was registered anew elsewhere tells nothing of its old self") {
    FindingsBench bench;
    bench.start();
    const Revision before = bench.created(cluster::agent_key(h1));
    FindingsTeller paused{bench.io.get_executor(),
                          bench.clock,
                          bench.store,
                          h1,
                          [&] { return std::optional(before); },
                          [] {
                              return json::object{{"number", 666}};
                          }};
    bench.erase(cluster::agent_key(h1));
    bench.put(cluster::agent_key(h1), "another");
    bench.begin(paused.run());
    bench.run_for(2min);
    for (const Told& told : bench.heard) CHECK(told.findings.at("number") != 666);
}

TEST_CASE("what could not be written is written later, and what no event told of is read") {
    FindingsBench bench;
    bench.start();
    bench.data.lose_replies = 1;
    bench.say(2);
    bench.run_for(10s);
    CHECK(bench.last() == 2);
    bench.say(3);
    bench.run_for(1min);
    CHECK(bench.last() == 3);
}

TEST_CASE("a leader that begins reads what members have told before it") {
    FindingsBench bench;
    bench.begin(bench.teller.run());
    bench.run_for(10s);
    bench.begin(bench.reader.run());
    bench.run_for(1s);
    REQUIRE(bench.heard.size() == 1);
    CHECK(bench.last() == 1);
    CHECK_FALSE(bench.heard.back().prompt);
}
