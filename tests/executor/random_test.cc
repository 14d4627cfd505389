// Whole lives of a cluster under random faults, crashes, cancels and a store that fails, on virtual time. Each seed is
// one life; a failure names it, and BALLAST_SEED=n replays just that one.
#include <cstdlib>

#include "tests/executor/lab.h"

using namespace ballast;
using namespace ballast::test;
using sim::Fault;

namespace {

// Beyond the deadline: the call's grace, patience while verifying, a few calls that time out, and a full minute.
constexpr Duration grace = 4min;
// After a restart an alarm that could not be journalled is raised again when both hosts have been asked, or not.
constexpr Duration first_look = 1min;

class Life {
public:
    explicit Life(std::uint64_t seed) : lab_(seed), dice_(seed), seed_(seed) {
        for (int i = 0; i < 6; ++i) add_vm("v" + std::to_string(i));
        lab_.world.disturb_events(ratio() < 0.3 ? 0.3 : 0, ratio() < 0.3 ? 0.3 : 0);
        lab_.check = [this] { check_step(); };
    }

    void live() {
        for (int i = 0; i < 25 && broken_.empty(); ++i) {
            happen();
            const Instant end = lab_.clock.now() + Duration(1 + below(40'000));
            while (broken_.empty() && lab_.clock.now() < end) {
                lab_.run_for(end - lab_.clock.now());
                if (!lab_.crashes.dead()) break;
                lab_.reboot(below(2) ? 0 : 1 + below(200));
            }
        }
        end();
    }
    const std::string& broken() const { return broken_; }
    /// What the executors told of the VM that came to harm, for whoever reads the failure.
    std::string story() const {
        std::string text;
        auto all = lab_.told;
        for (const Operation& op : lab_.records()) all.push_back(op);
        for (const Operation& op : all)
            if (broken_.find(": " + op.vm.value + " ") != std::string::npos)
                text += "\n" + to_string(op.updated) + " " + op.id.value + " " + op.from.value + ">" + op.to.value +
                        " " + to_string(op.state) + (op.alarm ? " ALARM " : " ") + op.message;
        return text;
    }

private:
    std::uint64_t below(std::uint64_t n) { return dice_() % n; }
    double ratio() { return static_cast<double>(below(1000)) / 1000; }

    void add_vm(const std::string& id) {
        sim::VmSpec spec;
        spec.memory = mib(256 << below(6));
        spec.dirty_mib_per_s = static_cast<double>(below(1200));
        spec.persistent = below(4) != 0;
        spec.autostart = spec.persistent && below(2) == 0;
        spec.allows_post_copy = below(5) == 0;
        const HostId host{"h" + std::to_string(1 + below(3))};
        if (vms_.size() % 2 == 0) give_disk(id, host, spec);
        lab_.world.add_vm(host, {id}, spec);
        vms_.push_back(id);
    }

    // Every other VM has a disk of its host's, which is copied along whenever it is moved.
    void give_disk(const std::string& id, const HostId& host, sim::VmSpec& spec) {
        VmDisk disk;
        disk.target = "vda";
        disk.type = "file";
        disk.source = image_of(id);
        disk.capacity = gib(1);
        spec.disks = {disk};
        lab_.world.host(host)->images.insert(disk.source);
        VmRecord record;
        record.vm = {id};
        record.host = host;
        lab_.executor->vms().set(record);
        with_disk_.insert(id);
    }
    static std::string image_of(const std::string& vm) { return "/images/" + vm; }

    void happen() {
        const std::string vm = vms_[below(vms_.size())];
        const auto runs = lab_.world.running_on({vm});
        const std::string to = "h" + std::to_string(1 + below(3));
        if (!runs.empty() && runs.front().value != to) {
            if (below(3) != 0) lab_.world.inject({vm}, any_fault());
            const Trigger trigger = below(2) ? Trigger::manual : Trigger::overload;
            Operation draft = lab_.draft(vm.c_str(), runs.front().value.c_str(), to.c_str(), trigger);
            if (with_disk_.contains(vm)) draft.disks = {"vda"};
            lab_.ask(lab_.executor->submit(std::move(draft), below(5) == 0));
        }
        for (const Operation& op : lab_.executor->active()) {
            if (below(8) == 0) lab_.ask(lab_.executor->cancel(op.id, "ann"));
            if (below(2) == 0) lab_.ask(lab_.executor->approve(op.id, "ann"));
        }
        disturb();
    }

    Fault any_fault() {
        static const std::vector<Fault> faults = sim::all_faults();
        return faults[below(faults.size())];
    }

    void disturb() {
        const Instant soon = lab_.clock.now() + Duration(below(120'000));
        switch (below(12)) {
            case 0: lab_.data.unavailable_until = soon; break;
            case 1: lab_.data.full_until = soon; break;
            case 2:
                lab_.data.lose_replies = 1 + static_cast<unsigned>(below(3));
                lab_.data.late = below(2) ? 0s : Duration(below(60'000));
                break;
            case 3: lab_.reboot(1 + below(300)); break;
            case 4:
                for (const HostId& host : lab_.world.hosts()) lab_.world.power_on(host);
                break;
            case 5: lab_.world.restart_libvirtd(any_host()); break;
            default: break;
        }
    }
    HostId any_host() { return {"h" + std::to_string(1 + below(3))}; }

    void broke(const std::string& what) {
        if (broken_.empty()) broken_ = "seed " + std::to_string(seed_) + ": " + what;
    }

    void check_step() {
        for (const std::string& vm : vms_)  // invariant 1
            if (lab_.world.running_on({vm}).size() > 1 && !lab_.world.may_run_twice({vm})) broke(vm + " runs twice");
        for (const std::string& vm : with_disk_)
            for (const HostId& host : lab_.world.running_on({vm}))
                if (!lab_.world.host(host)->images.contains(image_of(vm))) broke(vm + " runs without its disk");
        std::set<VmId> busy;
        for (const Operation& op : lab_.executor->active()) {
            if (!busy.insert(op.vm).second) broke(op.vm.value + " has two operations");  // invariant 5
            check_deadline(op);
        }
    }

    void check_deadline(const Operation& op) {  // invariant 6
        if (op.state == OperationState::waiting || is_final(op.state) || op.alarm) return;
        if (lab_.clock.now() < lab_.booted + first_look) return;
        const Duration allowed = executor::deadline_for(op, lab_.settings) + grace;
        const WallTime since = op.state == OperationState::planned ? op.updated : op.started.value_or(op.updated);
        if (lab_.clock.wall_now() - since > allowed) broke(op.vm.value + " is overdue: " + op.message);
    }

    void end() {
        if (!broken_.empty()) return;
        lab_.world.heal();
        lab_.data.unavailable_until = lab_.data.full_until = {};
        lab_.data.lose_replies = 0;
        lab_.reboot();
        lab_.run_for(1h);
        for (const Operation& op : lab_.executor->active()) {
            if (op.state == OperationState::waiting) continue;
            const bool for_people = op.alarm && (in_post_copy(op) || off(op));
            if (!for_people) broke(op.vm.value + " has not ended: " + to_string(op.state) + ", " + op.message);
        }
        for (const std::string& vm : vms_) check_vm(vm);
    }
    static bool in_post_copy(const Operation& op) { return op.message.find("post-copy") != std::string::npos; }
    bool off(const Operation& op) { return lab_.world.running_on(op.vm).empty() && lab_.world.may_be_off(op.vm); }

    void check_vm(const std::string& vm) {  // invariant 3
        const auto runs = lab_.world.running_on({vm});
        if (runs.size() > 1) broke(vm + " still runs twice");
        if (runs.empty() && !lab_.world.may_be_off({vm})) broke(vm + " runs nowhere");
        if (runs.empty() && !lab_.world.lost_power({vm}) && !somebody_was_told(vm))
            broke(vm + " is off, and nobody was told");
    }
    // In its journal or its active list.
    bool somebody_was_told(const std::string& vm) {
        auto all = lab_.records();
        for (const Operation& op : lab_.executor->active()) all.push_back(op);
        return std::any_of(all.begin(), all.end(), [&](const Operation& op) {
            return op.vm.value == vm && (op.alarm || op.message.find("shut down") != std::string::npos);
        });
    }

    Lab lab_;
    std::mt19937_64 dice_;
    std::uint64_t seed_;
    std::vector<std::string> vms_;
    std::set<std::string> with_disk_;
    std::string broken_;
};

}  // namespace

TEST_CASE("No seed breaks an invariant") {
    std::uint64_t first = 1, last = 2000;
    if (const char* many = std::getenv("BALLAST_SEEDS")) last = std::strtoull(many, nullptr, 10);
    if (const char* only = std::getenv("BALLAST_SEED")) first = last = std::strtoull(only, nullptr, 10);
    for (std::uint64_t seed = first; seed <= last; ++seed) {
        Life life(seed);
        life.live();
        INFO(life.broken() << life.story());
        CHECK(life.broken().empty());
    }
}
