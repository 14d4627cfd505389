#include "daemon/known_facts.h"

#include <spdlog/spdlog.h>

#include "daemon/keys.h"
#include "interchange/tables.h"

namespace ballast::daemon {

namespace {
// The store holds values of 1 MiB [ports/store.h]; hosts have some 20 KiB of facts.
constexpr std::size_t most_bytes = 1024 * 1024;

Result<HostFacts> facts_from(const std::string& text) {
    const auto root = interchange::parse_json(text);
    if (!root) return root.error();
    HostFacts facts;
    interchange::Reader reader;
    reader.passes_over_unknown = true;
    if (interchange::from_json(*root, facts, {}, interchange::Path{}, reader)) return facts;
    return Error{ErrorCode::corrupt, interchange::place_in(text, reader.offset), reader.message};
}
}  // namespace

Store::Task<std::map<HostId, HostFacts>> KnownFacts::load() {
    std::string prefix = facts_prefix;
    const auto entries = co_await store_.list(std::move(prefix));
    if (!entries) co_return entries.error();
    std::map<HostId, HostFacts> known;
    for (const KeyValue& entry : *entries) {
        const HostId host{entry.key.substr(std::string(facts_prefix).size())};
        auto facts = facts_from(entry.value);
        if (!facts) {
            spdlog::warn("{} cannot be read and is written anew once {} is on: {}", entry.key, host.value,
                         to_string(facts.error()));
            continue;
        }
        kept_[host] = entry.value;
        known.emplace(host, std::move(*facts));
    }
    co_return known;
}

Store::Task<void> KnownFacts::keep(HostId host, HostFacts facts) {
    facts.pool_free.clear();
    std::string text = boost::json::serialize(interchange::to_json(facts));
    if (const auto kept = kept_.find(host); kept != kept_.end() && kept->second == text) co_return Result<void>();
    if (text.size() > most_bytes)
        co_return Error{ErrorCode::invalid, host.value,
                        "its facts are " + std::to_string(text.size()) + " bytes, and the store holds 1 MiB"};
    Transaction transaction;
    transaction.changes.push_back({Change::Kind::put, facts_prefix + host.value, text, 0});
    const auto commit = co_await store_.commit(std::move(transaction));
    if (!commit) co_return commit.error();
    kept_[host] = std::move(text);
    co_return Result<void>();
}

}  // namespace ballast::daemon
