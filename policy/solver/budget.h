// What a search may spend and what it is to reach, shared by the steps of one balancing run.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "policy/solver/balance.h"

namespace ballast::policy::solver {

/// The work budget. Counts steps, not time: the same on any machine.
class Budget {
public:
    Budget(const BalanceLimits& limits, std::uint64_t most) : limits_(&limits), most_(most) {}

    void spend(std::uint64_t steps) { spent_ += steps; }
    std::uint64_t spent() const { return spent_; }
    std::uint64_t most() const { return most_; }

    void extend(std::uint64_t steps) { most_ += steps; }

    /// Nothing more is to be done: the steps are used up, or the caller has had enough. Asks the caller only every few
    /// thousand steps.
    bool over() {
        if (!stopped_ && limits_->stop && spent_ >= next_question_) {
            stopped_ = limits_->stop();
            next_question_ = spent_ + question_every;
        }
        return stopped_ || spent_ >= most_;
    }

private:
    static constexpr std::uint64_t question_every = 1 << 14;  // some 0.2 ms

    const BalanceLimits* limits_;
    std::uint64_t most_, spent_ = 0, next_question_ = 0;
    bool stopped_ = false;
};

/// The best plan so far, by score + min_gain * VMs moved.
class Best {
public:
    Best(const BalanceLimits& limits, const Placement& start) : limits_(&limits) { keep(start); }

    double value_of(const Placement& placement) const {
        return placement.score() + limits_->min_gain * static_cast<double>(placement.moved());
    }
    double value() const { return value_; }
    const std::vector<HostIndex>& host_of() const { return host_of_; }

    /// Keeps the placement if it is better.
    void offer(const Placement& placement, const Budget& budget) {
        if (value_of(placement) >= value_) return;
        keep(placement);
        if (limits_->progress) limits_->progress(placement.score(), placement.moved(), budget.spent());
    }

private:
    void keep(const Placement& placement) {
        value_ = value_of(placement);
        host_of_.resize(placement.problem().vms.size());
        for (VmIndex vm = 0; vm < host_of_.size(); ++vm) host_of_[vm] = placement.host_of(vm);
    }

    const BalanceLimits* limits_;
    double value_ = std::numeric_limits<double>::infinity();
    std::vector<HostIndex> host_of_;
};

}  // namespace ballast::policy::solver
