#include "config/health_table.h"

#include <algorithm>

#include "config/names.h"
#include "config/quantities.h"

namespace ballast::config {

namespace {

using policy::CheckAction;
using policy::HealthAction;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

// Of a command: more is a mistake, and all of it goes through the kernel with every look.
constexpr std::size_t most_words = 64, longest_word = 1024;

Codec<HealthAction> action(HealthAction most) {
    std::vector<std::string> words;
    for (int i = 0; i <= static_cast<int>(most); ++i) words.push_back(to_string(static_cast<HealthAction>(i)));
    return converted<HealthAction, std::string>(
        choice(words),
        [words](const std::string& word) {
            return static_cast<HealthAction>(std::find(words.begin(), words.end(), word) - words.begin());
        },
        [](const HealthAction& value) { return to_string(value); });
}

// A list of entries in the section `health`, where entries stand further to the right than those of other lists.
template <class T, class V, class Form, class Field>
Option<T> entries(const std::string& key, const std::vector<Option<Form>>& rows, Field field_of,
                  std::optional<V> (*finish)(const Form&, const Node&, Reader&), Form (*form_of)(const V&),
                  const std::string& doc) {
    auto row = option<T>(key, list_of_maps<V, Form>(rows, finish, form_of), field_of, doc);
    for (const auto& field_row : rows) row.fields.push_back(field_row.info);
    row.write = [write = row.write](const T& object) {
        std::string text = write(object);
        for (std::size_t at = 0; (at = text.find("\n  - ", at)) != std::string::npos; at += 4)
            text.insert(at + 1, "    ");
        return text;
    };
    return row;
}

struct ActionForm {
    std::string name;
    std::optional<HealthAction> action;
};

std::vector<Option<ActionForm>> action_rows() {
    const auto optional = converted<std::optional<HealthAction>, HealthAction>(
        action(HealthAction::evacuate_now), [](const HealthAction& said) { return std::optional(said); },
        [](const std::optional<HealthAction>& said) { return said.value_or(HealthAction::nothing); });
    auto said = optional;
    said.write = [write = optional.write](const std::optional<HealthAction>& value) {
        return value ? write(value) : std::string();
    };
    return {option<ActionForm>("name", text("name", check_name), field(&ActionForm::name),
                               "of a check in the daemon's `health.checks`; required"),
            option<ActionForm>("action", said, field(&ActionForm::action),
                               "what it asks for when it says that the host is unwell; required")};
}

std::optional<CheckAction> finish_action(const ActionForm& form, const Node& node, Reader& reader) {
    if (form.name.empty() || !form.action) {
        reader.error(node, "a check needs " + std::string(form.name.empty() ? "a `name`" : "an `action`"));
        return std::nullopt;
    }
    if (!reader.declare("action of the check", form.name, value_of(node, "name"))) return std::nullopt;
    return CheckAction{form.name, *form.action, reader.file() + ":" + std::to_string(node.line), node.column};
}

ActionForm form_of_action(const CheckAction& check) {
    return {check.name, check.action};
}

void add_action(std::vector<Option<policy::Options>>& rows, const std::string& key,
                HealthAction policy::HealthOptions::*member, const std::string& doc,
                HealthAction most = HealthAction::evacuate_now) {
    rows.push_back(
        option<policy::Options>("health." + key, action(most), field(&policy::Options::health, member), doc));
}

bool is_option(const std::string& word) {
    return word.empty() || word.front() == '-';
}

// Empty when the word may stand there.
std::string word_problem(const Node& node, bool is_program, bool absolute) {
    if (node.kind != Node::Kind::scalar) return "expected a word of a command, found " + kind_name(node);
    if (node.text.size() > longest_word) return "the word is longer than 1024 bytes";
    if (!is_program) return {};
    if (is_option(node.text)) return "a command begins with a program";
    const auto path = absolute ? check_path(node.text) : Result<std::string>(node.text);
    return path ? std::string() : path.error().message;
}

// A program and its arguments. Unlike in other lists, a word may come twice.
Codec<std::vector<std::string>> command(std::size_t least, bool absolute) {
    auto read = [least, absolute](const Node& node, Reader& reader) -> std::optional<std::vector<std::string>> {
        const auto errors_before = reader.errors();
        if (node.kind != Node::Kind::sequence)
            reader.error(node, "expected a program and its arguments in brackets, found " + kind_name(node));
        else if (node.items.size() < least)
            reader.error(node, "the command is empty");
        else if (node.items.size() > most_words)
            reader.error(node, "the command has more than 64 words");
        std::vector<std::string> words;
        for (const Node& item : node.items) {
            const std::string problem = word_problem(item, words.empty(), absolute);
            if (!problem.empty()) reader.error(item, problem);
            words.push_back(item.text);
        }
        return reader.errors() == errors_before ? std::optional(std::move(words)) : std::nullopt;
    };
    auto write = [](const std::vector<std::string>& words) {
        std::string text = "[";
        for (const std::string& word : words) text += (text.size() > 1 ? ", " : "") + yaml_text(word);
        return text + "]";
    };
    return {"list of words, a program and its arguments", {}, std::move(read), std::move(write)};
}

std::vector<Option<HealthCheck>> check_rows() {
    const auto host = converted<HostId, std::string>(
        text("host name", check_name), [](const std::string& name) { return HostId{name}; },
        [](const HostId& id) { return id.value; });
    return {option<HealthCheck>("name", text("name", check_name), field(&HealthCheck::name),
                                "how it is called in the policy and everywhere; unique; required"),
            option<HealthCheck>("command", command(1, true), field(&HealthCheck::command),
                                "run on the daemon's machine: the program by its absolute path, and its arguments, "
                                "where `{host}` and `{uri}` stand for the host's; exit status 0 says well; required"),
            option<HealthCheck>("hosts", list_of("host names", host, 0), field(&HealthCheck::hosts),
                                "for these only; default all"),
            option<HealthCheck>("deadline", duration(seconds{1}, minutes{5}), field(&HealthCheck::deadline),
                                "killed when it takes longer, and told as not read; default 10s"),
            option<HealthCheck>("after", count(1, 100), field(&HealthCheck::after),
                                "times in a row it has to say so before it counts; default 1")};
}

std::optional<HealthCheck> finish_check(const HealthCheck& check, const Node& node, Reader& reader) {
    if (check.name.empty() || check.command.empty()) {
        reader.error(node, "a check needs a " + std::string(check.name.empty() ? "`name`" : "`command`"));
        return std::nullopt;
    }
    if (!reader.declare("check", check.name, value_of(node, "name"))) return std::nullopt;
    return check;
}

HealthCheck form_of_check(const HealthCheck& check) {
    return check;
}

template <class V>
void add(std::vector<Option<DaemonOptions>>& rows, const std::string& key, Codec<V> codec,
         V HealthWatchOptions::*member, std::string doc) {
    rows.push_back(option<DaemonOptions>("health." + key, std::move(codec), field(&DaemonOptions::health, member),
                                         std::move(doc)));
}

}  // namespace

void add_health(std::vector<Option<policy::Options>>& rows) {
    using O = policy::HealthOptions;
    add_action(rows, "memory_uncorrected", &O::memory_uncorrected, "memory has lost data");
    add_action(rows, "memory_corrected", &O::memory_corrected, "many memory errors were corrected");
    add_action(rows, "machine_check", &O::machine_check, "the processor reported errors it could not correct");
    add_action(rows, "temperature", &O::temperature, "as hot as the hardware bears");
    add_action(rows, "disk", &O::disk, "a disk says that it fails, or an array has lost one");
    add_action(rows, "network", &O::network, "a bridge's way out has lost its carrier");
    add_action(rows, "link", &O::link, "a link is slower than it was, or one of several is lost");
    add_action(rows, "storage", &O::storage, "a path to storage is lost");
    add_action(rows, "units", &O::units, "services of the system failed");
    add_action(rows, "pressure", &O::pressure, "everything on it waits for memory or disks");
    add_action(rows, "libvirt", &O::libvirt, "its libvirt fails again and again");
    add_action(rows, "clock", &O::clock, "its clock is wrong, or nobody keeps it right");
    add_action(rows, "check", &O::check, "a check command says so, unless `checks` has another action for it");
    add_action(rows, "unread", &O::unread, "one of these could not be looked at", HealthAction::cordon);
    auto checks = entries<policy::Options, CheckAction, ActionForm>(
        "health.checks", action_rows(), field(&policy::Options::health, &O::checks), finish_action, form_of_action,
        "actions of single checks; every file may add to the list");
    checks.adds_up = true;
    checks.merge = [](policy::Options& into, const policy::Options& from) {
        const auto& more = from.health.checks;
        into.health.checks.insert(into.health.checks.end(), more.begin(), more.end());
    };
    rows.push_back(std::move(checks));
}

void add_health(std::vector<Option<DaemonOptions>>& rows) {
    using O = HealthWatchOptions;
    add<Duration>(rows, "interval", duration(seconds{1}, hours{1}), &O::interval, "how often each host is looked at");
    add<Duration>(rows, "deadline", duration(seconds{1}, minutes{5}), &O::deadline,
                  "a look by `probe` that takes longer is given up");
    add(rows, "clear_after", count(1, 100), &O::clear_after,
        "times in a row a problem has to be gone before the host is well again");
    add(rows, "probe", command(0, false), &O::probe,
        "what looks at a host's hardware and system: run here for the daemon's own host, by ssh on hosts with a "
        "qemu+ssh URI; [] for nothing");
    add(rows, "probe_elsewhere", command(0, true), &O::probe_elsewhere,
        "the same for hosts reached in another way, run here, `{host}` and `{uri}` standing for the host's");
    rows.push_back(entries<DaemonOptions, HealthCheck, HealthCheck>(
        "health.checks", check_rows(), field(&DaemonOptions::health, &O::checks), finish_check, form_of_check,
        "commands of your own that say whether a host is well"));
}

Constraint<DaemonOptions> checks_know_their_hosts() {
    return {{"health.checks", "hosts"}, [](const DaemonOptions& options) -> std::optional<std::string> {
                for (const HealthCheck& check : options.health.checks)
                    for (const HostId& host : check.hosts)
                        if (std::none_of(options.hosts.begin(), options.hosts.end(),
                                         [&](const HostOptions& known) { return known.id == host; }))
                            return "the check `" + check.name + "` names the host `" + host.value +
                                   "`, which `hosts` does not list";
                return std::nullopt;
            }};
}

}  // namespace ballast::config
