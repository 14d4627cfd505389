#include "policy/balance_search.h"

#include <algorithm>

#include "policy/constraints/constraint.h"
#include "policy/experience.h"
#include "policy/solver/balance.h"

namespace ballast::policy {

namespace {

// Among this many hosts or fewer a gain is taken as it is. Among more it is judged as if there were only these.
constexpr double reference_hosts = 16;

// Each search is so much longer than the one before it: all but the last together cost next to nothing.
constexpr std::uint64_t search_ratio = 64;

// How often moves are looked for, the first time included: afterwards in the place of those not to be made. Measured
// with 1,000 hosts and 100 moves allowed: the first finds 91, and after the third there are 100. What is to be quick
// makes do with the first.
constexpr int most_rounds = 4;

// A plan that is better by less is the same one but for rounding.
constexpr double rounding = 1e-9;

// What a VM on its way holds on both hosts [ClusterView::leave].
constexpr DenseResource held_on_both[] = {dense_promised,      dense_claimed,         dense_vcpus,
                                          dense_reserved_cpus, dense_reserved_memory, dense_huge_pages};

struct Proposal {
    solver::VmIndex vm;
    solver::HostIndex to;
    double gain;  // of the score, were it taken back
};

double cost_s(const Vm& vm, const Context& context) {
    const Prediction prediction = predict(vm, context);
    if (!prediction.converges) return solver::unlimited;
    return static_cast<double>(cost_of(prediction).count()) / 1000;
}

// What is not worth its cost within the payback time goes home, the dearest first. Says who.
std::vector<solver::VmIndex> send_home(solver::Placement& placement, const Dense& dense, const Context& context) {
    const solver::Problem& problem = placement.problem();
    const double share = gain_share(problem);
    const BalanceOptions& options = context.options.balance;
    const double payback_s = std::max(1.0, static_cast<double>(options.payback.count()) / 1000);
    std::vector<std::pair<double, solver::VmIndex>> by_cost;
    for (solver::VmIndex vm = 0; vm < problem.vms.size(); ++vm)
        if (placement.host_of(vm) != problem.vms[vm].home) by_cost.emplace_back(cost_s(*dense.vms[vm], context), vm);
    std::sort(by_cost.begin(), by_cost.end(), [](const auto& a, const auto& b) { return b < a; });
    std::vector<solver::VmIndex> sent;
    for (const auto& [cost, vm] : by_cost) {
        const solver::HostIndex home = problem.vms[vm].home;
        const double gain = placement.score_after(vm, home) - placement.score();
        if (gain >= share * std::max(options.min_gain, cost / payback_s)) continue;
        placement.move(vm, home);
        sent.push_back(vm);
    }
    return sent;
}

std::vector<Proposal> proposals_of(const solver::Placement& placement) {
    const solver::Problem& problem = placement.problem();
    std::vector<Proposal> proposals;
    for (solver::VmIndex vm = 0; vm < problem.vms.size(); ++vm) {
        const solver::HostIndex home = problem.vms[vm].home;
        if (placement.host_of(vm) == home) continue;
        proposals.push_back({vm, placement.host_of(vm), placement.score_after(vm, home) - placement.score()});
    }
    std::stable_sort(proposals.begin(), proposals.end(),
                     [](const Proposal& a, const Proposal& b) { return a.gain > b.gain; });
    return proposals;
}

// One search, and what the constraints leave of it.
class Search {
public:
    Search(const ClusterView& view, const Dense& dense, const solver::BalanceLimits& limits)
        : dense_(dense), limits_(limits), view_(view), made_(dense.problem), most_moves_(limits.max_moves) {}

