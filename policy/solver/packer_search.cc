// The packer's tabu search, after "consistent neighbourhood search for bin packing" (Buljubasic, Vasquez, 2016): those
// without a place are exchanged against smaller ones, and the total size of what waits goes down until all fit.
#include <algorithm>

#include "policy/solver/packer.h"

namespace ballast::policy::solver {

namespace {

constexpr std::size_t most_waiting = 4, most_hosts = 16;  // looked at in one step
constexpr std::size_t most_choices = 16;                  // of whom to give up
constexpr std::uint64_t look_everywhere = 64;             // steps until all that wait look at all hosts again
constexpr std::uint64_t tabu_steps = 6, tabu_spread = 10;

// splitmix64 (Steele, Lea, Flood 2014)
std::uint64_t mix(std::uint64_t& state) {
    std::uint64_t z = (state += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

bool covers(const Amounts& lack, const Amounts& one, const Amounts& other, std::size_t resources) {
    for (std::size_t k = 0; k < resources; ++k)
        if (one[k] + other[k] < lack[k]) return false;
    return true;
}

}  // namespace

std::uint64_t Packer::random() {
    return mix(state_);
}

// VMs to be placed wait at home, where their groups count them; others are nowhere meanwhile.
void Packer::take_off(VmIndex vm) {
    placement_.move(vm, is_wanted_[vm] ? problem_->vms[vm].home : no_host);
}

bool Packer::all_wanted(const std::vector<VmIndex>& waiting) const {
    return std::all_of(waiting.begin(), waiting.end(), [&](VmIndex vm) { return is_wanted_[vm] != 0; });
}

// The best exchange of `vm` for one or two on `host`, if better than `best`.
void Packer::consider(Exchange& best, VmIndex vm, HostIndex host) {
    static constexpr Amounts nothing{};
    const VmSlot& slot = problem_->vms[vm];
    const HostSlot& target = problem_->hosts[host];
    if (placement_.host_of(vm) == host || !problem_->may_run(slot, target)) return;
    if (banned_from_[vm] == host && banned_until_[vm] > turn_) return;
    const std::size_t resources = problem_->resources.size();
    Amounts lack{};
    for (std::size_t k = 0; k < resources; ++k)
        if (slot.demand[k] > 0) lack[k] = placement_.used(host)[k] + slot.demand[k] - target.capacity[k] * (1 + 1e-9);
    candidates_.clear();
    for (const VmIndex out : placement_.vms_on(host))
        if (may_displace(out) && stays_until_[out] <= turn_) candidates_.push_back(out);
    work_ += candidates_.size() * (candidates_.size() + 1) / 4;
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
        const VmIndex one = candidates_[i];
        const Amounts& first = problem_->vms[one].demand;
        const double gain = size_[vm] - size_[one];
        if (gain <= best.gain) continue;
        if (covers(lack, first, nothing, resources)) {
            if (placement_.fits_without(vm, host, one)) best = {vm, {one, Placement::no_vm}, host, gain};
            continue;
        }
        for (std::size_t j = 0; j < i; ++j) {
            const VmIndex other = candidates_[j];
            if (gain - size_[other] <= best.gain || !covers(lack, first, problem_->vms[other].demand, resources))
                continue;
            placement_.move(other, no_host);
            const bool fits = placement_.fits_without(vm, host, one);
            placement_.move(other, host);
            if (!fits) continue;
            best = {vm, {one, other}, host, gain - size_[other]};
        }
    }
}

Packer::Exchange Packer::best_exchange(const std::vector<VmIndex>& waiting) {
    Exchange best;
    const std::size_t offset = random(), start = random();
    for (std::size_t i = 0; i < std::min(most_waiting, waiting.size()); ++i) {
        const VmIndex vm = waiting[(offset + i) % waiting.size()];
        for (std::size_t j = 0; j < std::min(most_hosts, receiving_.size()); ++j)
            consider(best, vm, receiving_[(start + j) % receiving_.size()]);
    }
    return best;
}

void Packer::exchange(std::vector<VmIndex>& waiting, const Exchange& chosen) {
    std::erase(waiting, chosen.in);
    for (const VmIndex out : chosen.out) {
        if (out == Placement::no_vm) continue;
        take_off(out);
        waiting.push_back(out);
        banned_from_[out] = chosen.host;
        banned_until_[out] = turn_ + tabu_steps + random() % tabu_spread;
    }
    placement_.move(chosen.in, chosen.host);
    stays_until_[chosen.in] = turn_ + tabu_steps + random() % tabu_spread;
}

// Whoever waits and fits somewhere goes there, the large ones first. After an exchange only its host has more room than
// before, so all but those just thrown out need to look there alone.
void Packer::fill(std::vector<VmIndex>& waiting, const Exchange* after) {
    std::sort(waiting.begin(), waiting.end(),
              [&](VmIndex a, VmIndex b) { return size_[a] != size_[b] ? size_[a] > size_[b] : a < b; });
    std::erase_if(waiting, [&](VmIndex vm) {
        HostIndex host = no_host;
        if (after == nullptr || vm == after->out[0] || vm == after->out[1])
            host = best_host(vm, Rule::tightest);
        else if (++work_; placement_.fits(vm, after->host))
            host = after->host;
        if (host != no_host) placement_.move(vm, host);
        return host != no_host;
    });
}

bool Packer::search(std::vector<VmIndex> waiting, std::uint64_t limit) {
    if (receiving_.empty()) return waiting.empty();
    while (!waiting.empty() && !spent(limit)) {
        ++turn_;
        work_ += 10;
        const Exchange chosen = best_exchange(waiting);
        if (chosen.in == Placement::no_vm) continue;
        exchange(waiting, chosen);
        fill(waiting, turn_ % look_everywhere == 0 ? nullptr : &chosen);
        if (all_wanted(waiting)) keep_if_better(with_dropped(waiting));
    }
    return waiting.empty();
}

std::vector<VmIndex> Packer::with_dropped(std::vector<VmIndex> waiting) const {
    waiting.insert(waiting.end(), dropped_.begin(), dropped_.end());
    return waiting;
}

// When not all can be placed: without those that take most room for their weight the others may all fit. As few as
// possible are given up, and not always just the first ones: another resource may be what is short.
void Packer::search_with_fewer(std::uint64_t limit) {
    std::vector<VmIndex> order = wanted_;
    const auto density = [&](VmIndex vm) { return problem_->vms[vm].weight / (size_[vm] + 1e-12); };
    std::sort(order.begin(), order.end(),
              [&](VmIndex a, VmIndex b) { return density(a) != density(b) ? density(a) < density(b) : a < b; });
    for (std::size_t number = 1; number < best_left_.size() && !spent(limit); ++number) {
        const std::size_t choices = std::min(most_choices, order.size() - number + 1);
        const std::uint64_t share = (limit - work_) / ((best_left_.size() - number) * choices);
        for (std::size_t first = 0; first < choices && number < best_left_.size(); ++first) {
            const auto begin = order.begin() + static_cast<std::ptrdiff_t>(first);
            dropped_.assign(begin, begin + static_cast<std::ptrdiff_t>(number));
            if (worth_left(dropped_) < worth_left(best_left_)) search_without_dropped(work_ + share);
        }
    }
    dropped_.clear();
}

void Packer::search_without_dropped(std::uint64_t limit) {
    restore(best_places_);
    std::vector<VmIndex> waiting = best_left_;
    for (const VmIndex vm : dropped_) {
        take_off(vm);
        std::erase(waiting, vm);
    }
    if (lacks_room(waiting)) return;
    fill(waiting, nullptr);
    if (waiting.empty())
        keep_if_better(dropped_);
    else
        search(std::move(waiting), limit);
}

// Is there too little room for these altogether, however it were arranged?
bool Packer::lacks_room(const std::vector<VmIndex>& waiting) const {
    for (std::size_t k = 0; k < problem_->resources.size(); ++k) {
        double lack = 0, capacity = 0;
        for (const HostIndex host : receiving_) {
            capacity += problem_->hosts[host].capacity[k];
            lack += placement_.used(host)[k] - problem_->hosts[host].capacity[k];
        }
        for (const VmIndex vm : waiting) lack += problem_->vms[vm].demand[k];
        if (capacity < unlimited && lack > 1e-9 * capacity) return true;
    }
    return false;
}

}  // namespace ballast::policy::solver
