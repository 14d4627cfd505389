#include "cluster/left_keys.h"

#include <algorithm>
#include <array>

#include "cluster/keys.h"

namespace ballast::cluster {

namespace {
constexpr std::array<const char*, 3> told = {findings_prefix, reports_prefix, events_prefix};
}

Store::Task<void> erase_left_keys(Store& store, std::vector<HostId> configured) {
    for (const std::string prefix : told) {
        std::string all = prefix;
        const auto entries = co_await store.list(std::move(all));
        if (!entries) co_return entries.error();
        for (const KeyValue& entry : *entries) {
            const HostId host{entry.key.substr(prefix.size())};
            if (std::find(configured.begin(), configured.end(), host) != configured.end()) continue;
            Transaction erase;
            erase.guards.push_back({Compare::Kind::absent, agent_key(host), 0, {}});
            erase.changes.push_back({Change::Kind::erase, entry.key, {}, 0});
            const auto commit = co_await store.commit(std::move(erase));
            if (!commit) co_return commit.error();
        }
    }
    co_return Result<void>();
}

}  // namespace ballast::cluster
