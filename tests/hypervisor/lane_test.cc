// A lane on libvirt's test driver: its thread, its deadline, and what becomes of it when a call hangs.
#include "hypervisor/lane.h"

#include "hypervisor/event_loop.h"
#include "hypervisor/events.h"
#include "tests/hypervisor/await.h"
#include "tests/hypervisor/gate.h"

using namespace ballast;
using namespace ballast::test;
using hypervisor::AbandonedCount;
using hypervisor::Lane;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

using Kept = Result<std::shared_ptr<void>>;
using Work = std::function<Result<std::string>(virConnectPtr)>;

struct Bench {
    Bench() { hypervisor::start_event_loop(); }
    boost::asio::io_context& io = immortal_io();
    AbandonedCount abandoned = std::make_shared<std::atomic<unsigned>>(0);

    Lane lane(const std::string& uri = "test:///default", Lane::Opened opened = {}) {
        return Lane(io.get_executor(), uri, abandoned, std::move(opened));
    }
    Result<std::string> call(Lane& lane, Work work, Duration deadline = seconds(10)) {
        return await(io, lane.call<std::string>(std::move(work), deadline));
    }
};

Work driver_name() {
    return [](virConnectPtr connection) -> Result<std::string> { return std::string(virConnectGetType(connection)); };
}

Work hang_in(const Gate& gate) {
    return [closed = gate.closed()](virConnectPtr) -> Result<std::string> {
        closed.wait();
        return std::string("late");
    };
}

}  // namespace

TEST_CASE("A lane's work runs with a connection, in a thread of its own") {
    Bench bench;
    Lane lane = bench.lane();
    std::thread::id ran_in;
    const auto name = bench.call(lane, [&ran_in](virConnectPtr connection) -> Result<std::string> {
        ran_in = std::this_thread::get_id();
        return std::string(virConnectGetType(connection));
    });
    REQUIRE(name.has_value());
    CHECK(*name == "TEST");
    CHECK(ran_in != std::this_thread::get_id());
    CHECK_FALSE(lane.busy());
    CHECK_FALSE(lane.lost());
}

TEST_CASE("A lane keeps its connection from call to call") {
    Bench bench;
    int opened = 0;
    Lane lane = bench.lane("test:///default", [&opened](virConnectPtr) -> Kept {
        ++opened;
        return nullptr;
    });
    for (int i = 0; i < 3; ++i) REQUIRE(bench.call(lane, driver_name()).has_value());
    CHECK(opened == 1);
}

TEST_CASE("What the work says is what the caller gets") {
    Bench bench;
    Lane lane = bench.lane();
    const auto answer = bench.call(lane, [](virConnectPtr) -> Result<std::string> {
        return Error{ErrorCode::refused, "web1", "no room"};
    });
    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.error() == Error{ErrorCode::refused, "web1", "no room"});
    CHECK(bench.call(lane, driver_name()).has_value());
}

TEST_CASE("A host that cannot be connected to is unavailable, and is tried again with the next call") {
    Bench bench;
    Lane lane = bench.lane("qemu+tcp://127.0.0.1:1/system");
    for (int i = 0; i < 2; ++i) {
        const auto answer = bench.call(lane, driver_name());
        REQUIRE_FALSE(answer.has_value());
        CHECK(answer.error().code == ErrorCode::unavailable);
    }
    CHECK_FALSE(lane.lost());
}

TEST_CASE("A connection that cannot be made ready is not used") {
    Bench bench;
    int attempts = 0;
    Lane lane = bench.lane("test:///default", [&attempts](virConnectPtr) -> Kept {
        if (++attempts == 1) return Error{ErrorCode::internal, "host1", "no events"};
        return nullptr;
    });
    const auto first = bench.call(lane, driver_name());
    REQUIRE_FALSE(first.has_value());
    CHECK(first.error().message == "no events");
    CHECK(bench.call(lane, driver_name()).has_value());
}

TEST_CASE("A call past its deadline is left behind with its lane, and counted until libvirt lets go") {
    Bench bench;
    Gate gate;
    Lane lane = bench.lane();
    const auto answer = bench.call(lane, hang_in(gate), milliseconds(30));
    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.error().code == ErrorCode::timed_out);
    CHECK(lane.lost());
    CHECK(*bench.abandoned == 1);
    const auto next = bench.call(lane, driver_name());
    REQUIRE_FALSE(next.has_value());
    CHECK(next.error().code == ErrorCode::unavailable);
    gate.open();
    run_until(bench.io, [&] { return *bench.abandoned == 0; });
}

