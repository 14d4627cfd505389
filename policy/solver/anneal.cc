#include "policy/solver/anneal.h"

#include <algorithm>

namespace ballast::policy::solver {

namespace {

// All tuned on clusters of ganeti's format with 8 to 1,000 hosts, by the score after a given number of steps; none is
// sensitive: twice or half costs a few per cent of the score. Temperatures and prices are in units of score / hosts,
// about what a good move gains.
constexpr double first_temperature = 0.16, last_temperature = 0.01;
constexpr double first_price = 0.3;
constexpr int epochs = 400;
constexpr double swap_share = 0.9;  // of the steps; the others are single moves
constexpr double away_share = 0.8;  // of the steps begin with a VM that is away already
constexpr std::size_t targets_a_move = 16;
// How the price follows the number of VMs away: slowly, since the number follows the price slowly as well.
constexpr double price_up = 1.01, price_gain = 0.2;
// The last part of a search goes on without noise; the very last fills up what moves are left.
constexpr double cold_share = 0.05, filling_share = 0.05;

// By VM: the most by which its moving can lower the penalty, 0 where it cannot change it.
std::vector<double> stakes(const Problem& problem) {
    double host_penalty = 0;
    for (const HostSlot& host : problem.hosts) host_penalty = std::max(host_penalty, host.vm_penalty);
    std::vector<double> result(problem.vms.size(), host_penalty);
    for (VmIndex vm = 0; vm < problem.vms.size(); ++vm)
        for (const std::uint32_t group : problem.vms[vm].groups)
            if (!problem.groups[group].hard) result[vm] += problem.groups[group].penalty;
    return result;
}

}  // namespace

Anneal::Anneal(Placement& placement, const BalanceLimits& limits, Budget& budget, Best& best)
    : placement_(&placement),
      limits_(&limits),
      effort_(&budget),
      best_(&best),
      slopes_(placement),
      dice_(limits.seed),
      noise_(dice_),
      stakes_(stakes(placement.problem())),
      place_in_away_(placement.problem().vms.size(), 0) {
    const Problem& problem = placement.problem();
    for (VmIndex vm = 0; vm < problem.vms.size(); ++vm) {
        if (!problem.vms[vm].movable || problem.vms[vm].home == no_host) continue;
        movable_.push_back(vm);
        if (away(vm, placement.host_of(vm)) == 0) continue;
        place_in_away_[vm] = static_cast<std::uint32_t>(away_.size());
        away_.push_back(vm);
    }
    for (HostIndex host = 0; host < problem.hosts.size(); ++host)
        if (problem.hosts[host].receives) targets_.push_back(host);
    most_moves_ = std::min(limits.max_moves, movable_.size());
}

double Anneal::unit() const {
    const double deviations = std::max(0.0, placement_->score() - placement_->penalty());
    return deviations / static_cast<double>(placement_->problem().hosts.size());
}

void Anneal::run(std::uint64_t until) {
    if (movable_.empty() || targets_.empty() || most_moves_ == 0) return;
    const std::uint64_t from = effort_->spent();
    if (until <= from) return;
    const auto steps = static_cast<double>(until - from);
    const auto share = [&](double part) { return from + static_cast<std::uint64_t>(steps * part); };
    const double hot = 1 - cold_share - filling_share;
    const double cooling = portable_exp(portable_log(last_temperature / first_temperature) / (epochs - 1));
    price_ = std::max(limits_->min_gain, first_price * unit());
    double relative = first_temperature;
    for (int i = 0; i < epochs && !effort_->over(); ++i, relative *= cooling) {
        temperature_ = relative * unit();
        epoch(share(hot * (i + 1) / epochs));
        adjust_price();
    }
    temperature_ = 0;
    epoch(share(1 - filling_share));
    price_ = limits_->min_gain;
    epoch(until);
}

void Anneal::epoch(std::uint64_t until) {
    while (effort_->spent() < until && !effort_->over()) step();
    best_->offer(*placement_, *effort_);
}

void Anneal::adjust_price() {
    const double filled = static_cast<double>(placement_->moved()) / static_cast<double>(most_moves_);
    price_ *= filled >= 0.999 ? price_up : std::max(0.8, 1 + (filled - 1) * price_gain);
    price_ = std::max(price_, limits_->min_gain);
}

VmIndex Anneal::choose_vm() {
    const bool from_away = !away_.empty() && dice_.chance(away_share);
    const std::vector<VmIndex>& list = from_away ? away_ : movable_;
    return list[dice_.below(list.size())];
}

void Anneal::step() {
    effort_->spend(1);
    const VmIndex vm = choose_vm();
    if (!dice_.chance(swap_share)) {
        relocate(vm);
        return;
    }
    const HostIndex host = targets_[dice_.below(targets_.size())];
    if (host != placement_->host_of(vm)) swap(vm, host);
}

void Anneal::relocate(VmIndex vm) {
    const HostIndex from = placement_->host_of(vm);
    if (away(vm, from) == 0 && placement_->moved() >= most_moves_) return;
    const Amounts& demand = placement_->problem().vms[vm].demand;
    const double leaving = slopes_.cost(*placement_, from, demand, -1) - price_ * away(vm, from);
    noise_.begin(dice_.next());
    double best = -temperature_ * noise_.next();  // staying
    HostIndex chosen = no_host;
    const auto consider = [&](HostIndex host) {
        if (host == from) return;
        double cost = leaving + slopes_.cost(*placement_, host, demand, 1) + price_ * away(vm, host);
        cost -= temperature_ * noise_.next();
        if (cost - stakes_[vm] >= best) return;
        if (stakes_[vm] > 0) cost += placement_->penalty_change(vm, from, host);
        if (cost >= best || !placement_->fits(vm, host)) return;
        best = cost;
        chosen = host;
    };
    const bool all = targets_.size() <= targets_a_move;
    const std::size_t tries = all ? targets_.size() : targets_a_move;
    for (std::size_t i = 0; i < tries; ++i) consider(targets_[all ? i : dice_.below(targets_.size())]);
    if (!all && away(vm, from) == 1) consider(placement_->problem().vms[vm].home);
    effort_->spend(tries);
    if (chosen != no_host) put(vm, chosen);
}

// One of the VMs on that host to change places with this one, or none.
VmIndex Anneal::choose_partner(VmIndex vm, HostIndex host) {
    const Problem& problem = placement_->problem();
    const HostIndex from = placement_->host_of(vm);
    const SwapCost swap_cost = slopes_.swap_cost(*placement_, from, problem.vms[vm].demand, host);
    const int change = away(vm, host) - away(vm, from);
    noise_.begin(dice_.next());
    double best = -temperature_ * noise_.next();  // staying
    VmIndex chosen = Placement::no_vm;
    for (const VmIndex other : placement_->vms_on(host)) {
        const VmSlot& slot = problem.vms[other];
        const int both = change + away(other, from) - away(other, host);
        if (!slot.movable || (both > 0 && placement_->moved() + both > most_moves_)) continue;
        double cost = swap_cost.of(slot.demand);
        cost += price_ * both - temperature_ * noise_.next();
        if (cost - stakes_[vm] - stakes_[other] >= best) continue;
        if (stakes_[vm] > 0) cost += placement_->penalty_change(vm, from, host, other);
        if (stakes_[other] > 0) cost += placement_->penalty_change(other, host, from, vm);
        if (cost >= best || !placement_->fits_without(vm, host, other) || !placement_->fits_without(other, from, vm))
            continue;
        best = cost;
        chosen = other;
    }
    effort_->spend(placement_->vms_on(host).size());
    return chosen;
}

void Anneal::swap(VmIndex vm, HostIndex host) {
    const HostIndex from = placement_->host_of(vm);
    const VmIndex other = choose_partner(vm, host);
    if (other == Placement::no_vm) return;
    put(vm, host);
    put(other, from);
}

void Anneal::go_to(const std::vector<HostIndex>& host_of) {
    for (VmIndex vm = 0; vm < host_of.size(); ++vm)
        if (placement_->host_of(vm) != host_of[vm]) move(vm, host_of[vm]);
    slopes_.refresh(*placement_);
}

void Anneal::put(VmIndex vm, HostIndex host) {
    move(vm, host);
    slopes_.refresh(*placement_);
}

void Anneal::move(VmIndex vm, HostIndex host) {
    const int before = away(vm, placement_->host_of(vm)), after = away(vm, host);
    placement_->move(vm, host);
    if (after > before) {
        place_in_away_[vm] = static_cast<std::uint32_t>(away_.size());
        away_.push_back(vm);
    } else if (after < before) {
        place_in_away_[away_.back()] = place_in_away_[vm];
        away_[place_in_away_[vm]] = away_.back();
        away_.pop_back();
    }
}

}  // namespace ballast::policy::solver
