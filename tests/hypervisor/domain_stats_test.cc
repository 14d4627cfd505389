// libvirt's typed parameters as counters; what is absent stays unknown.
#include "hypervisor/domain_stats.h"

#include <catch2/catch.hpp>

#include "hypervisor/event_loop.h"
#include "hypervisor/migration.h"

using namespace ballast;
using namespace ballast::hypervisor;

namespace {

/// A list of typed parameters as libvirt hands them over.
class Parameters {
public:
    Parameters() { hypervisor::start_event_loop(); }  // libvirt wants to be initialised first
    ~Parameters() { virTypedParamsFree(list_, count_); }
    Parameters(const Parameters&) = delete;
    Parameters& operator=(const Parameters&) = delete;

    Parameters& u64(const char* name, unsigned long long value) {
        REQUIRE(virTypedParamsAddULLong(&list_, &count_, &capacity_, name, value) == 0);
        return *this;
    }
    Parameters& u32(const char* name, unsigned value) {
        REQUIRE(virTypedParamsAddUInt(&list_, &count_, &capacity_, name, value) == 0);
        return *this;
    }
    Parameters& i32(const char* name, int value) {
        REQUIRE(virTypedParamsAddInt(&list_, &count_, &capacity_, name, value) == 0);
        return *this;
    }
    Parameters& i64(const char* name, long long value) {
        REQUIRE(virTypedParamsAddLLong(&list_, &count_, &capacity_, name, value) == 0);
        return *this;
    }
    Parameters& text(const char* name, const char* value) {
        REQUIRE(virTypedParamsAddString(&list_, &count_, &capacity_, name, value) == 0);
        return *this;
    }
    VmCounters counters() const { return counters_from(list_, count_); }
    MigrationProgress progress(int type) const { return progress_from(type, list_, count_); }

private:
    virTypedParameterPtr list_ = nullptr;
    int count_ = 0, capacity_ = 0;
};

}  // namespace

TEST_CASE("A record's counters are read by name, whatever their order") {
    Parameters record;
    record.u64("net.0.tx.bytes", 7).u64("vcpu.1.delay", 22).i32("state.state", VIR_DOMAIN_RUNNING);
    record.u64("cpu.time", 99).u64("vcpu.0.time", 11).u64("vcpu.0.delay", 12).u64("vcpu.0.wait", 13);
    record.u32("vcpu.current", 2).u64("balloon.current", 1024).u64("balloon.rss", 2048).u64("balloon.usable", 512);
    record.u64("balloon.swap_in", 4).u64("balloon.major_fault", 5).u64("net.0.rx.bytes", 6);
    const VmCounters vm = record.counters();
    CHECK(vm.state == VmState::running);
    CHECK(vm.cpu_time_ns == 99u);
    CHECK(vm.vcpus_current == 2);
    REQUIRE(vm.vcpus.size() == 2);
    CHECK(vm.vcpus[0].time_ns == 11u);
    CHECK(vm.vcpus[0].delay_ns == 12u);
    CHECK(vm.vcpus[0].wait_ns == 13u);
    CHECK(vm.vcpus[1].delay_ns == 22u);
    CHECK_FALSE(vm.vcpus[1].time_ns);
    CHECK(vm.balloon_current == mib(1));
    CHECK(vm.balloon_rss == mib(2));
    CHECK(vm.balloon_usable == kib(512));
    CHECK(vm.swap_in == kib(4));
    CHECK(vm.major_faults == 5u);
    CHECK(vm.net_received == Bytes{6});
    CHECK(vm.net_sent == Bytes{7});
}

TEST_CASE("What a record does not hold is unknown, not zero") {
    const VmCounters vm = Parameters().i32("state.state", VIR_DOMAIN_RUNNING).counters();
    CHECK_FALSE(vm.cpu_time_ns);
    CHECK_FALSE(vm.balloon_rss);
    CHECK_FALSE(vm.swap_in);
    CHECK_FALSE(vm.block_read);
    CHECK_FALSE(vm.net_sent);
    CHECK_FALSE(vm.dirty_rate_mib_per_s);
    CHECK(vm.vcpus.empty());
}

