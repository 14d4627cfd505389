// A store that hands every call on to another one: what changes some of them derives from it.
#pragma once

#include <utility>

#include "ports/store.h"

namespace ballast {

class ForwardingStore : public Store {
public:
    /// `store` outlives it.
    explicit ForwardingStore(Store& store) : store_(store) {}

    Task<std::optional<KeyValue>> get(std::string key) override { return store_.get(std::move(key)); }
    Task<std::vector<KeyValue>> list(std::string prefix) override { return store_.list(std::move(prefix)); }
    Task<Commit> commit(Transaction transaction) override { return store_.commit(std::move(transaction)); }
    Task<Revision> revision() override { return store_.revision(); }
    std::unique_ptr<WatchHandle> watch(std::string prefix, Revision after,
                                       std::function<void(const std::vector<WatchEvent>&)> changed,
                                       std::function<void()> compacted) override {
        return store_.watch(std::move(prefix), after, std::move(changed), std::move(compacted));
    }
    Task<LeaseId> grant(Duration time_to_live) override { return store_.grant(time_to_live); }
    Task<void> keep_alive(LeaseId lease) override { return store_.keep_alive(lease); }
    Task<void> revoke(LeaseId lease) override { return store_.revoke(lease); }

protected:
    Store& store_;
};

}  // namespace ballast
