// What a daemon on one host sees of other hosts and of their BMCs, when the network comes between.
#include <catch2/catch.hpp>

#include "sim/sim_power.h"
#include "sim/sim_probe.h"
#include "tests/sim/show_result.h"
#include "tests/support/virtual_clock.h"

using namespace ballast;
using namespace std::chrono_literals;

namespace {

const HostId h1{"h1"}, h2{"h2"}, h3{"h3"};

struct Bench {
    Bench() {
        for (const HostId& host : {h1, h2, h3}) {
            world.add_host(host);
            bmcs[host];
        }
    }
    template <class T>
    Result<T> wait(boost::asio::awaitable<Result<T>> call) {
        std::optional<Result<T>> answer;
        boost::asio::co_spawn(io, std::move(call),
                              [&](std::exception_ptr, Result<T> result) { answer = std::move(result); });
        clock.run_for(io, 1min);
        BALLAST_ASSERT(answer);
        return *answer;
    }
    bool reaches(std::optional<HostId> from, const HostId& to) {
        sim::SimProbe probe(io, clock, world, crashes, std::move(from));
        return wait(probe.reach(to)).has_value();
    }

    test::VirtualClock clock;
    sim::World world{clock};
    sim::Bmcs bmcs;
    sim::CrashPoints crashes;
    boost::asio::io_context io;
};

}  // namespace

TEST_CASE("Whether a host answers depends on who asks") {
    Bench bench;
    CHECK(bench.reaches(h1, h2));
    bench.world.separate(h1, h2);
    CHECK_FALSE(bench.reaches(h1, h2));
    CHECK_FALSE(bench.reaches(h2, h1));
    CHECK(bench.reaches(h3, h2));
    CHECK(bench.reaches(std::nullopt, h2));
    bench.world.cut_off(h3);
    CHECK_FALSE(bench.reaches(h3, h2));
    CHECK_FALSE(bench.reaches(std::nullopt, h3));
    CHECK(bench.reaches(h3, h3));
}

TEST_CASE("A kernel answers when libvirtd does not, and not without power") {
    Bench bench;
    bench.world.stop_libvirtd(h2);
    CHECK(bench.reaches(h1, h2));
    bench.world.power_off(h2);
    CHECK_FALSE(bench.reaches(h1, h2));
}

TEST_CASE("A host that is cut off reaches no BMC, and others reach its own") {
    Bench bench;
    sim::SimPower at_h1(bench.io, bench.clock, bench.world, bench.bmcs, bench.crashes, h1);
    sim::SimPower at_h2(bench.io, bench.clock, bench.world, bench.bmcs, bench.crashes, h2);
    CHECK(bench.wait(at_h1.status(h2)) == Power::on);
    bench.world.cut_off(h1);
    CHECK(bench.wait(at_h1.switch_off(h2)).error().code == ErrorCode::unavailable);
    CHECK(bench.world.host(h2)->powered);
    CHECK(bench.wait(at_h2.switch_off(h1)));
    CHECK_FALSE(bench.world.host(h1)->powered);
}