TEST_CASE("Traffic is summed over disks and interfaces") {
    Parameters record;
    record.u32("block.count", 2).u64("block.0.rd.bytes", 100).u64("block.1.rd.bytes", 11).u64("block.1.wr.bytes", 5);
    record.u32("net.count", 2).u64("net.0.rx.bytes", 1).u64("net.1.rx.bytes", 2);
    const VmCounters vm = record.counters();
    CHECK(vm.block_read == Bytes{111});
    CHECK(vm.block_written == Bytes{5});
    CHECK(vm.net_received == Bytes{3});
    CHECK_FALSE(vm.net_sent);
}

TEST_CASE("Where there is no cgroup the vCPUs' own time stands in for the guest's") {
    CHECK(Parameters().u64("vcpu.0.time", 30).u64("vcpu.1.time", 12).counters().cpu_time_ns == 42u);
    CHECK(Parameters().u64("vcpu.0.time", 30).u64("cpu.time", 50).counters().cpu_time_ns == 50u);
    CHECK_FALSE(Parameters().u64("vcpu.0.delay", 30).counters().cpu_time_ns);
}

TEST_CASE("Odd parameters do no harm") {
    Parameters record;
    record.text("cpu.time", "many")
        .u64("vcpu.x.time", 1)
        .u64("vcpu.99999.time", 1)
        .u64("vcpu.0", 1)
        .u64("vcpu..time", 1);
    record.u64("block..rd.bytes", 1).u64("net.", 1).i64("balloon.current", -1).u64("", 4);
    const VmCounters vm = record.counters();
    CHECK_FALSE(vm.cpu_time_ns);
    CHECK(vm.vcpus.empty());
    CHECK_FALSE(vm.block_read);
    CHECK_FALSE(vm.balloon_current);
}

TEST_CASE("A negative dirty rate or counter is unknown") {
    CHECK_FALSE(Parameters().i64("dirtyrate.megabytes_per_second", -1).counters().dirty_rate_mib_per_s);
    CHECK(Parameters().i64("dirtyrate.megabytes_per_second", 40).counters().dirty_rate_mib_per_s == 40.0);
}

TEST_CASE("libvirt's domain states are ours") {
    const std::pair<int, VmState> rows[] = {
        {VIR_DOMAIN_RUNNING, VmState::running},
        {VIR_DOMAIN_BLOCKED, VmState::running},
        {VIR_DOMAIN_PAUSED, VmState::paused},
        {VIR_DOMAIN_PMSUSPENDED, VmState::paused},
        {VIR_DOMAIN_SHUTOFF, VmState::shut_off},
        {VIR_DOMAIN_CRASHED, VmState::crashed},
        {VIR_DOMAIN_NOSTATE, VmState::other},
        {VIR_DOMAIN_SHUTDOWN, VmState::other},
        {99, VmState::other},
    };
    for (const auto& [state, expected] : rows) {
        INFO(state);
        CHECK(vm_state_from(state) == expected);
    }
}

TEST_CASE("A running migration tells how far it is") {
    Parameters job;
    job.u64(VIR_DOMAIN_JOB_TIME_ELAPSED, 4200)
        .u64(VIR_DOMAIN_JOB_DATA_TOTAL, 1000)
        .u64(VIR_DOMAIN_JOB_DATA_PROCESSED, 300);
    job.u64(VIR_DOMAIN_JOB_DATA_REMAINING, 700)
        .u64(VIR_DOMAIN_JOB_MEMORY_ITERATION, 3)
        .u64(VIR_DOMAIN_JOB_DOWNTIME, 90);
    job.u64(VIR_DOMAIN_JOB_MEMORY_BPS, 50 * 1024 * 1024).i32(VIR_DOMAIN_JOB_AUTO_CONVERGE_THROTTLE, 20);
    job.u64(VIR_DOMAIN_JOB_MEMORY_DIRTY_RATE, 512).u64(VIR_DOMAIN_JOB_MEMORY_PAGE_SIZE, 4096);
    job.i32(VIR_DOMAIN_JOB_OPERATION, VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT);
    const MigrationProgress progress = job.progress(VIR_DOMAIN_JOB_UNBOUNDED);
    CHECK(progress.phase == MigrationPhase::copying);
    CHECK(progress.elapsed == Duration(4200));
    CHECK(progress.total == Bytes{1000});
    CHECK(progress.processed == Bytes{300});
    CHECK(progress.remaining == Bytes{700});
    CHECK(progress.iteration == 3);
    CHECK(progress.downtime == Duration(90));
    CHECK(progress.throughput_mib_per_s == Approx(50));
    CHECK(progress.auto_converge_percent == 20u);
    CHECK(progress.dirty_rate_mib_per_s == Approx(2));
}

