// Which hosts answer, as a test says. Single-threaded.
#pragma once

#include <set>

#include "ports/clock.h"
#include "ports/probe.h"

namespace ballast::test {

class FakeProbe : public Probe {
public:
    explicit FakeProbe(Clock& clock) : clock_(clock) {}

    std::set<HostId> silent;
    std::set<HostId> without;  // there is no second way to see them

    bool reaches(HostId host) const override { return !without.contains(host); }
    Task<void> reach(HostId host) override {
        if (!silent.contains(host)) co_return Result<void>();
        co_await clock_.sleep_for(patience);
        co_return Error{ErrorCode::timed_out, host.value, "nothing answers"};
    }

private:
    static constexpr Duration patience = std::chrono::seconds{1};
    Clock& clock_;
};

}  // namespace ballast::test
