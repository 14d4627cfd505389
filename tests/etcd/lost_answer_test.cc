// What the network does to calls: answers that never come, connections that break.
#include "tests/etcd/etcd_bench.h"
#include "tests/etcd/proxy.h"

using namespace ballast;
using namespace ballast::test;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

/// A store behind a proxy, and one that sees what really happened.
struct Behind {
    boost::asio::io_context io;
    Proxy proxy{io, shared_etcd().port()};
    EtcdClient client{io, options()};
    EtcdClient witness{io, options_for(shared_etcd(), client.options().prefix)};

    Behind() {
        client.open().value();
        witness.open().value();
    }
    EtcdOptions options() const {
        EtcdOptions options;
        options.endpoints = {proxy.endpoint()};
        options.prefix = fresh_prefix();
        options.call_timeout = seconds(1);
        return options;
    }
    std::optional<KeyValue> seen(const std::string& key) { return wait(io, witness->get(key)).value(); }
    bool arrives(const std::string& key) {
        for (int i = 0; i < 1000; ++i)
            if (seen(key)) return true;
        return false;
    }
};

const Transaction once{{{Compare::Kind::absent, "/op", 0, ""}}, {put("/op", "done")}};

}  // namespace

TEST_CASE("A commit whose connection breaks before the answer is unavailable, and found by reading") {
    Behind behind;
    behind.proxy.swallow_answers(true);
    const auto answer = start(behind.io, behind.client->commit(once));
    REQUIRE(behind.arrives("/op"));
    CHECK_FALSE(answer->has_value());
    behind.proxy.swallow_answers(false);
    behind.proxy.cut();
    REQUIRE(run_until(behind.io, [&] { return answer->has_value(); }));
    REQUIRE((*answer)->has_error());
    CHECK((*answer)->error().code == ErrorCode::unavailable);
    const auto found = wait(behind.io, behind.client->get("/op")).value();
    REQUIRE(found);
    CHECK(found->value == "done");
    CHECK(found->version == 1);  // it was not sent a second time
    CHECK_FALSE(wait(behind.io, behind.client->commit(once)).value().committed);
}

TEST_CASE("A commit whose answer never comes has timed out, and is found by reading") {
    Behind behind;
    behind.proxy.swallow_answers(true);
    const auto began = std::chrono::steady_clock::now();
    const auto answer = wait(behind.io, behind.client->commit(once));
    REQUIRE(answer.has_error());
    CHECK(answer.error().code == ErrorCode::timed_out);
    CHECK(std::chrono::steady_clock::now() - began < seconds(3));
    behind.proxy.swallow_answers(false);
    behind.proxy.cut();
    REQUIRE(behind.seen("/op"));
    CHECK(wait(behind.io, behind.client->get("/op")).value()->version == 1);
}

TEST_CASE("A commit that waited too long behind another does not happen") {
    Behind behind;
    behind.proxy.swallow_answers(true);
    const auto first = start(behind.io, behind.client->commit(transaction({put("/first", "x")})));
    const auto second = start(behind.io, behind.client->commit(transaction({put("/second", "x")})));
    REQUIRE(run_until(behind.io, [&] { return first->has_value() && second->has_value(); }));
    CHECK((*second)->has_error());
    behind.proxy.swallow_answers(false);
    behind.proxy.cut();
    CHECK(wait(behind.io, behind.client->revision()).has_value());
    CHECK(behind.seen("/first"));
    CHECK_FALSE(behind.seen("/second"));
}

TEST_CASE("What puts a leased key anew does not wait behind other writes, and does nothing once the key is another") {
    Behind behind;
    const LeaseId lease = wait(behind.io, behind.client->grant(seconds(60))).value();
    const Change mine{Change::Kind::put, "/mine", "x", lease};
    const Revision created = wait(behind.io, behind.client->commit({{}, {mine}})).value().revision;
    const Transaction beat{{{Compare::Kind::create_revision_is, "/mine", created, ""}}, {mine}};
    std::vector<std::shared_ptr<std::optional<Result<Commit>>>> others;
    for (int i = 0; i < 300; ++i)
        others.push_back(start(behind.io, behind.client->commit(transaction({put("/a", "x")}))));
    const auto renewed = start(behind.io, behind.client->commit(beat));
    REQUIRE(run_until(behind.io, [&] { return renewed->has_value(); }));
    CHECK((*renewed)->value().committed);
    CHECK_FALSE(others.back()->has_value());
    REQUIRE(run_until(behind.io, [&] { return others.back()->has_value(); }));
    wait(behind.io, behind.client->commit(transaction({erase("/mine")}))).value();
    CHECK_FALSE(wait(behind.io, behind.client->commit(beat)).value().committed);
    CHECK_FALSE(behind.seen("/mine"));
}

TEST_CASE("A connection that broke while nothing was under way costs no call") {
    Behind behind;
    for (int i = 0; i < 5; ++i) {
        behind.proxy.cut();
        boost::asio::steady_timer rest(behind.io, milliseconds(20));
        rest.async_wait([](auto) {});
        behind.io.restart();
        behind.io.run_for(milliseconds(20));
        const auto answer = wait(behind.io, behind.client->commit(transaction({put("/a", std::to_string(i))})));
        INFO(i);
        REQUIRE(answer.has_value());
    }
    CHECK(behind.seen("/a")->version == 5);
}

