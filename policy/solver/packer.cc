#include "policy/solver/packer.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "policy/solver/exact_fill.h"
#include "policy/solver/relaxed.h"

namespace ballast::policy::solver {

namespace {

// How much more the scarcest resource counts in a size: with a high power the others decide between equals only.
constexpr double scarcity_power = 4;
// How far sizes are blurred by a seed other than 1: another seed makes other choices from the beginning.
constexpr double blur = 0.05;
constexpr std::size_t most_hosts_in_chain = 64;  // looked at for one link of a chain
constexpr std::size_t most_ejections = 200, most_ejections_deep = 24;

}  // namespace

Packer::Packer(const Problem& problem, std::vector<VmIndex> wanted, const Effort& effort)
    : problem_(&problem),
      effort_(effort),
      placement_(problem),
      wanted_(std::move(wanted)),
      is_wanted_(problem.vms.size(), 0),
      in_chain_(problem.vms.size(), 0),
      crowded_at_home_(problem.vms.size(), 0),
      stays_until_(problem.vms.size(), 0),
      banned_until_(problem.vms.size(), 0),
      banned_from_(problem.vms.size(), no_host),
      state_(effort.seed) {
    for (const VmIndex vm : wanted_) {
        is_wanted_[vm] = 1;
        crowded_at_home_[vm] = may_wait_at_home(vm) ? 0 : 1;
    }
    left_ = wanted_;
    weigh();
}

void Packer::weigh() {
    receiving_.clear();
    Amounts capacity{}, load{};
    for (HostIndex host = 0; host < problem_->hosts.size(); ++host) {
        const HostSlot& slot = problem_->hosts[host];
        if (!slot.receives) continue;
        receiving_.push_back(host);
        for (std::size_t k = 0; k < problem_->resources.size(); ++k) {
            if (slot.capacity[k] == unlimited) continue;
            capacity[k] += slot.capacity[k];
            load[k] += placement_.used(host)[k];
        }
    }
    for (const VmIndex vm : left_)
        for (std::size_t k = 0; k < max_resources; ++k) load[k] += problem_->vms[vm].demand[k];
    double scarcest = 0;
    for (std::size_t k = 0; k < max_resources; ++k)
        if (capacity[k] > 0) scarcest = std::max(scarcest, load[k] / capacity[k]);
    per_size_ = {};
    for (std::size_t k = 0; k < max_resources; ++k)
        if (capacity[k] > 0 && scarcest > 0)
            per_size_[k] = std::pow(load[k] / capacity[k] / scarcest, scarcity_power) *
                           static_cast<double>(receiving_.size()) / capacity[k];
    size_.assign(problem_->vms.size(), 0);
    for (VmIndex vm = 0; vm < problem_->vms.size(); ++vm)
        for (std::size_t k = 0; k < max_resources; ++k) size_[vm] += per_size_[k] * problem_->vms[vm].demand[k];
    if (effort_.seed != 1)
        for (double& size : size_) size *= 1 + blur * ratio();
}

bool Packer::may_displace(VmIndex vm) const {
    if (only_moved_) return moves(vm);
    return is_wanted_[vm] || (effort_.depth > 0 && problem_->vms[vm].movable);
}

// Weight, then size, then number.
bool Packer::heavier(VmIndex a, VmIndex b) const {
    const auto key = [&](VmIndex vm) { return std::tuple(-problem_->vms[vm].weight, -size_[vm], vm); };
    return key(a) < key(b);
}

// Of two results the one with the lower value is better: weight without a place first, then number.
double Packer::worth_left(const std::vector<VmIndex>& left) const {
    double worth = 0;
    for (const VmIndex vm : left) worth += problem_->vms[vm].weight;
    return worth * (1 + 1e-12) + 1e-9 * static_cast<double>(left.size());
}

double Packer::tightness(VmIndex vm, HostIndex host) const {
    double sum = 0;
    for (std::size_t k = 0; k < problem_->resources.size(); ++k) {
        if (per_size_[k] == 0) continue;
        const double free = problem_->hosts[host].capacity[k] - placement_.used(host)[k] - problem_->vms[vm].demand[k];
        sum += per_size_[k] * per_size_[k] * free * free;
    }
    return sum;
}

// Minus the cosine of the angle between what a VM takes and what is free (Panigrahy et al., "Heuristics for Vector Bin
// Packing", 2011): a host whose resources would run out together.
double Packer::misalignment(VmIndex vm, HostIndex host) const {
    double product = 0, square = 0;
    for (std::size_t k = 0; k < problem_->resources.size(); ++k) {
        if (per_size_[k] == 0) continue;
        const double free = per_size_[k] * (problem_->hosts[host].capacity[k] - placement_.used(host)[k]);
        product += per_size_[k] * problem_->vms[vm].demand[k] * free;
        square += free * free;
    }
    return square > 0 ? -product / std::sqrt(square) : 0;
}

HostIndex Packer::best_host(VmIndex vm, Rule rule) {
    HostIndex best = no_host;
    double least = 0;
    work_ += receiving_.size();
    for (const HostIndex host : receiving_) {
        if (!placement_.fits(vm, host)) continue;
        const double value = rule == Rule::score      ? placement_.score_after(vm, host)
                             : rule == Rule::tightest ? tightness(vm, host)
                                                      : misalignment(vm, host);
        if (best != no_host && value >= least) continue;
        best = host;
        least = value;
    }
    return best;
}

// The heavy ones first; those with the fewest places first; those that take the least room for their weight first,
// which places most of them when not all can be.
std::vector<std::vector<VmIndex>> Packer::orders() {
    std::vector<std::uint32_t> places(problem_->vms.size(), 0);
    for (const VmIndex vm : left_)
        for (const HostIndex host : receiving_) places[vm] += placement_.fits(vm, host) ? 1 : 0;
    std::vector<std::vector<VmIndex>> result(3, left_);
    std::sort(result[0].begin(), result[0].end(), [&](VmIndex a, VmIndex b) { return heavier(a, b); });
    std::sort(result[1].begin(), result[1].end(),
              [&](VmIndex a, VmIndex b) { return places[a] != places[b] ? places[a] < places[b] : heavier(a, b); });
    const auto density = [&](VmIndex vm) { return std::tuple(-problem_->vms[vm].weight / (size_[vm] + 1e-12), vm); };
    std::sort(result[2].begin(), result[2].end(), [&](VmIndex a, VmIndex b) { return density(a) < density(b); });
    return result;
}

// All rules and orders, until one places all. What places most is kept as a result; the search goes on from where the
// least size is left over, which is not the same.
void Packer::place_directly() {
    const std::vector<HostIndex> before = places();
    std::vector<HostIndex> start = before;
    double least = unlimited;
    for (const std::vector<VmIndex>& order : orders()) {
        for (const Rule rule : {Rule::score, Rule::tightest, Rule::aligned}) {
            if (rule == Rule::score && !effort_.spread) continue;
            restore(before);
            const std::vector<VmIndex> waiting = place_in(order, rule);
            keep_if_better(waiting);
            double size = 0;
            for (const VmIndex vm : waiting) size += size_[vm];
            if (size < least) {
                least = size;
                start = places();
                left_ = waiting;
            }
            if (waiting.empty()) return;
        }
    }
    restore(start);
}

std::vector<VmIndex> Packer::place_in(const std::vector<VmIndex>& order, Rule rule) {
    std::vector<VmIndex> waiting;
    for (const VmIndex vm : order) {
        const HostIndex host = best_host(vm, rule);
        if (host == no_host)
            waiting.push_back(vm);
        else
            placement_.move(vm, host);
    }
    return waiting;
}

void Packer::put(VmIndex vm, HostIndex host) {
    trail_.push_back({vm, placement_.host_of(vm)});
    placement_.move(vm, host);
}

void Packer::undo(std::size_t mark) {
    for (; trail_.size() > mark; trail_.pop_back()) placement_.move(trail_.back().vm, trail_.back().from);
}

// Whom `vm` could take the place of: those that move anyway first, then cheap and small ones.
std::vector<Packer::Way> Packer::ways(VmIndex vm) {
    std::vector<Way> found;
    const std::size_t number = std::min(receiving_.size(), most_hosts_in_chain);
    const std::size_t start = number < receiving_.size() ? random() % receiving_.size() : 0;
    for (std::size_t i = 0; i < number; ++i) {
        const HostIndex host = receiving_[(start + i) % receiving_.size()];
        work_ += 4 * placement_.vms_on(host).size();
        for (const VmIndex out : placement_.vms_on(host)) {
            if (in_chain_[out] || !may_displace(out) || !placement_.fits_without(vm, host, out)) continue;
            found.push_back({(moves(out) ? 0 : problem_->vms[out].move_cost) + size_[out], host, out});
        }
    }
    std::sort(found.begin(), found.end(), [](const Way& a, const Way& b) {
        return std::tie(a.cost, a.host, a.out) < std::tie(b.cost, b.host, b.out);
    });
    return found;
}

// Chains: `vm` takes a place, and who was in the way finds another one by the same means.
bool Packer::insert(VmIndex vm, unsigned depth, std::uint64_t limit) {
    if (const HostIndex host = best_host(vm, Rule::tightest); host != no_host) {
        put(vm, host);
        return true;
    }
    if (depth == 0 || spent(limit)) return false;
    std::size_t tries = depth > 1 ? most_ejections_deep : most_ejections;
    for (const Way& way : ways(vm)) {
        if (tries-- == 0 || spent(limit)) return false;
        if (insert_for(vm, way.host, {&way.out, 1}, depth - 1, limit)) return true;
    }
    return false;
}

bool Packer::insert_for(VmIndex vm, HostIndex host, std::span<const VmIndex> out, unsigned depth, std::uint64_t limit) {
    const std::size_t mark = trail_.size();
    for (const VmIndex other : out) put(other, no_host);
    put(vm, host);
    in_chain_[vm] = 1;
    const bool done = std::all_of(out.begin(), out.end(), [&](VmIndex other) { return insert(other, depth, limit); });
    in_chain_[vm] = 0;
    if (!done) undo(mark);
    return done;
}

void Packer::place_by_chains(std::uint64_t limit) {
    for (unsigned depth = 0; depth <= effort_.depth && !left_.empty(); ++depth) {
        std::sort(left_.begin(), left_.end(), [&](VmIndex a, VmIndex b) { return heavier(a, b); });
        std::vector<VmIndex> waiting;
        for (std::size_t i = 0; i < left_.size(); ++i) {
            const std::uint64_t share = work_ >= limit ? 0 : (limit - work_) / (left_.size() - i);
            trail_.clear();
            if (!insert(left_[i], depth, work_ + share)) waiting.push_back(left_[i]);
        }
        left_ = std::move(waiting);
    }
    keep_if_better(left_);
}

bool Packer::run() {
    std::vector<VmIndex> waiting;
    for (const VmIndex vm : wanted_) {
        const HostIndex home = problem_->vms[vm].home;
        if (home != no_host && problem_->hosts[home].receives) is_wanted_[vm] = 0;
    }
    std::copy_if(left_.begin(), left_.end(), std::back_inserter(waiting), [&](VmIndex vm) { return is_wanted_[vm]; });
    std::erase_if(wanted_, [&](VmIndex vm) { return !is_wanted_[vm]; });
    left_ = best_left_ = std::move(waiting);
    best_places_ = places();
    weigh();
    std::uint64_t limit = work_ + effort_.work;
    place_directly();
    if (!left_.empty()) place_by_chains(work_ + effort_.work / 4);
    if (!left_.empty() && effort_.depth > 0 && !receiving_.empty()) {
        const std::uint64_t share = (limit - std::min(limit, work_)) / 2;
        search(left_, work_ + share / 8);  // moves fewer than what follows, and is mostly enough
        limit += fill_hosts_exactly();
        restore(best_places_);
        search(best_left_, work_ + share - share / 8);
        place_without_other_limits();
        search_with_fewer(limit);
    }
    restore(best_places_);
    left_ = best_left_;
    send_home();
    return left_.empty();
}

// One resource may be too scarce for exchanges that have to keep all limits at every step.
void Packer::place_without_other_limits() {
    if (best_left_.empty()) return;
    Effort half = effort_;
    half.work /= 2;
    const auto found = place_relaxed(*problem_, wanted_, half, work_);
    if (!found) return;
    best_places_ = *found;
    best_left_.clear();
}

// Hardly anything may stay free: then only exact sums help. Returns the work it took.
std::uint64_t Packer::fill_hosts_exactly() {
    if (best_left_.empty() || !effort_.exact) return 0;
    const std::uint64_t before = work_;
    Effort part = effort_;
    part.work /= 4;
    const auto found = fill_exactly(*problem_, best_places_, best_left_, wanted_, part, work_);
    if (found) {
        best_places_ = *found;
        best_left_.clear();
    }
    return work_ - before;
}

std::vector<HostIndex> Packer::places() const {
    std::vector<HostIndex> result(problem_->vms.size());
    for (VmIndex vm = 0; vm < result.size(); ++vm) result[vm] = placement_.host_of(vm);
    return result;
}

void Packer::restore(const std::vector<HostIndex>& places) {
    for (VmIndex vm = 0; vm < places.size(); ++vm) placement_.move(vm, places[vm]);
}

// Who waits at home counts there: in its failure domain others may have come meanwhile. What was so before is no
// obstacle.
bool Packer::may_wait_at_home(VmIndex vm) const {
    const VmSlot& slot = problem_->vms[vm];
    if (slot.home == no_host || crowded_at_home_[vm]) return true;
    return std::all_of(slot.groups.begin(), slot.groups.end(), [&](std::uint32_t group) {
        return !problem_->groups[group].hard || placement_.members(group, slot.home) <= problem_->groups[group].most;
    });
}

void Packer::keep_if_better(const std::vector<VmIndex>& waiting) {
    if (!std::all_of(waiting.begin(), waiting.end(), [&](VmIndex vm) { return may_wait_at_home(vm); })) return;
    if (!best_places_.empty() && worth_left(waiting) >= worth_left(best_left_)) return;
    best_places_ = places();
    best_left_ = waiting;
}

// Who was displaced and would fit at home again stays there; or would, if others that move anyway went elsewhere.
void Packer::send_home() {
    const std::uint64_t limit = work_ + effort_.work / 4;
    only_moved_ = true;
    for (bool any = true; any && !spent(limit);) {
        any = false;
        for (VmIndex vm = 0; vm < problem_->vms.size(); ++vm) {
            const HostIndex home = problem_->vms[vm].home;
            if (home == no_host || is_wanted_[vm] || !moves(vm)) continue;
            if (placement_.fits(vm, home))
                placement_.move(vm, home);
            else if (!bring_home(vm, limit))
                continue;
            any = true;
        }
    }
    only_moved_ = false;
}

bool Packer::bring_home(VmIndex vm, std::uint64_t limit) {
    const HostIndex home = problem_->vms[vm].home;
    std::vector<VmIndex> others;
    for (const VmIndex other : placement_.vms_on(home))
        if (moves(other)) others.push_back(other);
    std::sort(others.begin(), others.end());
    trail_.clear();
    for (const VmIndex other : others) {
        if (spent(limit)) return false;
        if (placement_.fits_without(vm, home, other) && insert_for(vm, home, {&other, 1}, 1, limit)) return true;
    }
    for (std::size_t i = 0; i < others.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j) {
            if (spent(limit)) return false;
            const VmIndex pair[2] = {others[i], others[j]};
            placement_.move(pair[0], no_host);
            const bool fits = placement_.fits_without(vm, home, pair[1]);
            placement_.move(pair[0], home);
            if (fits && insert_for(vm, home, pair, 1, limit)) return true;
        }
    }
    return false;
}

}  // namespace ballast::policy::solver
