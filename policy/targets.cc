#include "policy/targets.h"

#include <algorithm>
#include <tuple>

namespace ballast::policy {

namespace {
// More hosts than this make a sentence nobody reads; the rejections hold them all.
constexpr int most_hosts_in_summary = 5;

TargetChoice choice(const ClusterView& view, const Vm& vm, const HostId& host) {
    return {host, view.cpu_ratio_with(host, vm), view.memory_ratio_with(host, vm),
            view.memory_left_with(host, vm).value_or(Bytes{}), broken_preferences(view, vm, *view.at(host).host)};
}

auto fullness(const TargetChoice& c) {
    return std::tuple(c.broken.size(), std::max(c.cpu_after, c.memory_after), c.cpu_after, c.memory_after, c.host);
}
}  // namespace

std::vector<TargetChoice> choices_for(const ClusterView& view, const Vm& vm, Purpose purpose) {
    std::vector<TargetChoice> choices;
    for (const auto& [id, use] : view.hosts())
        if (accepts(view, vm, *use.host, purpose)) choices.push_back(choice(view, vm, id));
    std::sort(choices.begin(), choices.end(), [](const auto& a, const auto& b) { return fullness(a) < fullness(b); });
    return choices;
}

std::vector<Rejection> refusals_everywhere(const ClusterView& view, const Vm& vm, Purpose purpose) {
    std::vector<Rejection> all;
    for (const auto& [id, use] : view.hosts()) {
        if (id == vm.host) continue;
        const auto refusals = target_refusals(view, vm, *use.host, purpose);
        all.insert(all.end(), refusals.begin(), refusals.end());
    }
    return all;
}

std::vector<Rejection> not_chosen(const ClusterView& view, const Vm& vm, Purpose purpose,
                                  const std::vector<TargetChoice>& choices) {
    std::vector<Rejection> rejections = refusals_everywhere(view, vm, purpose);
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

std::string preference(const std::vector<TargetChoice>& choices, const TargetChoice& chosen) {
    if (!chosen.broken.empty()) return "although " + chosen.broken.front();
    for (const TargetChoice& other : choices)
        if (!other.broken.empty()) return "prefers " + chosen.host.value + ": " + other.broken.front();
    return {};
}

std::string summary(const std::vector<Rejection>& refusals) {
    std::string text;
    int hosts = 0;
    const HostId* last = nullptr;
    for (const Rejection& refusal : refusals) {
        if (!refusal.target || (last != nullptr && *last == *refusal.target)) continue;
        last = &*refusal.target;
        if (++hosts > most_hosts_in_summary) continue;
        text += (text.empty() ? "" : "; ") + last->value + ": " + to_string(refusal.reason);
        if (!refusal.detail.empty()) text += " (" + refusal.detail + ")";
    }
    if (hosts > most_hosts_in_summary) text += "; and " + std::to_string(hosts - most_hosts_in_summary) + " more hosts";
    return text.empty() ? "there is no other host" : text;
}

}  // namespace ballast::policy
