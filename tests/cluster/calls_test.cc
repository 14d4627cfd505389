#include "cluster/calls.h"

#include "store/rules.h"
#include "tests/cluster/bench.h"

using namespace ballast;
using namespace ballast::test;
using cluster::Answer;
using cluster::Call;
using cluster::Callee;
using cluster::Caller;
using cluster::Claim;
using cluster::Election;
using cluster::Registration;
using cluster::TermStore;

namespace json = boost::json;

namespace {

/// A leader, and an agent that counts what it does.
struct CallsBench : ClusterBench {
    CallsBench() { lead(); }

    /// The one before goes on, as a process that was paused does.
    void lead() {
        erase(cluster::leader_key);
        leaders.push_back(std::make_unique<Leader>(*this));
        caller = &leaders.back()->caller;
        REQUIRE(wait(caller->start()));
    }
    /// From now on; one that was there before goes on as well, as a process that was paused does.
    void serve() {
        registration = std::make_unique<Registration>(io.get_executor(), clock, store, h1,
                                                      cluster::AgentIdentity{"ballastd@h1", "m", "b"}, ttl,
                                                      [](const std::string&) {});
        begin(registration->run());
        REQUIRE(run_until([&] { return registration->incarnation().has_value(); }));
        listen();
    }
    void listen() {
        callees.push_back(std::make_unique<Callee>(
            io.get_executor(), clock, store, h1, [this] { return registration->incarnation(); },
            [this](Call call, Claim claim) { return handle(std::move(call), std::move(claim)); }));
        begin(callees.back()->run());
        run_for(10ms);
    }
    boost::asio::awaitable<Answer> handle(Call call, Claim claim) {
        if (call.changes) {
            if (before_claim > 0ms) co_await clock.sleep_for(before_claim);
            const bool claimed = co_await claim(also);
            if (!claimed) co_return Error{ErrorCode::unavailable, h1.value, "not claimed"};
        }
        ++begun;
        if (takes > 0ms) co_await clock.sleep_for(takes);
        ++done;
        if (call.method == "fail") co_return Error{ErrorCode::refused, "vm", "no"};
        if (call.method == "tell all") co_return json::value(std::string(store::longest_value, 'x'));
        co_return json::value(call.arguments);
    }
    std::shared_ptr<std::optional<Answer>> ask(bool changes, Duration within = 20s, const char* method = "do") {
        return begin(caller->call(h1, method, {{"x", 1}}, changes, within));
    }
    Answer call(bool changes, Duration within = 20s, const char* method = "do") {
        return wait(caller->call(h1, method, {{"x", 1}}, changes, within));
    }
    bool nothing_is_left() {
        run_for(1s);
        return count(cluster::calls_prefix) == 0 && count(cluster::answers_prefix) == 0;
    }

    struct Leader {
        explicit Leader(CallsBench& bench)
            : election(bench.io.get_executor(), bench.clock, bench.store, "leader", 1h),
              term(bench.store, bench.wait(election.win()), [&bench] { ++bench.over; }),
              caller(bench.io.get_executor(), bench.clock, term, term.term()) {}
        Election election;
        TermStore term;
        Caller caller;
    };
    std::vector<std::unique_ptr<Leader>> leaders;
    Caller* caller = nullptr;
    std::unique_ptr<Registration> registration;
    std::vector<std::unique_ptr<Callee>> callees;
    unsigned over = 0, begun = 0, done = 0;
    Duration takes{}, before_claim{};
    std::vector<Compare> also;
};

}  // namespace

TEST_CASE("a call is answered with what the agent found, or with its error") {
    CallsBench bench;
    bench.serve();
    for (const bool changes : {false, true}) {
        const auto answer = bench.call(changes);
        REQUIRE(answer);
        CHECK(answer->as_object().at("x") == 1);
        const auto failed = bench.call(changes, 20s, "fail");
        CHECK(failed.error() == Error{ErrorCode::refused, "vm", "no"});
    }
    CHECK(bench.done == 4);
    CHECK(bench.nothing_is_left());
}

