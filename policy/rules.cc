#include "policy/rules.h"

#include <algorithm>
#include <set>

#include "policy/by_id.h"
#include "policy/estimators.h"
#include "policy/health.h"

namespace ballast::policy {

namespace {

bool is_group(const std::string& name) {
    return name.starts_with(group_prefix);
}

const NamedGroup* group_of(const std::string& name, const Options& options) {
    const std::string wanted = name.substr(std::string(group_prefix).size());
    for (const NamedGroup& group : options.groups)
        if (group.name == wanted) return &group;
    return nullptr;
}

std::vector<std::string> patterns_of(const std::vector<std::string>& names, const Options& options) {
    std::vector<std::string> patterns;
    for (const std::string& name : names) {
        const NamedGroup* group = is_group(name) ? group_of(name, options) : nullptr;
        if (group == nullptr)
            patterns.push_back(name);
        else
            patterns.insert(patterns.end(), group->vms.begin(), group->vms.end());
    }
    return patterns;
}

std::vector<HostId> hosts_of(const std::vector<HostId>& names, const Options& options) {
    std::vector<HostId> hosts;
    for (const HostId& name : names) {
        const NamedGroup* group = is_group(name.value) ? group_of(name.value, options) : nullptr;
        if (group == nullptr)
            hosts.push_back(name);
        else
            hosts.insert(hosts.end(), group->hosts.begin(), group->hosts.end());
    }
    return hosts;
}

// Which of many lists of patterns name a VM. Names without * and ? are looked up: most rules are made of them, and
// trying each on each VM would cost the product of both.
class Matcher {
public:
    /// Requires: all lists are added before the first question.
    void add(const std::vector<std::string>& patterns, std::uint32_t list) {
        for (const std::string& pattern : patterns) {
            if (pattern.find_first_of("*?") == std::string::npos)
                exact_[pattern].push_back(list);
            else
                patterns_.emplace_back(pattern, list);
        }
    }
    void index() {
        for (auto& [name, lists] : exact_) names_.add({name}, std::move(lists));
    }
    /// By number, each once.
    std::vector<std::uint32_t> lists_with(const Vm& vm) const {
        std::vector<std::uint32_t> found;
        for (const std::string* name : {&vm.facts.name, &vm.id.value})
            if (const std::size_t at = names_.index_of(std::string_view(*name)); at < names_.size())
                found.insert(found.end(), names_.at_position(at).begin(), names_.at_position(at).end());
        for (const auto& [pattern, list] : patterns_)
            if (matches(pattern, vm.facts.name, vm.id)) found.push_back(list);
        std::sort(found.begin(), found.end());
        found.erase(std::unique(found.begin(), found.end()), found.end());
        return found;
    }

private:
    std::map<std::string, std::vector<std::uint32_t>> exact_;
    ById<Id<struct NameTag>, std::vector<std::uint32_t>> names_;  // the same, once all are known
    std::vector<std::pair<std::string, std::uint32_t>> patterns_;
};

template <class T>
std::uint32_t last_index(const std::vector<T>& list) {
    return static_cast<std::uint32_t>(list.size() - 1);
}

class Builder {
public:
    Builder(const Inventory& inventory, const Options& options) : inventory_(inventory), options_(options) {
        for (const Rule& rule : options.rules) add_rule(rule);
        for (std::size_t i = 0; i < options.windows.size(); ++i) add_window(options.windows[i]);
        matcher_.index();
    }

    RuleBook finish() {
        book_.of_vm.reserve(inventory_.vms.size());
        for (const auto& [id, vm] : inventory_.vms) match(vm);
        for (SpreadGroup& group : book_.spread)
            if (group.most == 0) group.most = even_share(group);
        return std::move(book_);
    }

private:
    void add_rule(Rule rule) {
        rule.hosts = hosts_of(rule.hosts, options_);
        const std::string name = "rule " + rule.name;
        std::uint32_t group = 0;
        if (rule.kind == Rule::Kind::keep_apart) {
            book_.spread.push_back({name, "", 1, rule.hard, Reason::keep_apart, {}});
            group = last_index(book_.spread);
        } else if (rule.kind == Rule::Kind::spread) {
            book_.spread.push_back({name, rule.over, rule.at_most, rule.hard, Reason::spread, {}});
            group = last_index(book_.spread);
        } else if (rule.kind == Rule::Kind::keep_together) {
            book_.together.push_back({name, rule.hard, {}});
            group = last_index(book_.together);
        }
        group_of_rule_.push_back(group);
        matcher_.add(patterns_of(rule.vms, options_), static_cast<std::uint32_t>(book_.rules.size()));
        book_.rules.push_back(std::move(rule));
    }

    void add_window(const Window& window) {
        matcher_.add(patterns_of(window.vms, options_),
                     static_cast<std::uint32_t>(book_.rules.size() + book_.windows.size()));
        book_.windows.push_back(state_of(window));
    }

