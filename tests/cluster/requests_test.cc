#include "cluster/requests.h"

#include "cluster/parts.h"
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

json::value all_vms(int count) {
    json::array vms;
    for (int i = 0; i < count; ++i) {
        const std::string number = std::to_string(i);
        vms.push_back(json::object{{"id", "00000000-0000-4000-8000-" + number},
                                   {"name", "guest-" + number},
                                   {"host", "host-" + std::to_string(i % 1000)},
                                   {"cpu_used_cores", i / 1000.0},
                                   {"why", std::string(400, static_cast<char>('a' + i % 26))}});
    }
    return json::object{{"status", 200}, {"body", std::move(vms)}};
}

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

TEST_CASE("a reply that is larger than a value of the store comes in parts, and leaves nothing behind") {
    RequestsBench bench;
    bench.lead();
    bench.reply = all_vms(20'000);
    REQUIRE(json::serialize(bench.reply).size() > 10 * cluster::largest_part);
    const auto reply = bench.wait(bench.requests.ask("vms", 10s));
    REQUIRE(reply);
    CHECK(*reply == bench.reply);
    bench.run_for(1s);
    CHECK(bench.nothing_is_left());
}

TEST_CASE("a reply of which the leader could write a part only is no reply") {
    RequestsBench bench;
    bench.lead();
    bench.reply = all_vms(5'000);
    unsigned parts = 0;
    bench.data.committing = [&](const Transaction& transaction) {
        if (!transaction.changes.front().key.starts_with(cluster::replies_prefix)) return;
        ++parts;
        bench.data.full_until = bench.clock.now() + 5min;
    };
    const auto asked = bench.begin(bench.requests.ask("vms", 10s));
    REQUIRE(bench.run_until([&] { return asked->has_value(); }));
    CHECK((*asked)->error().code == ErrorCode::timed_out);
    CHECK(parts == 1);
}

TEST_CASE("parts come back as they were, and nothing that is damaged, or too long, is taken for one") {
    std::string noise;
    for (unsigned i = 0, x = 1; i < cluster::largest_part; ++i)
        noise += static_cast<char>((x = x * 1664525 + 1013904223) >> 24);
    for (const std::string& text : {std::string(), std::string("a"), std::string(cluster::largest_part, 'x'), noise}) {
        const std::string part = cluster::deflated(text);
        CHECK(part.size() < 1024 * 1024);
        REQUIRE(cluster::inflated(part));
        CHECK(*cluster::inflated(part) == text);
        if (!text.empty()) CHECK_FALSE(cluster::inflated(part.substr(0, part.size() / 2)));
    }
    CHECK_FALSE(cluster::inflated("no such thing"));
    CHECK_FALSE(cluster::inflated(std::string(100, '\xff')));
}

TEST_CASE("a reply that no store would take is told as such") {
    RequestsBench bench;
    bench.lead();
    bench.reply = std::string(100'000'000, 'x');
    const auto reply = bench.wait(bench.requests.ask("all", 10s));
    REQUIRE(reply);
    CHECK(reply->at("too_large") == true);
}
