// Finds places for VMs that have none, or may not stay where they are. Direct places first, in several orders; then
// chains, where the VM in the way goes elsewhere; then a tabu search that lets VMs without a place throw smaller ones
// out until all fit; then all by the scarcest resource alone, mended for the others (relaxed.h), or with hosts made
// full to the last byte (exact_fill.h). All of it counts its own work and ends at a limit, never by a clock: same
// input, same result.
#pragma once

#include <span>
#include <vector>

#include "policy/solver/placement.h"

namespace ballast::policy::solver {

struct Effort {
    std::uint64_t work = 300'000'000;  // places looked at, about 2 ns each
    unsigned depth = 3;                // length of a chain; 0: nobody else is moved
    bool spread = true;                // where there is room enough, the best score; else always the tightest places
    bool exact = true;                 // hosts may be made full to the last byte; else some room stays free by chance
    std::uint64_t seed = 1;            // another one looks elsewhere
};

class Packer {
public:
    /// Places `wanted`, which are taken to be where Placement has them (at home, on hosts that do not receive, or
    /// nowhere). Requires: `problem` outlives this; all of `wanted` may be moved.
    Packer(const Problem& problem, std::vector<VmIndex> wanted, const Effort& effort);

    /// Tries to place all; true when it did. The placement is valid in any case: everybody who found no place is at
    /// home, and nobody is displaced in vain. May be called again after hosts of the problem have been made to receive:
    /// it goes on from what is placed already.
    bool run();

    const Placement& placement() const { return placement_; }
    /// Those without a place.
    const std::vector<VmIndex>& left() const { return left_; }
    /// A VM's demand as a share of what hosts have, the scarcer resource counting more.
    double size(VmIndex vm) const { return size_[vm]; }
    std::uint64_t work() const { return work_; }

private:
    enum class Rule { score, tightest, aligned };
    struct Change {
        VmIndex vm;
        HostIndex from;
    };
    struct Way {
        double cost;
        HostIndex host;
        VmIndex out;
    };
    struct Exchange {
        VmIndex in = Placement::no_vm, out[2] = {Placement::no_vm, Placement::no_vm};
        HostIndex host = no_host;
        double gain = -unlimited;
    };

    void weigh();
    bool spent(std::uint64_t limit) const { return work_ >= limit; }
    bool may_displace(VmIndex vm) const;
    bool heavier(VmIndex a, VmIndex b) const;
    double worth_left(const std::vector<VmIndex>& left) const;

    HostIndex best_host(VmIndex vm, Rule rule);
    double tightness(VmIndex vm, HostIndex host) const;
    double misalignment(VmIndex vm, HostIndex host) const;
    void place_directly();
    std::vector<VmIndex> place_in(const std::vector<VmIndex>& order, Rule rule);
    std::vector<std::vector<VmIndex>> orders();

    void put(VmIndex vm, HostIndex host);
    void undo(std::size_t mark);
    std::vector<Way> ways(VmIndex vm);
    bool insert(VmIndex vm, unsigned depth, std::uint64_t limit);
    bool insert_for(VmIndex vm, HostIndex host, std::span<const VmIndex> out, unsigned depth, std::uint64_t limit);
    void place_by_chains(std::uint64_t limit);

    bool search(std::vector<VmIndex> waiting, std::uint64_t limit);
    Exchange best_exchange(const std::vector<VmIndex>& waiting);
    void consider(Exchange& best, VmIndex vm, HostIndex host);
    void exchange(std::vector<VmIndex>& waiting, const Exchange& chosen);
    void fill(std::vector<VmIndex>& waiting, const Exchange* after);
    std::vector<VmIndex> with_dropped(std::vector<VmIndex> waiting) const;
    void take_off(VmIndex vm);
    bool all_wanted(const std::vector<VmIndex>& waiting) const;
    void place_without_other_limits();
    std::uint64_t fill_hosts_exactly();
    void search_with_fewer(std::uint64_t limit);
    void search_without_dropped(std::uint64_t limit);
    bool lacks_room(const std::vector<VmIndex>& waiting) const;

    std::vector<HostIndex> places() const;
    void restore(const std::vector<HostIndex>& places);
    bool may_wait_at_home(VmIndex vm) const;
    void keep_if_better(const std::vector<VmIndex>& waiting);
    void send_home();
    bool bring_home(VmIndex vm, std::uint64_t limit);
    bool moves(VmIndex vm) const { return placement_.host_of(vm) != problem_->vms[vm].home; }
    std::uint64_t random();
    double ratio() { return static_cast<double>(random() >> 11) * 0x1.0p-53; }  // below 1

    const Problem* problem_;
    Effort effort_;
    Placement placement_;
    std::vector<VmIndex> wanted_, left_;
    std::vector<std::uint8_t> is_wanted_, in_chain_, crowded_at_home_;
    std::vector<double> size_;
    Amounts per_size_{};  // factor from a demand to its part of the size
    std::vector<HostIndex> receiving_;
    std::vector<Change> trail_;
    std::vector<VmIndex> candidates_;  // scratch
    std::vector<VmIndex> dropped_;     // given up for this search
    bool only_moved_ = false;          // chains through VMs that move already
    std::vector<std::uint64_t> stays_until_, banned_until_;
    std::vector<HostIndex> banned_from_;
    std::uint64_t work_ = 0, turn_ = 0, state_;
    std::vector<HostIndex> best_places_;
    std::vector<VmIndex> best_left_;
};

}  // namespace ballast::policy::solver