TEST_CASE("Calls that waited behind one that hangs are told at once") {
    Bench bench;
    Gate gate;
    Lane lane = bench.lane();
    std::optional<Result<std::string>> hung, queued;
    const auto keep = [](std::optional<Result<std::string>>& where) {
        return [&where](std::exception_ptr, Result<std::string> result) { where = std::move(result); };
    };
    boost::asio::co_spawn(bench.io, lane.call<std::string>(hang_in(gate), milliseconds(30)), keep(hung));
    boost::asio::co_spawn(bench.io, lane.call<std::string>(driver_name(), seconds(60)), keep(queued));
    run_until(bench.io, [&] { return hung && queued; });
    CHECK(hung->error().code == ErrorCode::timed_out);
    CHECK(queued->error().code == ErrorCode::unavailable);
}

TEST_CASE("A lane that is given up while idle leaves nothing behind") {
    Bench bench;
    {
        Lane lane = bench.lane();
        REQUIRE(bench.call(lane, driver_name()).has_value());
    }
    run_until(bench.io, [&] { return *bench.abandoned == 0; });
}

TEST_CASE("What an opened connection brought with it goes with it, before it is closed") {
    Bench bench;
    std::atomic<int> references = -1;
    {
        Lane lane = bench.lane("test:///default", [&references](virConnectPtr connection) -> Kept {
            // Takes a reference and gives it back while the connection is still open: one is left then.
            virConnectRef(connection);
            return std::shared_ptr<void>(connection, [&references](void* kept) {
                references = virConnectClose(static_cast<virConnectPtr>(kept));
            });
        });
        REQUIRE(bench.call(lane, driver_name()).has_value());
        CHECK(references == -1);
    }
    run_until(bench.io, [&] { return references != -1; });
    CHECK(references == 1);
}

TEST_CASE("Events do not keep a connection open that nobody uses any more") {
    Bench bench;
    const auto ignore = [](const HypervisorEvent&) {};
    Lane lane = bench.lane();
    const auto left = await(bench.io, lane.call<int>(
                                          [&](virConnectPtr connection) -> Result<int> {
                                              virConnectRef(connection);
                                              auto heard = hypervisor::subscribe_events(
                                                  connection, {"host1"}, bench.io.get_executor(), ignore);
                                              if (!heard) return heard.error();
                                              heard->reset();
                                              return virConnectClose(connection);
                                          },
                                          seconds(10)));
    REQUIRE(left.has_value());
    CHECK(*left == 1);  // the lane's own
}

TEST_CASE("What was given up begins nothing any more") {
    Bench bench;
    Gate gate;
    const auto began = std::make_shared<std::atomic<int>>(0);
    const Work change = [began](virConnectPtr) -> Result<std::string> {
        if (hypervisor::given_up()) return hypervisor::nobody_waits("vm");
        ++*began;
        return std::string("done");
    };
    SECTION("while its connection is made") {
        Lane lane = bench.lane("test:///default", [closed = gate.closed()](virConnectPtr) -> Kept {
            closed.wait();
            return std::shared_ptr<void>();
        });
        CHECK(bench.call(lane, change, milliseconds(50)).error().code == ErrorCode::timed_out);
        gate.open();
        run_until(bench.io, [&] { return *bench.abandoned == 0; });
        CHECK(*began == 0);
    }
    SECTION("while it looks before it acts") {
        Lane lane = bench.lane();
        const Work look_first = [closed = gate.closed(), change](virConnectPtr connection) {
            closed.wait();
            return change(connection);
        };
        CHECK(bench.call(lane, look_first, milliseconds(50)).error().code == ErrorCode::timed_out);
        gate.open();
        run_until(bench.io, [&] { return *bench.abandoned == 0; });
        CHECK(*began == 0);
    }
    SECTION("what is waited for does") {
        Lane lane = bench.lane();
        CHECK(bench.call(lane, change).has_value());
        CHECK(*began == 1);
    }
}
