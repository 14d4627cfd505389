#include "config/load.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "config/contradictions.h"
#include "config/files.h"
#include "config/option_table.h"
#include "config/yaml_tree.h"

namespace ballast::config {

namespace {

/// One load of one or several files: each is read into a struct of its own, then merged key by key.
template <class T>
class Load {
public:
    explicit Load(const Table<T>& table) : table_(table) {}

    void add(const Source& source) {
        const auto root = parse_yaml(source.file, source.text, problems);
        if (!root) return doubt_everything();
        T object{};
        Reader reader(source.file, problems, declared_);
        const auto given = read_map(table_.options, *root, object, reader);
        doubts_.insert(doubts_.end(), reader.doubts().begin(), reader.doubts().end());
        for (const auto& option : table_.options) {
            if (const auto place = given.find(option.info.key); place != given.end())
                merge(option, object, place->second);
        }
    }

    /// A file is missing from the picture: nothing can be said about what holds between keys.
    void doubt_everything() { doubts_.emplace_back(); }

    Loaded<T> finish() {
        for (const auto& constraint : table_.constraints) ask(constraint);
        if (problems.empty()) return std::move(value_);
        std::stable_sort(problems.begin(), problems.end(), in_order);
        return std::move(problems);
    }

    Diagnostics problems;

private:
    static bool in_order(const Diagnostic& a, const Diagnostic& b) {
        return std::tie(a.file, a.line, a.column) < std::tie(b.file, b.line, b.column);
    }

    void merge(const Option<T>& option, const T& object, const Place& place) {
        const auto [known, added] = given_.emplace(option.info.key, place);
        if (added || option.adds_up) return option.merge(value_, object);
        if (option.write(value_) == option.write(object)) return;
        problems.push_back({place.file, place.line, place.column,
                            "`" + option.info.key + "` is " + option.write(object) + " here but " +
                                option.write(value_) + " at " + to_string(known->second)});
    }

    bool in_doubt(const std::string& key) const {
        return std::any_of(doubts_.begin(), doubts_.end(), [&](const auto& prefix) { return key.starts_with(prefix); });
    }

    // A constraint on defaults alone holds; with a broken key, which was reported already, it would only mislead.
    void ask(const Constraint<T>& constraint) {
        std::optional<Place> last;
        for (const auto& key : constraint.keys) {
            if (in_doubt(key)) return;
            const auto place = given_.find(key);
            if (place == given_.end()) continue;
            const auto& at = place->second;
            if (!last || std::tie(last->file, last->line, last->column) < std::tie(at.file, at.line, at.column))
                last = at;
        }
        if (!last) return;
        if (const auto problem = constraint.problem(value_)) {
            problems.push_back({last->file, last->line, last->column, *problem});
        }
    }

    const Table<T>& table_;
    Declared declared_;
    std::map<std::string, Place> given_;
    std::vector<std::string> doubts_;  // prefixes of keys that may not be what was meant
    T value_{};
};

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
    return problems;
}

HostOptions default_host(const std::string& hostname) {
    HostOptions host;
    host.id = HostId{hostname};
    return host;
}

}  // namespace ballast::config
