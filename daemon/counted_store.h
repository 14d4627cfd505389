// A store whose failures are counted, for the metrics. One io_context thread.
#pragma once

#include "ports/forwarding_store.h"

namespace ballast::daemon {

class CountedStore : public ForwardingStore {
public:
    using ForwardingStore::ForwardingStore;

    /// Calls that the store did not carry out, or did not answer. What is refused for its content is none.
    std::uint64_t failures() const { return failures_; }

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
        auto result = co_await std::move(call);
        if (!result && is_failure(result.error().code)) ++failures_;
        co_return result;
    }
    static bool is_failure(ErrorCode code) {
        return code == ErrorCode::unavailable || code == ErrorCode::timed_out || code == ErrorCode::no_space ||
               code == ErrorCode::corrupt || code == ErrorCode::internal;
    }

    std::uint64_t failures_ = 0;
};

}  // namespace ballast::daemon
