#include "policy/capacity_report.h"

#include <algorithm>

#include "policy/capacity.h"
#include "policy/estimators.h"
#include "policy/evacuate.h"
#include "policy/relocate.h"

namespace ballast::policy {

namespace {

double bytes(Bytes b) {
    return static_cast<double>(b.count);
}

bool counts(const Host& host, const HealthVerdicts& health) {
    return is_fresh(host) && !health.closed(host) && host.accepts_vms && host.facts.cpus > 0 &&
           host.facts.memory_total > Bytes{};
}

double cpu_free(const ClusterView& view, const HostId& host) {
    const HostUse& use = view.at(host);
    return std::max(0.0, view.context().options.overload.cpu.above * use.usable_cpus - use.cpu);
}

void add_room(CapacityReport& report, const ClusterView& view, const HostUse& use) {
    const Options& options = view.context().options;
    const HostId& id = use.host->id;
    report.cpu.total += use.host->facts.cpus;
    report.cpu.reserved += use.host->facts.cpus - use.usable_cpus;
    report.cpu.demand += use.cpu_now;
    report.cpu.free += cpu_free(view, id);
    report.memory.total += bytes(use.host->facts.memory_total);
    report.memory.reserved += bytes(reserved_memory(*use.host, options));
    report.memory.demand += use.memory_now;
    report.memory.promised += bytes(use.committed);
    report.memory.free += bytes(view.memory_free(id));
    for (const VmId& vm : use.occupants) report.cpu.promised += view.context().inventory.vms.at(vm).facts.vcpus;
}

void add_largest(CapacityReport& report, const ClusterView& view, const HostId& host) {
    const LargestVm here{host, view.memory_free(host), cpu_free(view, host)};
    if (here.memory == Bytes{} || here.cpu_cores <= 0) return;
    if (!report.by_memory || here.memory > report.by_memory->memory) report.by_memory = here;
    if (!report.by_cpu || here.cpu_cores > report.by_cpu->cpu_cores) report.by_cpu = here;
}

// The fullest first: their loss is the hardest to absorb.
std::vector<HostId> fullest_first(const ClusterView& view) {
    std::vector<HostId> hosts;
    for (const auto& [id, use] : view.hosts())
        if (!use.occupants.empty()) hosts.push_back(id);
    std::stable_sort(hosts.begin(), hosts.end(),
                     [&](const HostId& a, const HostId& b) { return view.at(a).committed > view.at(b).committed; });
    return hosts;
}

// Beyond what may be asked only the fullest hosts are tried, which are the hardest to lose.
void try_losses(CapacityReport& report, const ClusterView& view, double most_questions) {
    const Context& context = view.context();
    LossTrial trial(context.inventory, context.memory, context.options, context.now);
    double questions = 0;
    const auto hosts = fullest_first(view);
    for (const HostId& host : hosts) {
        const std::size_t vms = view.at(host).occupants.size();
        questions += static_cast<double>(vms * view.hosts().size());
        if (questions > most_questions && !report.losses.empty()) break;
        report.losses.push_back({host, vms, trial.lose({host}).stranded});
    }
    report.losses_not_tried = hosts.size() - report.losses.size();
    std::sort(report.losses.begin(), report.losses.end(),
              [](const LossVerdict& a, const LossVerdict& b) { return a.host < b.host; });
    report.survives_any_loss = std::all_of(report.losses.begin(), report.losses.end(),
                                           [](const LossVerdict& loss) { return loss.stranded.empty(); });
}

// The cluster with ever fewer hosts on.
class SwitchOff {
public:
    SwitchOff(const Context& context, bool keep_spare) : context_(context), keep_spare_(keep_spare) {
        inventory_ = context.inventory;
        for (auto& [id, host] : inventory_.hosts) {
            if (context.health.closed(host)) host.accepts_vms = false;
            host.maintenance = false;
            host.health.clear();
        }
    }

