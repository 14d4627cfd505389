#include "policy/fleet.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <set>

#include "policy/capacity.h"
#include "policy/estimators.h"
#include "policy/sites.h"

namespace ballast::policy {

namespace {

double bytes(Bytes b) {
    return static_cast<double>(b.count);
}

bool is_known(const Host& host) {
    return host.facts.cpus > 0 && host.facts.memory_total > Bytes{};
}

// Whatever it offers.
bool may_be_used(const Host& host, const HealthVerdicts& health) {
    return !health.leaves(host) && host.accepts_vms;
}

bool is_holiday(const OpenTimes& window, const Options& options, WallTime time) {
    if (window.holidays.empty() && options.holidays.empty()) return false;
    const auto date = local_date(time, window.zone);
    return contains(window.holidays, date) || contains(options.holidays, date);
}

bool is_open(const OpenTimes& window, const Options& options, WallTime time) {
    return any_contains(window.times, minute_of_week(time, window.zone)) || is_holiday(window, options, time);
}

const OpenTimes* open_window(const Inventory& inventory, const Options& options) {
    if (!inventory.wall_time) return nullptr;  // whoever does not know the time keeps nothing off
    for (const OpenTimes& window : options.consolidation.windows)
        if (is_open(window, options, *inventory.wall_time)) return &window;
    return nullptr;
}

// Hosts that a VM came to within min_time_on: what came for relief is not sent on at once.
std::set<HostId> recent_targets(const Context& context) {
    std::set<HostId> hosts;
    for (const auto& [vm, moves] : context.past)
        for (const PastMove& move : moves)
            if (move.succeeded && context.now - move.ended < context.options.consolidation.min_time_on)
                hosts.insert(move.to);
    return hosts;
}

// Shut off ones too: they could not be started while their host is off.
std::set<HostId> hosts_with_vms(const Inventory& inventory) {
    std::set<HostId> hosts;
    for (const auto& [id, vm] : inventory.vms) hosts.insert(vm.host);
    return hosts;
}

bool lasts(const std::optional<Instant>& since, Duration time, Instant now) {
    return !since || now - *since >= time;
}

// A host that came back for its turn keeps what it took over for so long, and goes off again if that is nothing: as
// long as min_time_on lasts by default, but also where that is less, or two could hand VMs to and fro.
constexpr Duration turn_time = std::chrono::hours{1};

// The sum without the largest few.
double sum_after_loss(std::vector<double> values, unsigned lost) {
    const auto kept = values.begin() + std::min<std::ptrdiff_t>(lost, std::ssize(values));
    std::partial_sort(values.begin(), kept, values.end(), std::greater<>());
    return std::accumulate(kept, values.end(), 0.0);
}

}  // namespace

bool consolidation_is_open(const Inventory& inventory, const Options& options) {
    const ConsolidationOptions& wanted = options.consolidation;
    return wanted.enabled && (wanted.windows.empty() || open_window(inventory, options) != nullptr);
}

std::string window_text(const Inventory& inventory, const Options& options) {
    if (options.consolidation.windows.empty()) return {};
    if (!inventory.wall_time) return "no window is open while the time of day is not known";
    const WallTime now = *inventory.wall_time;
    const OpenTimes* window = open_window(inventory, options);
    if (window == nullptr) return "no window of consolidation is open";
    const auto change = next_change(now, [&](WallTime time) { return is_open(*window, options, time); });
    return "window '" + window->name + "' is open" +
           (change ? " until " + week_time(minute_of_week(*change, window->zone)) + " (" + window->zone.name + ")"
                   : "") +
           (is_holiday(*window, options, now) ? ", a holiday" : "");
}

std::string until_next_window(const Inventory& inventory, const Options& options) {
    if (!inventory.wall_time || open_window(inventory, options) != nullptr) return {};
    std::optional<WallTime> first;
    const OpenTimes* opens = nullptr;
    for (const OpenTimes& window : options.consolidation.windows) {
        const auto at =
            next_change(*inventory.wall_time, [&](WallTime time) { return is_open(window, options, time); });
        if (!at || (first && *first <= *at)) continue;
        first = at;
        opens = &window;
    }
    if (opens == nullptr) return {};
    return " until " + week_time(minute_of_week(*first, opens->zone)) + " (" + opens->zone.name + ")";
}

double assumed_watts(const Host& host) {
    return 100 + 8 * host.facts.cpus;
}

Fleet::Fleet(const ClusterView& view, Foresights ahead)
    : context_(&view.context()),
      sites_(bearing_sites(context_->inventory, context_->options)),
      ahead_(std::move(ahead)) {
    const auto recent = recent_targets(*context_);
    const auto holding = hosts_with_vms(context_->inventory);
    const auto& never = context_->options.consolidation.never_off;
    for (const auto& [id, use] : view.hosts()) {
        Member member = member_of(view, use);
        const bool begins = begins_its_turn(*use.host);
        member.takes_over = member.empty && !holding.contains(id) && begins;
        member.empty = member.empty && !holding.contains(id) && !begins;
        member.settled = member.settled && !recent.contains(id) && !begins;
        member.never_off = std::find(never.begin(), never.end(), id) != never.end();
        if (member.wakeable) wake_order_.push_back(members_.size());
        members_.push_back(member);
    }
    const auto efficiency = [&](std::size_t index) {
        return members_[index].cpus / assumed_watts(*members_[index].host);
    };
    std::stable_sort(wake_order_.begin(), wake_order_.end(), [&](std::size_t a, std::size_t b) {
        if (members_[a].failing != members_[b].failing) return members_[b].failing;
        if (members_[a].rested != members_[b].rested) return members_[a].rested;
        if (efficiency(a) != efficiency(b)) return efficiency(a) > efficiency(b);
        return members_[a].host->went_off < members_[b].host->went_off;
    });
}

// It was off for so long that it is another's turn, and has just come back.
bool Fleet::begins_its_turn(const Host& host) const {
    const auto& most = context_->options.consolidation.max_time_off;
    if (!most || !host.went_off || !host.came_back || *host.came_back < *host.went_off) return false;
    return *host.came_back - *host.went_off >= *most && context_->now - *host.came_back < turn_time;
}

Fleet::Member Fleet::member_of(const ClusterView& view, const HostUse& use) const {
    const Host& host = *use.host;
    const ConsolidationOptions& options = context_->options.consolidation;
    Member member;
    member.host = &host;
    const bool of_use = may_be_used(host, context_->health);
    member.known = is_known(host);
    member.on = is_fresh(host) && of_use && member.known;
    member.failing = wanted_action(context_->options.health, host) >= HealthAction::cordon;
    member.empty = member.on && use.occupants.empty() && use.incoming == 0 && use.outgoing == 0;
    member.coming = host.power == PowerState::switching_on && of_use;
    member.settled = member.on && lasts(host.power_since, options.min_time_on, context_->now);
    member.wakeable = host.power == PowerState::off && host.power_managed && of_use;
    member.rested = host.power == PowerState::off && lasts(host.power_since, options.min_time_off, context_->now);
    member.allocatable = member.known ? bytes(allocatable_memory(host, context_->options)) : 0;
    member.committed = bytes(use.committed - use.leaving);
    member.cpus = use.usable_cpus;
    member.demand = view.at(host.id).cpu;
    if (member.on && context_->health.closed(host)) {  // it keeps what it has and takes nobody
        member.allocatable = std::min(member.allocatable, member.committed);
        member.cpus = std::min(member.cpus, member.demand);
    }
    return member;
}

std::size_t Fleet::hosts_on() const {
    return static_cast<std::size_t>(std::count_if(members_.begin(), members_.end(), [](auto& m) { return m.on; }));
}

std::size_t Fleet::hosts_empty() const {
    return static_cast<std::size_t>(std::count_if(members_.begin(), members_.end(), [](auto& m) { return m.empty; }));
}

bool Fleet::any_coming() const {
    return std::any_of(members_.begin(), members_.end(), [](const Member& member) { return member.coming; });
}

double Fleet::too_few(const std::optional<Foresight>& foreseen, const HostFlags& without, const HostFlags& with,
                      double most_cpu) const {
    if (!foreseen) return 0;
    double wanted = foreseen->more, cpus = 0;
    for (std::size_t index = 0; index < members_.size(); ++index) {
        const Member& member = members_[index];
        if (member.on) wanted += member.demand;
        if ((member.on || with[index]) && !without[index]) cpus += member.cpus;
    }
    return wanted - most_cpu * cpus;
}

bool Fleet::is_enough_without(const HostFlags& off) const {
    const double most_cpu = context_->options.overload.cpu.below;  // what relief would leave a host
    return lacking_without(off, most_cpu).empty() && too_few(ahead_.until_paid, off, none(), most_cpu) <= 0;
}

std::string Fleet::lacking_without(const HostFlags& without, double most_cpu) const {
    for (std::size_t site = 0; site < sites(); ++site) {
        bool concerned = false;
        for (std::size_t index = 0; index < members_.size(); ++index)
            concerned = concerned || (without[index] && stands_in(members_[index], site));
        if (!concerned) continue;
        if (std::string missing = lacking(site, without, none(), most_cpu); !missing.empty()) return missing;
    }
    return {};
}

std::string Fleet::lacking(std::size_t site, const HostFlags& without, const HostFlags& with, double most_cpu) const {
    const unsigned lost = context_->options.admission.host_failures;
    if (lost == 0) return {};
    std::vector<double> memory, cpus;
    double committed = 0, demand = 0;
    for (std::size_t index = 0; index < members_.size(); ++index) {
        const Member& member = members_[index];
        if (!stands_in(member, site)) continue;
        if (member.on) committed += member.committed, demand += member.demand;
        if ((!member.on && !with[index]) || without[index]) continue;
        memory.push_back(member.allocatable);
        cpus.push_back(member.cpus * most_cpu);
    }
    const std::string after = (sites_.empty() ? "" : " in " + site_name(sites_[site])) + " after the loss of " +
                              std::to_string(lost) + (lost == 1 ? " host" : " hosts");
    const double missing_memory = committed - sum_after_loss(memory, lost);
    const double missing_cpus = demand - sum_after_loss(cpus, lost);
    if (missing_memory > 0)
        return to_string(Bytes{static_cast<std::uint64_t>(std::min(missing_memory, 1e18))}) +
               " of memory would be missing" + after;
    if (missing_cpus > 0) return fixed(missing_cpus, 1) + " CPUs would be missing" + after;
    return {};
}

bool Fleet::keeps_largest_piece(const HostFlags& without) const {
    const AdmissionOptions& wanted = context_->options.admission;
    if (!wanted.largest_vm) return true;
    std::vector<double> pieces;
    for (std::size_t index = 0; index < members_.size(); ++index)
        if (members_[index].on && !without[index])
            pieces.push_back(members_[index].allocatable - members_[index].committed);
    std::sort(pieces.rbegin(), pieces.rend());
    return wanted.host_failures < pieces.size() && pieces[wanted.host_failures] >= bytes(context_->largest_vm);
}

bool Fleet::can_do_without(const HostFlags& emptied) const {
    const Options& options = context_->options;
    HostFlags off = none();
    std::size_t leaving = 0, spares = 0;
    for (std::size_t index = 0; index < members_.size(); ++index) {
        leaving += emptied[index];
        if (!emptied[index] && !members_[index].empty) continue;
        if (members_[index].never_off) continue;
        if (spares < options.consolidation.spare_hosts)
            ++spares;
        else
            off[index] = true;
    }
    const auto switched_off = static_cast<std::size_t>(std::count(off.begin(), off.end(), true));
    if (in_use() == leaving || hosts_on() - switched_off < options.consolidation.min_hosts_on) return false;
    return is_enough_without(off);
}

std::vector<std::size_t> Fleet::not_needed() const {
    const Options& options = context_->options;
    std::vector<std::size_t> found;
    HostFlags off = none();
    std::size_t on = hosts_on(), empty = hosts_empty();
    std::vector<std::size_t> order(members_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        if (members_[a].failing != members_[b].failing) return members_[a].failing;
        return members_[a].host->went_off < members_[b].host->went_off;
    });
    for (const std::size_t index : order) {
        const Member& member = members_[index];
        if (!member.empty || member.never_off || !member.settled) continue;
        if (on <= std::max(1U, options.consolidation.min_hosts_on) || empty <= options.consolidation.spare_hosts) break;
        off[index] = true;
        if (!keeps_largest_piece(off) || !is_enough_without(off)) {
            off[index] = false;
            continue;
        }
        found.push_back(index);
        --on, --empty;
    }
    return found;
}

}  // namespace ballast::policy
