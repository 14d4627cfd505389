// The arithmetic of counters: what is not known must never look like zero.
#include "collectors/rates.h"

#include <catch2/catch.hpp>

using namespace ballast;
using collectors::sample_from;
using std::chrono::seconds;

namespace {

constexpr std::uint64_t second_ns = 1'000'000'000;

HostReading reading_at(int at_s) {
    HostReading reading;
    reading.at = Instant(seconds(at_s));
    reading.host.memory_available = gib(4);
    return reading;
}

VmCounters vm(const std::string& id, std::uint64_t cpu_s) {
    VmCounters counters;
    counters.id = {id};
    counters.name = id;
    counters.libvirt_id = 7;
    counters.state = VmState::running;
    counters.cpu_time_ns = cpu_s * second_ns;
    return counters;
}

VcpuCounters waited(std::uint64_t delay_ns) {
    VcpuCounters vcpu;
    vcpu.delay_ns = delay_ns;
    return vcpu;
}

VmLoad load_between(VmCounters before, VmCounters now, int gap_s = 10) {
    HostReading first = reading_at(100), second = reading_at(100 + gap_s);
    first.vms = {std::move(before)};
    second.vms = {std::move(now)};
    return sample_from(first, second).vms.begin()->second.load;
}

}  // namespace

TEST_CASE("Rates are the growth of counters over the time between two readings") {
    VmCounters before = vm("a", 50), now = vm("a", 65);
    before.block_read = mib(100), now.block_read = mib(120);
    before.net_sent = mib(1), now.net_sent = mib(6);
    before.swap_in = mib(0), now.swap_in = mib(30);
    before.major_faults = 1000, now.major_faults = 1500;
    const VmLoad load = load_between(before, now);
    CHECK(load.cpu_used_cores == Approx(1.5));
    CHECK(load.block_read_mib_per_s == Approx(2));
    CHECK(load.net_tx_mib_per_s == Approx(0.5));
    CHECK(load.swap_in_mib_per_s == Approx(3));
    CHECK(load.major_faults_per_s == Approx(50));
}

TEST_CASE("A counter that stands still is a rate of zero, which is known") {
    const VmLoad load = load_between(vm("a", 50), vm("a", 50));
    REQUIRE(load.cpu_used_cores);
    CHECK(*load.cpu_used_cores == 0);
}

TEST_CASE("A counter that is missing in either reading gives no rate") {
    VmCounters with = vm("a", 50), without = vm("a", 60);
    with.cpu_time_ns = 50 * second_ns, without.cpu_time_ns.reset();
    with.block_written = mib(1);
    with.net_received = mib(1);
    for (const auto& [before, now] :
         {std::pair(with, without), std::pair(without, with), std::pair(without, without)}) {
        const VmLoad load = load_between(before, now);
        CHECK_FALSE(load.cpu_used_cores);
        CHECK_FALSE(load.block_write_mib_per_s);
        CHECK_FALSE(load.net_rx_mib_per_s);
        CHECK_FALSE(load.ready_ratio);
        CHECK_FALSE(load.swap_in_mib_per_s);
        CHECK_FALSE(load.major_faults_per_s);
    }
}

TEST_CASE("A counter that ran backwards was reset and gives no rate") {
    VmCounters before = vm("a", 50), now = vm("a", 49);
    before.net_sent = mib(10), now.net_sent = mib(9);
    before.major_faults = 10, now.major_faults = 9;
    const VmLoad load = load_between(before, now);
    CHECK_FALSE(load.cpu_used_cores);
    CHECK_FALSE(load.net_tx_mib_per_s);
    CHECK_FALSE(load.major_faults_per_s);
}

TEST_CASE("A VM that was started anew in between has no rates, though its counters are higher") {
    VmCounters before = vm("a", 50), now = vm("a", 60);
    now.libvirt_id = 8;
    now.balloon_rss = gib(1);
    const VmLoad load = load_between(before, now);
    CHECK_FALSE(load.cpu_used_cores);
    CHECK(load.memory_rss == gib(1));
}

