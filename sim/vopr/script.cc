#include "sim/vopr/script.h"

#include <algorithm>
#include <functional>
#include <optional>

#include "config/contradictions.h"
#include "config/files.h"
#include "config/option_table.h"
#include "config/quantities.h"
#include "config/reader.h"
#include "config/text.h"

namespace ballast::sim::vopr {

namespace {
using config::Member;
using config::Node;
using config::Reader;
using Kind = Event::Kind;
using When = Expectation::When;
using namespace std::chrono_literals;

constexpr Duration for_good = 24h;  // longer than any scenario
constexpr const char* optional_fault = " ($f)";

/// What a scenario is made of, with the defaults of its file.
struct Form {
    config::Diagnostics* problems = nullptr;
    std::string theme, name, shows;
    std::uint64_t seed = 1;
    std::optional<Bytes> host_memory;
    std::vector<HostId> hosts;
    std::vector<Guest> guests;
    policy::Options policy;
    bool mode_given = false;
    Duration lasts = 5min;
    std::vector<Event> events;
    std::vector<Cue> cues;
    std::vector<Expectation> expectations;
};

// ---- values

std::optional<std::string> words(const Node& node, Reader& reader) {
    if (node.kind == Node::Kind::scalar && !node.text.empty()) return node.text;
    reader.error(node, "expected a text, found " + config::kind_name(node));
    return std::nullopt;
}

template <class T>
std::optional<T> parsed(const Node& node, Reader& reader, Result<T> (*parse)(const std::string&)) {
    const auto text = words(node, reader);
    if (!text) return std::nullopt;
    const auto value = parse(*text);
    if (value) return *value;
    reader.error(node, value.error().message);
    return std::nullopt;
}

Result<Duration> lasting(const std::string& text) {
    if (text == "good") return for_good;
    if (!text.starts_with('-')) return config::parse_duration(text);
    const auto back = config::parse_duration(text.substr(1));
    return back ? Result<Duration>(-*back) : back;
}

// ---- hosts and guests

void read_hosts(const Node& node, Form& form, Reader& reader) {
    form.hosts.clear();
    if (node.kind != Node::Kind::sequence)
        return reader.error(node, "expected a list such as [h1, h2, h3], found " + config::kind_name(node));
    for (const Node& item : node.items) {
        const auto name = words(item, reader);
        if (name) form.hosts.push_back({*name});
    }
    if (form.hosts.size() < 2) reader.error(node, "a cluster needs two hosts or more");
}

void read_guest_key(const std::string& key, const Node& value, Guest& guest, Reader& reader) {
    if (key == "on") {
        if (const auto host = words(value, reader)) guest.on = {*host};
    } else if (key == "memory") {
        if (const auto memory = parsed(value, reader, config::parse_bytes))
            guest.memory_gib = std::max<std::uint64_t>(1, memory->count >> 30U);
    } else if (key == "dirties") {
        if (const auto rate = parsed(value, reader, config::parse_rate)) guest.dirty_mib_per_s = *rate;
    } else if (key == "cpus") {
        if (const auto cpus = parsed(value, reader, config::parse_number)) guest.cpus = *cpus;
    } else if (const auto is = parsed(value, reader, config::parse_boolean)) {
        if (key == "transient") guest.persistent = !*is;
        if (key == "autostart") guest.autostart = *is;
        if (key == "post_copy") guest.post_copy = *is;
    }
}

void read_guests(const Node& node, Form& form, Reader& reader) {
    form.guests.clear();
    if (node.kind != Node::Kind::map)
        return reader.error(
            node, "expected a map such as {vm1: h1, vm2: {on: h2, memory: 4GiB}}, found " + config::kind_name(node));
    for (const Member& member : node.members) {
        Guest guest;
        guest.vm = {member.key.text};
        if (member.value.kind == Node::Kind::scalar)
            guest.on = {member.value.text};
        else if (member.value.kind == Node::Kind::map)
            config::walk(
                member.value, {"on", "memory", "dirties", "cpus", "transient", "autostart", "post_copy"}, reader,
                [&](const std::string& key, const Member& one) { read_guest_key(key, one.value, guest, reader); });
        const bool known = std::find(form.hosts.begin(), form.hosts.end(), guest.on) != form.hosts.end();
        if (!known) reader.error(member.value, guest.vm.value + " needs one of the hosts that it is on");
        const auto same = [&](const Guest& other) { return other.vm == guest.vm; };
        if (std::any_of(form.guests.begin(), form.guests.end(), same))
            reader.error(member.key, "duplicate VM " + config::quoted(guest.vm.value));
        form.guests.push_back(std::move(guest));
    }
}

// ---- sentences

bool knows_host(const Form& form, const HostId& host) {
    return host.value.empty() || host.value == whoever_leads ||
           std::find(form.hosts.begin(), form.hosts.end(), host) != form.hosts.end();
}
bool knows_vm(const Form& form, const VmId& vm) {
    return vm.value.empty() ||
           std::any_of(form.guests.begin(), form.guests.end(), [&](const Guest& guest) { return guest.vm == vm; });
}

/// What cannot be: empty when all is well.
std::string fill(Event& event, const Filled& filled) {
    for (const auto& [letter, text] : filled) {
        std::string word = text;
        std::replace(word.begin(), word.end(), ' ', '_');
        switch (letter) {
            case 'h': event.host = {text}; break;
            case 'o': event.other = {text}; break;
            case 'v': event.vm = {text}; break;
            case 'n': event.count = static_cast<unsigned>(std::stoul(text)); break;
            case 'w': event.word = word; break;
            case 'f': {
                const auto faults = all_faults();
                const auto is = [&](Fault fault) { return sim::to_string(fault) == word; };
                const auto found = std::find_if(faults.begin(), faults.end(), is);
                if (found == faults.end()) return "there is no fault " + config::quoted(text);
                event.fault = *found;
                break;
            }
            default: {
                const auto duration = lasting(text);
                if (!duration) return duration.error().message;
                (letter == 'l' ? event.lasts : event.late) = *duration;
            }
        }
    }
    return {};
}

std::string unknown_word(const Event& event) {
    if (event.kind == Kind::mode && !policy::mode_from(event.word)) return "there is no mode " + event.word;
    if (event.kind == Kind::unwell && !health_source_from(event.word))
        return "there is no health problem " + event.word;
    return {};
}

std::optional<Event> event_from(const Node& node, const Form& form, Reader& reader) {
    const auto text = words(node, reader);
    if (!text) return std::nullopt;
    for (const Sentence& sentence : sentences()) {
        std::string says = sentence.says;
        auto filled = match(says.c_str(), *text);
        if (!filled && says.ends_with(optional_fault)) {
            says.resize(says.size() - std::string(optional_fault).size());
            filled = match(says.c_str(), *text);
        }
        if (!filled) continue;
        Event event;
        event.kind = sentence.kind;
        std::string problem = fill(event, *filled);
        if (problem.empty()) problem = unknown_word(event);
        if (problem.empty() && !(knows_host(form, event.host) && knows_host(form, event.other)))
            problem = "this scenario has no such host";
        if (problem.empty() && !knows_vm(form, event.vm)) problem = "this scenario has no such VM";
        if (problem.empty()) return event;
        reader.error(node, problem + ": " + config::quoted(*text));
        return std::nullopt;
    }
    const auto near = config::did_you_mean(*text, all_steps());
    reader.error(node, "nothing that can happen: " + config::quoted(*text) +
                           (near ? "; did you mean " + *near + "?" : "") + " (ballast-vopr --sentences)");
    return std::nullopt;
}

std::optional<Look> read_look(const Node& node, const std::string& text, const Form& form, Reader& reader) {
    auto look = look_from(text);
    if (!look) {
        reader.error(node, "nothing that can be expected: " + config::quoted(text) + " (ballast-vopr --sentences)");
        return std::nullopt;
    }
    const Asked& asked = look->asked;
    if (knows_host(form, asked.host) && knows_host(form, asked.other) && knows_vm(form, asked.vm) &&
        knows_vm(form, asked.other_vm))
        return look;
    reader.error(node, "this scenario has no such host or VM: " + config::quoted(text));
    return std::nullopt;
}

// ---- steps: `at TIME`, `when SENTENCE`, or `DURATION after SENTENCE`, and what happens then

void add_step(const Node& key, const Event& event, Form& form, Reader& reader) {
    const std::string& text = key.text;
    if (text.starts_with("at ")) {
        const auto at = config::parse_duration(text.substr(3));
        if (!at) return reader.error(key, at.error().message);
        form.events.push_back(event);
        form.events.back().at = *at;
        return;
    }
    const auto after = text.find(" after ");
    const bool now = text.starts_with("when ");
    if (!now && after == std::string::npos)
        return reader.error(
            key, "expected `at TIME`, `when SENTENCE` or `DURATION after SENTENCE`, found " + config::quoted(text));
    const auto later = now ? Result<Duration>(Duration{}) : config::parse_duration(text.substr(0, after));
    if (!later) return reader.error(key, later.error().message);
    auto look = read_look(key, text.substr(now ? 5 : after + 7), form, reader);
    if (look) form.cues.push_back({std::move(*look), *later, event});
}

void read_steps(const Node& node, Form& form, Reader& reader) {
    if (node.kind != Node::Kind::sequence)
        return reader.error(node, "expected a list of steps, found " + config::kind_name(node));
    for (const Node& item : node.items) {
        if (item.kind != Node::Kind::map || item.members.size() != 1) {
            reader.error(item, "expected a step such as `at 30s: the leader stands still for 20s`");
            continue;
        }
        const Member& step = item.members.front();
        const auto& value = step.value;
        for (const Node& one : value.kind == Node::Kind::sequence ? value.items : std::vector<Node>{value})
            if (const auto event = event_from(one, form, reader)) add_step(step.key, *event, form, reader);
    }
}

// ---- expectations: a sentence, or when it has to hold, and the sentence

bool read_when(const Node& key, Expectation& into, Reader& reader) {
    static constexpr std::pair<When, const char*> without[] = {
        {When::always, "always"}, {When::never, "never"}, {When::healed, "healed"}};
    static constexpr std::pair<When, const char*> with[] = {
        {When::at, "at "}, {When::by, "by "}, {When::until, "until "}, {When::from, "from "}};
    for (const auto& [when, name] : without) {
        into.when = when;
        if (key.text == name) return true;
    }
    for (const auto& [when, name] : with) {
        if (!key.text.starts_with(name)) continue;
        const auto time = config::parse_duration(key.text.substr(std::string(name).size()));
        if (!time) reader.error(key, time.error().message);
        if (!time) return false;
        into.when = when;
        into.time = *time;
        return true;
    }
    reader.error(key, "expected `at`, `by`, `until` or `from` and a time, `always`, `never` or `healed`, found " +
                          config::quoted(key.text));
    return false;
}

void read_expectation(const Node& sentence, Expectation expectation, Form& form, Reader& reader) {
    const auto text = words(sentence, reader);
    if (!text) return;
    auto look = read_look(sentence, *text, form, reader);
    if (!look) return;
    if (expectation.time > form.lasts) return reader.error(sentence, "is expected at a time when the scenario is over");
    expectation.look = std::move(*look);
    form.expectations.push_back(std::move(expectation));
}

void read_expectations(const Node& node, Form& form, Reader& reader) {
    if (node.kind != Node::Kind::sequence)
        return reader.error(node, "expected a list of sentences, found " + config::kind_name(node));
    for (const Node& item : node.items) {
        Expectation expectation;
        if (item.kind != Node::Kind::map) {
            read_expectation(item, expectation, form, reader);
            continue;
        }
        for (const Member& member : item.members) {
            if (!read_when(member.key, expectation, reader)) continue;
            const Node& value = member.value;
            for (const Node& one : value.kind == Node::Kind::sequence ? value.items : std::vector<Node>{value})
                read_expectation(one, expectation, form, reader);
        }
    }
}

// ---- scenarios

void read_setting(const std::string& key, const Node& value, Form& form, Reader& reader) {
    if (key == "name" || key == "shows" || key == "theme") {
        std::string& into = key == "name" ? form.name : key == "shows" ? form.shows : form.theme;
        if (const auto text = words(value, reader)) into = *text;
    } else if (key == "seed") {
        if (const auto seed = parsed(value, reader, config::parse_count)) form.seed = *seed;
    } else if (key == "lasts") {
        if (const auto lasts = parsed(value, reader, config::parse_duration)) form.lasts = *lasts;
    } else if (key == "host_memory") {
        if (const auto memory = parsed(value, reader, config::parse_bytes)) form.host_memory = *memory;
    } else if (key == "policy") {
        config::Declared rules;  // names of rules are the scenario's own
        Reader own(reader.file(), *form.problems, rules);
        const Reader::Subject subject(own, key);
        const auto given = config::read_map(config::policy_table().options, value, form.policy, own);
        form.mode_given = form.mode_given || given.contains("mode");
    } else if (key == "hosts") {
        read_hosts(value, form, reader);
    } else if (key == "vms") {
        read_guests(value, form, reader);
    } else if (key == "steps") {
        read_steps(value, form, reader);
    } else if (key == "expect") {
        read_expectations(value, form, reader);
    }
}

// What later ones refer to comes first, in whatever order it is written.
void read_settings(const Node& node, const std::set<std::string>& known, Form& form, Reader& reader) {
    std::map<std::string, const Node*> given;
    config::walk(node, known, reader,
                 [&](const std::string& key, const Member& member) { given[key] = &member.value; });
    for (const char* key :
         {"theme", "name", "shows", "seed", "lasts", "host_memory", "hosts", "vms", "policy", "steps", "expect"}) {
        const auto found = given.find(key);
        if (found == given.end()) continue;
        const Reader::Subject subject(reader, key);
        read_setting(key, *found->second, form, reader);
    }
}

Node filled_in(Node node, const Node& with) {
    for (const Member& member : with.members) {
        if (member.value.kind != Node::Kind::scalar) continue;
        const std::string place = "{" + member.key.text + "}";
        for (std::size_t at = 0; (at = node.text.find(place, at)) != std::string::npos; at += member.value.text.size())
            node.text.replace(at, place.size(), member.value.text);
    }
    for (Node& item : node.items) item = filled_in(std::move(item), with);
    for (Member& member : node.members) {
        member.key = filled_in(std::move(member.key), with);
        member.value = filled_in(std::move(member.value), with);
    }
    return node;
}

const std::set<std::string>& keys_of_scenario() {
    static const std::set<std::string> keys = {"name",  "shows", "seed",   "lasts", "host_memory",
                                               "hosts", "vms",   "policy", "steps", "expect"};
    return keys;
}

class ScriptReader {
public:
    ScriptReader(Reader& reader, Form defaults) : reader_(reader), defaults_(std::move(defaults)) {}

