// Which hosts are on, which could be off and which have to stay: counts, the reserve for lost hosts, and the operator's
// wishes. Asked before a host is emptied or switched either way. Pure.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "policy/cluster_view.h"
#include "policy/foresight.h"

namespace ballast::policy {

/// May hosts be kept empty at this time: enabled, and a window is open.
bool consolidation_is_open(const Inventory& inventory, const Options& options);
/// "window 'night' is open until Tue 06:00 (Europe/Berlin)", with ", a holiday" where it is open for that, or that none
/// is; empty where there are no windows.
std::string window_text(const Inventory& inventory, const Options& options);
/// " until Mon 22:00 (Europe/Berlin)", when the next window opens; empty while one is open, and where none will within
/// a week.
std::string until_next_window(const Inventory& inventory, const Options& options);

/// A host by its position in the order of ids: what solvers and flags count by.
using HostFlags = std::vector<bool>;

class Fleet {
public:
    struct Member {
        const Host* host = nullptr;
        bool known = false;   // its CPUs and memory are: a host that nobody has seen on yet counts for none
        bool on = false;      // reports, has not to be left and may be a target
        bool empty = false;   // on, and holds no VM of any state; none comes or goes; and it does not take over
        bool coming = false;  // being switched on, and of use then
        bool never_off = false;
        bool failing = false;     // its health is bad: the first to be off, the last to be woken
        bool settled = false;     // on and left alone for min_time_on: may be emptied or switched off
        bool wakeable = false;    // off, of use, and Ballast may switch it on
        bool rested = false;      // off for min_time_off
        bool takes_over = false;  // on again after max_time_off, and still to be filled so that another can be off
        double allocatable = 0;   // bytes it may promise
        double committed = 0;     // bytes promised to VMs that stay on it
        double cpus = 0, demand = 0;
    };

    /// Without foresights nothing is expected of the hours to come.
    explicit Fleet(const ClusterView& view, Foresights ahead = {});

    const std::vector<Member>& members() const { return members_; }
    HostFlags none() const { return HostFlags(members_.size()); }
    std::size_t hosts_on() const;
    std::size_t hosts_empty() const;

    /// The sites that have to bear the loss of their hosts, as positions for lacking() and stands_in(): one for all
    /// hosts where there is one only, or where failover.across_sites lets VMs be started elsewhere.
    std::size_t sites() const { return std::max<std::size_t>(1, sites_.size()); }
    bool stands_in(const Member& member, std::size_t site) const {
        return sites_.empty() || member.host->site == sites_[site];
    }
    /// What would be missing in this site if `admission.host_failures` of its hosts that are on were lost, in words;
    /// empty when nothing: memory for all its VMs, and CPU for their demand with each host filled to `most_cpu`. Hosts
    /// in `without` are taken for off, those in `with` for on.
    std::string lacking(std::size_t site, const HostFlags& without, const HostFlags& with, double most_cpu) const;
    /// The same of the first site with a host in `without` where something would be missing.
    std::string lacking_without(const HostFlags& without, double most_cpu) const;
    /// CPUs by which the hosts that are on are too few for what is foreseen, each filled up to the share `most_cpu`.
    /// Zero or less: they are enough. Hosts in `without` and `with` as above.
    double too_few(const std::optional<Foresight>& foreseen, const HostFlags& without, const HostFlags& with,
                   double most_cpu) const;
    const Foresights& ahead() const { return ahead_; }
    bool any_coming() const;

    /// Does one of the others keep room for the largest VM in one piece, where `admission.largest_vm` asks for it?
    bool keeps_largest_piece(const HostFlags& without) const;
    /// May these hold nothing any more, and all but the spares among the empty ones be off?
    bool can_do_without(const HostFlags& emptied) const;
    /// Positions of the empty hosts that nothing asks to be on, those that were off least lately first.
    std::vector<std::size_t> not_needed() const;

    /// The best wakeable host outside of `taken` that `suits`: healthy and rested before others, the most CPU for its
    /// power first, and of those that are alike the one that has been off longest.
    template <class Suits>
    std::optional<std::size_t> to_wake(const HostFlags& taken, Suits suits) const {
        for (const std::size_t index : wake_order_)
            if (!taken[index] && suits(members_[index])) return index;
        return std::nullopt;
    }

private:
    Member member_of(const ClusterView& view, const HostUse& use) const;
    bool begins_its_turn(const Host& host) const;
    std::size_t in_use() const { return hosts_on() - hosts_empty(); }

    /// Both the reserve and what is foreseen are kept without these.
    bool is_enough_without(const HostFlags& off) const;

    const Context* context_;
    std::vector<std::string> sites_;  // empty: all are one
    Foresights ahead_;
    std::vector<Member> members_;
    std::vector<std::size_t> wake_order_;
};

/// Watts at full load, as long as hosts do not tell: 100 for what a machine has once (fans, disks, board), 8 a CPU.
/// Only ever compared with those of other hosts.
double assumed_watts(const Host& host);

}  // namespace ballast::policy