TEST_CASE("A VM that was not there before has gauges and no rates") {
    HostReading first = reading_at(100), second = reading_at(110);
    second.vms = {vm("new", 5)};
    second.vms[0].balloon_usable = mib(300);
    second.vms[0].dirty_rate_mib_per_s = 12.0;
    const auto sample = sample_from(first, second);
    const auto& load = sample.vms.at({"new"}).load;
    CHECK_FALSE(load.cpu_used_cores);
    CHECK(load.memory_usable == mib(300));
    CHECK(load.dirty_rate_mib_per_s == 12.0);
    CHECK(sample.at == second.at);
}

TEST_CASE("Two readings at the same instant give no rate instead of an infinite one") {
    VmCounters before = vm("a", 50), now = vm("a", 60);
    before.block_read = mib(1), now.block_read = mib(2);
    const VmLoad load = load_between(before, now, 0);
    CHECK_FALSE(load.cpu_used_cores);
    CHECK_FALSE(load.block_read_mib_per_s);
}

TEST_CASE("The first reading gives gauges and no rates, of the host as well") {
    HostReading first = reading_at(100);
    first.host.cpu_busy_ns = 5 * second_ns;
    first.vms = {vm("a", 50)};
    const auto sample = sample_from(std::nullopt, first);
    CHECK_FALSE(sample.load.cpu_used_cores);
    CHECK(sample.load.memory_available == gib(4));
    CHECK_FALSE(sample.vms.at({"a"}).load.cpu_used_cores);
    CHECK(sample.vms.at({"a"}).state == VmState::running);
}

TEST_CASE("The ready ratio is the mean over those vCPUs that tell how long they waited") {
    VmCounters before = vm("a", 0), now = vm("a", 0);
    before.vcpus = {waited(0), waited(0), {}, waited(9 * second_ns)};
    now.vcpus = {waited(2 * second_ns), waited(6 * second_ns), {}, waited(8 * second_ns), waited(3 * second_ns)};
    // 0.2 and 0.6 of the time; the third tells nothing, the fourth ran backwards, the fifth was added in between.
    CHECK(load_between(before, now).ready_ratio == Approx(0.4));
}

TEST_CASE("A vCPU cannot have waited for longer than the time that passed") {
    VmCounters before = vm("a", 0), now = vm("a", 0);
    before.vcpus = {waited(0)};
    now.vcpus = {waited(40 * second_ns)};
    CHECK(load_between(before, now).ready_ratio == Approx(1.0));
}

TEST_CASE("A host whose counters are not known has no load, which is not an idle host") {
    HostReading first = reading_at(100), second = reading_at(110);
    second.host.memory_available.reset();
    const auto sample = sample_from(first, second);
    CHECK_FALSE(sample.load.cpu_used_cores);
    CHECK_FALSE(sample.load.memory_available);
    CHECK_FALSE(sample.load.swap_in_mib_per_s);
}

TEST_CASE("The host's use is its busy time, and its swapping what it read back") {
    HostReading first = reading_at(100), second = reading_at(110);
    first.host.cpu_busy_ns = 100 * second_ns, second.host.cpu_busy_ns = 135 * second_ns;
    first.host.swap_in = mib(10), second.host.swap_in = mib(15);
    const auto sample = sample_from(first, second);
    CHECK(sample.load.cpu_used_cores == Approx(3.5));
    CHECK(sample.load.swap_in_mib_per_s == Approx(0.5));
}

TEST_CASE("A host that was booted in between has no rates") {
    HostReading first = reading_at(100), second = reading_at(110);
    first.host.cpu_busy_ns = 100 * second_ns, second.host.cpu_busy_ns = 2 * second_ns;
    first.host.swap_in = mib(10), second.host.swap_in = mib(1);
    const auto sample = sample_from(first, second);
    CHECK_FALSE(sample.load.cpu_used_cores);
    CHECK_FALSE(sample.load.swap_in_mib_per_s);
    CHECK_FALSE(sample.counted);  // what it idled is not known
    second.host.cpu_idle_ns = 147 * second_ns;
    const auto counted = sample_from(first, second).counted;
    REQUIRE(counted);
    CHECK(counted->busy_ns == 2 * second_ns);
    CHECK(counted->total_ns == 149 * second_ns);
}
