#include "policy/return_home.h"

#include <algorithm>
#include <limits>
#include <map>
#include <tuple>

#include "policy/constraints/constraint.h"
#include "policy/estimators.h"
#include "policy/experience.h"

namespace ballast::policy {

namespace {

// VMs of one host whose refusals are told in full.
constexpr std::size_t most_detailed = 10;

std::vector<Rejection> refused(const Vm& vm, const HostId& home, const std::string& detail) {
    return {{vm.id, home, Reason::no_benefit, detail}};
}

// Everything that keeps the VM where it is for now.
std::vector<Rejection> objections(const ClusterView& view, const Vm& vm, const Host& home) {
    const Context& context = view.context();
    std::vector<Rejection> all = vm_refusals(context, vm, Purpose::return_home);
    if (all.empty()) all = target_refusals(view, vm, home, Purpose::return_home);
    if (!all.empty()) return all;
    if (!context.guest_of(vm.id).demand_known) return refused(vm, home.id, "its load was not measured yet");
    if (!predict(vm, home, context).converges)
        return refused(vm, home.id, "it writes to its memory faster than the link carries it: the move would not end");
    const auto there = broken_preferences(view, vm, home);
    const auto here = broken_preferences(view, vm, *view.at(vm.host).host);
    if (there.size() > here.size()) return refused(vm, home.id, "it suits better where it is: " + there.front());
    return {};
}

class Returner {
public:
    explicit Returner(ClusterView& view) : view_(view), context_(view.context()) {
        most_ = moves_allowed(context_.memory.audit, most_, view.in_flight());
    }

    Homecoming run() {
        for (const Home* home : due()) bring(*home);
        for (const auto& [host, count] : counts_) tell(host, count);
        return std::move(made_);
    }

private:
    // What becomes of one host's VMs.
    struct Count {
        std::size_t all = 0, under_way = 0, moves = 0, later = 0;
        std::map<Reason, std::size_t> stay;
    };

    const Vm& vm_of(const Home& home) const { return context_.inventory.vms.at(home.vm); }

    // A host in maintenance is left by order, to wherever there is room.
    bool is_wanted(const Home& home) const {
        if (!is_due(home, context_.options.maintenance, context_.now)) return false;
        const auto& hosts = context_.inventory.hosts;
        const auto vm = context_.inventory.vms.find(home.vm);
        const auto host = hosts.find(home.host);
        if (vm == context_.inventory.vms.end() || host == hosts.end() || host->second.maintenance) return false;
        const auto on = hosts.find(vm->second.host);
        return on != hosts.end() && !on->second.maintenance && vm->second.host != home.host;
    }

    // By wished priority, then big before small: what is hard to place comes first.
    std::vector<const Home*> due() const {
        std::vector<const Home*> homes;
        for (const Home& home : context_.inventory.homes)
            if (is_wanted(home)) homes.push_back(&home);
        const auto rank = [&](const Home* home) {
            const Vm& vm = vm_of(*home);
            return std::tuple(-vm.facts.wishes.priority, -static_cast<double>(memory_bound(vm).count),
                              std::string_view(home->vm.value), std::string_view(home->host.value));
        };
        std::sort(homes.begin(), homes.end(), [&](const Home* a, const Home* b) { return rank(a) < rank(b); });
        return homes;
    }

    void bring(const Home& home) {
        const Vm& vm = vm_of(home);
        Count& count = counts_[home.host];
        ++count.all;
        if (view_.is_moving(vm.id)) {
            ++count.under_way;
            return;
        }
        auto against = objections(view_, vm, *view_.at(home.host).host);
        if (against.empty() && made_.drafts.size() >= most_) {
            ++count.later;
        } else if (against.empty()) {
            ++count.moves;
            made_.drafts.push_back({vm.id,
                                    home.host,
                                    Trigger::return_home,
                                    "the maintenance for which it left " + home.host.value + " is over",
                                    "",
                                    {}});
            view_.apply(vm, home.host);
        } else {
            std::size_t& told = count.stay[against.front().reason];
            if (++told <= most_detailed)
                made_.rejections.insert(made_.rejections.end(), against.begin(), against.end());
        }
    }

    void tell(const HostId& host, const Count& count) {
        std::string reasons;
        std::size_t staying = 0;
        for (const auto& [reason, number] : count.stay) {
            reasons += (reasons.empty() ? "" : ", ") + to_string(reason) + " " + std::to_string(number);
            staying += number;
        }
        std::string text = "the maintenance of " + host.value + " is over: " + std::to_string(count.all) +
                           (count.all == 1 ? " VM" : " VMs") + " left for it, " + std::to_string(count.under_way) +
                           " under way, " + std::to_string(count.moves + count.later) + " to come back, ";
        text += std::to_string(staying) + (staying == 1 ? " stays" : " stay") + " for now";
        if (staying > 0) text += " (" + reasons + ")";
        made_.findings.push_back({host, Trigger::return_home, text, staying == 0 && count.later == 0});
    }

    ClusterView& view_;
    const Context& context_;
    std::size_t most_ = std::numeric_limits<std::size_t>::max();
    std::map<HostId, Count> counts_;
    Homecoming made_;
};

}  // namespace

bool is_due(const Home& home, const MaintenanceOptions& options, Instant now) {
    return home.maintenance_ended && now - *home.maintenance_ended < options.within;
}

Homecoming return_home(ClusterView& view) {
    if (!view.context().options.maintenance.return_home) return {};
    return Returner(view).run();
}

}  // namespace ballast::policy
