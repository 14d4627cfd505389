// The cluster as a plan in the making sees it: measured demand, what is under way, and the moves planned so far.
// A VM on its way occupies memory (and its anti-affinity groups) on both hosts, and CPU on its target only. Memory that
// a planned move will free is not given away again within the same plan: that makes every wave of it safe by itself.
// A value: copy it to try something out.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "policy/by_id.h"
#include "policy/capacity.h"
#include "policy/health.h"
#include "policy/policy.h"
#include "policy/room.h"
#include "policy/rules.h"

namespace ballast::policy {

/// For whom is asked: what holds for relief need not hold for an operator's own command, for maintenance or for
/// a host that is about to fail. A VM that comes home after maintenance is held to what holds for relief, but for
/// having been moved.
enum class Purpose { relief, evacuation, rescue, manual, return_home };
inline constexpr std::size_t purposes = 5;
/// Its host has to be left whatever load and cooldowns say; `rescue` goes against windows as well.
constexpr bool empties_host(Purpose purpose) {
    return purpose == Purpose::evacuation || purpose == Purpose::rescue;
}
/// Ballast's own idea, which nobody ordered.
inline bool is_unasked(Purpose purpose) {
    return purpose == Purpose::relief || purpose == Purpose::return_home;
}

/// What constraints and planners ask of a VM again and again; see estimators.h for what the figures are.
struct Guest {
    const Vm* vm = nullptr;
    const Host* on = nullptr;          // null: its host is not in the inventory
    std::uint32_t host = 0;            // its position there, where it is
    const Host* home = nullptr;        // where it belongs after a maintenance; null: nobody moved it for one
    bool occupies = false;             // occupies_host()
    bool on_huge_pages = false;        // asks for some
    const VmMemory* memory = nullptr;  // null: nothing is remembered
    bool demand_known = false;
    bool moved_before = false;  // something is in Context::past
    double demand_cores = 0;
    double planned_cores = 0;  // where it comes to
    Bytes ordinary_memory, memory_resident, memory_claim, reserved_memory;
};

/// Are VMs that leave their hosts started anew, because these are lost [LossTrial], and how far may they go?
enum class Restarts { none, within_site, anywhere };

/// The arguments of plan() and what was derived from them once. Refers to them: they have to outlive it.
struct Context {
    const Inventory& inventory;
    const Memory& memory;
    const Options& options;
    Instant now;
    RuleBook book;
    ByVm<Guest> guests;                          // every VM of the inventory
    std::map<VmId, std::vector<PastMove>> past;  // by VM, oldest first
    std::vector<InFlight> in_flight;             // by operation: sums must not depend on the order of arrival
    std::map<VmId, HostId> on_its_way;           // the targets of in_flight
    Bytes largest_vm;                            // ordinary memory of the largest VM that occupies a host
    HealthVerdicts health;
    // By Purpose: see vm_refusals(). Filled as asked for; a context therefore belongs to one thread.
    mutable std::array<std::vector<std::optional<std::vector<Rejection>>>, purposes> verdicts;  // by position in guests
    mutable std::size_t last_asked = 0;  // position of a VM: most questions are about the same one, or the next
    Restarts restarts = Restarts::none;

