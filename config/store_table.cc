#include "config/store_table.h"

#include <algorithm>

#include "config/names.h"

namespace ballast::config {

namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using Problem = std::optional<std::string>;

constexpr const char* etcd = "etcd";

template <class V>
void add(std::vector<Option<DaemonOptions>>& rows, const std::string& key, Codec<V> codec, V StoreOptions::*member,
         std::string doc) {
    rows.push_back(
        option<DaemonOptions>("store." + key, std::move(codec), field(&DaemonOptions::store, member), std::move(doc)));
}

Problem endpoints_and_kind(const DaemonOptions& options) {
    const StoreOptions& store = options.store;
    if (store.kind == etcd && store.endpoints.empty()) return "`store.kind` is etcd, so it needs `store.endpoints`";
    if (store.kind != etcd && !store.endpoints.empty())
        return "`store.endpoints` is for `store.kind: etcd` and would be ignored";
    return std::nullopt;
}

bool any(const StoreOptions& store, const std::string& scheme) {
    return std::any_of(store.endpoints.begin(), store.endpoints.end(),
                       [&](const std::string& endpoint) { return endpoint.starts_with(scheme); });
}

Problem one_scheme(const DaemonOptions& options) {
    const StoreOptions& store = options.store;
    if (any(store, "http://") && any(store, "https://"))
        return "`store.endpoints` are members of one cluster: all with https, or all with http";
    const bool has_files = !store.ca_file.empty() || !store.cert_file.empty();
    if (has_files && !any(store, "https://"))
        return "`store.ca_file` and `store.cert_file` are for endpoints with https and would be ignored";
    return std::nullopt;
}

Problem certificate_and_key(const DaemonOptions& options) {
    if (options.store.cert_file.empty() == options.store.key_file.empty()) return std::nullopt;
    return "`store.cert_file` and `store.key_file` go together";
}

Problem user_and_password(const DaemonOptions& options) {
    if (options.store.user.empty() != options.store.password_file.empty())
        return "`store.user` and `store.password_file` go together";
    if (!options.store.user.empty() && options.store.kind != etcd)
        return "`store.user` is for `store.kind: etcd` and would be ignored";
    return std::nullopt;
}

}  // namespace

void add_store(std::vector<Option<DaemonOptions>>& rows) {
    const auto path = text("absolute path or \"\" for none", check_path_or_none);
    add(rows, "kind", choice({"embedded", etcd}), &StoreOptions::kind,
        "`embedded` is a database in `state_dir`; `etcd` a cluster of its own, and the other keys are for it");
    add(rows, "endpoints", list_of("members, https://HOST:PORT", text("member of etcd", check_endpoint), 0),
        &StoreOptions::endpoints, "all members of the cluster; one is used at a time, another one when it fails");
    add(rows, "prefix", text("/NAME", check_key_prefix), &StoreOptions::prefix,
        "all keys begin with it; each Ballast that shares an etcd has another one");
    add(rows, "ca_file", path, &StoreOptions::ca_file,
        "PEM, who signs the members' certificates; none: the system's CAs");
    add(rows, "cert_file", path, &StoreOptions::cert_file, "PEM, the daemon's own certificate");
    add(rows, "key_file", path, &StoreOptions::key_file, "PEM, its key; not to be open to others");
    add(rows, "user", text("name or \"\" for none", check_user_or_none), &StoreOptions::user,
        "as whom to authenticate by password");
    add(rows, "password_file", path, &StoreOptions::password_file,
        "its first line is the password; not to be open to others");
    add<Duration>(rows, "call_timeout", duration(seconds{1}, minutes{1}), &StoreOptions::call_timeout,
                  "a call that takes longer has an unknown outcome and is looked up again");
}

std::vector<Constraint<DaemonOptions>> store_constraints() {
    return {{{"store.kind", "store.endpoints"}, endpoints_and_kind},
            {{"store.endpoints", "store.ca_file", "store.cert_file"}, one_scheme},
            {{"store.cert_file", "store.key_file"}, certificate_and_key},
            {{"store.kind", "store.user", "store.password_file"}, user_and_password}};
}

}  // namespace ballast::config
