// Members that die, hang and come back.
#include "tests/etcd/etcd_bench.h"

using namespace ballast;
using namespace ballast::test;
using std::chrono::seconds;

namespace {

struct Three {
    boost::asio::io_context io;
    Etcd etcd{{.members = 3}};
    EtcdClient client{io, options()};

    Three() { client.open().value(); }
    /// A follower is used first, so that its death is not the leader's.
    EtcdOptions options() const {
        EtcdOptions options = options_for(etcd);
        options.call_timeout = seconds(2);  // two elections
        std::swap(options.endpoints[0], options.endpoints[follower()]);
        return options;
    }
    std::size_t follower() const { return etcd.leader() == 0 ? 1 : 0; }
    Result<Commit> put(std::string key, std::string value) {
        return wait(io, client->commit(transaction({test::put(std::move(key), std::move(value))})));
    }
    /// As callers do it: an outcome that is not known is looked for, and tried again when it did not happen.
    bool put_for_sure(const std::string& key, const std::string& value) {
        for (int i = 0; i < 10; ++i) {
            if (put(key, value)) return true;
            const auto there = get(key);
            if (there && *there && (*there)->value == value) return true;
        }
        return false;
    }
    Result<std::optional<KeyValue>> get(std::string key) { return wait(io, client->get(std::move(key))); }
};

}  // namespace

TEST_CASE("The death of the member that is used, while nothing is under way, costs no call") {
    Three three;
    Recorder recorder;
    recorder.watch(*three.client, "/", wait(three.io, three.client->revision()).value());
    REQUIRE(three.put("/a", "1").has_value());
    three.etcd.kill(three.follower());
    // The watch notices. A commit that is sent into the broken connection before that has an unknown outcome.
    REQUIRE(run_until(three.io, [&] { return !three.client.notes.empty(); }));
    const auto committed = three.put("/a", "2");
    INFO((committed ? "" : to_string(committed.error())));
    CHECK(committed.has_value());
    CHECK(three.get("/a").value()->value == "2");
    REQUIRE(run_until(three.io, [&] { return recorder.events.size() >= 2; }));
    CHECK(recorder.lines() == Lines{"/a=1", "/a=2"});
    CHECK_THAT(three.client.notes[0], Catch::StartsWith("now uses ") &&
                                          Catch::Contains("instead of " + three.client.options().endpoints[0] + ": "));
}

TEST_CASE("Each of three members may die and come back, the leader as well") {
    Three three;
    Recorder recorder;
    recorder.watch(*three.client, "/", wait(three.io, three.client->revision()).value());
    for (std::size_t member = 0; member < 3; ++member) {
        INFO("without member " << member);
        three.etcd.kill(member);
        REQUIRE(three.put_for_sure("/a", std::to_string(member)));
        three.etcd.restart(member);
    }
    const auto last = [&] { return recorder.lines().empty() ? "" : recorder.lines().back(); };
    REQUIRE(run_until(three.io, [&] { return last() == "/a=2"; }));
    CHECK_FALSE(recorder.compacted);
    for (std::size_t i = 1; i < recorder.events.size(); ++i)
        CHECK(recorder.events[i].entry.mod_revision > recorder.events[i - 1].entry.mod_revision);
}

TEST_CASE("Without a quorum calls are unavailable, and go on when it is back") {
    Three three;
    REQUIRE(three.put("/a", "1").has_value());
    three.etcd.kill(1);
    three.etcd.kill(2);
    const auto began = std::chrono::steady_clock::now();
    const auto read = three.get("/a");
    const auto written = three.put("/a", "2");
    REQUIRE(read.has_error());
    REQUIRE(written.has_error());
    for (const auto code : {read.error().code, written.error().code})
        CHECK((code == ErrorCode::unavailable || code == ErrorCode::timed_out));
    CHECK(std::chrono::steady_clock::now() - began < seconds(7));
    three.etcd.restart(1);
    CHECK(three.put_for_sure("/a", "3"));
    CHECK(three.get("/a").value()->value == "3");
}

TEST_CASE("A member that hangs is left for another one") {
    Three three;
    REQUIRE(three.put("/a", "1").has_value());
    const auto hanging = three.follower();
    three.etcd.signal(SIGSTOP, hanging);
    const auto read = three.get("/a");
    INFO((read ? "" : to_string(read.error())));
    CHECK(read.has_value());
    CHECK(three.put_for_sure("/a", "2"));
    three.etcd.signal(SIGCONT, hanging);
}

TEST_CASE("After a kill -9 of etcd everything answered is there, and a watch goes on") {
    boost::asio::io_context io;
    Etcd etcd;
    EtcdClient client(io, options_for(etcd));
    client.open().value();
    Recorder recorder;
    recorder.watch(*client, "/", wait(io, client->revision()).value());
    const LeaseId lease = wait(io, client->grant(seconds(60))).value();
    for (int i = 0; i < 3; ++i) {
        const auto value = std::to_string(i);
        wait(io, client->commit(transaction({put("/a", value, lease)}))).value();
        etcd.kill();
        etcd.restart();
        INFO(i);
        CHECK(wait(io, client->get("/a")).value()->value == value);
        CHECK(wait(io, client->keep_alive(lease)).has_value());
    }
    wait(io, client->commit(transaction({put("/a", "after", lease)}))).value();
    REQUIRE(run_until(io, [&] { return recorder.events.size() >= 4; }));
    CHECK(recorder.lines() == Lines{"/a=0", "/a=1", "/a=2", "/a=after"});
    CHECK_FALSE(recorder.compacted);
}

TEST_CASE("A store that nobody answers for is unavailable, with each member's reason") {
    boost::asio::io_context io;
    EtcdOptions options;
    options.endpoints = {"http://127.0.0.1:1", "http://127.0.0.1:2"};
    options.call_timeout = seconds(1);
    EtcdClient client(io, options);
    const auto opened = client.open();
    REQUIRE(opened.has_error());
    CHECK(opened.error().code == ErrorCode::unavailable);
    CHECK_THAT(opened.error().message, Catch::Contains("127.0.0.1:1:") && Catch::Contains("127.0.0.1:2:") &&
                                           Catch::Contains("Connection refused"));
}

TEST_CASE("A lease that etcd ended early is not found, and the watch hears of its keys") {
    boost::asio::io_context io;
    EtcdClient client(io, options_for(shared_etcd(), fresh_prefix()));
    client.open().value();
    const LeaseId lease = wait(io, client->grant(seconds(60))).value();
    Recorder recorder;
    recorder.watch(*client, "/", wait(io, client->revision()).value());
    wait(io, client->commit(transaction({put("/a", "1", lease)}))).value();
    char name[32];
    std::snprintf(name, sizeof name, "%llx", static_cast<unsigned long long>(lease));
    shared_etcd().ctl(std::string("lease revoke ") + name);
    CHECK(wait(io, client->keep_alive(lease)).error().code == ErrorCode::not_found);
    CHECK_FALSE(wait(io, client->get("/a")).value());
    CHECK(wait(io, client->commit(transaction({put("/b", "1", lease)}))).error().code == ErrorCode::not_found);
    REQUIRE(run_until(io, [&] { return recorder.events.size() >= 2; }));
    CHECK(recorder.lines() == Lines{"/a=1", "/a erased"});
}
