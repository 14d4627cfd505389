#include "store/rules.h"

#include <map>
#include <set>

namespace ballast::store {
namespace {

Error invalid(const std::string& subject, std::string message) {
    // A key may be long and hostile: the start of it is enough to find it.
    return {ErrorCode::invalid, subject.substr(0, 64), std::move(message)};
}

Result<void> check_change(const Change& change) {
    if (auto key = check_key(change.key); !key) return key;
    if (change.value.size() > longest_value) return invalid(change.key, "the value is longer than 1 MiB");
    return {};
}

Result<void> check_sizes(const Transaction& transaction) {
    std::size_t total = 0;
    for (const auto& guard : transaction.guards) {
        if (auto key = check_key(guard.key); !key) return key;
        total += guard.key.size() + guard.value.size();
    }
    for (const auto& change : transaction.changes) {
        if (auto fine = check_change(change); !fine) return fine;
        total += change.key.size() + change.value.size();
    }
    if (total > largest_transaction) return invalid("transaction", "is larger than 1.25 MiB");
    return {};
}

bool any_starts_with(const std::set<std::string>& keys, const std::string& prefix) {
    const auto at = keys.lower_bound(prefix);
    return at != keys.end() && at->starts_with(prefix);
}

Result<void> check_overlaps(const std::vector<Change>& changes) {
    std::set<std::string> puts;
    for (const auto& change : changes)
        if (change.kind == Change::Kind::put && !puts.insert(change.key).second)
            return invalid(change.key, "is put twice in one transaction");
    for (const auto& change : changes) {
        const bool hit = change.kind == Change::Kind::erase          ? puts.contains(change.key)
                         : change.kind == Change::Kind::erase_prefix ? any_starts_with(puts, change.key)
                                                                     : false;
        if (hit) return invalid(change.key, "is put and erased in one transaction");
    }
    return {};
}

}  // namespace

Result<void> check_key(const std::string& key) {
    if (key.empty()) return invalid("key", "is empty");
    if (key.size() > longest_key) return invalid(key, "the key is longer than 1 KiB");
    return {};
}

Result<void> check_transaction(const Transaction& transaction) {
    if (transaction.changes.size() > most_changes || transaction.guards.size() > most_changes)
        return invalid("transaction", "has more than 128 guards or changes");
    if (auto sizes = check_sizes(transaction); !sizes) return sizes;
    return check_overlaps(transaction.changes);
}

Result<void> check_time_to_live(Duration time_to_live) {
    if (time_to_live <= Duration::zero() || time_to_live > longest_lease)
        return invalid("lease", "the time to live is not between 1 ms and a year");
    return {};
}

}  // namespace ballast::store