    WindowState state_of(const Window& window) const {
        WindowState state;
        state.grants = !window.allow.empty();
        if (!inventory_.wall_time) {
            state.denies = true;  // whoever does not know the time does not move what it matters for
            state.until = "while the time of day is not known";
            return state;
        }
        const WallTime now = *inventory_.wall_time;
        const CalendarDays& holidays = holidays_of(window, options_);
        state.allows = any_contains(window.allow, now, window.zone, holidays);
        state.denies = any_contains(window.deny, now, window.zone, holidays);
        state.until = change_after(window, state);
        return state;
    }

    std::string change_after(const Window& window, const WindowState& now) const {
        const WallTime time = *inventory_.wall_time;
        const CalendarDays& holidays = holidays_of(window, options_);
        const auto then = next_change(now.denies ? window.deny : window.allow, time, window.zone, holidays);
        if (!then) return {};
        return "until " + week_time(*then) + " (" + window.zone.name + ")" +
               (contains(holidays, local_date(time, window.zone)) ? ", today is a holiday" : "");
    }

    void match(const Vm& vm) {
        RulesOfVm& found = book_.of_vm.emplace_back();
        const bool counts = occupies_host(vm);
        found.wishes_hosts = !vm.facts.wishes.only_on.empty();
        const auto rules = static_cast<std::uint32_t>(book_.rules.size());
        for (const std::uint32_t list : matcher_.lists_with(vm))
            if (list < rules)
                note(list, vm, counts, found);
            else
                found.windows.push_back(list - rules);
        for (const std::string& name : vm.facts.wishes.keep_apart)
            join(wished_apart(name), vm, counts, book_.spread, found.spread);
        for (const std::string& name : vm.facts.wishes.keep_together)
            join(wished_together(name), vm, counts, book_.together, found.together);
    }

    void note(std::uint32_t index, const Vm& vm, bool counts, RulesOfVm& found) {
        const Rule& rule = book_.rules[index];
        switch (rule.kind) {
            case Rule::Kind::keep_apart:
            case Rule::Kind::spread: join(group_of_rule_[index], vm, counts, book_.spread, found.spread); break;
            case Rule::Kind::keep_together:
                join(group_of_rule_[index], vm, counts, book_.together, found.together);
                break;
            case Rule::Kind::pin: found.only_on.push_back(index); break;
            case Rule::Kind::prefer: found.wishes.push_back(index); break;
            case Rule::Kind::avoid: (rule.hard ? found.only_on : found.wishes).push_back(index); break;
            case Rule::Kind::never_move: found.never.push_back(index); break;
        }
    }

    template <class Group>
    static void join(std::uint32_t group, const Vm& vm, bool counts, std::vector<Group>& groups,
                     std::vector<std::uint32_t>& of_vm) {
        if (std::find(of_vm.begin(), of_vm.end(), group) != of_vm.end()) return;  // a wish told twice
        of_vm.push_back(group);
        if (counts) groups[group].members.push_back(vm.id);
    }

    std::uint32_t wished_apart(const std::string& name) {
        const auto [at, added] = apart_.emplace(name, static_cast<std::uint32_t>(book_.spread.size()));
        if (added) book_.spread.push_back({"group " + name, "", 1, true, Reason::keep_apart, {}});
        return at->second;
    }
    std::uint32_t wished_together(const std::string& name) {
        const auto [at, added] = together_.emplace(name, static_cast<std::uint32_t>(book_.together.size()));
        if (added) book_.together.push_back({"group " + name, true, {}});
        return at->second;
    }

    // As evenly as possible: the members over the places that could take one, rounded up.
    unsigned even_share(const SpreadGroup& group) const {
        std::set<std::string> places;
        for (const auto& [id, host] : inventory_.hosts)
            if (host.connection == Connection::up && host.accepts_vms && !health_.closed(host))
                places.insert(place_of(host, group.over));
        const auto count = std::max<std::size_t>(1, places.size());
        return static_cast<unsigned>(std::max<std::size_t>(1, (group.members.size() + count - 1) / count));
    }

    const Inventory& inventory_;
    const Options& options_;
    const HealthVerdicts health_ = judge_health(inventory_, options_.health);
    RuleBook book_;
    Matcher matcher_;                                        // lists: the rules, then the windows
    std::vector<std::uint32_t> group_of_rule_;               // position in book_.spread or book_.together
    std::map<std::string, std::uint32_t> apart_, together_;  // of the owners' wishes
};

}  // namespace

RuleBook rule_book(const Inventory& inventory, const Options& options) {
    return Builder(inventory, options).finish();
}

const std::string& place_of(const Host& host, const std::string& label) {
    static const std::string nowhere;
    if (label.empty()) return host.id.value;
    const auto found = host.labels.find(label);
    return found == host.labels.end() ? nowhere : found->second;
}

bool agrees(const Rule& rule, const HostId& host) {
    const bool named = std::find(rule.hosts.begin(), rule.hosts.end(), host) != rule.hosts.end();
    return rule.kind == Rule::Kind::avoid ? !named : named;
}

std::string described(const Rule& rule) {
    return "rule " + rule.name + (rule.origin.empty() ? "" : " (" + rule.origin + ")");
}

}  // namespace ballast::policy
