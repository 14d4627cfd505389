#include "cluster/term_store.h"

#include <utility>

#include "cluster/keys.h"

namespace ballast::cluster {

Store::Task<Commit> TermStore::commit(Transaction transaction) {
    transaction.guards.push_back({Compare::Kind::create_revision_is, leader_key, term_, {}});
    const auto commit = co_await store_.commit(std::move(transaction));
    if (!commit || commit->committed) co_return commit;
    // Which guard it was nobody says. A stale answer may show an older leader, never a term that is over as current.
    std::string key = leader_key;
    const auto leader = co_await store_.get(std::move(key));
    if (!leader) co_return leader.error();
    if (*leader && (*leader)->create_revision == term_) co_return commit;
    if (auto over = std::exchange(over_, nullptr)) over();
    co_return Error{ErrorCode::cancelled, "leader", "another member leads by now"};
}

}  // namespace ballast::cluster