    void run(std::uint64_t steps, int rounds) {
        limits_.max_steps = steps;
        std::vector<solver::VmIndex> refused = plan(dense_.problem);
        solver::Problem left;
        for (int round = 1; round < rounds && !refused.empty() && moves_.size() < most_moves_; ++round) {
            if (round == 1) left = dense_.problem;
            settle(refused, left);
            limits_.max_moves = most_moves_ - moves_.size();
            limits_.max_steps = std::max<std::uint64_t>(1, steps / most_moves_ * limits_.max_moves);
            refused = plan(left);
        }
    }

    const std::vector<BalanceMove>& moves() const { return moves_; }
    double value() const { return made_.score() + limits_.min_gain * static_cast<double>(moves_.size()); }

private:
    // Says who is not to be moved: it is not worth the cost, or the constraints refuse it.
    std::vector<solver::VmIndex> plan(const solver::Problem& problem) {
        const solver::Balanced found = solver::balance(problem, limits_);
        solver::Placement placement(problem);
        for (solver::VmIndex vm = 0; vm < problem.vms.size(); ++vm) placement.move(vm, found.host_of[vm]);
        std::vector<solver::VmIndex> refused = send_home(placement, dense_, view_.context());
        take(proposals_of(placement), refused);
        return refused;
    }

    // In the order of their gain, those that nothing forbids once the ones before are made, and that make it better by
    // themselves: a plan that is cut short must not leave it worse.
    void take(const std::vector<Proposal>& proposals, std::vector<solver::VmIndex>& refused) {
        for (const auto& [vm, to, gain] : proposals) {
            const bool helps = made_.score() - made_.score_after(vm, to) >= limits_.min_gain;
            if (!helps || !accepts(view_, *dense_.vms[vm], *dense_.hosts[to], Purpose::relief)) {
                refused.push_back(vm);
                continue;
            }
            view_.apply(*dense_.vms[vm], dense_.hosts[to]->id);
            made_.move(vm, to);
            moves_.push_back({vm, to});
        }
    }

    // What was taken stays taken, and who was refused stays at home.
    void settle(const std::vector<solver::VmIndex>& refused, solver::Problem& left) {
        for (const solver::VmIndex vm : refused) left.vms[vm].movable = false;
        for (; settled_ < moves_.size(); ++settled_) {
            solver::VmSlot& slot = left.vms[moves_[settled_].vm];
            for (const DenseResource k : held_on_both) left.hosts[slot.home].base[k] += slot.demand[k];
            slot.home = moves_[settled_].to;
            slot.movable = false;
        }
    }

    const Dense& dense_;
    solver::BalanceLimits limits_;
    ClusterView view_;
    solver::Placement made_;
    std::size_t most_moves_;
    std::vector<BalanceMove> moves_;
    std::size_t settled_ = 0;  // moves that the problem of a later round has
};

}  // namespace

double gain_share(const solver::Problem& problem) {
    const auto counted =
        std::count_if(problem.hosts.begin(), problem.hosts.end(), [](const auto& h) { return h.counts; });
    return reference_hosts / std::max(reference_hosts, static_cast<double>(counted));
}

std::vector<BalanceMove> find_balance(const ClusterView& view, const Dense& dense, std::uint64_t max_steps) {
    const BalanceOptions& options = view.context().options.balance;
    const std::uint64_t sensible = solver::sensible_steps(dense.problem);
    if (max_steps == 0) max_steps = sensible;
    solver::BalanceLimits limits;
    limits.max_moves = improvements_allowed(view.context().memory.audit, options.max_moves_per_cycle);
    limits.min_gain = options.min_gain * gain_share(dense.problem);
    std::vector<BalanceMove> best;
    double least = solver::Placement(dense.problem).score();
    const std::uint64_t first = sensible / search_ratio;
    for (std::uint64_t steps = first;; steps *= search_ratio) {
        Search search(view, dense, limits);
        search.run(steps, steps == first ? 1 : most_rounds);
        if (search.value() <= least + rounding) best = search.moves(), least = std::min(least, search.value());
        if (steps > max_steps / search_ratio) return best;
    }
}

}  // namespace ballast::policy
