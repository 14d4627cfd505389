#include <algorithm>
#include <functional>
#include <map>

#include "cli/human.h"
#include "cli/views/parts.h"
#include "cli/views/views.h"
#include "model/units.h"

namespace ballast::cli {

namespace {
constexpr std::size_t refused_shown = 3;  // refused targets named below a move; explain has them all

std::string short_why(const value& rejection) {
    return text(rejection, "target") + ": " + why(rejection);
}

// "not host3: ...; not host4: ..., and 2 more".
Phrase refused_targets(const array& refused) {
    Phrase phrase;
    for (std::size_t i = 0; i < std::min(refused.size(), refused_shown); ++i)
        phrase.add(i == 0 ? " Not " : "; not ", Tone::faint).add(short_why(refused[i]), Tone::faint);
    if (refused.size() > refused_shown)
        phrase.add(
            "; and " + counted(static_cast<std::int64_t>(refused.size() - refused_shown), "other host", "other hosts"),
            Tone::faint);
    if (!refused.empty()) phrase.add(".", Tone::faint);
    return phrase;
}

// First the host it leaves, then the one it goes to.
Phrase both_hosts(const value& effect, const std::string& resource, const Style& style) {
    const auto side = [&](const std::string& name) {
        const std::string stem = name + "_" + resource;
        return change(effect, stem + "_before_ratio", stem + "_after_ratio", style);
    };
    return side("source").add(", ").add(side("target"));
}

// A reason as a sentence that others may follow.
std::string sentence(std::string reason) {
    return reason.empty() || reason.ends_with('.') ? reason : reason + ".";
}

Table move_table(const std::vector<const value*>& moves, const Style& style) {
    using enum Column::Align;
    Table table({{"VM"},
                 {"From" + arrow(style) + "to"},
                 {"Takes", right},
                 {"Downtime", right},
                 {"Sends", right, 2},
                 {"CPU of both hosts", left},
                 {"Memory of both hosts", left, 1}});
    table.set_note_title("Why");
    for (const value* move : moves) {
        const value& prediction = at(*move, "prediction");
        const bool converges = flag(prediction, "converges") || prediction.is_null();
        Phrase note(sentence(text(*move, "reason")));
        if (!converges) note.add(" It writes to its memory faster than the link carries it.", Tone::notice);
        note.add(refused_targets(list(*move, "refused_targets")));
        table.add({Phrase(text(*move, "vm_name"), Tone::strong), text(*move, "from") + arrow(style) + text(*move, "to"),
                   duration(prediction, "duration_ms"), duration(prediction, "downtime_ms"),
                   bytes(prediction, "transferred_bytes"), both_hosts(at(*move, "effect"), "cpu", style),
                   both_hosts(at(*move, "effect"), "memory", style)},
                  note);
    }
    return table;
}

// All refusals of one VM on one target, and then those targets that have the same ones.
struct Refusal {
    std::string vm;
    std::string where;
    array refusals;
    std::string why;
};

std::vector<Refusal> by_target(const array& rejections) {
    std::vector<Refusal> rows;
    for (const value& rejection : rejections) {
        const std::string target = text(rejection, "target"), vm = text(rejection, "vm_name");
        const std::string where = target.empty() ? "any host" : target;
        const auto same =
            std::find_if(rows.begin(), rows.end(), [&](const Refusal& r) { return r.vm == vm && r.where == where; });
        if (same == rows.end())
            rows.push_back({vm, where, {rejection}, ""});
        else
            same->refusals.push_back(rejection);
    }
    for (Refusal& row : rows) row.why = why_all(row.refusals);
    return rows;
}

std::vector<Refusal> grouped(const array& rejections) {
    std::vector<Refusal> rows;
    for (Refusal& row : by_target(rejections)) {
        const auto same = std::find_if(rows.begin(), rows.end(),
                                       [&](const Refusal& r) { return r.vm == row.vm && r.why == row.why; });
        if (same == rows.end())
            rows.push_back(std::move(row));
        else
            same->where += ", " + row.where;
    }
    return rows;
}

}  // namespace

std::vector<RefusedVm> by_vm(const array& rejections) {
    std::vector<RefusedVm> vms;
    std::map<std::string, std::size_t> places;
    for (const value& rejection : rejections) {
        const auto [place, fresh] = places.emplace(text(rejection, "vm"), vms.size());
        if (fresh) vms.push_back({text(rejection, "vm_name"), ""});
        std::string& all = vms[place->second].why;
        const std::string target = text(rejection, "target");
        all += (all.empty() ? "" : "; ") + (target.empty() ? "" : target + ": ") + why(rejection);
    }
    return vms;
}

namespace {

// What is said of a VM that cannot be moved at all names the hosts already.
array of_movable(const array& rejections, const array& immovable) {
    array kept;
    for (const value& rejection : rejections)
        if (std::none_of(immovable.begin(), immovable.end(),
                         [&](const value& i) { return text(i, "vm") == text(rejection, "vm"); }))
            kept.push_back(rejection);
    return kept;
}

Table restart_table(const std::vector<const value*>& restarts, const Style& style) {
    Table table({{"VM"}, {"From" + arrow(style) + "to"}});
    table.set_note_title("Why");
    for (const value* one : restarts)
        table.add({Phrase(text(*one, "vm_name"), Tone::strong), text(*one, "from") + arrow(style) + text(*one, "to")},
                  Phrase(sentence(text(*one, "reason"))).add(refused_targets(list(*one, "refused_targets"))));
    return table;
}

/// Members of each wave, under a line that says what it waits for where there are several.
void show_waves(const array& all, const std::string& waits_for,
                const std::function<Table(const std::vector<const value*>&, const Style&)>& table, Page& page) {
    std::map<std::int64_t, std::vector<const value*>> waves;
    for (const value& one : all) waves[whole(one, "wave")].push_back(&one);
    for (const auto& [wave, members] : waves) {
        if (waves.size() > 1) {
            if (wave > 0) page.blank();
            page.say(Phrase("Wave " + std::to_string(wave + 1) + (wave == 0 ? "" : ", " + waits_for), Tone::faint));
        }
        page.table(table(members, page.style()));
    }
}

bool has_trigger(const value& finding, std::string_view trigger) {
    return text(finding, "trigger") == trigger;
}

bool is_about_loss(const value& finding) {
    return has_trigger(finding, "host_loss");
}

bool wants_nothing(const value& plan) {
    for (const char* part : {"restarts", "moves", "power", "immovable", "findings"})
        if (!list(plan, part).empty()) return false;
    return true;
}

// Nothing was found that moves could help.
bool no_use_for_moves(const value& plan) {
    const auto& findings = list(plan, "findings");
    const bool lost = std::any_of(findings.begin(), findings.end(), is_about_loss);
    return (lost || list(plan, "immovable").empty()) &&
           std::all_of(findings.begin(), findings.end(), [](const value& finding) {
               return has_trigger(finding, "consolidation") || is_about_loss(finding);
           });
}

std::string immovable_title(const value& plan) {
    const auto& findings = list(plan, "findings");
    if (std::none_of(findings.begin(), findings.end(), is_about_loss))
        return "Would have to leave, but cannot be moved";
    if (std::all_of(findings.begin(), findings.end(), is_about_loss)) return "Can be started nowhere";
    return "Would have to leave or to be started elsewhere, but cannot";
}

void show_nothing_wanted(const value& plan, Page& page) {
    std::string silent;
    if (const object* hosts = at(plan, "hosts").if_object())
        for (const auto& [name, view] : *hosts)
            if (const std::string state = text(view, "state");
                state == "down" || state == "stale" || state == "unknown")
                silent += (silent.empty() ? "" : ", ") + std::string(name);
    if (silent.empty())
        page.say("No moves are wanted: every host is within its limits.");
    else
        page.say(Phrase("No moves are wanted. ")
                     .add("Not judged, because they do not report: " + silent + ".", Tone::notice));
}

void show_balance(const value& plan, Page& page) {
    const auto before = number(plan, "imbalance_before"), after = number(plan, "imbalance_after");
    if (!before || !after || list(plan, "moves").empty()) return;
    page.blank().say("Spread of CPU demand over the hosts: " + decimal(plan, "imbalance_before", 3) +
                     arrow(page.style()) + decimal(plan, "imbalance_after", 3) + " (standard deviation; 0 is even)");
}
}  // namespace

std::string why(const value& rejection) {
    const std::string detail = text(rejection, "detail");
    return text(rejection, "text") + (detail.empty() ? "" : " (" + detail + ")");
}

std::string why_all(const array& refusals) {
    std::string all;
    for (const value& refusal : refusals) {
        if (text(refusal, "reason") == "host_unreachable") return why(refusal);
        all += (all.empty() ? "" : "; ") + why(refusal);
    }
    return all;
}

std::string prediction_phrase(const value& prediction) {
    return "about " + duration(prediction, "duration_ms") + ", with " + duration(prediction, "downtime_ms") +
           " of downtime and " + bytes(prediction, "transferred_bytes") + " sent";
}

Phrase change(const value& effect, std::string_view before, std::string_view after, const Style& style) {
    const auto from = number(effect, before), to = number(effect, after);
    if (!from || !to) return "-";
    return Phrase(fixed(*from * 100, 0) + arrow(style) + fixed(*to * 100, 0) + " %");
}

void show_findings(const array& findings, Page& page) {
    for (const value& finding : findings) {
        const bool resolved = flag(finding, "resolved_by_plan");
        const std::string host = text(finding, "host"), what = text(finding, "text");
        Phrase phrase;
        if (!host.empty() && !what.starts_with(host + " ")) phrase.add(host, Tone::strong).add(": ");
        phrase.add(what);
        // An opportunity is no problem; what becomes of a lost host's VMs, and that a host is empty, is told by the
        // words.
        if (has_trigger(finding, "consolidation") || is_about_loss(finding) || what.ends_with(" empty")) {
            page.item(phrase);
            continue;
        }
        phrase.add(resolved ? " (the plan resolves it)" : " (not resolved by the plan)",
                   resolved ? Tone::good : Tone::bad);
        page.item(phrase);
    }
}

void show_rejections(const array& rejections, Page& page) {
    Table table({{"VM"}, {"Where"}});
    table.set_note_title("Why not");
    std::string previous;
    for (const Refusal& row : grouped(rejections)) {
        table.add({row.vm == previous ? "" : row.vm, row.where}, row.why);
        previous = row.vm;
    }
    page.table(table);
}

void show_moves(const array& moves, Page& page) {
    show_waves(moves, "once the one before has freed its slots", move_table, page);
}

void show_restarts(const array& restarts, Page& page) {
    if (restarts.empty()) return;
    page.heading("Restarts");
    show_waves(restarts, "once those before run", restart_table, page);
}

void show_power(const array& changes, Page& page) {
    if (changes.empty()) return;
    page.heading("Power");
    for (const value& change : changes) {
        const bool on = flag(change, "on");
        Phrase phrase(std::string("Switch ") + (on ? "on " : "off "));
        phrase.add(text(change, "host"), Tone::strong);
        if (whole(change, "wave") > 0)
            phrase.add(on ? ", once the moves before have ended" : ", once its VMs have left");
        page.item(phrase.add(": " + text(change, "reason")));
    }
}

void show_plan(const value& plan, Page& page) {
    if (wants_nothing(plan)) show_nothing_wanted(plan, page);
    if (const auto& findings = list(plan, "findings"); !findings.empty()) {
        page.heading("Found");
        show_findings(findings, page);
    }
    const std::string brake = text(plan, "brake");
    if (const auto& warnings = list(plan, "warnings"); !warnings.empty() || !brake.empty()) {
        page.heading("Warnings");
        if (!brake.empty()) page.item(Phrase(brake, Tone::notice));
        for (const value& warning : warnings) page.item(Phrase(text(warning), Tone::bad));
    }
    if (const auto& immovable = list(plan, "immovable"); !immovable.empty()) {
        page.heading(immovable_title(plan));
        show_rejections(immovable, page);
    }
    show_restarts(list(plan, "restarts"), page);
    if (const auto& moves = list(plan, "moves"); !moves.empty()) {
        page.heading("Moves");
        show_moves(moves, page);
    } else if (!wants_nothing(plan) && list(plan, "restarts").empty() && list(plan, "power").empty() &&
               !no_use_for_moves(plan)) {
        page.blank().say("No move would help.");
    }
    show_power(list(plan, "power"), page);
    show_balance(plan, page);
    if (const array rejections = of_movable(list(plan, "rejections"), list(plan, "immovable")); !rejections.empty()) {
        page.heading("Considered and rejected");
        show_rejections(rejections, page);
    }
}

void show_dry_run(const value& dry_run, Page& page) {
    if (const value& supposed = at(dry_run, "what_if"); !supposed.is_null()) {
        show_what_if(supposed, page);
        return show_plan(at(dry_run, "plan"), page);
    }
    const std::string mode = text(dry_run, "mode");
    std::string what = "What Ballast would do now. ";
    if (flag(dry_run, "paused"))
        what += "It does none of it while it is paused (ballastctl resume).";
    else if (flag(dry_run, "acts"))
        what += "In mode automatic it starts these moves by itself.";
    else if (mode == "confirm")
        what +=
            "In mode confirm it proposes these moves and waits for ballastctl approve; hosts it does not switch "
            "(ballastctl power does).";
    else
        what += "In mode " + mode + " it starts none of it by itself.";
    page.say(Phrase(what, Tone::faint));
    show_plan(at(dry_run, "plan"), page);
}

void show_cycle(const value& cycle, Page& page) {
    page.say(Phrase(text(cycle, "id"), Tone::strong)
                 .add(" at " + local_time(text(cycle, "at")) + ", mode " + text(cycle, "mode") +
                      (flag(cycle, "paused") ? " (paused)" : "") + "; planning took " + duration(cycle, "plan_ms") +
                      "."));
    std::string operations;
    for (const value& id : list(cycle, "operations")) operations += (operations.empty() ? "" : ", ") + text(id);
    if (!operations.empty()) page.say("Started or proposed: " + operations);
    for (const value& note : list(cycle, "notes")) page.item(Phrase(text(note), Tone::notice));
    show_plan(at(cycle, "plan"), page);
}

}  // namespace ballast::cli
