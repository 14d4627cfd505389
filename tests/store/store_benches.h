// The stores that must pass the shared suite, one a test executable: test_store, test_etcd, test_sim.
#pragma once

#ifdef BALLAST_TEST_ETCD
#include "tests/etcd/etcd_bench.h"
#elif defined(BALLAST_TEST_SIM)
#include "tests/sim/sim_store_bench.h"
#else

#include <tuple>

#include "tests/store/store_bench.h"

namespace ballast::test {

class EmbeddedBench : public StoreBench {
public:
    EmbeddedBench() : store_(EmbeddedStore::open(io().get_executor(), clock_, directory_.path(), options()).value()) {}

    Store& store() override { return *store_; }
    void pass(Duration duration) override {
        clock_.advance(duration);
        io().restart();
        io().poll();
    }
    void forget_history() override {
        for (std::size_t i = 0; i <= options().history.revisions; ++i) change({put("~", std::to_string(i))});
        change({erase("~")});
    }

private:
    static EmbeddedStoreOptions options() {
        EmbeddedStoreOptions options;
        options.history.revisions = 20;
        return options;
    }

    TemporaryDirectory directory_;
    VirtualClock clock_;
    std::unique_ptr<EmbeddedStore> store_;
};

using StoreBenches = std::tuple<EmbeddedBench>;

}  // namespace ballast::test

#endif