    void read(const Node& node) {
        if (node.kind != Node::Kind::map)
            return reader_.error(node, "expected a scenario, found " + config::kind_name(node));
        Node scenario = node;
        std::optional<Node> cases;
        std::erase_if(scenario.members, [&](const Member& member) {
            if (member.key.text != "cases") return false;
            cases = member.value;
            return true;
        });
        if (!cases) return read_one(scenario, nullptr);
        if (cases->kind != Node::Kind::sequence)
            return reader_.error(*cases, "expected a list of maps, found " + config::kind_name(*cases));
        for (const Node& one : cases->items) {
            if (one.kind != Node::Kind::map) reader_.error(one, "expected a map, found " + config::kind_name(one));
            if (one.kind == Node::Kind::map) read_one(filled_in(scenario, one), &one);
        }
    }
    std::vector<Script> take() { return std::move(scripts_); }

private:
    void read_one(const Node& node, const Node* one_case) {
        Form form = defaults_;
        read_settings(node, keys_of_scenario(), form, reader_);
        if (one_case != nullptr)
            for (const Member& member : one_case->members)
                if (member.key.text == "expect") read_expectations(member.value, form, reader_);
        const Node& at = one_case == nullptr ? node : *one_case;
        if (form.name.empty()) reader_.error(at, "a scenario needs a `name`");
        if (form.shows.empty()) reader_.error(at, "a scenario says in one sentence what it `shows`");
        if (form.hosts.empty() || form.guests.empty()) reader_.error(at, "a scenario needs `hosts` and `vms`");
        if (form.expectations.empty()) reader_.error(at, "a scenario without `expect` shows nothing");
        if (!form.name.empty()) reader_.declare("scenario", form.name, at);
        for (const Event& event : form.events)
            if (event.at > form.lasts)
                reader_.error(at, "a step comes after the end: `lasts` is " + config::write_duration(form.lasts));
        keep(std::move(form), at.line);
    }

