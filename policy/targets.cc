#include "policy/targets.h"

#include <algorithm>
#include <iterator>
#include <tuple>

namespace ballast::policy {

namespace {
// More hosts than this make a sentence nobody reads; the rejections hold them all.
constexpr std::size_t most_hosts_in_summary = 5;

// Up to so many hosts each one is told why it is not the target. In larger clusters the emptiest ones, which is what
// people ask about: a plan of hundreds of moves would else hold millions of refusals.
constexpr std::size_t most_hosts_all_told = 64;
constexpr std::size_t most_hosts_told = 16;

using Hosts = std::vector<const HostUse*>;

Hosts all_hosts(const ClusterView& view) {
    Hosts hosts;
    for (const auto& [id, use] : view.hosts()) hosts.push_back(&use);
    return hosts;
}

TargetChoice choice(const ClusterView& view, const Vm& vm, const HostId& host) {
    return {host, view.cpu_ratio_with(host, vm), view.memory_ratio_with(host, vm),
            view.memory_left_with(host, vm).value_or(Bytes{}), broken_preferences(view, vm, *view.at(host).host)};
}

// Without what takes longer to find out: the rules it would break, and its room.
TargetChoice load_after(const ClusterView& view, const Vm& vm, const HostUse& use) {
    const Guest& guest = view.context().guest_of(vm.id);
    const double memory = use.memory_used + static_cast<double>(guest.memory_resident.count);
    return {use.host->id,
            ratio_of(use.cpu + guest.planned_cores, use.usable_cpus),
            ratio_of(memory, static_cast<double>(use.host->facts.memory_total.count)),
            {},
            {}};
}

auto fullness(const TargetChoice& c) {
    return std::tuple(c.broken.size(), std::max(c.cpu_after, c.memory_after), c.cpu_after, c.memory_after,
                      std::string_view(c.host.value));
}

void sort_by_fullness(std::vector<TargetChoice>& choices) {
    std::sort(choices.begin(), choices.end(), [](const auto& a, const auto& b) { return fullness(a) < fullness(b); });
}

std::vector<TargetChoice> choices_among(const Hosts& hosts, const ClusterView& view, const Vm& vm, Purpose purpose) {
    std::vector<TargetChoice> choices;
    for (const HostUse* use : hosts)
        if (accepts(view, vm, *use->host, purpose)) choices.push_back(choice(view, vm, use->host->id));
    sort_by_fullness(choices);
    return choices;
}

std::vector<Rejection> refusals_of(const Hosts& hosts, const ClusterView& view, const Vm& vm, Purpose purpose) {
    std::vector<Rejection> all;
    for (const HostUse* use : hosts) {
        if (use->host->id == vm.host) continue;
        auto refusals = target_refusals(view, vm, *use->host, purpose);
        all.insert(all.end(), std::make_move_iterator(refusals.begin()), std::make_move_iterator(refusals.end()));
    }
    return all;
}

std::vector<Rejection> with_others(std::vector<Rejection> rejections, const Vm& vm,
                                   const std::vector<TargetChoice>& choices) {
    const TargetChoice& chosen = choices.front();
    for (const TargetChoice& other : choices) {
        if (other.host == chosen.host) continue;
        if (other.broken.size() > chosen.broken.size())
            rejections.push_back({vm.id, other.host, Reason::no_benefit,
                                  "possible, but " + chosen.host.value + " is preferred: " + other.broken.front()});
        else
            rejections.push_back({vm.id, other.host, Reason::no_benefit,
                                  "possible, but " + chosen.host.value + " suits better: " + percent(other.cpu_after) +
                                      " CPU and " + percent(other.memory_after) + " memory there, " +
                                      percent(chosen.cpu_after) + " and " + percent(chosen.memory_after) + " on it"});
    }
    return rejections;
}

}  // namespace

std::vector<TargetChoice> choices_for(const ClusterView& view, const Vm& vm, Purpose purpose) {
    return choices_among(all_hosts(view), view, vm, purpose);
}

std::vector<Rejection> refusals_everywhere(const ClusterView& view, const Vm& vm, Purpose purpose) {
    return refusals_of(all_hosts(view), view, vm, purpose);
}

std::vector<Rejection> not_chosen(const ClusterView& view, const Vm& vm, Purpose purpose,
                                  const std::vector<TargetChoice>& choices) {
    return with_others(refusals_everywhere(view, vm, purpose), vm, choices);
}

std::string preference(const std::vector<TargetChoice>& choices, const TargetChoice& chosen) {
    if (!chosen.broken.empty()) return "although " + chosen.broken.front();
    for (const TargetChoice& other : choices)
        if (!other.broken.empty()) return "prefers " + chosen.host.value + ": " + other.broken.front();
    return {};
}

std::string summary(const std::vector<Rejection>& refusals, std::size_t more) {
    std::string text;
    std::size_t hosts = 0;
    const HostId* last = nullptr;
    for (const Rejection& refusal : refusals) {
        if (!refusal.target || (last != nullptr && *last == *refusal.target)) continue;
        last = &*refusal.target;
        if (++hosts > most_hosts_in_summary) continue;
        text += (text.empty() ? "" : "; ") + last->value + ": " + to_string(refusal.reason);
        if (!refusal.detail.empty()) text += " (" + refusal.detail + ")";
    }
    more += hosts - std::min(hosts, most_hosts_in_summary);
    if (more > 0) text += "; and " + std::to_string(more) + " more hosts";
    return text.empty() ? "there is no other host" : text;
}

TargetFinder::TargetFinder(const ClusterView& view) : view_(&view) {
    for (const auto& [id, use] : view.hosts()) {
        by_level_.insert({level_of(use), static_cast<std::uint32_t>(levels_.size())});
        levels_.push_back(level_of(use));
    }
}

double TargetFinder::level_of(const HostUse& use) const {
    const double total = static_cast<double>(use.host->facts.memory_total.count);
    return std::max(ratio_of(use.cpu, use.usable_cpus), ratio_of(use.memory_used, total));
}

void TargetFinder::changed(const HostId& host) {
    const std::size_t index = view_->hosts().index_of(host);
    by_level_.erase({levels_[index], static_cast<std::uint32_t>(index)});
    levels_[index] = level_of(view_->at(host));
    by_level_.insert({levels_[index], static_cast<std::uint32_t>(index)});
}

std::optional<TargetChoice> TargetFinder::best(const Vm& vm) const {
    const OverloadOptions& limits = view_->context().options.overload;
    const double limit = std::max(limits.cpu.below, limits.memory.below);  // fuller ones take nobody for relief
    std::optional<TargetChoice> best;
    const auto worse = [&](const TargetChoice& c) {
        return best && best->broken.empty() && !(fullness(c) < fullness(*best));
    };
    for (const Entry& entry : by_level_) {
        if (entry.level > limit) break;
        if (best && best->broken.empty() && entry.level > std::max(best->cpu_after, best->memory_after)) break;
        const HostUse& use = std::next(view_->hosts().begin(), entry.host)->second;
        TargetChoice possible = load_after(*view_, vm, use);
        if (worse(possible) || !accepts(*view_, vm, *use.host, Purpose::relief)) continue;
        possible = choice(*view_, vm, use.host->id);
        if (!best || fullness(possible) < fullness(*best)) best = std::move(possible);
    }
    return best;
}

std::vector<const HostUse*> TargetFinder::emptiest(const Vm& vm) const {
    if (levels_.size() <= most_hosts_all_told) return all_hosts(*view_);
    std::vector<const HostUse*> hosts;
    for (const Entry& entry : by_level_) {
        const HostUse& use = std::next(view_->hosts().begin(), entry.host)->second;
        if (use.host->id != vm.host) hosts.push_back(&use);
        if (hosts.size() == most_hosts_told) break;
    }
    return hosts;
}

void TargetFinder::explain(const Vm& vm, const HostId& to, Draft& draft) const {
    std::vector<TargetChoice> choices;
    std::vector<Rejection> refused;
    for (const HostUse* use : emptiest(vm)) {
        if (use->host->id == vm.host) continue;
        auto refusals = target_refusals(*view_, vm, *use->host, Purpose::relief);
        if (refusals.empty()) choices.push_back(choice(*view_, vm, use->host->id));
        refused.insert(refused.end(), std::make_move_iterator(refusals.begin()),
                       std::make_move_iterator(refusals.end()));
    }
    sort_by_fullness(choices);
    const auto chosen = std::find_if(choices.begin(), choices.end(), [&](const auto& c) { return c.host == to; });
    if (chosen == choices.end())
        choices.insert(choices.begin(), choice(*view_, vm, to));
    else
        std::rotate(choices.begin(), chosen, chosen + 1);
    draft.preference = preference(choices, choices.front());
    draft.refused_targets = with_others(std::move(refused), vm, choices);
}

std::vector<Rejection> TargetFinder::refusals(const Vm& vm, std::size_t& more) const {
    const auto hosts = emptiest(vm);
    more = levels_.size() <= most_hosts_all_told ? 0 : levels_.size() - 1 - hosts.size();
    return refusals_of(hosts, *view_, vm, Purpose::relief);
}

}  // namespace ballast::policy
