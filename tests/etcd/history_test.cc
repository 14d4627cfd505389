// What etcd has lost, does not want to keep, or was written by others.
#include "tests/etcd/etcd_bench.h"

using namespace ballast;
using namespace ballast::test;
using std::chrono::seconds;

namespace {

struct One {
    explicit One(EtcdSetup setup = {}) : etcd(std::move(setup)), client(io, options_for(etcd)) {
        client.options().call_timeout = seconds(2);
        client.open().value();
    }
    Result<Commit> commit(std::vector<Change> changes) {
        return wait(io, client->commit(transaction(std::move(changes))));
    }
    void begin_anew() {
        etcd.kill();
        etcd.wipe();
        etcd.restart();
    }

    boost::asio::io_context io;
    Etcd etcd;
    EtcdClient client;
};

}  // namespace

TEST_CASE("An etcd whose revision went back is refused, at the start and while the daemon runs") {
    One one;
    for (int i = 0; i < 5; ++i) one.commit({put("/a", std::to_string(i))}).value();
    one.begin_anew();
    const auto read = wait(one.io, one.client->get("/a"));
    REQUIRE(read.has_error());
    CHECK(read.error().code == ErrorCode::corrupt);
    CHECK_THAT(read.error().message, Catch::Contains("restored from an old backup"));
    CHECK(one.commit({put("/a", "x")}).error().code == ErrorCode::corrupt);
    CHECK(one.client.open().error().code == ErrorCode::corrupt);
    // What the message advises.
    one.client.close();
    std::filesystem::remove(one.client.options().state_dir + "/etcd.mark");
    std::filesystem::remove(one.client.options().state_dir + "/etcd.cluster");
    CHECK(one.client.open().has_value());
}

TEST_CASE("Another cluster behind the same address is refused") {
    One one;
    one.etcd.set_token("another");
    one.begin_anew();
    for (int i = 0; i < 5; ++i) one.etcd.ctl("put x y");
    const auto opened = one.client.open();
    REQUIRE(opened.has_error());
    CHECK(opened.error().code == ErrorCode::corrupt);
    CHECK_THAT(opened.error().message, Catch::Contains("our data is in cluster"));
}

TEST_CASE("A member of another cluster among ours is passed over") {
    boost::asio::io_context io;
    const Etcd stranger;
    EtcdClient client(io, options_for(shared_etcd(), fresh_prefix()));
    client.open().value();
    const auto ours = client.options().endpoints;
    client.options().endpoints = {stranger.endpoints()[0], ours[0]};
    REQUIRE(client.open().has_value());
    const auto committed = wait(io, client->commit(transaction({put("/a", "1")}))).value();
    CHECK_THAT(shared_etcd().ctl("get --print-value-only " + client.options().prefix + "/data/a"),
               Catch::Equals("1\n"));
    CHECK(committed.revision > 1);
    client.options().endpoints = stranger.endpoints();
    CHECK(client.open().error().code == ErrorCode::corrupt);
}

TEST_CASE("Data of a newer Ballast is refused and left as it is") {
    boost::asio::io_context io;
    EtcdClient client(io, options_for(shared_etcd(), fresh_prefix()));
    client.open().value();
    client.close();
    const std::string key = client.options().prefix + "/schema";
    CHECK(shared_etcd().ctl("get --print-value-only " + key) == "1\n");
    shared_etcd().ctl("put " + key + " 2");
    const auto opened = client.open();
    REQUIRE(opened.has_error());
    CHECK(opened.error().code == ErrorCode::refused);
    CHECK_THAT(opened.error().message, Catch::Contains("newer Ballast"));
    CHECK(shared_etcd().ctl("get --print-value-only " + key) == "2\n");
}

TEST_CASE("Clusters under different prefixes of one etcd do not see each other") {
    boost::asio::io_context io;
    const std::string prefix = fresh_prefix();
    EtcdClient mine(io, options_for(shared_etcd(), prefix)), longer(io, options_for(shared_etcd(), prefix + "b"));
    for (auto* client : {&mine, &longer}) client->open().value();
    Recorder recorder;
    recorder.watch(*mine, "", wait(io, mine->revision()).value());
    wait(io, longer->commit(transaction({put("/a", "theirs")}))).value();
    wait(io, mine->commit(transaction({put("/a", "mine")}))).value();
    CHECK(wait(io, mine->list("")).value().size() == 1);
    CHECK(wait(io, longer->get("/a")).value()->value == "theirs");
    REQUIRE(run_until(io, [&] { return !recorder.events.empty(); }));
    CHECK(recorder.lines() == Lines{"/a=mine"});
    wait(io, mine->commit(transaction({erase_prefix("/")}))).value();
    CHECK(wait(io, longer->list("")).value().size() == 1);
}

