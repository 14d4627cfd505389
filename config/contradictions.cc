#include "config/contradictions.h"

#include <algorithm>
#include <cstdlib>
#include <set>
#include <string_view>

namespace ballast::config {

namespace {

using policy::NamedGroup;
using policy::Options;
using policy::Rule;
using policy::Window;
using Patterns = std::set<std::string>;
using Hosts = std::set<HostId>;

bool is_group(const std::string& name) {
    return name.starts_with(policy::group_prefix);
}

const NamedGroup* find_group(const std::string& name, const Options& options) {
    const std::string wanted = name.substr(std::string_view(policy::group_prefix).size());
    for (const NamedGroup& group : options.groups)
        if (group.name == wanted) return &group;
    return nullptr;
}

Patterns patterns_of(const std::vector<std::string>& names, const Options& options) {
    Patterns patterns;
    for (const std::string& name : names) {
        const NamedGroup* group = is_group(name) ? find_group(name, options) : nullptr;
        if (group == nullptr)
            patterns.insert(name);
        else
            patterns.insert(group->vms.begin(), group->vms.end());
    }
    return patterns;
}

Hosts host_set(const Rule& rule, const Options& options) {
    const auto hosts = hosts_of(rule, options);
    return {hosts.begin(), hosts.end()};
}

// How many VMs both name for certain. A pattern that both have stands for two: it was written for more than one.
std::size_t common(const Rule& one, const Rule& other, const Options& options) {
    const Patterns theirs = patterns_of(other.vms, options);
    std::size_t count = 0;
    for (const std::string& pattern : patterns_of(one.vms, options))
        if (theirs.contains(pattern)) count += pattern.find_first_of("*?") == std::string::npos ? 1 : 2;
    return count;
}

std::string plural(std::size_t count, const std::string& word) {
    return std::to_string(count) + " " + word + (count == 1 ? "" : "s");
}

std::string name(const Rule& rule) {
    return "rule `" + rule.name + "` at " + rule.origin;
}

bool is_hard(const Rule& rule, Rule::Kind kind) {
    return rule.kind == kind && rule.hard;
}

class Search {
public:
    explicit Search(const Options& options) : options_(options) {}

    Diagnostics found() {
        for (const Rule& rule : options_.rules) check_names(rule);
        for (const Window& window : options_.windows) check(window);
        // A rule against all before it: each pair is looked at once, and told where the later one stands.
        for (std::size_t i = 0; i < options_.rules.size(); ++i)
            for (std::size_t j = 0; j < i; ++j) check_pair(options_.rules[i], options_.rules[j]);
        return std::move(problems_);
    }

private:
    void tell(const Rule& rule, const std::string& message) {
        problems_.push_back(at_rule(rule, "rule `" + rule.name + "` " + message));
    }

    void check_group(const std::string& wanted, bool hosts, const std::string& origin, int column,
                     const std::string& who) {
        if (!is_group(wanted)) return;
        const NamedGroup* group = find_group(wanted, options_);
        if (group == nullptr)
            problems_.push_back(
                at_origin(origin, column, who + " names `" + wanted + "`, which `groups` does not have"));
        else if (group->hosts.empty() == hosts)
            problems_.push_back(at_origin(origin, column,
                                          who + " names `" + wanted + "`, which is a group of " +
                                              (hosts ? "VMs, not of hosts" : "hosts, not of VMs")));
    }

    void check_names(const Rule& rule) {
        const std::string who = "rule `" + rule.name + "`";
        for (const std::string& vm : rule.vms) check_group(vm, false, rule.origin, rule.column, who);
        for (const HostId& host : rule.hosts) check_group(host.value, true, rule.origin, rule.column, who);
    }