TEST_CASE("a call that nobody begins in time never happens") {
    CallsBench bench;
    const auto answer = bench.call(true, 5s);
    CHECK(answer.error().code == ErrorCode::unavailable);
    CHECK(bench.nothing_is_left());
    bench.serve();
    bench.run_for(60s);
    CHECK(bench.begun == 0);
}

TEST_CASE("a call that was begun and takes too long has an unknown outcome, and its answer is not waited for") {
    CallsBench bench;
    bench.serve();
    bench.takes = 60s;
    CHECK(bench.call(true, 5s).error().code == ErrorCode::timed_out);
    bench.takes = 0s;
    CHECK(bench.call(false));  // another one goes through meanwhile
    bench.run_for(2min);
    CHECK(bench.done == 2);
    CHECK(bench.count(cluster::calls_prefix) == 0);
}

TEST_CASE("an agent begins nothing for a leader that was deposed") {
    CallsBench bench;
    bench.serve();
    bench.before_claim = 100ms;
    const auto answer = bench.ask(true);
    bench.run_for(50ms);
    bench.erase(cluster::leader_key);
    REQUIRE(bench.run_until([&] { return answer->has_value(); }));
    CHECK_FALSE(**answer);
    CHECK(bench.begun == 0);
}

TEST_CASE("what a deposed leader asks for is not even placed") {
    CallsBench bench;
    bench.serve();
    bench.erase(cluster::leader_key);
    CHECK_FALSE(bench.call(true, 5s));
    CHECK(bench.over == 1);
    CHECK(bench.begun == 0);
    CHECK(bench.count(cluster::calls_prefix) == 0);
}

TEST_CASE("an agent whose registration is gone begins nothing") {
    CallsBench bench;
    bench.serve();
    bench.before_claim = 100ms;
    const auto answer = bench.ask(true);
    bench.run_for(50ms);
    bench.erase(cluster::agent_key(h1));
    REQUIRE(bench.run_until([&] { return answer->has_value(); }));
    CHECK_FALSE(**answer);
    CHECK(bench.begun == 0);
}

TEST_CASE("an agent begins nothing when what else has to hold does not hold any more") {
    CallsBench bench;
    bench.serve();
    bench.also = {{Compare::Kind::absent, "/ballast/powerlock/h2", 0, {}}};
    CHECK(bench.call(true));
    bench.before_claim = 1s;
    const auto asked = bench.ask(true);
    bench.run_for(500ms);
    bench.put("/ballast/powerlock/h2", "lost");
    REQUIRE(bench.run_until([&] { return asked->has_value(); }));
    CHECK((*asked)->error().message == "not claimed");
    CHECK(bench.begun == 1);
    CHECK(bench.nothing_is_left());
}

TEST_CASE("calls of an earlier term are removed by the next leader unless they were begun") {
    CallsBench bench;
    bench.ask(true, 10min);  // nobody serves it
    bench.run_for(10ms);
    REQUIRE(bench.count(cluster::calls_prefix) == 1);
    bench.lead();
    CHECK(bench.count(cluster::calls_prefix) == 0);
    bench.serve();
    bench.takes = 30s;
    bench.ask(true, 10min);
    REQUIRE(bench.run_until([&] { return bench.begun == 1; }));
    bench.lead();
    CHECK(bench.count(cluster::calls_prefix) == 1);
    bench.run_for(60s);
    CHECK(bench.done == 1);
    CHECK(bench.count(cluster::calls_prefix) == 0);
}

TEST_CASE("what a process before it had begun is answered by the next one as unknown, and not begun again") {
    CallsBench bench;
    bench.serve();
    bench.takes = 1h;
    const auto answer = bench.ask(true, 10min);
    REQUIRE(bench.run_until([&] { return bench.begun == 1; }));
    bench.listen();  // the next one
    REQUIRE(bench.run_until([&] { return answer->has_value(); }, 10s));
    CHECK((*answer)->error().code == ErrorCode::timed_out);
    bench.run_for(60s);
    CHECK(bench.begun == 1);
}

