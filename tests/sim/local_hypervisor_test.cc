// What a daemon on a host sees of it: that host only, and that whatever the network does.
#include <catch2/catch.hpp>

#include "sim/sim_hypervisor.h"
#include "tests/sim/show_result.h"
#include "tests/support/virtual_clock.h"

using namespace ballast;
using namespace std::chrono_literals;

namespace {

struct Bench {
    Bench() {
        for (const char* name : {"h1", "h2"}) world.add_host({name});
        world.add_vm({"h1"}, {"vm"}, {});
        local.emplace(io, clock, world, crashes, HostId{"h1"});
        local->on_event([this](const HypervisorEvent& event) { heard.push_back(event); });
    }
    template <class T>
    Result<T> wait(boost::asio::awaitable<Result<T>> call) {
        std::optional<Result<T>> answer;
        boost::asio::co_spawn(io, std::move(call),
                              [&](std::exception_ptr, Result<T> result) { answer = std::move(result); });
        for (int i = 0; i < 1000 && !answer; ++i) pass(100ms);
        BALLAST_ASSERT(answer);
        return *answer;
    }
    void pass(Duration time) {
        clock.run_for(io, time);
        world.run_due();
        clock.run_for(io, 0ms);
    }
    Result<Presence> presence(const char* host) { return wait(local->presence({host}, {"vm"})); }

    test::VirtualClock clock;
    sim::World world{clock};
    sim::CrashPoints crashes;
    boost::asio::io_context io;
    std::optional<sim::SimHypervisor> local;
    std::vector<HypervisorEvent> heard;
};

}  // namespace

TEST_CASE("A daemon on a host knows no other") {
    Bench bench;
    CHECK(bench.local->hosts() == std::vector<HostId>{{"h1"}});
    CHECK(bench.presence("h1")->state == Presence::State::running);
    CHECK(bench.presence("h2").error().code == ErrorCode::not_found);
    CHECK(bench.local->connection({"h2"}) == Connection::down);
    bench.world.power_off({"h2"});
    bench.pass(1min);
    CHECK(bench.heard.empty());
}

TEST_CASE("A daemon on a host reaches it when nobody else does, and starts VMs there") {
    Bench bench;
    bench.world.cut_off({"h1"});
    bench.pass(1min);
    CHECK(bench.local->connection({"h1"}) == Connection::up);
    CHECK(bench.presence("h1"));
    CHECK(bench.wait(bench.local->destroy({"h1"}, {"vm"})));
    StartRequest request;
    request.on = {"h1"};
    request.vm = {"vm"};
    CHECK(bench.wait(bench.local->start(request)));
    CHECK(bench.world.running_on({"vm"}).size() == 1);
    CHECK(bench.heard.size() == 2);
}

TEST_CASE("A daemon on a host notices at once that its libvirtd is gone, and when it is back") {
    Bench bench;
    bench.world.restart_libvirtd({"h1"});
    bench.pass(0ms);
    CHECK(bench.local->connection({"h1"}) == Connection::down);
    CHECK(bench.presence("h1").error().code == ErrorCode::unavailable);
    bench.pass(5s);
    CHECK(bench.local->connection({"h1"}) == Connection::up);
    CHECK(bench.presence("h1"));
    REQUIRE(bench.heard.size() == 2);
    CHECK(bench.heard[1].kind == HypervisorEvent::Kind::connected);
}

TEST_CASE("When one of two daemons ends, the other still hears of everything") {
    Bench bench;
    std::vector<HypervisorEvent> elsewhere;
    sim::SimHypervisor outside(bench.io, bench.clock, bench.world, bench.crashes);
    outside.on_event([&](const HypervisorEvent& event) { elsewhere.push_back(event); });
    bench.local.reset();
    bench.world.destroy({"h1"}, {"vm"});
    bench.pass(0ms);
    CHECK(elsewhere.size() == 1);
    CHECK(bench.heard.empty());
}
