#include <algorithm>
#include <map>
#include <numeric>

#include "policy/draft.h"
#include "policy/estimators.h"
#include "policy/sites.h"

namespace ballast::policy {

namespace {

// Slots in use during one wave.
class Wave {
public:
    explicit Wave(const Context& context) : context_(&context) {}

    void take(const HostId& from, const HostId& to) {
        ++outgoing_[from];
        ++incoming_[to];
        ++cluster_;
        if (const auto sites = crossed(from, to)) ++between_[*sites];
    }
    bool has_room(const HostId& from, const HostId& to) const {
        const auto used = [](const auto& counts, const auto& key) {
            const auto found = counts.find(key);
            return found == counts.end() ? 0U : found->second;
        };
        const LimitOptions& limits = context_->options.limits;
        const auto sites = crossed(from, to);
        return cluster_ < limits.cluster && used(outgoing_, from) < limits.outgoing_per_host &&
               used(incoming_, to) < limits.incoming_per_host &&
               (!sites || used(between_, *sites) < context_->options.migration.between_sites.slots);
    }

private:
    using Sites = std::pair<std::string, std::string>;

    // Both ways share the line. Nothing within a site.
    std::optional<Sites> crossed(const HostId& from, const HostId& to) const {
        const auto& hosts = context_->inventory.hosts;
        const auto one = hosts.find(from), other = hosts.find(to);
        if (one == hosts.end() || other == hosts.end() || one->second.site == other->second.site) return std::nullopt;
        return std::minmax(one->second.site, other->second.site);
    }

    const Context* context_;
    std::map<HostId, unsigned> outgoing_, incoming_;
    std::map<Sites, unsigned> between_;
    unsigned cluster_ = 0;
};

std::string amount(const Vm& vm, const Memory& memory) {
    return to_string(memory_bound(vm)) + ", " + fixed(demand_cores(vm, memory), 2) + " CPU";
}

// `waves` of the drafts before this one.
std::size_t earliest(const Draft& draft, const std::vector<Draft>& drafts, const std::vector<unsigned>& waves) {
    unsigned wave = draft.least_wave;
    if (wave == 0) return 0;
    for (std::size_t i = 0; i < waves.size(); ++i)
        if (drafts[i].least_wave < draft.least_wave) wave = std::max(wave, waves[i] + 1);
    return wave;
}

Effect before_of(const ClusterView& view, const HostId& from, const HostId& to) {
    Effect effect;
    effect.source_cpu_before = view.cpu_ratio(from);
    effect.target_cpu_before = view.cpu_ratio(to);
    effect.source_memory_before = view.memory_ratio(from);
    effect.target_memory_before = view.memory_ratio(to);
    return effect;
}

void complete(Effect& effect, const ClusterView& view, const HostId& from, const HostId& to) {
    effect.source_cpu_after = view.cpu_ratio(from);
    effect.target_cpu_after = view.cpu_ratio(to);
    effect.source_memory_after = view.memory_ratio(from);
    effect.target_memory_after = view.memory_ratio(to);
}

std::string sentence(const Draft& draft, const Vm& vm, const Effect& effect, const Memory& memory) {
    const std::string subject = vm.facts.name + " (" + amount(vm, memory) + ")";
    const std::string wish = draft.preference.empty() ? "" : "; " + draft.preference;
    if (draft.trigger == Trigger::maintenance || draft.trigger == Trigger::degraded ||
        draft.trigger == Trigger::rule_violation || draft.trigger == Trigger::return_home)
        return draft.cause + "; " + subject + " goes to " + draft.to.value + ", then at " +
               percent(effect.target_memory_after) + " of its memory and " + percent(effect.target_cpu_after) +
               " of its usable CPU" + wish;
    const std::string source = draft.trigger == Trigger::overload ? "it" : vm.host.value;
    return draft.cause + "; moving " + subject + " brings " + source + " to " + percent(effect.source_cpu_after) +
           " CPU, " + percent(effect.source_memory_after) + " memory and " + draft.to.value + " to " +
           percent(effect.target_cpu_after) + " CPU, " + percent(effect.target_memory_after) + " memory" + wish;
}

std::string copies(const Move& move) {
    if (move.disks.empty()) return {};
    std::string names;
    for (const std::string& disk : move.disks) names += (names.empty() ? "" : ", ") + disk;
    return std::string(move.disks.size() == 1 ? "; disk " : "; disks ") + names + " (" +
           to_string(move.prediction.disk) + ") copied along";
}

Move finish(Draft draft, unsigned wave, ClusterView& view) {
    const Context& context = view.context();
    const Vm& vm = context.inventory.vms.at(draft.vm);
    Move move;
    move.vm = draft.vm;
    move.from = vm.host;
    move.to = draft.to;
    move.trigger = draft.trigger;
    move.wave = wave;
    move.effect = before_of(view, move.from, move.to);
    view.apply(vm, draft.to);
    complete(move.effect, view, move.from, move.to);
    const Host &from = *view.at(move.from).host, &to = *view.at(move.to).host;
    move.prediction = predict(vm, to, context);
    for (const VmDisk* disk : copied_disks(vm, from, to, context.options.migration)) move.disks.push_back(disk->target);
    move.reason = sentence(draft, vm, move.effect, context.memory) + copies(move);
    move.refused_targets = std::move(draft.refused_targets);
    return move;
}

}  // namespace

std::vector<unsigned> waves_of(const std::vector<Draft>& drafts, const Context& context) {
    std::vector<Wave> waves(1, Wave(context));
    for (const InFlight& move : context.in_flight) waves[0].take(move.from, move.to);
    std::vector<unsigned> result;
    for (const Draft& draft : drafts) {
        const HostId& from = context.inventory.vms.at(draft.vm).host;
        std::size_t wave = earliest(draft, drafts, result);
        if (wave >= waves.size()) waves.resize(wave + 1, Wave(context));
        while (wave < waves.size() && !waves[wave].has_room(from, draft.to)) ++wave;
        if (wave == waves.size()) waves.emplace_back(context);
        waves[wave].take(from, draft.to);
        result.push_back(static_cast<unsigned>(wave));
    }
    return result;
}

std::vector<Move> finished(std::vector<Draft> drafts, ClusterView view) {
    const std::vector<unsigned> waves = waves_of(drafts, view.context());
    std::vector<std::size_t> order(drafts.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return waves[a] < waves[b]; });
    std::vector<Move> moves;
    for (const std::size_t index : order) moves.push_back(finish(std::move(drafts[index]), waves[index], view));
    return moves;
}

}  // namespace ballast::policy
