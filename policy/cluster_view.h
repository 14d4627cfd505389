// The cluster as a plan in the making sees it: measured demand, what is under way, and the moves planned so far.
// A VM on its way occupies memory (and its anti-affinity groups) on both hosts, and CPU on its target only. Memory that
// a planned move will free is not given away again within the same plan: that makes every wave of it safe by itself.
// A value: copy it to try something out.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "policy/policy.h"

namespace ballast::policy {

/// What the rules say of one VM, matched once.
struct RulesOfVm {
    std::set<std::string> apart;     // groups whose members must not share a host: "rule NAME" or "group NAME"
    std::vector<const Rule*> pins;   // all of them have to allow a host
    std::vector<const Rule*> never;  // never_move rules
};

/// The arguments of plan() and what was derived from them once. Refers to them: they have to outlive it.
struct Context {
    const Inventory& inventory;
    const Memory& memory;
    const Options& options;
    Instant now;
    std::map<VmId, RulesOfVm> rules;
    std::map<HostId, std::vector<VmId>> vms_on;  // those that occupy the host, by id
    std::map<VmId, std::vector<PastMove>> past;  // by VM, oldest first
    std::vector<InFlight> in_flight;             // by operation: sums must not depend on the order of arrival
};
Context make_context(const Inventory& inventory, const Memory& memory, const Options& options, Instant now);

const HostMemory& remembered(const Context& context, const HostId& host);

struct HostUse {
    const Host* host = nullptr;
    double usable_cpus = 0;
    double cpu_now = 0;  // demand in CPUs before anything under way or planned
    double cpu = 0;      // demand after it
    bool cpu_known = false;
    Bytes committed;                 // most that its VMs can take, those coming and those leaving included
    std::optional<Bytes> available;  // measured, less what is coming
    double memory_now = 0;           // bytes in use before anything under way or planned: measured, else committed
    double memory_used = 0;          // bytes in use after it
    std::set<VmId> occupants;        // running there, coming and leaving
    unsigned incoming = 0;           // migrations under way now
    unsigned outgoing = 0;
};

class ClusterView {
public:
    explicit ClusterView(const Context& context);

    const Context& context() const { return *context_; }
    const HostUse& at(const HostId& host) const { return hosts_.at(host); }
    const std::map<HostId, HostUse>& hosts() const { return hosts_; }
    unsigned in_flight() const { return in_flight_; }

    /// Takes a planned move into account. Requires: both hosts exist and the VM runs on `vm.host`.
    void apply(const Vm& vm, const HostId& to);
    /// Under way or planned to leave its host.
    bool is_moving(const VmId& vm) const { return moving_.contains(vm); }

    double cpu_ratio(const HostId& host) const;
    double cpu_ratio_with(const HostId& host, const Vm& vm) const;
    double memory_ratio(const HostId& host) const;
    double memory_ratio_with(const HostId& host, const Vm& vm) const;
    /// Memory that would remain above the reserve if the VM came; nothing when it does not fit.
    std::optional<Bytes> memory_left_with(const HostId& host, const Vm& vm) const;
    /// Memory a newcomer may take now by the tighter of the two views (allocated, measured).
    Bytes memory_free(const HostId& host) const;
    /// Population standard deviation of CPU demand over the hosts that report.
    double imbalance() const;

private:
    void add_host(const Host& host);
    void add_in_flight(const InFlight& move);
    void correct_for(const PastMove& move);
    void arrive(HostUse& use, const Vm& vm);

    const Context* context_;
    std::map<HostId, HostUse> hosts_;
    std::set<VmId> moving_;
    unsigned in_flight_ = 0;
};

}  // namespace ballast::policy
