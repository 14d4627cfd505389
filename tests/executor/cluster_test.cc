// The executor as one process among others under the driver of simulated clusters: it can be killed, paused and lose
// its host anywhere in a migration, and whoever comes after it ends what it began.
#include <catch2/catch.hpp>

#include "executor/executor.h"
#include "sim/sim_cluster.h"
#include "tests/sim/show_result.h"

using namespace ballast;
using namespace std::chrono_literals;

namespace {

const HostId movers_host{"h1"};
const VmId moved_vm{"vm"};

/// Recovers what its predecessor left, and moves the VM from h2 to h3 while it is on h2.
class Mover : public sim::MemberProcess {
public:
    Mover(sim::MemberContext& context, sim::World& world)
        : hypervisor_(context.io(), context.clock(), world, context.crashes()),
          executor_(context.io().get_executor(), context.clock(), hypervisor_, context.store(),
                    [](const Operation&) {}) {
        executor_.ask_power([](const HostId&) { return PowerState::on; });
        boost::asio::co_spawn(context.io(), live(context), boost::asio::detached);
    }
    bool idle() const { return recovered_ && executor_.active().empty(); }

private:
    boost::asio::awaitable<void> live(sim::MemberContext& context) {
        const auto vms = co_await executor_.load_vms();
        if (!vms) co_return context.exit();
        const auto recovered = co_await executor_.recover();
        if (!recovered) co_return context.exit();
        recovered_ = true;
        Operation op;
        op.vm = moved_vm;
        op.vm_name = "vm";
        op.from = {"h2"};
        op.to = {"h3"};
        op.trigger = Trigger::manual;
        op.requested_by = "test";
        const auto submitted = co_await executor_.submit(op, false);
        (void)submitted;  // refused when one is under way or the VM has left
    }

    sim::SimHypervisor hypervisor_;
    executor::Executor executor_;
    bool recovered_ = false;
};

struct MoverCluster : sim::Cluster {
    MoverCluster()
        : Cluster(0, [this](sim::MemberContext& context) -> std::unique_ptr<sim::MemberProcess> {
              if (context.host() == movers_host) return std::make_unique<Mover>(context, world);
              return std::make_unique<sim::MemberProcess>();
          }) {
        for (const char* host : {"h1", "h2", "h3"}) add_host({host});
        world.add_vm({"h2"}, moved_vm, {});
        check = [this] { REQUIRE(world.running_on(moved_vm).size() <= 1); };
    }
    bool idle() const {
        const auto* const mover = dynamic_cast<const Mover*>(process(movers_host));
        return mover != nullptr && mover->idle();
    }
    void ends_well() {
        run_for(1min);
        REQUIRE(run_until([this] { return idle(); }));
        CHECK(world.running_on(moved_vm).size() == 1);
        CHECK(world.migrations_under_way() == 0);
        const auto guards = store.entries.lower_bound("/ballast/opvm/");
        CHECK((guards == store.entries.end() || !guards->first.starts_with("/ballast/opvm/")));
    }
};

}  // namespace

TEST_CASE("An executor that is killed before or after any call of a migration is followed by one that ends it") {
    bool moved = false;
    unsigned kills = 0;
    for (std::uint64_t n = 1; n <= 40; ++n) {
        INFO("point " << n);
        MoverCluster bench;
        bench.kill_at(movers_host, n);
        bench.ends_well();
        kills += bench.starts(movers_host) - 1;
        moved = moved || bench.world.running_on(moved_vm).front() == HostId{"h3"};
    }
    CHECK(moved);
    CHECK(kills > 15);
}

TEST_CASE("An executor that stands still for a minute before or after any call of a migration ends it then") {
    for (std::uint64_t n = 1; n <= 40; n += 3) {
        INFO("point " << n);
        MoverCluster bench;
        bench.pause_at(movers_host, n, 1min);
        bench.ends_well();
        CHECK(bench.starts(movers_host) == 1);
    }
}

TEST_CASE("An executor whose host loses power at any time in a migration is followed by one that ends it") {
    for (Duration when = 0ms; when < 10s; when += 333ms) {
        INFO(when.count() << " ms");
        MoverCluster bench;
        bench.run_for(when);
        bench.power_off(movers_host);
        bench.run_for(30s);
        bench.power_on(movers_host);
        bench.ends_well();
    }
}
