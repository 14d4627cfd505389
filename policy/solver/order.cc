#include "policy/solver/order.h"

#include <algorithm>
#include <numeric>

#include "policy/solver/parking.h"
#include "policy/solver/traffic.h"

namespace ballast::policy::solver {

namespace {

// Which move comes first where several could start.
struct Priority {
    enum class Kind { longest_tail, largest, smallest, any };
    Kind kind = Kind::longest_tail;
    std::uint64_t seed = 0;  // of `any`
};

// Orders are tried until none strands anybody, while they cost less than OrderOptions::work.
constexpr std::uint64_t most_attempts = 400;

// splitmix64's mixing (Steele, Lea, Flood 2014): a fixed pseudorandom number of its argument.
double scattered(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return static_cast<double>((z ^ (z >> 31)) >> 11);
}

// How far back a tail is followed; in a circle it would never end.
constexpr int tail_rounds = 8;

class Scheduler {
public:
    Scheduler(const Problem& problem, const std::vector<HostIndex>& target, const OrderOptions& options,
              Priority priority, bool parked_come_home)
        : problem_(problem),
          target_(target),
          options_(options),
          priority_(priority),
          parked_come_home_(parked_come_home),
          state_(problem, target, options.held_on_both),
          traffic_(problem.hosts.size(), options),
          reserved_(problem.hosts.size(), no_vm),
          parkings_(problem.vms.size(), 0) {
        rank();
    }

    Order run() {
        while (true) {
            start_ready();
            if (const auto done = traffic_.advance())
                finish(*done);
            else if (state_.pending().empty() || !park())
                break;
        }
        return result();
    }

private:
    double duration(VmIndex vm) const {
        return options_.duration_s.empty() ? problem_.vms[vm].move_cost : options_.duration_s[vm];
    }

    // A move's tail: its own time and that of what waits for the room it leaves; and the links that have most to carry
    // go first, since they end last.
    void rank() {
        const std::vector<VmIndex>& pending = state_.pending();
        std::vector<double> out(problem_.hosts.size(), 0), in(problem_.hosts.size(), 0),
            waiting(problem_.hosts.size(), 0);
        key_.assign(problem_.vms.size(), 0);
        for (const VmIndex vm : pending) {
            if (state_.at(vm) != no_host) out[state_.at(vm)] += duration(vm);
            in[target_[vm]] += duration(vm);
        }
        for (int round = 0; round < tail_rounds; ++round) {
            for (const VmIndex vm : pending)
                key_[vm] = duration(vm) + (state_.at(vm) == no_host ? 0 : waiting[state_.at(vm)]);
            for (const VmIndex vm : pending)
                if (state_.obstacle(vm, target_[vm])) waiting[target_[vm]] = std::max(waiting[target_[vm]], key_[vm]);
        }
        for (const VmIndex vm : pending)
            key_[vm] += std::max(state_.at(vm) == no_host ? 0 : out[state_.at(vm)], in[target_[vm]]);
        for (VmIndex vm = 0; vm < key_.size(); ++vm) {
            if (priority_.kind == Priority::Kind::largest) key_[vm] = state_.size(vm);
            if (priority_.kind == Priority::Kind::smallest) key_[vm] = -state_.size(vm);
            if (priority_.kind == Priority::Kind::any)
                key_[vm] = scattered(priority_.seed * 0x9e3779b97f4a7c15ULL + vm + 1);
        }
        sort_pending();
    }

    void sort_pending() {
        state_.sort_pending([&](VmIndex a, VmIndex b) { return key_[a] != key_[b] ? key_[a] > key_[b] : a < b; });
    }

    void start_ready() {
        const std::vector<VmIndex> pending = state_.pending();
        for (const VmIndex vm : pending) {
            if (traffic_.is_full()) return;
            const HostIndex to = target_[vm];
            if (reserved_[to] != no_vm && reserved_[to] != vm) continue;
            if (!traffic_.has_slot(state_.at(vm), to) || state_.obstacle(vm, to)) continue;
            if (reserved_[to] == vm) reserved_[to] = no_vm;
            start({vm, state_.at(vm), to, 0, 0, 0, false});
        }
    }

    void start(Step step) {
        step.start_s = traffic_.now();
        state_.start(step.vm, step.to);
        traffic_.start(steps_.size(), step.from, step.to, duration(step.vm));
        steps_.push_back(step);
    }

    void finish(std::size_t number) {
        if (number == Traffic::foreign) return;
        Step& step = steps_[number];
        step.duration_s = traffic_.now() - step.start_s;
        state_.finish(step.vm, step.to);
        if (step.parking) sort_pending();
    }

    // Nothing is under way and nothing can start: somebody has to step aside.
    bool park() {
        if (std::any_of(reserved_.begin(), reserved_.end(), [](VmIndex vm) { return vm != no_vm; })) {
            reserved_.assign(reserved_.size(), no_vm);  // in vain: perhaps others can use the room
            return true;
        }
        const auto aside = find_parking(state_, parkings_, options_.parkings_per_vm, parked_come_home_);
        if (!aside) return false;
        reserved_[target_[aside->for_vm]] = aside->for_vm;
        for (const auto& [vm, host] : aside->moves) {
            ++parkings_[vm];
            waiting_.push_back({vm, state_.at(vm), host, 0, 0, 0, true});
        }
        return start_parkings();
    }

