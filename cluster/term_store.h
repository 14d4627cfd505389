// The store as a leader sees it: every change is guarded by its term. After the term has ended nothing that it wants is
// done any more, whatever it has or has not noticed (design: a deposed leader changes nothing). One io_context thread.
#pragma once

#include <functional>

#include "ports/forwarding_store.h"

namespace ballast::cluster {

class TermStore : public ForwardingStore {
public:
    /// `over` hears, once, that the term has ended.
    TermStore(Store& store, Revision term, std::function<void()> over)
        : ForwardingStore(store), term_(term), over_(std::move(over)) {}

    Revision term() const { return term_; }

    /// Error cancelled: the term has ended, nothing was changed.
    Task<Commit> commit(Transaction transaction) override;

private:
    Revision term_;
    std::function<void()> over_;
};

}  // namespace ballast::cluster
