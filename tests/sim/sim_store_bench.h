// The simulated store in the shared suite (tests/store): what is proven on it holds of the real ones as far as that
// says.
#pragma once

#include <tuple>

#include "sim/sim_store.h"
#include "tests/store/store_bench.h"

namespace ballast::test {

/// Sleeping is what makes time pass: the suite waits for answers only.
class RestlessClock : public Clock {
public:
    Instant now() const override { return inner_.now(); }
    WallTime wall_now() const override { return inner_.wall_now(); }
    boost::asio::awaitable<void> sleep_until(Instant when) override {
        co_await boost::asio::post(boost::asio::use_awaitable);
        if (when > inner_.now()) inner_.advance_to(when);
    }
    void advance(Duration by) { inner_.advance(by); }

private:
    VirtualClock inner_;
};

class SimBench : public StoreBench {
public:
    Store& store() override { return store_; }
    void pass(Duration duration) override {
        clock_.advance(duration);
        data_.run_due(clock_.now());
    }
    void forget_history() override {
        change({put("~", "")});
        change({erase("~")});
        data_.compact();
    }

private:
    RestlessClock clock_;
    sim::StoreData data_;
    sim::CrashPoints crashes_;
    sim::SimStore store_{io(), clock_, data_, crashes_};
};

using StoreBenches = std::tuple<SimBench>;

}  // namespace ballast::test