// Each commit of a call in turn: placing it, claiming it, answering it.
TEST_CASE("a commit whose answer is lost makes a call happen once or never, as it says") {
    for (const Duration late : {Duration{0}, Duration{2s}, Duration{12s}}) {
        for (unsigned nth = 0; nth < 3; ++nth) {
            CallsBench bench;
            bench.serve();
            bench.before_claim = bench.takes = 1s;
            INFO("late by " << late.count() << " ms, commit " << nth);
            const auto answer = bench.ask(true, 60s);
            bench.run_for(nth * 1s + (nth > 0 ? 10ms : 0ms));
            bench.data.late = late;
            bench.data.lose_replies = 1;
            REQUIRE(bench.run_until([&] { return answer->has_value(); }));
            bench.run_for(60s);
            CHECK(bench.begun == bench.done);
            CHECK(bench.done <= 1);
            if (**answer) CHECK(bench.done == 1);
            if (!**answer && (*answer)->error().code == ErrorCode::unavailable) CHECK(bench.done == 0);
            CHECK(bench.call(true, 60s));  // and the next one is served
        }
    }
}

TEST_CASE("after a call of which nothing is known no other goes to its host before that has changed") {
    CallsBench bench;
    bench.serve();
    bench.data.unavailable_until = bench.clock.now() + 30s;
    CHECK(bench.call(true, 5s).error().code == ErrorCode::timed_out);
    CHECK(bench.call(false, 5s).error().code == ErrorCode::unavailable);
    bench.run_for(30s);
    CHECK(bench.call(false));
    CHECK(bench.begun == 1);
}

TEST_CASE("answers are heard at once again after the history of the watch was compacted away") {
    CallsBench bench;
    bench.serve();
    sim::StoreLink link;
    sim::SimStore mine{bench.io, bench.clock, bench.data, bench.crashes, link};
    Caller caller(bench.io.get_executor(), bench.clock, mine, bench.leaders.back()->term.term());
    REQUIRE(bench.wait(caller.start()));
    link.cut = true;
    bench.put(cluster::answers_of(h1) + "another", "x");
    bench.put("last", "x");  // the last change before a compaction is still told
    bench.data.compact();
    link.cut = false;
    bench.run_for(20s);
    bench.takes = 100ms;
    const Instant asked = bench.clock.now();
    REQUIRE(bench.wait(caller.call(h1, "do", {{"x", 1}}, false, 20s)));
    CHECK(bench.clock.now() - asked < 1s);
}

TEST_CASE("an answer that the store does not take is answered by an error, once") {
    CallsBench bench;
    bench.serve();
    const auto answer = bench.call(true, 20s, "tell all");
    CHECK(answer.error().code == ErrorCode::no_space);
    CHECK(bench.done == 1);
    CHECK(bench.nothing_is_left());
}

TEST_CASE("calls and answers come back from text as they were, and what is none is an error") {
    const Call call{"start", {{"vm", "v1"}}, true, 42, 43};
    const auto read = cluster::call_from(cluster::to_text(call));
    REQUIRE(read);
    CHECK(read->method == "start");
    CHECK(read->arguments.at("vm") == "v1");
    CHECK((read->changes && read->term == 42 && read->claimed_by == 43));
    for (const char* text : {"", "{", "[]", "{}", R"({"method":1,"arguments":{},"term":1})"})
        CHECK(cluster::call_from(text).error().code == ErrorCode::corrupt);
    CHECK(*cluster::answer_from(cluster::to_text(Answer(json::value("yes")))) == "yes");
    for (const ErrorCode code : {ErrorCode::invalid, ErrorCode::no_space, ErrorCode::internal})
        CHECK(cluster::answer_from(cluster::to_text(Answer(Error{code, "s", "m"}))).error() == Error{code, "s", "m"});
    for (const char* text : {"", "[]", "{}"}) CHECK(cluster::answer_from(text).error().code == ErrorCode::corrupt);
}