    void keep(Form form, int line) {
        if (!form.mode_given) form.policy.mode = policy::Mode::automatic;
        Script script;
        script.file = reader_.file();
        script.line = line;
        script.theme = std::move(form.theme);
        script.name = std::move(form.name);
        script.shows = std::move(form.shows);
        script.policy = std::move(form.policy);
        script.scenario.seed = form.seed;
        script.scenario.hosts = std::move(form.hosts);
        script.scenario.host_memory = form.host_memory;
        script.scenario.guests = std::move(form.guests);
        script.scenario.length = form.lasts;
        script.scenario.events = std::move(form.events);
        script.cues = std::move(form.cues);
        script.expectations = std::move(form.expectations);
        scripts_.push_back(std::move(script));
    }

    Reader& reader_;
    Form defaults_;
    std::vector<Script> scripts_;
};
}  // namespace

config::Loaded<std::vector<Script>> scripts_from(const std::string& file, const std::string& text) {
    config::Diagnostics problems;
    const auto root = config::parse_yaml(file, text, problems);
    if (!root) return problems;
    config::Declared declared;
    Reader reader(file, problems, declared);
    Form defaults;
    defaults.problems = &problems;
    Node settings = *root;
    std::optional<Node> scenarios;
    std::erase_if(settings.members, [&](const Member& member) {
        if (member.key.text != "scenarios") return false;
        scenarios = member.value;
        return true;
    });
    read_settings(settings, {"theme", "hosts", "vms", "policy", "lasts", "host_memory"}, defaults, reader);
    if (defaults.theme.empty()) reader.error(*root, "a file of scenarios says its `theme`");
    ScriptReader scripts(reader, std::move(defaults));
    if (!scenarios || scenarios->kind != Node::Kind::sequence)
        reader.error(*root, "expected `scenarios`, a list");
    else
        for (const Node& one : scenarios->items) scripts.read(one);
    auto all = scripts.take();
    for (const Script& script : all) {
        const auto found = config::contradictions(script.policy);
        problems.insert(problems.end(), found.begin(), found.end());
    }
    if (!problems.empty()) return problems;
    return all;
}

config::Loaded<std::vector<Script>> load_scripts(const std::string& path) {
    config::Diagnostics problems;
    const auto text = config::read_file(path, problems);
    if (!text) return problems;
    return scripts_from(path, *text);
}

std::string index_of(const std::vector<Script>& all) {
    std::string text, file;
    for (const Script& script : all) {
        const std::string name = script.file.substr(script.file.find_last_of('/') + 1);
        if (name != file) text += "\n## " + name + "\n\n" + script.theme + ".\n\n";
        file = name;
        text += "- **" + script.name + "**: " + script.shows + "\n";
    }
    return text;
}

std::vector<std::string> all_steps() {
    std::vector<std::string> all;
    for (const Sentence& sentence : sentences()) all.push_back(with_names(sentence.says));
    return all;
}

}  // namespace ballast::sim::vopr