TEST_CASE("A watch goes on after each break where it had been, without a gap or a repetition") {
    Behind behind;
    Recorder recorder;
    recorder.watch(*behind.client, "/", wait(behind.io, behind.client->revision()).value());
    Lines expected;
    for (int i = 0; i < 20; ++i) {
        if (i % 5 == 2) behind.proxy.cut();
        const auto number = std::to_string(i);
        wait(behind.io, behind.witness->commit(transaction({put("/a", number), put("/b", number)}))).value();
        expected.insert(expected.end(), {"/a=" + number, "/b=" + number});
    }
    REQUIRE(run_until(behind.io, [&] { return recorder.events.size() >= expected.size(); }));
    CHECK(recorder.lines() == expected);
    CHECK_FALSE(recorder.compacted);
}

TEST_CASE("A watch whose connection falls silent goes on with another member, though nobody calls") {
    Behind behind;
    EtcdOptions options = behind.options();
    options.endpoints.push_back(shared_etcd().endpoints()[0]);
    options.prefix = behind.client.options().prefix;
    options.ping_interval = seconds(6);  // etcd refuses more than one in 5 s
    options.ping_timeout = seconds(1);
    EtcdClient client(behind.io, options);
    client.open().value();
    Recorder recorder;
    recorder.watch(*client, "/", wait(behind.io, client->revision()).value());
    wait(behind.io, behind.witness->commit(transaction({put("/a", "before")}))).value();
    REQUIRE(run_until(behind.io, [&] { return recorder.events.size() == 1; }));
    behind.proxy.swallow_answers(true);  // the connection itself stays, and only its pings tell
    wait(behind.io, behind.witness->commit(transaction({put("/a", "after")}))).value();
    REQUIRE(run_until(behind.io, [&] { return recorder.events.size() == 2; }));
    CHECK(recorder.lines() == Lines{"/a=before", "/a=after"});
    REQUIRE(client.notes.size() == 1);
    CHECK_THAT(client.notes[0], Catch::Contains("now uses " + options.endpoints[1]));
}

TEST_CASE("A watch that was away while its history was compacted is told to list again") {
    Behind behind;
    Recorder recorder;
    recorder.watch(*behind.client, "/", wait(behind.io, behind.client->revision()).value());
    wait(behind.io, behind.witness->commit(transaction({put("/a", "heard")}))).value();
    REQUIRE(run_until(behind.io, [&] { return !recorder.events.empty(); }));
    behind.proxy.refuse(true);
    wait(behind.io, behind.witness->commit(transaction({put("/a", "missed")}))).value();
    const auto last = wait(behind.io, behind.witness->commit(transaction({put("/a", "last")}))).value().revision;
    shared_etcd().ctl("compact " + std::to_string(last));
    CHECK_FALSE(recorder.compacted);
    behind.proxy.refuse(false);
    REQUIRE(run_until(behind.io, [&] { return recorder.compacted; }));
    CHECK(recorder.lines() == Lines{"/a=heard"});
}

TEST_CASE("Closing ends what is under way as cancelled, and watches fall silent") {
    Behind behind;
    Recorder recorder;
    recorder.watch(*behind.client, "/", 0);
    behind.proxy.swallow_answers(true);
    const auto commit = start(behind.io, behind.client->commit(once));
    const auto behind_it = start(behind.io, behind.client->commit(transaction({put("/b", "x")})));
    const auto read = start(behind.io, behind.client->get("/a"));
    const auto renewed = start(behind.io, behind.client->keep_alive(17));
    REQUIRE(behind.arrives("/op"));
    const auto heard = recorder.calls;
    behind.client.close();
    REQUIRE(run_until(behind.io, [&] {
        return commit->has_value() && behind_it->has_value() && read->has_value() && renewed->has_value();
    }));
    CHECK((*commit)->error().code == ErrorCode::cancelled);
    CHECK((*behind_it)->error().code == ErrorCode::cancelled);
    CHECK((*read)->error().code == ErrorCode::cancelled);
    CHECK((*renewed)->error().code == ErrorCode::cancelled);
    CHECK(recorder.calls == heard);
}

TEST_CASE("More calls than may wait are refused at once") {
    Behind behind;
    behind.client.options().most_waiting_calls = 10;
    behind.client.open().value();
    behind.proxy.swallow_answers(true);
    std::vector<std::shared_ptr<std::optional<Result<std::optional<KeyValue>>>>> answers;
    for (int i = 0; i < 11; ++i) answers.push_back(start(behind.io, behind.client->get("/a")));
    behind.io.restart();
    behind.io.poll();
    REQUIRE(answers.back()->has_value());
    CHECK((*answers.back())->error().code == ErrorCode::unavailable);
    CHECK_FALSE(answers.front()->has_value());
    behind.proxy.swallow_answers(false);
    behind.proxy.cut();
    REQUIRE(run_until(behind.io, [&] { return answers.front()->has_value(); }));
    CHECK((*answers.front())->has_value());
}
