#include "cluster/follower.h"

#include "tests/cluster/bench.h"

using namespace ballast;
using namespace ballast::test;
using cluster::Follower;
using cluster::Noticed;

namespace {

using Lines = std::vector<std::string>;

/// Follows "/a/" and writes down what it is told: first (F), by event (E), by reading (R), erased (-).
struct FollowerBench : ClusterBench {
    void start() {
        begin(follower.run());
        run_for(100ms);
    }
    Lines taken() { return std::exchange(told, {}); }

    sim::StoreLink link;
    sim::SimStore mine{io, clock, data, crashes, link};
    Lines told;
    Follower follower{clock,
                      mine,
                      "/a/",
                      {10s},
                      {[this](const KeyValue& entry, Noticed how) {
                           told.push_back(entry.key + "=" + entry.value + " " + "FER"[static_cast<int>(how)]);
                       },
                       [this](const std::string& key, Revision) { told.push_back(key + " -"); }}};
};

}  // namespace

TEST_CASE("what stands under the prefix is told once, and then what changes") {
    FollowerBench bench;
    bench.put("/a/1", "x");
    bench.put("/b/1", "x");
    bench.start();
    CHECK(bench.taken() == Lines{"/a/1=x F"});
    bench.put("/a/2", "y");
    bench.put("/a/1", "z");
    bench.erase("/a/2");
    bench.put("/b/1", "z");
    bench.run_for(100ms);
    CHECK(bench.taken() == Lines{"/a/2=y E", "/a/1=z E", "/a/2 -"});
    bench.run_for(1min);
    CHECK(bench.taken().empty());
}

TEST_CASE("what no event told of is found by reading, and told once") {
    FollowerBench bench;
    bench.put("/a/1", "x");
    bench.put("/a/2", "x");
    bench.start();
    bench.taken();
    bench.link.lose_events = 3;
    bench.put("/a/1", "y");
    bench.erase("/a/2");
    bench.put("/a/3", "x");
    bench.run_for(1s);
    CHECK(bench.taken().empty());
    bench.run_for(10s);
    CHECK(bench.taken() == Lines{"/a/1=y R", "/a/3=x R", "/a/2 -"});
    bench.run_for(1min);
    CHECK(bench.taken().empty());
}

TEST_CASE("a history that was compacted away is read, and listened to anew") {
    FollowerBench bench;
    bench.start();
    bench.link.cut = true;
    bench.put("/a/1", "x");
    bench.put("/b/1", "x");  // the last change before a compaction is still told
    bench.data.compact();
    bench.link.cut = false;
    bench.run_for(20s);
    CHECK(bench.taken() == Lines{"/a/1=x R"});
    bench.put("/a/1", "y");
    bench.run_for(100ms);
    CHECK(bench.taken() == Lines{"/a/1=y E"});
}

TEST_CASE("a reading from a member of the store that lags behind takes nothing back") {
    FollowerBench bench;
    bench.put("/a/1", "old");
    bench.put("/a/2", "old");
    bench.start();
    bench.taken();
    bench.run_for(1min);
    bench.put("/a/1", "new");
    bench.erase("/a/2");
    bench.put("/a/3", "new");
    bench.run_for(100ms);
    CHECK(bench.taken() == Lines{"/a/1=new E", "/a/2 -", "/a/3=new E"});
    bench.link.stale = 45s;
    bench.run_for(40s);
    CHECK(bench.taken().empty());
}

TEST_CASE("a store that does not answer is asked again soon, and what was told is in doubt until it has") {
    FollowerBench bench;
    bench.link.cut = true;
    bench.start();
    bench.run_for(10s);
    CHECK_FALSE(bench.follower.answers());
    CHECK_FALSE(bench.follower.was_read());
    bench.put("/a/1", "x");
    bench.link.cut = false;
    bench.run_for(7s);  // a call that was under way, and a second
    CHECK(bench.taken() == Lines{"/a/1=x F"});
    CHECK(bench.follower.answers());
    bench.link.cut = true;
    bench.run_for(20s);
    CHECK_FALSE(bench.follower.answers());
    bench.link.cut = false;
    bench.put("/a/1", "y");
    bench.run_for(100ms);
    CHECK(bench.follower.answers());
    CHECK(bench.taken() == Lines{"/a/1=y E"});
}

TEST_CASE("a follower that was read before it runs does not read at once again") {
    FollowerBench bench;
    bench.put("/a/1", "x");
    REQUIRE(bench.wait(bench.follower.read()));
    CHECK(bench.taken() == Lines{"/a/1=x F"});
    bench.link.lose_events = 1;
    bench.put("/a/1", "y");
    bench.start();
    bench.run_for(9s);
    CHECK(bench.taken().empty());
    bench.run_for(2s);
    CHECK(bench.taken() == Lines{"/a/1=y R"});
}
