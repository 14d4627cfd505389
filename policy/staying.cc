#include "policy/staying.h"

#include <algorithm>

#include "policy/consolidation_problem.h"
#include "policy/experience.h"
#include "policy/fleet.h"

namespace ballast::policy {

namespace {

// In the order in which consolidation asks [consolidate.cc, fleet.cc]; empty: nothing of it.
class Staying {
public:
    Staying(const ClusterView& view, const Fleet& fleet, const Fleet::Member& member, std::size_t index)
        : view_(view),
          context_(view.context()),
          options_(context_.options.consolidation),
          fleet_(fleet),
          member_(member),
          without_(fleet.none()) {
        without_[index] = true;
    }

    std::string text() const {
        for (const auto ask : {&Staying::for_good, &Staying::for_the_hour, &Staying::for_want_of_quiet,
                               &Staying::for_its_own_time, &Staying::for_the_counts, &Staying::for_the_room})
            if (std::string reason = (this->*ask)(); !reason.empty()) return reason;
        if (!member_.empty) return "the other hosts do not take all of its VMs with the room that consolidation keeps";
        return "other hosts go first";
    }

private:
    std::string for_good() const {
        if (member_.never_off)
            return "it is never switched off (never_off, or the daemon or a member of etcd runs on it)";
        if (!member_.host->power_managed) return "Ballast cannot switch it (ballastctl power list)";
        return {};
    }

    std::string for_the_hour() const {
        if (consolidation_is_open(context_.inventory, context_.options)) return {};
        return window_text(context_.inventory, context_.options) +
               until_next_window(context_.inventory, context_.options);
    }

    std::string for_want_of_quiet() const {
        const auto watched = static_cast<Duration::rep>(slots_watched(context_.memory)) * demand_slot;
        if (watched < options_.watch)
            return "load was watched for " + to_string(watched) + " of " + to_string(options_.watch) + " (watch)";
        if (view_.in_flight() > 0) return "VMs are being moved";
        return may_improve(context_.memory.audit) ? "" : "moves brought less than they promised: see ballastctl status";
    }

    std::string for_its_own_time() const {
        if (member_.settled) return {};
        const auto& since = member_.host->power_since;
        if (since && context_.now - *since < options_.min_time_on)
            return "it is on for " + to_string(context_.now - *since) + ", less than min_time_on " +
                   to_string(options_.min_time_on);
        return "a VM came to it less than min_time_on " + to_string(options_.min_time_on) +
               " ago, or it takes its turn";
    }

    std::string for_the_counts() const {
        const unsigned least = std::max(1U, options_.min_hosts_on);
        if (fleet_.hosts_on() <= least)
            return std::to_string(fleet_.hosts_on()) + " hosts are on, and min_hosts_on is " + std::to_string(least);
        if (member_.empty && fleet_.hosts_empty() <= options_.spare_hosts)
            return "it is one of the spare_hosts " + std::to_string(options_.spare_hosts) + " that stay on empty";
        const auto& vms = context_.inventory.vms;
        const bool holds = std::any_of(vms.begin(), vms.end(), [&](const auto& vm) {
            return vm.second.host == member_.host->id && vm.second.state == VmState::shut_off;
        });
        return holds ? "VMs that are shut off are defined on it, which could not be started while it is off" : "";
    }

    std::string for_the_room() const {
        const double most_cpu = context_.options.overload.cpu.below;
        if (const std::string missing = fleet_.lacking_without(without_, most_cpu); !missing.empty())
            return "the reserve needs it: " + missing;
        if (fleet_.too_few(fleet_.ahead().until_paid, without_, fleet_.none(), most_cpu) > 0)
            return "it would soon be wanted again, by what is expected of the next hours";
        return fleet_.keeps_largest_piece(without_) ? ""
                                                    : "the largest VM would find no room in one piece (largest_vm)";
    }

    const ClusterView& view_;
    const Context& context_;
    const ConsolidationOptions& options_;
    const Fleet& fleet_;
    const Fleet::Member& member_;
    HostFlags without_;
};

}  // namespace

std::string reason_to_stay_on(const ClusterView& view, const HostId& host) {
    if (!view.context().options.consolidation.enabled) return {};
    const Fleet fleet(view, foresee(view.context()));
    for (std::size_t index = 0; index < fleet.members().size(); ++index) {
        const Fleet::Member& member = fleet.members()[index];
        if (member.host->id == host) return member.on ? Staying(view, fleet, member, index).text() : "";
    }
    return {};
}

}  // namespace ballast::policy
