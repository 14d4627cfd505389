// A store whose calls are timed and whose failures are counted, for the metrics. One io_context thread.
#pragma once

#include <prometheus/histogram.h>

#include "ports/clock.h"
#include "ports/forwarding_store.h"

namespace ballast::daemon {

class CountedStore : public ForwardingStore {
public:
    /// Both outlive it.
    CountedStore(Clock& clock, Store& store) : ForwardingStore(store), clock_(clock) {}

    /// Calls that the store did not carry out, or did not answer. What is refused for its content is none.
    std::uint64_t failures() const { return failures_; }
    /// Seconds from each call to its answer or failure.
    prometheus::ClientMetric durations() const { return durations_.Collect(); }

    Task<std::optional<KeyValue>> get(std::string key) override { return counted(store_.get(std::move(key))); }
    Task<std::vector<KeyValue>> list(std::string prefix) override { return counted(store_.list(std::move(prefix))); }
    Task<Commit> commit(Transaction transaction) override { return counted(store_.commit(std::move(transaction))); }
    Task<Revision> revision() override { return counted(store_.revision()); }
    Task<LeaseId> grant(Duration time_to_live) override { return counted(store_.grant(time_to_live)); }
    Task<void> keep_alive(LeaseId lease) override { return counted(store_.keep_alive(lease)); }
    Task<void> revoke(LeaseId lease) override { return counted(store_.revoke(lease)); }

private:
    template <class T>
    Task<T> counted(Task<T> call) {
        const Instant asked = clock_.now();
        auto result = co_await std::move(call);
        durations_.Observe(std::chrono::duration<double>(clock_.now() - asked).count());
        if (!result && is_failure(result.error().code)) ++failures_;
        co_return result;
    }
    static bool is_failure(ErrorCode code) {
        return code == ErrorCode::unavailable || code == ErrorCode::timed_out || code == ErrorCode::no_space ||
               code == ErrorCode::corrupt || code == ErrorCode::internal;
    }

    Clock& clock_;
    std::uint64_t failures_ = 0;
    // etcd on good disks answers in milliseconds; a beat has to be answered within seconds.
    prometheus::Histogram durations_{{0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5}};
};

}  // namespace ballast::daemon