    /// True when the host can do without its VMs; then it is off and they run elsewhere.
    bool try_one(const HostId& host) {
        inventory_.hosts.at(host).maintenance = true;
        const Context now = make_context(inventory_, context_.memory, context_.options, context_.now);
        ClusterView view(now);
        const Evacuation evacuation = evacuate(view, Others::stay);
        const bool empty = evacuation.immovable.empty() && nobody_stays(view, host) && all_stay_cool(view);
        inventory_.hosts.at(host).maintenance = false;
        if (!empty) return false;
        const Inventory before = inventory_;
        for (const Draft& draft : evacuation.drafts)
            relocate(inventory_, draft.vm, draft.to, memory_bound(inventory_.vms.at(draft.vm)));
        inventory_.hosts.at(host).accepts_vms = false;
        if (!keep_spare_ || absorbs_fullest(host)) return true;
        inventory_ = before;
        return false;
    }

private:
    // Those on their way, here or away, keep a host on.
    static bool nobody_stays(const ClusterView& view, const HostId& host) {
        const auto& flights = view.context().in_flight;
        return std::none_of(flights.begin(), flights.end(),
                            [&](const InFlight& move) { return move.from == host || move.to == host; });
    }
    // All of them: while a host wants relief, the room of the others is not to spare.
    static bool all_stay_cool(const ClusterView& view) {
        const double limit = view.context().options.overload.cpu.above;
        return std::all_of(view.hosts().begin(), view.hosts().end(), [&](const auto& entry) {
            return !is_fresh(*entry.second.host) || view.cpu_ratio(entry.first) <= limit;
        });
    }
    bool absorbs_fullest(const HostId& off) const {
        const Context now = make_context(inventory_, context_.memory, context_.options, context_.now);
        const auto fullest = fullest_first(ClusterView(now));
        if (fullest.empty() || fullest.front() == off) return true;
        return LossTrial(inventory_, context_.memory, context_.options, context_.now)
            .lose({fullest.front()})
            .absorbed();
    }

    const Context& context_;
    bool keep_spare_;
    Inventory inventory_;
};

void switch_off(CapacityReport& report, const ClusterView& view, double most_questions) {
    const Context& context = view.context();
    SwitchOff cluster(context, report.survives_any_loss && report.losses.size() > 1);
    auto hosts = report.counted;
    const auto& never = context.options.consolidation.never_off;
    std::erase_if(hosts,
                  [&](const HostId& host) { return std::find(never.begin(), never.end(), host) != never.end(); });
    std::stable_sort(hosts.begin(), hosts.end(),
                     [&](const HostId& a, const HostId& b) { return view.at(a).committed < view.at(b).committed; });
    double questions = 0;
    std::size_t tried = 0;
    for (const HostId& host : hosts) {
        if (report.could_be_off.size() + 1 >= report.counted.size()) return;  // somebody has to stay on
        questions +=
            static_cast<double>(context.inventory.vms.size() + view.at(host).occupants.size() * view.hosts().size());
        if (questions > most_questions && tried > 0) break;
        ++tried;
        if (cluster.try_one(host)) report.could_be_off.push_back(host);
    }
    report.off_not_tried = hosts.size() - tried;
}

}  // namespace

CapacityReport capacity(const Inventory& inventory, const Memory& memory, const Options& options, Instant now,
                        double most_questions) {
    const Context context = make_context(inventory, memory, options, now);
    const ClusterView view(context);
    CapacityReport report;
    for (const auto& [id, use] : view.hosts()) {
        (counts(*use.host, view.context().health) ? report.counted : report.not_counted).push_back(id);
        if (!counts(*use.host, view.context().health)) continue;
        add_room(report, view, use);
        add_largest(report, view, id);
    }
    try_losses(report, view, most_questions);
    switch_off(report, view, most_questions);
    std::sort(report.could_be_off.begin(), report.could_be_off.end());
    return report;
}

}  // namespace ballast::policy
