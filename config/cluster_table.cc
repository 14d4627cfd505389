#include "config/cluster_table.h"

#include "config/names.h"
#include "config/quantities.h"
#include "config/uri.h"

namespace ballast::config {

namespace {

using std::chrono::minutes;
using std::chrono::seconds;

template <class V>
void add(std::vector<Option<DaemonOptions>>& rows, const std::string& key, Codec<V> codec, V ClusterOptions::*member,
         std::string doc) {
    rows.push_back(option<DaemonOptions>("cluster." + key, std::move(codec), field(&DaemonOptions::cluster, member),
                                         std::move(doc)));
}

}  // namespace

void add_cluster(std::vector<Option<DaemonOptions>>& rows) {
    add(rows, "enabled", boolean(), &ClusterOptions::enabled,
        "true: a daemon runs on each of the `hosts`, with this same file, and looks after its own; one of them leads");
    add<Duration>(rows, "time_to_live", duration(seconds{3}, minutes{5}), &ClusterOptions::time_to_live,
                  "a daemon that has not been heard of for so long counts as gone, and another one leads");
}

std::vector<Constraint<DaemonOptions>> cluster_constraints() {
    return {{{"cluster.enabled", "store.kind"},
             [](const DaemonOptions& options) -> std::optional<std::string> {
                 if (!options.cluster.enabled || options.store.kind == "etcd") return std::nullopt;
                 return "`cluster.enabled` needs `store.kind: etcd`, where the daemons meet";
             }},
            {{"cluster.enabled", "hosts"}, [](const DaemonOptions& options) -> std::optional<std::string> {
                 if (!options.cluster.enabled) return std::nullopt;
                 if (options.hosts.empty()) return "`cluster.enabled` needs `hosts`, the same on each of them";
                 for (const HostOptions& host : options.hosts)
                     if (could_be_local(host.peer_uri.value_or(host.uri)))
                         return "with `cluster.enabled` a host needs a `uri` by which the others reach it; " +
                                host.id.value + " has none";
                 return std::nullopt;
             }}};
}

}  // namespace ballast::config
