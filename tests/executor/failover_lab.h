// A PowerLab in which hosts die: h1 owns the VM "vm", which runs on it.
#pragma once

#include "tests/executor/power_lab.h"

namespace ballast::test {

/// Does what the daemon's failover does once it is decided that h1 is dead.
class FailoverLab : public PowerLab {
public:
    FailoverLab() {
        own("vm", "h1");
        check = [this] { check_invariants(); };
    }
    ~FailoverLab() { check = {}; }

    void own(const char* vm, const char* host, bool persistent = true) {
        VmRecord record;
        record.vm = {vm};
        record.name = vm;
        record.host = {host};
        record.persistent = persistent;
        record.definition = vm;
        executor->vms().set(record);
        REQUIRE(wait(executor->vms().written()));
    }
    const VmRecord& owner(const char* vm) const {
        const VmRecord* found = executor->vms().find({vm});
        REQUIRE(found != nullptr);
        return *found;
    }

    Result<void> fence(const char* host) { return wait(power_switch->fence({host}, "it is silent", "policy")); }
    bool becomes(const char* host, PowerState state, Duration limit = 1h) {
        return run_until([&] { return power_switch->record({host}) && record(host).state == state; }, limit);
    }
    /// Somebody moves the VM on just before its host dies: it runs on h3, which the record does not know.
    void move_to_h3_and_lose_h1() {
        check = {};
        world.move_by_hand({"vm"}, {"h1"}, {"h3"});
        world.power_off({"h1"});
        REQUIRE(fence("h1"));
        REQUIRE(becomes("h1", PowerState::lost));
    }
    Operation restart_draft(const char* vm, const char* from, const char* to) const {
        return draft(vm, from, to, Trigger::host_loss);
    }
    Result<OperationId> start_on(const char* vm, const char* from, const char* to) {
        return wait(executor->restart(restart_draft(vm, from, to)));
    }
    /// Asks for what is still to be done, again and again, as the control loop does.
    bool recovers(Duration limit = 1h) {
        const Instant end = clock.now() + limit;
        while (!crashes.dead() && clock.now() < end) {
            run_for(1s);
            if (crashes.dead()) return false;
            if (executor->active().empty() && where("vm") == "h2" && owner("vm").host == HostId{"h2"}) return true;
            const auto known = power_switch->record({"h1"});
            const bool silent = !world.host({"h1"})->answers();
            if (silent && (!known || known->state == PowerState::on))
                ask(power_switch->fence({"h1"}, "silent", "policy"));
            const bool starts = known && known->state == PowerState::lost && executor->active().empty();
            if (starts && owner("vm").host == HostId{"h1"}) ask(executor->restart(restart_draft("vm", "h1", "h2")));
        }
        return false;
    }

private:
    // Started elsewhere only once the old one cannot run any more; nowhere twice.
    void check_invariants() {
        if (world.running_on({"vm"}).size() > 1) FAIL("the guest runs twice");
        const VmRecord* found = executor ? executor->vms().find({"vm"}) : nullptr;
        if (found != nullptr && found->host == HostId{"h2"} && !proven) {
            if (world.host({"h1"})->powered) FAIL("it was given to another host while its own might run it");
            proven = true;
        }
    }
    bool proven = false;
};

}  // namespace ballast::test
