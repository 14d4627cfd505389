#include "tests/trace/lab.h"

using namespace ballast;
using namespace ballast::test;

namespace {

// 287 ticks, the first at 300.1 s, the last at 86100.1 s: 286 intervals.
constexpr double measured_s = 286 * 300;

}  // namespace

TEST_CASE("A host draws nothing before its first measurement and what its table says afterwards") {
    Scripted nobody({0});
    const auto metrics = simulate_day(small_setting(1), {{constant(80)}}, nobody);  // 400 of 1000 MIPS: 70 W
    CHECK(metrics.energy_kwh == Approx(70 * measured_s / 3.6e6));
    CHECK(metrics.slatah() == 0);
    CHECK(metrics.shortage() == 0);
    CHECK(metrics.active_s == Approx(measured_s));
}

TEST_CASE("A VM that wants nothing at a measurement is gone, and its host with it") {
    auto vm = constant(50);
    std::fill(vm.percent.begin() + 3, vm.percent.end(), 0);
    Scripted nobody({0});
    const auto metrics = simulate_day(small_setting(1), {{vm}}, nobody);
    CHECK(metrics.vanished_vms == 1);
    // Two measurements at 62.5 W (25 %), then one in which the load has fallen to 0: half way to the idle 50 W.
    CHECK(metrics.energy_kwh == Approx((62.5 * 300 + (62.5 + 50) / 2 * 300) / 3.6e6).epsilon(1e-4));
    SECTION("but stays under honest rules") {
        Scripted again({0});
        CHECK(simulate_day(small_setting(1, honest_rules()), {{vm}}, again).vanished_vms == 0);
    }
}

TEST_CASE("VMs that want more than the host has get the same fraction of it") {
    Scripted nobody({0, 0});
    auto setting = small_setting(1);
    setting.vm_types = {{1000, 625}};
    setting.host_types[0].core_mips = 1000;
    // Nominal sizes fit one only, so the day begins with two hosts and a move puts both on one.
    setting.type_of_host.assign(2, 0);
    Scripted gather({0, 1}, [](unsigned tick, const Cluster&) {
        return tick == 0 ? Decision{{{1, 0}}, {}} : Decision{};
    });
    const auto metrics = simulate_day(setting, {{constant(80), constant(80)}}, gather);
    CHECK(metrics.migrations == 1);
    // From 310.1 s on 1600 MIPS are wanted and 1000 given.
    CHECK(metrics.overload_s == Approx(measured_s - 10));
    CHECK(metrics.shortage() == Approx(600.0 / 1600).epsilon(1e-3));
}

TEST_CASE("A migration costs the VM a tenth of its CPU, and its target is in violation until it ends") {
    Scripted move({0}, [](unsigned tick, const Cluster&) { return tick == 0 ? Decision{{{0, 1}}, {}} : Decision{}; });
    const auto metrics = simulate_day(small_setting(2), {{constant(80)}}, move);
    CHECK(metrics.migrations == 1);
    CHECK(metrics.pdm() == Approx(0.1 * 400 * 10 / (400 * measured_s)));
    // Ten seconds of both hosts, then one of them; the target has 10 % of what the VM asks for.
    CHECK(metrics.active_s == Approx(measured_s + 10));
    CHECK(metrics.slatah() == Approx(10 / (measured_s + 10)));
    CHECK(metrics.esv() == Approx(metrics.energy_kwh * metrics.slatah() * metrics.pdm()));
}

TEST_CASE("Under honest rules memory limits, links are shared, and an idle host that stays on is paid for") {
    SECTION("a fifth VM of 1 GB does not fit into 4 GB") {
        auto setting = small_setting(2, honest_rules());
        setting.vm_types = {{10, 1000}};
        Scripted move({0, 0, 0, 0, 1}, [](unsigned tick, const Cluster&) {
            return tick == 0 ? Decision{{{4, 0}}, {}} : Decision{};
        });
        const auto metrics = simulate_day(setting, {std::vector<VmTrace>(5, constant(10))}, move);
        CHECK(metrics.migrations == 0);
        CHECK(metrics.refused_moves == 1);
    }
    SECTION("two moves to one host that is on take 20 s each") {
        std::vector<double> ends;
        Scripted move({0, 1, 2}, [&](unsigned tick, const Cluster& cluster) {
            for (const auto& vm : cluster.vms()) CHECK_FALSE(vm.in_migration);
            return tick == 0 ? Decision{{{0, 2}, {1, 2}}, {}} : Decision{};
        });
        const auto metrics =
            simulate_day(small_setting(3, honest_rules()), {std::vector<VmTrace>(3, constant(20))}, move);
        CHECK(metrics.lost_in_migration == Approx(2 * 0.1 * 100 * 20));
    }
    SECTION("an empty host") {
        Scripted keep({0}, [](unsigned, const Cluster&) { return Decision{{}, {true, true}}; });
        Scripted drop({0});
        const auto kept = simulate_day(small_setting(2, honest_rules()), {{constant(20)}}, keep);
        const auto dropped = simulate_day(small_setting(2, honest_rules()), {{constant(20)}}, drop);
        // 150 s of booting at 100 W, then idle at 50 W.
        CHECK(kept.energy_kwh - dropped.energy_kwh == Approx((100 * 150 + 50 * (measured_s - 150)) / 3.6e6));
    }
}

TEST_CASE("The same day gives the same figures, bit for bit") {
    Scripted one({0, 1}), two({0, 1});
    const Workload workload{{constant(33), constant(77)}};
    const auto a = simulate_day(small_setting(2), workload, one), b = simulate_day(small_setting(2), workload, two);
    CHECK(a.energy_kwh == b.energy_kwh);
    CHECK(a.requested == b.requested);
}