    /// Its position in the inventory, in `guests` and in book.of_vm. Requires: the VM is in the inventory.
    std::size_t position_of(const VmId& vm) const;
    const Guest& guest_of(const VmId& vm) const { return guests.at_position(position_of(vm)); }
    const RulesOfVm& rules_of(const VmId& vm) const { return book.of_vm.at(position_of(vm)); }
};
Context make_context(const Inventory& inventory, const Memory& memory, const Options& options, Instant now);

/// For what the VMs of a host that has to be left are moved.
Purpose purpose_of_leaving(const Context& context, const Host& host);

const HostMemory& remembered(const Context& context, const HostId& host);
/// By what is remembered of the VM.
Prediction predict(const Vm& vm, const Context& context);
/// Of a move to this host, which may stand in another site.
Prediction predict(const Vm& vm, const Host& to, const Context& context);

struct HostUse {
    const Host* host = nullptr;
    double usable_cpus = 0;
    Bytes allocatable, reserve;  // see capacity.h
    double cpu_now = 0;          // demand in CPUs before anything under way or planned
    double cpu = 0;              // demand after it
    bool cpu_known = false;
    Bytes committed;                 // most that its VMs can take, those coming and those leaving included
    Bytes leaving;                   // the part of it that is or will be on its way out
    std::optional<Bytes> available;  // measured, less what is coming
    double vcpus = 0;                // of its VMs, those coming and those leaving included
    double reserved_cpus = 0;        // by its VMs' wishes, likewise
    Bytes reserved_memory;
    std::map<Bytes, HugePages> huge_pages;  // by page size: of all sizes the host has
    double memory_now = 0;   // bytes in use before anything under way or planned: measured, else committed
    double memory_used = 0;  // bytes in use after it
    std::map<std::string, Bytes> pool_taken;  // by copies of disks that are coming
    VmSet occupants;                          // running there, coming and leaving
    unsigned incoming = 0;                    // migrations under way now
    unsigned outgoing = 0;
};

class ClusterView {
public:
    explicit ClusterView(const Context& context);

    const Context& context() const { return *context_; }
    const HostUse& at(const HostId& host) const { return hosts_.at(host); }
    const ById<HostId, HostUse>& hosts() const { return hosts_; }
    unsigned in_flight() const { return in_flight_; }

    /// Takes a planned move into account. Requires: both hosts exist and the VM runs on `vm.host`.
    void apply(const Vm& vm, const HostId& to);
    /// Under way or planned to leave its host.
    bool is_moving(const VmId& vm) const { return moving_.contains(vm); }
    /// Where it is on its way to, or planned to go; null when it stays.
    const HostId* target_of(const VmId& vm) const;

    double cpu_ratio(const HostId& host) const;
    double cpu_ratio_with(const HostId& host, const Vm& vm) const;
    double memory_ratio(const HostId& host) const;
    double memory_ratio_with(const HostId& host, const Vm& vm) const;
    /// Memory that would remain above the reserve if the VM came; nothing when it does not fit.
    std::optional<Bytes> memory_left_with(const HostId& host, const Vm& vm) const;
    /// Memory a newcomer may take now by the tighter of the two views (allocated, measured).
    Bytes memory_free(const HostId& host) const;
    /// Bytes on huge pages of this size that a newcomer may take, by the tighter of the two views.
    Bytes huge_pages_free(const HostId& host, Bytes page) const;
    /// Members of a group (RuleBook::spread) in a place (place_of), coming and leaving ones included.
    /// Room left in a storage pool for copies of disks; nothing: not known.
    std::optional<Bytes> pool_left(const HostId& host, const std::string& pool) const;
    /// Migrations under way now between the two sites, either way.
    unsigned between_sites(const std::string& one, const std::string& other) const;
    const std::set<VmId>& members_in(std::uint32_t group, const std::string& place) const;
    /// Room for VMs that would have to be started elsewhere, once everything under way and planned has ended.
    const RoomIndex& room() const { return room_; }
    /// Population standard deviation of CPU demand over the hosts that report.
    double imbalance() const;

private:
    void add_host(const Host& host);
    void add_guest(const Guest& guest);
    void measure(HostUse& use);
    void add_in_flight(const InFlight& move);
    void correct_for(const PastMove& move);
    const Guest& guest(const Vm& vm) const { return context_->guest_of(vm.id); }
    void commit(HostUse& use, const Vm& vm);
    void occupy(HostUse& use, const Vm& vm);
    void arrive(HostUse& use, const Vm& vm);
    void leave(HostUse& use, const Vm& vm);
    void bring_disks(HostUse& use, const Vm& vm, const HostId& from);
    void update_room(const HostUse& use);
    Bytes free_by_allocation(const HostUse& use) const;

    const Context* context_;
    ById<HostId, HostUse> hosts_;
    std::map<VmId, HostId> moving_;
    std::vector<std::map<std::string, std::set<VmId>>> members_;  // by group, by place
    RoomIndex room_;
    unsigned in_flight_ = 0;
};

}  // namespace ballast::policy