    void check(const Window& window) {
        for (const std::string& vm : window.vms)
            check_group(vm, false, window.origin, window.column, "window `" + window.name + "`");
        for (unsigned minute = 0; minute < policy::minutes_per_week; ++minute) {
            const bool allowed = window.allow.empty() || any_contains(window.allow, minute);
            if (allowed && !any_contains(window.deny, minute)) return;
        }
        problems_.push_back(at_origin(window.origin, window.column,
                                      "window `" + window.name + "` never opens: its VMs could never be moved"));
    }

    void check_pair(const Rule& later, const Rule& earlier) {
        const std::size_t both = common(later, earlier, options_);
        if (both == 0) return;
        for (const auto& [one, other] : {std::pair{&later, &earlier}, std::pair{&earlier, &later}}) {
            check_company(*one, *other, both, later);
            check_places(*one, *other, both, later);
        }
        if (is_hard(later, Rule::Kind::pin) && is_hard(earlier, Rule::Kind::pin)) check_pins(later, earlier);
    }

    void check_company(const Rule& apart, const Rule& together, std::size_t both, const Rule& later) {
        if (!is_hard(apart, Rule::Kind::keep_apart) || !is_hard(together, Rule::Kind::keep_together) || both < 2)
            return;
        const bool apart_is_later = &apart == &later;
        tell(later, std::string("keeps VMs ") + (apart_is_later ? "apart" : "together") + " that " +
                        name(apart_is_later ? together : apart) + " keeps " + (apart_is_later ? "together" : "apart"));
    }

    void check_places(const Rule& pin, const Rule& other, std::size_t both, const Rule& later) {
        if (!is_hard(pin, Rule::Kind::pin)) return;
        const Rule& earlier = &pin == &later ? other : pin;
        const Hosts hosts = host_set(pin, options_);
        if (is_hard(other, Rule::Kind::keep_apart) && both > hosts.size())
            tell(later, "and " + name(earlier) + " contradict: " + std::to_string(both) +
                            " or more VMs kept apart are pinned to " + plural(hosts.size(), "host"));
        if (!is_hard(other, Rule::Kind::avoid)) return;
        const Hosts avoided = host_set(other, options_);
        if (std::includes(avoided.begin(), avoided.end(), hosts.begin(), hosts.end()))
            tell(later, "and " + name(earlier) + " leave no host: all that one allows the other forbids");
    }

    void check_pins(const Rule& later, const Rule& earlier) {
        const Hosts theirs = host_set(earlier, options_);
        const Hosts hosts = host_set(later, options_);
        if (std::none_of(hosts.begin(), hosts.end(), [&](const HostId& host) { return theirs.contains(host); }))
            tell(later, "and " + name(earlier) + " pin the same VMs to different hosts");
    }

    const Options& options_;
    Diagnostics problems_;
};

}  // namespace

Diagnostics contradictions(const Options& options) {
    auto problems = Search(options).found();
    std::stable_sort(problems.begin(), problems.end(), [](const Diagnostic& a, const Diagnostic& b) {
        return std::tie(a.file, a.line, a.column) < std::tie(b.file, b.line, b.column);
    });
    return problems;
}

std::vector<HostId> hosts_of(const Rule& rule, const Options& options) {
    std::vector<HostId> hosts;
    for (const HostId& host : rule.hosts) {
        const NamedGroup* group = is_group(host.value) ? find_group(host.value, options) : nullptr;
        if (group != nullptr)
            hosts.insert(hosts.end(), group->hosts.begin(), group->hosts.end());
        else if (!is_group(host.value))
            hosts.push_back(host);
    }
    return hosts;
}

Diagnostic at_origin(const std::string& origin, int column, std::string message) {
    const auto colon = origin.rfind(':');
    if (colon == std::string::npos) return {origin, 1, column, std::move(message)};
    return {origin.substr(0, colon), std::atoi(origin.c_str() + colon + 1), column, std::move(message)};
}

Diagnostic at_rule(const Rule& rule, std::string message) {
    return at_origin(rule.origin, rule.column, std::move(message));
}

}  // namespace ballast::config
