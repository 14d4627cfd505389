#include "config/rules_table.h"

#include <algorithm>

#include "config/names.h"
#include "config/quantities.h"
#include "config/text.h"
#include "config/week_time.h"

namespace ballast::config {

namespace {

using policy::CalendarDay;
using policy::NamedGroup;
using policy::OpenTimes;
using policy::Options;
using policy::Rule;
using policy::TimeZone;
using policy::WeekSpan;
using policy::Window;
using Kind = Rule::Kind;

/// A rule as it is written: each kind of rule is a key of its own.
struct RuleForm {
    std::string name;
    std::vector<std::string> keep_apart, keep_together, pin, prefer, avoid, spread, never_move, hosts;
    std::string over;
    unsigned at_most = 0;
    std::optional<bool> hard;
};

struct KindRow {
    Kind kind;
    const char* key;
    std::vector<std::string> RuleForm::*vms;
    bool hosts;   // names hosts as well
    bool choice;  // may be hard or soft
    bool hard;    // unless it says otherwise
    const char* doc;
};

const std::vector<KindRow>& kinds() {
    static const std::vector<KindRow> rows = {
        {Kind::keep_apart, "keep_apart", &RuleForm::keep_apart, false, true, true, "these VMs never share a host"},
        {Kind::keep_together, "keep_together", &RuleForm::keep_together, false, true, true,
         "these VMs share a host; where one goes, the others have to go"},
        {Kind::pin, "pin", &RuleForm::pin, true, false, true, "these VMs run on `hosts` only"},
        {Kind::prefer, "prefer", &RuleForm::prefer, true, false, false, "these VMs go to `hosts` where they can"},
        {Kind::avoid, "avoid", &RuleForm::avoid, true, true, false,
         "these VMs go to `hosts` only where they must; with `hard: true` never"},
        {Kind::spread, "spread", &RuleForm::spread, false, true, true,
         "at most `at_most` of these VMs share a host, or a failure domain named by `over`"},
        {Kind::never_move, "never_move", &RuleForm::never_move, false, false, true,
         "these VMs are never moved by Ballast"},
    };
    return rows;
}

Result<std::string> check_name_or_group(const std::string& text) {
    const std::string prefix = policy::group_prefix;
    const auto name = check_name(text.starts_with(prefix) ? text.substr(prefix.size()) : text);
    if (!name) return name.error();
    return text;
}

Codec<std::vector<std::string>> vm_patterns() {
    return list_of("VM names, UUIDs, patterns with * and ?, or `group:NAME`",
                   text("VM name, UUID or pattern", check_vm_pattern), 1);
}

Codec<std::vector<std::string>> host_names() {
    return list_of("host names or `group:NAME`", text("host name", check_name_or_group), 1);
}

Codec<std::optional<bool>> said_or_not() {
    auto inner = boolean();
    auto read = [inner](const Node& node, Reader& reader) -> std::optional<std::optional<bool>> {
        const auto value = inner.read(node, reader);
        return value ? std::optional(std::optional<bool>(value)) : std::nullopt;
    };
    auto write = [](const std::optional<bool>& value) { return value ? write_boolean(*value) : std::string(); };
    return {inner.type, {}, std::move(read), std::move(write)};
}

std::vector<Option<RuleForm>> rule_rows() {
    std::vector<Option<RuleForm>> rows = {option<RuleForm>("name", text("name", check_name), field(&RuleForm::name),
                                                           "shown in explanations; unique; required")};
    for (const KindRow& kind : kinds())
        rows.push_back(option<RuleForm>(kind.key, vm_patterns(), field(kind.vms), kind.doc));
    rows.push_back(option<RuleForm>("hosts", host_names(), field(&RuleForm::hosts),
                                    "with `pin`, `prefer` and `avoid`: names from the daemon's `hosts`"));
    rows.push_back(option<RuleForm>("over", text("name", check_name), field(&RuleForm::over),
                                    "with `spread`: the label of hosts that tells the failure domain; without it each "
                                    "host is one"));
    rows.push_back(option<RuleForm>("at_most", count(1, 10000), field(&RuleForm::at_most),
                                    "with `spread`: VMs in one domain; without it, and then only as a preference, as "
                                    "many as an even spread needs"));
    rows.push_back(
        option<RuleForm>("hard", said_or_not(), field(&RuleForm::hard),
                         "with `keep_apart`, `keep_together`, `avoid` and `spread`: true forbids, false only "
                         "prefers"));
    return rows;
}

std::vector<const KindRow*> given_kinds(const RuleForm& form) {
    std::vector<const KindRow*> given;
    for (const KindRow& kind : kinds())
        if (!(form.*kind.vms).empty()) given.push_back(&kind);
    return given;
}

std::string listed_kinds() {
    std::string text;
    for (const KindRow& kind : kinds())
        text += (text.empty() ? "`" : &kind == &kinds().back() ? " and `" : ", `") + std::string(kind.key) + "`";
    return text;
}

// "prefer" and the like are lists; one VM alone has nobody to be apart from.
bool is_alone(const std::vector<std::string>& vms) {
    return vms.size() == 1 && vms[0].find_first_of("*?") == std::string::npos &&
           !vms[0].starts_with(policy::group_prefix);
}

std::optional<std::string> problem_of_kind(const RuleForm& form, const KindRow& kind) {
    const std::string key = "`" + std::string(kind.key) + "`";
    const bool company = kind.kind == Kind::keep_apart || kind.kind == Kind::keep_together || kind.kind == Kind::spread;
    if (kind.hosts && form.hosts.empty()) return key + " needs `hosts`";
    if (!kind.hosts && !form.hosts.empty()) return std::string("`hosts` belongs to `pin`, `prefer` and `avoid` only");
    if (company && is_alone(form.*kind.vms)) return key + " needs two VMs or a pattern";
    if (kind.kind != Kind::spread && !form.over.empty()) return std::string("`over` belongs to `spread` only");
    if (kind.kind != Kind::spread && form.at_most > 0) return std::string("`at_most` belongs to `spread` only");
    if (form.hard && !kind.choice) return "`hard` does not belong to " + key;
    return std::nullopt;
}

std::optional<std::string> problem_of(const RuleForm& form) {
    if (form.name.empty()) return "a rule needs a `name`";
    const std::string rule = "rule " + quoted(form.name);
    const auto given = given_kinds(form);
    if (given.empty()) return rule + " needs one of " + listed_kinds();
    if (given.size() > 1)
        return rule + " mixes `" + given[0]->key + "` and `" + given[1]->key + "`; write one rule for each";
    if (const auto problem = problem_of_kind(form, *given[0])) return rule + ": " + *problem;
    return std::nullopt;
}

// An even spread cannot always be had, so it is a wish unless somebody insists.
bool hard_by_default(const KindRow& kind, unsigned at_most) {
    return kind.kind == Kind::spread ? at_most > 0 : kind.hard;
}

std::optional<Rule> finish_rule(const RuleForm& form, const Node& node, Reader& reader) {
    if (const auto problem = problem_of(form)) {
        reader.error(node, *problem);
        return std::nullopt;
    }
    if (!reader.declare("rule name", form.name, value_of(node, "name"))) return std::nullopt;
    const KindRow& kind = *given_kinds(form).front();
    Rule rule;
    rule.name = form.name;
    rule.kind = kind.kind;
    rule.vms = form.*kind.vms;
    for (const auto& host : form.hosts) rule.hosts.push_back(HostId{host});
    rule.over = form.over;
    rule.at_most = form.at_most;
    rule.hard = form.hard.value_or(hard_by_default(kind, form.at_most));
    rule.origin = reader.file() + ":" + std::to_string(node.line);
    rule.column = node.column;
    return rule;
}

RuleForm form_of_rule(const Rule& rule) {
    RuleForm form;
    form.name = rule.name;
    for (const KindRow& kind : kinds()) {
        if (kind.kind != rule.kind) continue;
        form.*kind.vms = rule.vms;
        if (rule.hard != hard_by_default(kind, rule.at_most)) form.hard = rule.hard;
    }
    for (const auto& host : rule.hosts) form.hosts.push_back(host.value);
    form.over = rule.over;
    form.at_most = rule.at_most;
    return form;
}

struct GroupForm {
    std::string name;
    std::vector<std::string> vms, hosts;
};

std::vector<Option<GroupForm>> group_rows() {
    return {option<GroupForm>("name", text("name", check_name), field(&GroupForm::name),
                              "used in rules as `group:NAME`; unique; required"),
            option<GroupForm>("vms",
                              list_of("VM names, UUIDs or patterns with * and ?",
                                      text("VM name, UUID or pattern", check_vm_pattern), 1),
                              field(&GroupForm::vms), "a group of VMs"),
            option<GroupForm>("hosts", list_of("host names", text("host name", check_name), 1),
                              field(&GroupForm::hosts), "a group of hosts")};
}

std::optional<NamedGroup> finish_group(const GroupForm& form, const Node& node, Reader& reader) {
    const std::string group = form.name.empty() ? "a group" : "group " + quoted(form.name);
    if (form.name.empty() || form.vms.empty() == form.hosts.empty()) {
        reader.error(node, group + (form.name.empty() ? " needs a `name`" : " needs either `vms` or `hosts`"));
        return std::nullopt;
    }
    if (!reader.declare("group name", form.name, value_of(node, "name"))) return std::nullopt;
    NamedGroup made{form.name, form.vms, {}};
    for (const auto& host : form.hosts) made.hosts.push_back(HostId{host});
    return made;
}

GroupForm form_of_group(const NamedGroup& group) {
    GroupForm form{group.name, group.vms, {}};
    for (const auto& host : group.hosts) form.hosts.push_back(host.value);
    return form;
}

struct WindowForm {
    std::string name;
    std::vector<std::string> vms;
    std::vector<WeekSpan> allow, deny;
    std::optional<TimeZone> zone;
    bool maintenance = false;
    bool ignore_holidays = false;
};

Codec<std::vector<WeekSpan>> week_spans() {
    return list_of("times such as `mon-fri 22:00-06:00`",
                   scalar<WeekSpan>("weekly time", false, parse_week_span,
                                    [](const WeekSpan& span) { return yaml_text(write_week_span(span)); }),
                   1);
}

Codec<std::vector<CalendarDay>> calendar_days() {
    return list_of("dates such as `2026-12-24` or `12-25`",
                   scalar<CalendarDay>("date", false, parse_calendar_day, write_calendar_day), 0);
}

Codec<std::optional<TimeZone>> time_zone() {
    auto inner = scalar<TimeZone>("time zone", false, load_time_zone, [](const TimeZone& zone) { return zone.name; });
    auto read = [inner](const Node& node, Reader& reader) -> std::optional<std::optional<TimeZone>> {
        auto value = inner.read(node, reader);
        return value ? std::optional(std::optional<TimeZone>(std::move(value))) : std::nullopt;
    };
    auto write = [](const std::optional<TimeZone>& zone) {
        return zone ? yaml_text(zone->name) : std::string("local");
    };
    return {inner.type, {}, std::move(read), std::move(write)};
}

std::vector<Option<WindowForm>> window_rows() {
    return {
        option<WindowForm>("name", text("name", check_name), field(&WindowForm::name),
                           "shown in explanations; unique; required"),
        option<WindowForm>("vms", vm_patterns(), field(&WindowForm::vms), "whom it concerns; required"),
        option<WindowForm>("allow", week_spans(), field(&WindowForm::allow), "these VMs are moved at these times only"),
        option<WindowForm>("deny", week_spans(), field(&WindowForm::deny), "these VMs are not moved at these times"),
        option<WindowForm>("time_zone", time_zone(), field(&WindowForm::zone),
                           "whose clocks count, such as `Europe/Berlin` or `UTC`; default `local`, the daemon's"),
        option<WindowForm>("maintenance", boolean(), field(&WindowForm::maintenance),
                           "true: holds for emptying hosts in maintenance too; default false"),
        option<WindowForm>("ignore_holidays", boolean(), field(&WindowForm::ignore_holidays),
                           "true: the policy's `holidays` are days like any other; default false: they count as "
                           "Sundays")};
}

std::optional<Window> finish_window(const WindowForm& form, const Node& node, Reader& reader) {
    const std::string window = form.name.empty() ? "a window" : "window " + quoted(form.name);
    const char* problem = form.name.empty()                         ? " needs a `name`"
                          : form.vms.empty()                        ? " needs `vms`"
                          : form.allow.empty() && form.deny.empty() ? " needs `allow`, `deny` or both"
                                                                    : nullptr;
    if (problem != nullptr) {
        reader.error(node, window + problem);
        return std::nullopt;
    }
    if (!reader.declare("window name", form.name, value_of(node, "name"))) return std::nullopt;
    const auto local = form.zone ? Result<TimeZone>(*form.zone) : load_time_zone("local");
    return Window{form.name,
                  form.vms,
                  form.allow,
                  form.deny,
                  local ? *local : TimeZone{},
                  form.maintenance,
                  reader.file() + ":" + std::to_string(node.line),
                  node.column,
                  form.ignore_holidays};
}

WindowForm form_of_window(const Window& window) {
    return {window.name, window.vms,         window.allow,          window.deny,
            window.zone, window.maintenance, window.ignore_holidays};
}

struct OpenTimesForm {
    std::string name;
    std::vector<WeekSpan> times;
    std::optional<TimeZone> zone;
    std::vector<CalendarDay> holidays{};
};

std::vector<Option<OpenTimesForm>> open_times_rows() {
    return {
        option<OpenTimesForm>("name", text("name", check_name), field(&OpenTimesForm::name),
                              "shown in explanations; unique; required"),
        option<OpenTimesForm>("times", week_spans(), field(&OpenTimesForm::times),
                              "when hosts may be empty, such as `mon-fri 20:00-06:00`; required"),
        option<OpenTimesForm>("time_zone", time_zone(), field(&OpenTimesForm::zone),
                              "whose clocks count, such as `Europe/Berlin` or `UTC`; default `local`, the daemon's"),
        option<OpenTimesForm>("holidays", calendar_days(), field(&OpenTimesForm::holidays),
                              "days on which it is open from midnight to midnight as well, besides those of the "
                              "policy's `holidays`: `12-25` is one of every year")};
}

std::optional<OpenTimes> finish_open_times(const OpenTimesForm& form, const Node& node, Reader& reader) {
    const std::string window =
        form.name.empty() ? "a window of consolidation" : "window " + quoted(form.name) + " of consolidation";
    if (form.name.empty() || form.times.empty()) {
        reader.error(node, window + (form.name.empty() ? " needs a `name`" : " needs `times`"));
        return std::nullopt;
    }
    if (!reader.declare("consolidation window", form.name, value_of(node, "name"))) return std::nullopt;
    const auto local = form.zone ? Result<TimeZone>(*form.zone) : load_time_zone("local");
    return OpenTimes{form.name, form.times, local ? *local : TimeZone{}, form.holidays};
}

OpenTimesForm form_of_open_times(const OpenTimes& window) {
    return {window.name, window.times, window.zone, window.holidays};
}

// A list of entries that every file may add to.
template <class V, class Form, class Field>
Option<Options> list_option(const std::string& key, std::vector<Option<Form>> rows, Field field_of,
                            std::optional<V> (*finish)(const Form&, const Node&, Reader&), Form (*form_of)(const V&),
                            const std::string& doc) {
    auto row = option<Options>(key, list_of_maps<V, Form>(rows, finish, form_of), field_of, doc);
    for (const auto& field_row : rows) row.fields.push_back(field_row.info);
    row.adds_up = true;
    row.merge = [field_of](Options& into, const Options& from) {
        auto& all = field_of(into);
        const auto& more = field_of(from);
        all.insert(all.end(), more.begin(), more.end());
    };
    return row;
}

// The same day may be in several files.
void add_holidays(std::vector<Option<Options>>& rows) {
    auto row =
        option<Options>("holidays", calendar_days(), field(&Options::holidays),
                        "days off beside weekends, `12-25` of every year: windows of consolidation are open all "
                        "day, windows of VMs take them for Sundays, and the forecast expects of them what it does of "
                        "weekends; every file may add to the list");
    row.adds_up = true;
    row.merge = [](Options& into, const Options& from) {
        auto& all = into.holidays;
        for (const CalendarDay& day : from.holidays)
            if (std::find(all.begin(), all.end(), day) == all.end()) all.push_back(day);
    };
    rows.push_back(std::move(row));
}

}  // namespace

void add_rules(std::vector<Option<Options>>& rows) {
    rows.push_back(list_option("groups", group_rows(), field(&Options::groups), finish_group, form_of_group,
                               "names for several VMs or hosts; every file may add to the list"));
    rows.push_back(list_option("rules", rule_rows(), field(&Options::rules), finish_rule, form_of_rule,
                               "where VMs must, must not, should and should not run; every file may add to the list"));
    rows.push_back(list_option("windows", window_rows(), field(&Options::windows), finish_window, form_of_window,
                               "when VMs may be moved; every file may add to the list"));
    add_holidays(rows);
}

void add_consolidation_windows(std::vector<Option<Options>>& rows) {
    auto row =
        list_option("consolidation.windows", open_times_rows(),
                    field(&Options::consolidation, &policy::ConsolidationOptions::windows), finish_open_times,
                    form_of_open_times, "when hosts may be kept empty; none: always; every file may add to the list");
    // Entries of a key within a section stand further to the right.
    row.write = [write = row.write](const Options& options) {
        std::string text = write(options);
        for (std::size_t at = 0; (at = text.find("\n  - ", at)) != std::string::npos; at += 4)
            text.insert(at + 1, "    ");
        return text;
    };
    rows.push_back(std::move(row));
}

}  // namespace ballast::config