TEST_CASE("How a job stands follows from its type") {
    const std::pair<int, MigrationPhase> rows[] = {
        {VIR_DOMAIN_JOB_NONE, MigrationPhase::none},         {VIR_DOMAIN_JOB_BOUNDED, MigrationPhase::copying},
        {VIR_DOMAIN_JOB_UNBOUNDED, MigrationPhase::copying}, {VIR_DOMAIN_JOB_COMPLETED, MigrationPhase::completed},
        {VIR_DOMAIN_JOB_FAILED, MigrationPhase::failed},     {VIR_DOMAIN_JOB_CANCELLED, MigrationPhase::cancelled},
    };
    for (const auto& [type, phase] : rows) {
        INFO(type);
        CHECK(Parameters().progress(type).phase == phase);
    }
    const MigrationProgress bare = Parameters().progress(VIR_DOMAIN_JOB_UNBOUNDED);
    CHECK_FALSE(bare.downtime);
    CHECK_FALSE(bare.dirty_rate_mib_per_s);
    CHECK_FALSE(bare.throughput_mib_per_s);
}

TEST_CASE("A backup is no migration") {
    Parameters job;
    job.u64(VIR_DOMAIN_JOB_TIME_ELAPSED, 4200).i32(VIR_DOMAIN_JOB_OPERATION, VIR_DOMAIN_JOB_OPERATION_BACKUP);
    CHECK(job.progress(VIR_DOMAIN_JOB_UNBOUNDED).phase == MigrationPhase::none);
}

TEST_CASE("Migrations are live, peer to peer, and never unsafe or tunnelled") {
    for (int bits = 0; bits < 32; ++bits) {
        MigrationRequest request;
        request.persistent = (bits & 1) != 0;
        request.auto_converge = (bits & 2) != 0;
        request.post_copy = (bits & 4) != 0;
        request.tls = (bits & 8) != 0;
        request.parallel_connections = (bits & 16) != 0 ? 4 : 0;
        const unsigned flags = migration_flags(request);
        const auto has = [flags](unsigned flag) { return (flags & flag) != 0; };
        INFO("bits " << bits);
        CHECK(has(VIR_MIGRATE_LIVE));
        CHECK(has(VIR_MIGRATE_PEER2PEER));
        CHECK(has(VIR_MIGRATE_ABORT_ON_ERROR));
        CHECK_FALSE(has(VIR_MIGRATE_UNSAFE));
        CHECK_FALSE(has(VIR_MIGRATE_TUNNELLED));
        CHECK_FALSE(has(VIR_MIGRATE_OFFLINE));
        CHECK_FALSE(has(VIR_MIGRATE_NON_SHARED_DISK));
        CHECK(has(VIR_MIGRATE_PERSIST_DEST) == request.persistent);
        CHECK(has(VIR_MIGRATE_UNDEFINE_SOURCE) == request.persistent);
        CHECK(has(VIR_MIGRATE_AUTO_CONVERGE) == request.auto_converge);
        CHECK(has(VIR_MIGRATE_POSTCOPY) == request.post_copy);
        CHECK(has(VIR_MIGRATE_TLS) == request.tls);
        CHECK(has(VIR_MIGRATE_PARALLEL) == (request.parallel_connections > 0 && !request.post_copy));
        CHECK_FALSE(has(VIR_MIGRATE_COMPRESSED));
        CHECK_FALSE(has(VIR_MIGRATE_POSTCOPY_RESUME));
    }
}

TEST_CASE("What post-copy has left is sent by the flags it began with, and nothing is compressed anew") {
    MigrationRequest request;
    request.compression = "xbzrle";
    CHECK((migration_flags(request) & VIR_MIGRATE_COMPRESSED) != 0);
    request.persistent = request.resume_post_copy = true;
    const unsigned wanted = VIR_MIGRATE_POSTCOPY | VIR_MIGRATE_POSTCOPY_RESUME | VIR_MIGRATE_PEER2PEER |
                            VIR_MIGRATE_PERSIST_DEST | VIR_MIGRATE_UNDEFINE_SOURCE;
    CHECK((migration_flags(request) & wanted) == wanted);
    CHECK((migration_flags(request) & VIR_MIGRATE_COMPRESSED) == 0);
}