TEST_CASE("A long list comes in pages, all of one revision") {
    boost::asio::io_context io;
    EtcdClient client(io, options_for(shared_etcd(), fresh_prefix()));
    client.open().value();
    std::size_t number = 0;
    for (int i = 0; i < 8; ++i) {
        std::vector<Change> changes;
        for (int j = 0; j < 100; ++j) changes.push_back(put("/many/" + std::to_string(10000 + number++), "0"));
        wait(io, client->commit(transaction(changes))).value();
    }
    CHECK(wait(io, client->list("/many/")).value().size() == number);
    // A writer changes the first and the last key together all the time: a list of more than one revision would show
    // it.
    for (int i = 1; i <= 20; ++i) {
        const auto value = std::to_string(i);
        const auto listing = start(io, client->list("/many/"));
        wait(io, client->commit(transaction({put("/many/10000", value), put("/many/10799", value)}))).value();
        REQUIRE(run_until(io, [&] { return listing->has_value(); }));
        const auto& entries = (*listing)->value();
        REQUIRE(entries.size() == number);
        CHECK(entries.front().value == entries.back().value);
    }
}

TEST_CASE("A list that is overtaken by a compaction begins again") {
    boost::asio::io_context io;
    EtcdClient client(io, options_for(shared_etcd(), fresh_prefix()));
    client.open().value();
    for (int i = 0; i < 6; ++i) {
        std::vector<Change> changes;
        for (int j = 0; j < 100; ++j) changes.push_back(put("/" + std::to_string(1000 + 100 * i + j), "x"));
        wait(io, client->commit(transaction(changes))).value();
    }
    for (int i = 0; i < 3; ++i) {
        const auto listing = start(io, client->list("/"));
        io.restart();
        io.poll_one();  // the first page is asked for, and nothing is read while etcd compacts
        const auto prefix = client.options().prefix + "/data/";
        shared_etcd().ctl("put " + prefix + "1000 " + std::to_string(i));
        shared_etcd().ctl("put " + prefix + "1599 " + std::to_string(i));
        shared_etcd().ctl("compact $(etcdctl --endpoints=" + shared_etcd().endpoints()[0] +
                          " -w json get x | sed 's/.*revision.:\\([0-9]*\\).*/\\1/')");
        REQUIRE(run_until(io, [&] { return listing->has_value(); }));
        INFO(((*listing)->has_value() ? "" : to_string((*listing)->error())));
        REQUIRE((*listing)->has_value());
        CHECK((*listing)->value().size() == 600);
        CHECK((*listing)->value().back().value == std::to_string(i));
    }
}

TEST_CASE("A watch hears all changes of a large transaction together, in fragments or not") {
    boost::asio::io_context io;
    EtcdClient client(io, options_for(shared_etcd(), fresh_prefix()));
    client.open().value();
    const auto before = wait(io, client->revision()).value();
    for (int i = 0; i < 8; ++i) {
        std::vector<Change> changes;
        for (int j = 0; j < 7; ++j) changes.push_back(put("/" + std::to_string(j), std::string(100 * 1024, 'v')));
        wait(io, client->commit(transaction(changes))).value();
    }
    // From the past, so that etcd has more to say at once than fits into one message of 2 MiB: 20 changes do.
    std::vector<std::size_t> batches;
    std::size_t heard = 0;
    const auto handle = client->watch(
        "/", before,
        [&](const std::vector<WatchEvent>& events) {
            batches.push_back(events.size());
            heard += events.size();
        },
        [] {});
    REQUIRE(run_until(io, [&] { return heard >= 56; }));
    for (const auto size : batches) CHECK(size % 7 == 0);
    CHECK(heard == 56);
}

TEST_CASE("A full etcd says so, goes on reading and erasing, and works again when there is room") {
    One one({.arguments = {"--quota-backend-bytes=4194304"}});
    Result<Commit> last = one.commit({put("/first", "x")});
    // etcd looks at the size of its file, which it writes ten times a second: on a fast machine many go in before.
    for (int i = 0; i < 500 && last; ++i)
        last = one.commit({put("/" + std::to_string(i % 20), std::string(900 * 1024, 'v'))});
    REQUIRE(last.has_error());
    CHECK(last.error().code == ErrorCode::no_space);
    CHECK(one.commit({put("/more", "x")}).error().code == ErrorCode::no_space);
    CHECK(wait(one.io, one.client->get("/first")).value()->value == "x");
    // A restart of the daemon meanwhile does no harm.
    CHECK(one.client.open().has_value());
    const auto erased = one.commit({erase_prefix("/")});
    REQUIRE(erased.has_value());
    one.etcd.ctl("compact " + std::to_string(erased->revision));
    one.etcd.ctl("defrag");
    one.etcd.ctl("alarm disarm");
    CHECK(one.commit({put("/more", "x")}).has_value());
}
