#include "config/load.h"

#include <algorithm>

#include "config/contradictions.h"
#include "config/files.h"
#include "config/table_load.h"

namespace ballast::config {

namespace {

void add_file(auto& load, const std::string& path) {
    if (auto text = read_file(path, load.problems)) {
        load.add({path, std::move(*text)});
    } else {
        load.doubt_everything();
    }
}

bool knows(const DaemonOptions& daemon, const HostId& id) {
    return std::any_of(daemon.hosts.begin(), daemon.hosts.end(), [&](const auto& host) { return host.id == id; });
}

// What is wrong between entries is asked only when each of them is right.
Loaded<policy::Options> finished(Load<policy::Options>& load) {
    auto loaded = load.finish();
    if (!loaded) return loaded;
    auto problems = contradictions(*loaded);
    return problems.empty() ? std::move(loaded) : Loaded<policy::Options>(std::move(problems));
}

bool has_label(const DaemonOptions& daemon, const std::string& label) {
    return std::all_of(daemon.hosts.begin(), daemon.hosts.end(),
                       [&](const auto& host) { return host.labels.contains(label); });
}

}  // namespace

Loaded<DaemonOptions> load_daemon_file(const std::string& path) {
    Load<DaemonOptions> load(daemon_table());
    add_file(load, path);
    return load.finish();
}

Loaded<DaemonOptions> check_daemon_text(const Source& source) {
    Load<DaemonOptions> load(daemon_table());
    load.add(source);
    return load.finish();
}

Loaded<policy::Options> load_policy_directory(const std::string& directory) {
    Load<policy::Options> load(policy_table());
    for (const auto& path : policy_files(directory, load.problems)) add_file(load, path);
    return finished(load);
}

Loaded<policy::Options> load_policy_files(const std::vector<std::string>& paths) {
    Load<policy::Options> load(policy_table());
    for (const auto& path : paths) add_file(load, path);
    return finished(load);
}

Loaded<policy::Options> check_policy_text(const std::vector<Source>& sources) {
    Load<policy::Options> load(policy_table());
    for (const auto& source : sources) load.add(source);
    return finished(load);
}

Diagnostics cross_check(const DaemonOptions& daemon, const policy::Options& policy) {
    Diagnostics problems;
    for (const auto& rule : policy.rules) {
        for (const auto& host : hosts_of(rule, policy)) {
            if (knows(daemon, host)) continue;
            problems.push_back(at_rule(rule, "rule `" + rule.name + "` names the host `" + host.value +
                                                 "`, which the daemon file does not list"));
        }
        if (!rule.over.empty() && !has_label(daemon, rule.over))
            problems.push_back(at_rule(rule, "rule `" + rule.name + "` spreads VMs over `" + rule.over +
                                                 "`, a label that not every host in the daemon file has"));
    }
    const auto& few = policy.consolidation;
    for (const HostId& host : few.never_off)
        if (!knows(daemon, host))
            problems.push_back(at_origin(
                few.never_off_origin, few.never_off_column,
                "consolidation.never_off names the host `" + host.value + "`, which the daemon file does not list"));
    for (const auto& check : policy.health.checks)
        if (std::none_of(daemon.health.checks.begin(), daemon.health.checks.end(),
                         [&](const HealthCheck& known) { return known.name == check.name; }))
            problems.push_back(
                at_origin(check.origin, check.column,
                          "health.checks names the check `" + check.name + "`, which the daemon file does not list"));
    return problems;
}

HostOptions default_host(const std::string& hostname) {
    HostOptions host;
    host.id = HostId{hostname};
    return host;
}

}  // namespace ballast::config