    // One after the other where the slots do not allow all at once.
    bool start_parkings() {
        while (!waiting_.empty()) {
            const Step step = waiting_.front();
            if (traffic_.is_full() || !traffic_.has_slot(step.from, step.to)) {
                const auto done = traffic_.advance();
                if (!done) return false;
                finish(*done);
                continue;
            }
            waiting_.erase(waiting_.begin());
            start(step);
        }
        return true;
    }

    Order result() {
        Order order;
        order.steps = std::move(steps_);
        order.total_s = 0;
        for (const Step& step : order.steps) order.total_s = std::max(order.total_s, step.start_s + step.duration_s);
        std::vector<VmIndex> left = state_.pending();
        std::sort(left.begin(), left.end());
        for (const VmIndex vm : left)
            order.stranded.push_back(
                {vm, state_.at(vm), target_[vm], state_.obstacle(vm, target_[vm]).value_or(Obstacle{})});
        return order;
    }

    const Problem& problem_;
    const std::vector<HostIndex>& target_;
    const OrderOptions& options_;
    Priority priority_;
    bool parked_come_home_;
    Standing state_;
    Traffic traffic_;
    std::vector<double> key_;
    std::vector<VmIndex> reserved_;  // of each host: for whom its room is kept since somebody was parked for it
    std::vector<unsigned> parkings_;
    std::vector<Step> waiting_;
    std::vector<Step> steps_;
};

// Steps by start, each in the wave of the one before if they may run together, else in a new one. Whatever started
// before a step has ended when its wave begins, which only makes more room: so a new wave is always possible.
void number_waves(const Problem& problem, const OrderOptions& options, Order& order) {
    Occupancy occupancy(problem, options.held_on_both);
    Traffic slots(problem.hosts.size(), options);
    std::size_t first = 0;
    unsigned wave = 0;
    const auto end_wave = [&](std::size_t end) {
        for (; first < end; ++first)
            occupancy.finish(order.steps[first].vm, order.steps[first].from, order.steps[first].to);
        slots = Traffic(problem.hosts.size(), {.duration_s = {},
                                               .outgoing_per_host = options.outgoing_per_host,
                                               .incoming_per_host = options.incoming_per_host,
                                               .cluster = options.cluster,
                                               .under_way = {}});
        ++wave;
    };
    for (std::size_t i = 0; i < order.steps.size(); ++i) {
        Step& step = order.steps[i];
        const bool moves_already = std::any_of(order.steps.begin() + static_cast<std::ptrdiff_t>(first),
                                               order.steps.begin() + static_cast<std::ptrdiff_t>(i),
                                               [&](const Step& other) { return other.vm == step.vm; });
        if (moves_already || slots.is_full() || !slots.has_slot(step.from, step.to) ||
            occupancy.obstacle(step.vm, step.from, step.to))
            end_wave(i);
        step.wave = wave;
        occupancy.start(step.vm, step.from, step.to);
        slots.start(i, step.from, step.to, 1);
    }
}

// Fewer and lighter VMs stranded, nobody left on a parking place, few parkings, then early.
std::vector<double> worth(const Problem& problem, const Order& order) {
    double stranded = 0, astray = 0;
    for (const Stranded& vm : order.stranded) {
        stranded += problem.vms[vm.vm].weight;
        astray += vm.at != problem.vms[vm.vm].home ? 1 : 0;
    }
    const auto parkings =
        std::count_if(order.steps.begin(), order.steps.end(), [](const Step& s) { return s.parking; });
    return {stranded + astray, astray, static_cast<double>(parkings), order.total_s};
}

bool parks(const Order& order) {
    return std::any_of(order.steps.begin(), order.steps.end(), [](const Step& step) { return step.parking; });
}

// The n-th order to be tried.
std::pair<Priority, bool> attempt(std::uint64_t n) {
    using Kind = Priority::Kind;
    static constexpr Kind kinds[] = {Kind::longest_tail, Kind::largest, Kind::smallest};
    return {n < 6 ? Priority{kinds[n / 2], 0} : Priority{Kind::any, n}, n % 2 == 1};
}

}  // namespace

Order order(const Problem& problem, const std::vector<HostIndex>& target, const OrderOptions& options) {
    Order best;
    std::uint64_t work = 0;
    for (std::uint64_t n = 0; n < most_attempts; ++n) {
        const auto [priority, parked_come_home] = attempt(n);
        Order tried = Scheduler(problem, target, options, priority, parked_come_home).run();
        work += problem.vms.size() + (tried.steps.size() + 1) * (tried.steps.size() + tried.stranded.size() + 1);
        if (n == 0 || worth(problem, tried) < worth(problem, best)) best = std::move(tried);
        if (best.stranded.empty() && (!parks(best) || n >= 6)) break;
        if (work > options.work) break;
    }
    number_waves(problem, options, best);
    return best;
}

}  // namespace ballast::policy::solver
