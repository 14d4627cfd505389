#include "policy/wake.h"

#include <algorithm>

#include "policy/constraints/constraint.h"
#include "policy/detectors.h"

namespace ballast::policy {

namespace {

class Waking {
public:
    Waking(const Fleet& fleet, const ClusterView& view)
        : fleet_(fleet),
          view_(view),
          context_(view.context()),
          options_(context_.options.consolidation),
          on_(fleet.none()) {
        for (std::size_t index = 0; index < on_.size(); ++index) {
            on_[index] = fleet.members()[index].coming;
            coming_ += on_[index];
        }
    }

    std::vector<PowerChange> run(const Unmet& unmet) {
        const bool one_is_coming = coming_ > 0;  // it may be what is needed: to be seen once it is there
        if (!one_is_coming) {
            give_place_to_lost(unmet.down);
            for (const HostId& host : unmet.overloaded) relieve(host);
            give_place_to(unmet.stranded);
        }
        keep_reserve();
        keep_counts();
        be_back_in_time();
        if (!consolidation_is_open(context_.inventory, context_.options)) wake_all();
        return std::move(changes_);
    }

private:
    template <class Suits>
    bool wake(const std::string& reason, Suits suits) {
        const auto index = fleet_.to_wake(on_, suits);
        if (!index) return false;
        on_[*index] = true;
        ++coming_;
        changes_.push_back({fleet_.members()[*index].host->id, true, 0, reason});
        return true;
    }
    static bool any(const Fleet::Member&) { return true; }

    // One that nobody has seen on yet may have the room: it is woken after those that are known to, and by itself, for
    // what it offers is known once it is there.
    bool may_have_room(const Fleet::Member& member) const { return member.known || coming_ == 0; }
    bool could_take(const Vm& vm, const Fleet::Member& member) const {
        return !member.known || statically_accepts(context_, vm, *member.host);
    }

    // One host at a time: after it the others look different.
    void relieve(const HostId& host) {
        if (coming_ > 0) return;
        const auto takes_some = [&](const Fleet::Member& member) {
            const VmSet& vms = view_.at(host).occupants;
            return std::any_of(vms.begin(), vms.end(), [&](const VmId& id) {
                const Vm& vm = context_.inventory.vms.at(id);
                return vm_refusals(context_, vm, Purpose::relief).empty() && could_take(vm, member);
            });
        };
        const bool already = any_set(remembered(context_, host));
        wake(host.value + (already ? " is overloaded" : " is expected to be overloaded") +
                 " and no host that is on can relieve it",
             takes_some);
    }

    void give_place_to(const std::vector<VmId>& stranded) {
        if (coming_ > 0) return;
        const auto takes_some = [&](const Fleet::Member& member) {
            return std::any_of(stranded.begin(), stranded.end(),
                               [&](const VmId& id) { return could_take(context_.inventory.vms.at(id), member); });
        };
        wake(std::to_string(stranded.size()) +
                 (stranded.size() == 1 ? " VM that has to leave its host finds"
                                       : " VMs that have to leave their hosts find") +
                 " no place on the hosts that are on",
             takes_some);
    }

    void give_place_to_lost(const std::map<VmId, std::set<HostId>>& down) {
        const auto takes_some = [&](const Fleet::Member& member) {
            return std::any_of(down.begin(), down.end(),
                               [&](const auto& entry) { return entry.second.contains(member.host->id); });
        };
        wake(std::to_string(down.size()) +
                 (down.size() == 1 ? " VM of a lost host finds no place" : " VMs of lost hosts find no place") +
                 " on the hosts that are on",
             takes_some);
    }

    void keep_reserve() {
        const double most_cpu = context_.options.overload.cpu.above;
        for (std::size_t site = 0; site < fleet_.sites(); ++site) {
            const auto helps = [&](const Fleet::Member& member) {
                return fleet_.stands_in(member, site) && may_have_room(member);
            };
            for (bool woken = true; woken;) {
                const auto missing = fleet_.lacking(site, fleet_.none(), on_, most_cpu);
                woken = !missing.empty() && wake("the reserve is not kept: " + missing, helps);
            }
        }
    }

    void keep_counts() {
        while (fleet_.hosts_on() + coming_ < options_.min_hosts_on &&
               wake("fewer hosts are on than min_hosts_on " + std::to_string(options_.min_hosts_on), any)) {
        }
        while (fleet_.hosts_empty() + coming_ < options_.spare_hosts &&
               wake("fewer empty hosts are on than spare_hosts " + std::to_string(options_.spare_hosts), any)) {
        }
    }

    // As many as will be wanted, all at once: demand that comes with the hour does not wait for one after the other.
    void be_back_in_time() {
        const auto& foreseen = fleet_.ahead().until_back;
        // Fuller than hosts may be that are let go, or each little rise would call them back; and not yet overloaded.
        const auto& cpu = context_.options.overload.cpu;
        const double most_cpu = (cpu.below + cpu.above) / 2;
        for (;;) {
            const double missing = fleet_.too_few(foreseen, fleet_.none(), on_, most_cpu);
            if (missing <= 0) return;
            const std::string reason = "VMs are expected to want " + fixed(foreseen->more, 1) + " CPUs more " +
                                       foreseen->when() + ": " + fixed(missing, 1) +
                                       " too many for the hosts that are on at " + percent(most_cpu);
            if (!wake(reason, [this](const Fleet::Member& member) { return may_have_room(member); })) return;
        }
    }

    void wake_all() {
        const std::string reason = window_text(context_.inventory, context_.options) + ": VMs may spread to it";
        while (wake(reason, [](const Fleet::Member& member) { return member.rested; })) {
        }
    }

    const Fleet& fleet_;
    const ClusterView& view_;
    const Context& context_;
    const ConsolidationOptions& options_;
    HostFlags on_;  // being switched on, or to be
    std::size_t coming_ = 0;
    std::vector<PowerChange> changes_;
};

}  // namespace

std::vector<PowerChange> wakes(const Fleet& fleet, const ClusterView& view, const Unmet& unmet) {
    if (!view.context().options.consolidation.enabled) return {};
    return Waking(fleet, view).run(unmet);
}

}  // namespace ballast::policy
