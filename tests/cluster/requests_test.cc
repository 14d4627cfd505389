#include "cluster/requests.h"

#include "tests/cluster/bench.h"

using namespace ballast;
using namespace ballast::test;
using cluster::Desk;
using cluster::Election;
using cluster::Requests;
using cluster::TermStore;

namespace json = boost::json;

namespace {

/// A member that asks, and leaders that count what they did.
struct RequestsBench : ClusterBench {
    struct Leader {
        explicit Leader(RequestsBench& bench)
            : election(bench.io.get_executor(), bench.clock, bench.store, "leader", 1h),
              term(bench.store, bench.wait(election.win()), [] {}),
              desk(bench.io.get_executor(), bench.clock, term,
                   [&bench](json::value request) { return bench.act(request); }) {}
        Election election;
        TermStore term;
        Desk desk;
    };

    void lead() {
        if (has(cluster::leader_key)) erase(cluster::leader_key);
        leaders.push_back(std::make_unique<Leader>(*this));
        begin(leaders.back()->desk.run());
        run_for(10ms);
    }
    boost::asio::awaitable<json::value> act(json::value request) {
        ++acted;
        if (takes > 0ms) co_await clock.sleep_for(takes);
        co_return reply.is_null() ? request : reply;
    }
    bool nothing_is_left() { return count(cluster::requests_prefix) + count(cluster::replies_prefix) == 0; }

    Requests requests{io.get_executor(), clock, store, "h2"};
    std::vector<std::unique_ptr<Leader>> leaders;
    json::value reply;
    unsigned acted = 0;
    Duration takes{};
};

}  // namespace

TEST_CASE("what is asked at a member is answered by the leader") {
    RequestsBench bench;
    bench.lead();
    const auto reply = bench.wait(bench.requests.ask("hello", 10s));
    REQUIRE(reply);
    CHECK(*reply == "hello");
    bench.run_for(1s);
    CHECK(bench.nothing_is_left());
}

TEST_CASE("a request waits for a leader, and is gone when none comes in time") {
    RequestsBench bench;
    const auto waiting = bench.begin(bench.requests.ask("hello", 10s));
    bench.run_for(5s);
    bench.lead();
    REQUIRE(bench.run_until([&] { return waiting->has_value(); }, 3s));
    CHECK((*waiting)->has_value());
    bench.erase(cluster::leader_key);
    CHECK(bench.wait(bench.requests.ask("hello", 10s)).error().code == ErrorCode::timed_out);
    bench.run_for(30s);
    CHECK(bench.count(cluster::requests_prefix) <= 1);  // its lease ends when the store is asked the next time
    bench.put("/any", "");
    CHECK(bench.nothing_is_left());
    CHECK(bench.acted == 1);
}

TEST_CASE("a request is acted on once, whichever answer of the store is lost") {
    for (unsigned nth = 0; nth < 3; ++nth) {
        RequestsBench bench;
        bench.lead();
        bench.takes = 1s;
        const auto asked = bench.begin(bench.requests.ask("hello", 30s));
        bench.run_for(nth * 2ms);
        bench.data.lose_replies = 1;
        REQUIRE(bench.run_until([&] { return asked->has_value(); }));
        bench.run_for(60s);
        CHECK(bench.acted <= 1);
        if (**asked) CHECK(bench.acted == 1);
    }
}

TEST_CASE("a leader that was deposed acts on nothing any more") {
    RequestsBench bench;
    bench.lead();
    bench.lead();
    REQUIRE(bench.wait(bench.requests.ask("hello", 10s)));
    CHECK(bench.acted == 1);
}

TEST_CASE("a reply that no store would take is told as such") {
    RequestsBench bench;
    bench.lead();
    bench.reply = std::string(2'000'000, 'x');
    const auto reply = bench.wait(bench.requests.ask("all", 10s));
    REQUIRE(reply);
    CHECK(reply->at("too_large") == true);
}
