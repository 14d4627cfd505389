// The store as a leader sees it: every change is guarded by its term. After the term has ended nothing that it wants is
// done any more, whatever it has or has not noticed (design: a deposed leader changes nothing). One io_context thread.
#pragma once

#include <functional>

#include "ports/store.h"

namespace ballast::cluster {

class TermStore : public Store {
public:
    /// `over` hears, once, that the term has ended.
    TermStore(Store& store, Revision term, std::function<void()> over)
        : store_(store), term_(term), over_(std::move(over)) {}

    Revision term() const { return term_; }

    Task<std::optional<KeyValue>> get(std::string key) override { return store_.get(std::move(key)); }
    Task<std::vector<KeyValue>> list(std::string prefix) override { return store_.list(std::move(prefix)); }
    /// Error cancelled: the term has ended, nothing was changed.
    Task<Commit> commit(Transaction transaction) override;
    Task<Revision> revision() override { return store_.revision(); }
    std::unique_ptr<WatchHandle> watch(std::string prefix, Revision after,
                                       std::function<void(const std::vector<WatchEvent>&)> changed,
                                       std::function<void()> compacted) override {
        return store_.watch(std::move(prefix), after, std::move(changed), std::move(compacted));
    }
    Task<LeaseId> grant(Duration time_to_live) override { return store_.grant(time_to_live); }
    Task<void> keep_alive(LeaseId lease) override { return store_.keep_alive(lease); }
    Task<void> revoke(LeaseId lease) override { return store_.revoke(lease); }

private:
    Store& store_;
    Revision term_;
    std::function<void()> over_;
};

}  // namespace ballast::cluster
