#include "cli/top_frame.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <sstream>

#include "cli/human.h"
#include "cli/page.h"
#include "cli/views/parts.h"

namespace ballast::cli {

namespace {

using Lines = std::vector<std::string>;

// Of each kind, however much there is: the table has to have room as well.
constexpr std::size_t most_problems = 3, most_moves = 4, most_steps = 3;
constexpr std::size_t title_lines = 2;  // of a table: its titles and the rule below them
constexpr int narrow_bar = 8;

Lines lines_in(const std::string& text) {
    Lines lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
}

void add(Lines& lines, const Phrase& phrase, const Style& style) {
    lines.push_back((style.width > 0 ? phrase.truncated_to(style.width, style.unicode) : phrase).render(style));
}

bool waits(const value& operation) {
    return text(operation, "state") == "waiting";
}

std::string watts(double value) {
    char written[32];
    if (value >= 10000)
        std::snprintf(written, sizeof written, "%.1f kW", value / 1000);
    else
        std::snprintf(written, sizeof written, "%.0f W", value);
    return written;
}

Phrase headline(const TopFacts& facts) {
    const value& status = at(facts.overview, "status");
    const value &hosts = at(status, "hosts"), &vms = at(status, "vms");
    Phrase line(" Ballast ", Tone::strong);
    line.add(" ").add(flag(status, "paused") ? "paused" : text(status, "mode"),
                      flag(status, "paused") ? Tone::notice : Tone::plain);
    line.add("  " + text(hosts, "up") + " of " + text(hosts, "total") + " hosts");
    if (whole(hosts, "off") > 0) line.add(", " + text(hosts, "off") + " off");
    line.add("  " + counted(whole(vms, "running"), "VM", "VMs"));
    if (number(status, "imbalance")) line.add("  imbalance " + percent_of(status, "imbalance"));
    double draw = 0;
    for (const value& account : list(at(facts.overview, "energy"), "hosts"))
        draw += number(account, "watts").value_or(0);
    if (draw > 0) line.add("  " + watts(draw));
    const std::string at_time = local_time(text(facts.overview, "at"));
    line.add("  " + at_time.substr(at_time.find(' ') + 1), Tone::faint);
    if (const auto saved = number(at(facts.overview, "energy"), "saved_kwh"); saved && *saved > 0)
        line.add("  saved " + decimal(at(facts.overview, "energy"), "saved_kwh", 1) + " kWh");
    return line;
}

Phrase verdict(const TopFacts& facts) {
    const value& status = at(facts.overview, "status");
    const array& active = list(at(facts.overview, "operations"), "active");
    const auto waiting = std::count_if(active.begin(), active.end(), waits);
    const auto problems = static_cast<std::int64_t>(list(status, "problems").size());
    if (problems > 0) return {" " + counted(problems, "thing needs you", "things need you"), Tone::bad};
    if (waiting > 0)
        return {" " + counted(waiting, "move waits", "moves wait") + " for you: ballastctl approve", Tone::notice};
    if (const auto staying = by_vm(list(at(facts.overview, "plan"), "immovable")); !staying.empty())
        return {" " + counted(static_cast<std::int64_t>(staying.size()), "VM has", "VMs have") + " to leave and cannot",
                Tone::notice};
    if (flag(status, "paused"))
        return {" Paused by " + text(status, "paused_by") + ": ballastctl resume", Tone::notice};
    if (at(facts.overview, "plan").is_null()) return {" The hosts are being measured", Tone::faint};
    return {" All is well", Tone::good};
}

void add_problems(Lines& lines, const TopFacts& facts, const Style& style) {
    const array& problems = list(at(facts.overview, "status"), "problems");
    for (std::size_t i = 0; i < std::min(problems.size(), most_problems); ++i)
        add(lines, Phrase(" ! ", Tone::bad).add(text(problems[i])), style);
    if (problems.size() > most_problems)
        add(lines,
            Phrase("   and " + std::to_string(problems.size() - most_problems) + " more: ballastctl status",
                   Tone::faint),
            style);
}

void add_staying(Lines& lines, const TopFacts& facts, const Style& style) {
    const auto staying = by_vm(list(at(facts.overview, "plan"), "immovable"));
    for (std::size_t i = 0; i < std::min(staying.size(), most_problems); ++i)
        add(lines,
            Phrase(" ! ", Tone::bad).add(staying[i].name + " has to leave its host and cannot: " + staying[i].why),
            style);
    if (staying.size() > most_problems)
        add(lines,
            Phrase("   and " + std::to_string(staying.size() - most_problems) + " more: ballastctl plan", Tone::faint),
            style);
}

Phrase route(const value& step, const Style& style) {
    return Phrase(" ")
        .add(text(step, "vm_name"), Tone::strong)
        .add(" " + text(step, "from") + arrow(style) + text(step, "to"));
}

Phrase far(const value& operation, const Style& style) {
    const auto elapsed = number(operation, "elapsed_ms");
    const auto expected = number(at(operation, "prediction"), "duration_ms");
    if (waits(operation)) return {" waits: ballastctl approve " + text(operation, "id"), Tone::notice};
    if (!elapsed || !expected || *expected <= 0) return Phrase(" ").add(state_phrase(text(operation, "state")));
    // It is done when it is done, so the bar never says so before.
    return Phrase(" " + bar(std::min(*elapsed / *expected, 0.99), narrow_bar, style) + " " +
                  duration(operation, "elapsed_ms") + " of about " +
                  duration(at(operation, "prediction"), "duration_ms"));
}

void add_moves(Lines& lines, const TopFacts& facts, const Style& style) {
    const array& active = list(at(facts.overview, "operations"), "active");
    for (std::size_t i = 0; i < std::min(active.size(), most_moves); ++i)
        add(lines,
            route(active[i], style).add(far(active[i], style)).add("  " + text(active[i], "reason"), Tone::faint),
            style);
    if (active.size() > most_moves)
        add(lines, Phrase(" and " + std::to_string(active.size() - most_moves) + " more under way", Tone::faint),
            style);
    for (const value& host : list(facts.overview, "power"))
        if (const std::string state = text(host, "state"); state.starts_with("switching") || state == "fencing")
            add(lines,
                Phrase(" ")
                    .add(text(host, "host"), Tone::strong)
                    .add(" ")
                    .add(state_phrase(state))
                    .add("  " + text(host, "message"), Tone::faint),
                style);
}

Phrase switched(const value& change) {
    return Phrase(flag(change, "on") ? " switch on " : " switch off ").add(text(change, "host"), Tone::strong);
}

void add_plan(Lines& lines, const TopFacts& facts, const Style& style) {
    const value& plan = at(facts.overview, "plan");
    std::vector<Phrase> steps;
    for (const value& step : list(plan, "restarts"))
        steps.push_back(Phrase(" restart").add(route(step, style)).add("  " + text(step, "reason"), Tone::faint));
    for (const value& step : list(plan, "moves"))
        steps.push_back(Phrase(" planned").add(route(step, style)).add("  " + text(step, "reason"), Tone::faint));
    for (const value& change : list(plan, "power"))
        steps.push_back(Phrase(" planned").add(switched(change)).add("  " + text(change, "reason"), Tone::faint));
    for (std::size_t i = 0; i < std::min(steps.size(), most_steps); ++i) add(lines, steps[i], style);
    if (steps.size() > most_steps)
        add(lines,
            Phrase(" and " + std::to_string(steps.size() - most_steps) + " more planned: ballastctl plan", Tone::faint),
            style);
    if (!steps.empty()) return;
    for (const value& finding : list(plan, "findings")) {
        const std::string host = text(finding, "host"), said = text(finding, "text");
        add(lines, Phrase(said.starts_with(host) ? " " : " " + host + ": ").add(said), style);
    }
}

int urgency(const value& host) {
    switch (tone_of_state(text(host, "state"))) {
        case Tone::bad: return 0;
        case Tone::notice: return 1;
        default: return list(host, "health").empty() && text(host, "problem").empty() ? 2 : 0;
    }
}

// The more comes first; what is not known comes last.
double figure(const value& row, const TopView& view) {
    const bool of_vms = view.table == TopTable::vms;
    switch (view.sort) {
        case TopSort::attention:
        case TopSort::cpu:
            return of_vms ? number(row, "cpu_used_cores").value_or(-1)
                          : number(at(row, "cpu"), "demand_ratio").value_or(-1);
        case TopSort::memory:
            return of_vms ? number(row, "memory_bytes").value_or(-1)
                          : number(at(row, "memory"), "demand_ratio").value_or(-1);
        case TopSort::vms: return of_vms ? number(row, "ready_ratio").value_or(-1) : number(row, "vms").value_or(-1);
        case TopSort::name: return 0;
    }
    return 0;
}

std::vector<const value*> sorted(const array& rows, const TopView& view) {
    std::vector<const value*> order;
    for (const value& row : rows) order.push_back(&row);
    if (view.table == TopTable::history) return order;  // newest first, as it comes
    const char* name = view.table == TopTable::vms ? "name" : "id";
    std::stable_sort(order.begin(), order.end(), [&](const value* a, const value* b) {
        const bool hosts_first = view.sort == TopSort::attention && view.table == TopTable::hosts;
        if (hosts_first && urgency(*a) != urgency(*b)) return urgency(*a) < urgency(*b);
        if (figure(*a, view) != figure(*b, view)) return figure(*a, view) > figure(*b, view);
        return text(*a, name) < text(*b, name);
    });
    return order;
}

Cell load(const value& host, const char* resource, const Style& style) {
    const auto ratio = number(at(host, resource), "demand_ratio");
    return {load_bar(ratio, style), load_percent(ratio)};
}

std::string felt(const value& host) {
    const value& pressure = at(host, "pressure");
    std::string all;
    for (const auto& [name, ratio] : {std::pair("cpu", number(pressure, "cpu_some_ratio")),
                                      std::pair("memory", number(pressure, "memory_full_ratio")),
                                      std::pair("io", number(pressure, "io_full_ratio"))})
        if (ratio && *ratio >= 0.05) all += (all.empty() ? "" : ", ") + std::string(name) + load_percent(ratio).text();
    return all;
}

std::string flow(const value& host) {
    std::string all;
    if (const auto in = whole(host, "incoming"); in > 0) all += "+" + std::to_string(in);
    if (const auto out = whole(host, "outgoing"); out > 0) all += (all.empty() ? "-" : " -") + std::to_string(out);
    return all;
}

Table hosts_table(const std::vector<const value*>& rows, const TopFacts& facts, const Style& style) {
    using enum Column::Align;
    std::map<std::string, double> drawn;
    for (const value& account : list(at(facts.overview, "energy"), "hosts"))
        if (const auto known = number(account, "watts")) drawn[text(account, "host")] = *known;
    Table table({{"Host"},
                 {"State"},
                 {"CPU"},
                 {"Memory"},
                 {"VMs", right},
                 {"Moves", left, 2},
                 {"Pressure", left, 1},
                 {"Power", right, 3}});
    for (const value* host : rows) {
        const auto power = drawn.find(text(*host, "id"));
        table.add({Phrase(text(*host, "id"), Tone::strong), state_phrase(text(*host, "state")),
                   load(*host, "cpu", style), load(*host, "memory", style), text(*host, "vms"), flow(*host),
                   felt(*host), power == drawn.end() ? "" : watts(power->second)});
    }
    return table;
}

Table vms_table(const std::vector<const value*>& rows) {
    using enum Column::Align;
    Table table({{"VM"},
                 {"Host"},
                 {"State"},
                 {"CPU", right},
                 {"of", right},
                 {"Ready", right, 1},
                 {"Memory", right},
                 {"Moves", left, 2}});
    for (const value* vm : rows)
        table.add({Phrase(text(*vm, "name"), Tone::strong), text(*vm, "host"), state_phrase(text(*vm, "state")),
                   decimal(*vm, "cpu_used_cores", 1), text(*vm, "vcpus"), percent_of(*vm, "ready_ratio"),
                   bytes(*vm, "memory_bytes"),
                   !text(*vm, "operation").empty() ? "under way"
                   : flag(*vm, "movable")          ? ""
                                                   : "stays"});
    return table;
}

Table history_table(const std::vector<const value*>& rows, const Style& style) {
    using enum Column::Align;
    Table table({{"Ended"}, {"VM"}, {"From, to"}, {"Ended as"}, {"Took", right}, {"Why"}});
    const bool wide = style.width == 0 || style.width >= 100;  // else the reason needs the room
    for (const value* operation : rows) {
        const std::string ended = local_time(text(*operation, "ended_at")), message = text(*operation, "message");
        const bool as_meant = text(*operation, "state") == "done" && !flag(*operation, "alarm");
        table.add({ended.substr(std::min<std::size_t>(ended.size(), 5)),  // without its year
                   Phrase(text(*operation, "vm_name"), Tone::strong),
                   text(*operation, "from") + arrow(style) + text(*operation, "to"),
                   state_phrase(text(*operation, "state")),
                   wide ? duration(at(*operation, "outcome"), "duration_ms") : "",
                   Phrase(as_meant || message.empty() ? text(*operation, "reason") : message,
                          flag(*operation, "alarm") ? Tone::bad : Tone::faint)});
    }
    return table;
}

const array& rows_of(const TopFacts& facts, TopTable table) {
    switch (table) {
        case TopTable::hosts: return list(facts.overview, "hosts");
        case TopTable::vms: return facts.vms;
        case TopTable::history: return list(at(facts.overview, "operations"), "ended");
    }
    return facts.vms;
}

Table table_of(TopTable kind, const std::vector<const value*>& rows, const TopFacts& facts, const Style& style) {
    switch (kind) {
        case TopTable::hosts: return hosts_table(rows, facts, style);
        case TopTable::vms: return vms_table(rows);
        case TopTable::history: return history_table(rows, style);
    }
    return Table({});
}

const char* name_of(TopSort sort, bool of_vms) {
    switch (sort) {
        case TopSort::attention: return of_vms ? "CPU" : "attention";
        case TopSort::name: return "name";
        case TopSort::cpu: return "CPU";
        case TopSort::memory: return "memory";
        case TopSort::vms: return of_vms ? "ready time" : "VMs";
    }
    return "";
}

// Of so many rows as many as fit.
std::size_t fitting(std::size_t rows, std::size_t room) {
    return std::min(rows, room > title_lines ? room - title_lines : 1);
}

// The rows that fit, beginning with the view's first.
void add_table(Lines& lines, const TopFacts& facts, const TopView& view, const Style& style, std::size_t room) {
    auto rows = sorted(rows_of(facts, view.table), view);
    const std::size_t shown = fitting(rows.size(), room);
    const std::size_t first = std::min(view.first, rows.size() - shown);
    rows.assign(rows.begin() + static_cast<std::ptrdiff_t>(first),
                rows.begin() + static_cast<std::ptrdiff_t>(first + shown));
    const Table table = table_of(view.table, rows, facts, style);
    for (const std::string& line : lines_in(table.render(style))) lines.push_back(line);
}

TopTable next(TopTable table) {
    switch (table) {
        case TopTable::hosts: return TopTable::vms;
        case TopTable::vms: return TopTable::history;
        case TopTable::history: return TopTable::hosts;
    }
    return table;
}

Phrase keys(const TopFacts& facts, const TopView& view) {
    const std::string all = std::to_string(rows_of(facts, view.table).size());
    if (view.table == TopTable::history)
        return Phrase(" The last " + all + " of the history", Tone::strong).add("  q quit  Tab hosts");
    const bool of_vms = view.table == TopTable::vms;
    Phrase line(" " + all + (of_vms ? " VMs" : " hosts") + " by " + name_of(view.sort, of_vms), Tone::strong);
    line.add(std::string("  q quit  Tab ") + (of_vms ? "history" : "VMs") + "  sort:");
    for (const char* word : {"attention", "name", "cpu", "memory", "vms"})  // its first letter is the key
        line.add(" ").add(std::string(1, *word), Tone::strong).add(word + 1);
    return line;
}

// What is above the table.
Lines head(const TopFacts& facts, const TopView& view, const Style& style) {
    Lines lines;
    if (!facts.overview.is_null()) add(lines, headline(facts), style);
    if (!facts.trouble.empty()) {
        Phrase trouble(" ! " + facts.trouble, Tone::bad);
        if (!facts.overview.is_null()) trouble.add("; what follows is " + std::to_string(facts.age) + " s old");
        add(lines, trouble, style);
    }
    if (facts.overview.is_null()) return lines;
    if (facts.trouble.empty()) add(lines, verdict(facts), style);
    if (view.table == TopTable::vms && !facts.vms_trouble.empty())
        add(lines, Phrase(" ! what is shown of VMs is old: " + facts.vms_trouble, Tone::bad), style);
    add_problems(lines, facts, style);
    add_staying(lines, facts, style);
    add_moves(lines, facts, style);
    add_plan(lines, facts, style);
    lines.emplace_back();
    return lines;
}

// Of so many lines what is left below the head, and above the line about keys.
std::size_t room_below(const Lines& head, std::size_t limit) {
    return limit > head.size() + 1 ? limit - head.size() - 1 : 0;
}

}  // namespace

std::vector<std::string> top_frame(const TopFacts& facts, const TopView& view, const Style& style, int rows) {
    Lines lines = head(facts, view, style);
    if (facts.overview.is_null()) return lines;
    const std::size_t limit = rows > 0 ? static_cast<std::size_t>(rows) : SIZE_MAX;
    const std::size_t footer = 1;
    add_table(lines, facts, view, style, room_below(lines, limit));
    if (rows == 0) return lines;
    if (lines.size() > limit - footer) lines.resize(limit - footer);
    while (lines.size() < limit - footer) lines.emplace_back();
    add(lines, keys(facts, view), style);
    return lines;
}

std::size_t last_first(const TopFacts& facts, const TopView& view, const Style& style, int rows) {
    const std::size_t all = rows_of(facts, view.table).size();
    return all - fitting(all, room_below(head(facts, view, style), static_cast<std::size_t>(rows)));
}

TopView after_key(TopView view, const std::string& key, std::size_t page) {
    const auto sort_by = [&](TopSort sort) {
        view.sort = sort;
        view.first = 0;
    };
    if (key == "a") sort_by(TopSort::attention);
    if (key == "n") sort_by(TopSort::name);
    if (key == "c") sort_by(TopSort::cpu);
    if (key == "m") sort_by(TopSort::memory);
    if (key == "v") sort_by(TopSort::vms);
    if (key == "tab") view = {next(view.table), TopSort::attention, 0};
    if (key == "home") view.first = 0;
    if (key == "down") ++view.first;
    if (key == "up" && view.first > 0) --view.first;
    if (key == "page down") view.first += page;
    if (key == "page up") view.first -= std::min(view.first, page);
    return view;
}

}  // namespace ballast::cli
