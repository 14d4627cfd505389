#include <algorithm>

#include "cli/human.h"
#include "cli/views/parts.h"
#include "cli/views/views.h"

namespace ballast::cli {

namespace {
// A VM that has to stay where it is cannot go to a host that has nothing against it either.
std::string why_not(const value& target) {
    const array& refusals = list(target, "refusals");
    return refusals.empty() && !flag(target, "possible") ? "the host would take it; see above" : why_all(refusals);
}

void show_targets(const array& targets, Page& page) {
    if (targets.empty()) {
        page.say("There is no other host.");
        return;
    }
    Table table({{"Host"}, {"Possible"}, {"CPU there"}, {"Memory there"}});
    table.set_note_title("Why not");
    for (const value& target : targets) {
        const bool possible = flag(target, "possible");
        const value& effect = at(target, "effect");
        table.add({Phrase(text(target, "host"), Tone::strong),
                   possible ? Phrase("yes", Tone::good) : Phrase("no", Tone::notice),
                   change(effect, "target_cpu_before_ratio", "target_cpu_after_ratio", page.style()),
                   change(effect, "target_memory_before_ratio", "target_memory_after_ratio", page.style())},
                  why_not(target));
    }
    page.table(table);
}

void show_operations_of(const array& operations, Page& page) {
    array active, ended;
    for (const value& operation : operations) (flag(operation, "final") ? ended : active).push_back(operation);
    if (!active.empty()) {
        page.heading("Under way");
        show_active(active, page);
    }
    if (ended.empty()) return;
    page.heading("Its migrations");
    show_ended(ended, page);
}

// What is not known is left out.
std::string load_sentence(const value& vm) {
    const value& load = at(vm, "load");
    std::string sentence =
        counted(whole(vm, "vcpus"), "vCPU", "vCPUs") + " and " + bytes(vm, "memory_bytes") + " of memory";
    if (!flag(vm, "facts_known")) sentence = "Its definition is not known";
    const auto add = [&](const char* key, const std::string& words) {
        if (number(load, key)) sentence += ", " + words;
    };
    add("cpu_used_cores", "using " + decimal(load, "cpu_used_cores", 2) + " cores");
    add("ready_ratio", "waiting for a CPU " + percent_of(load, "ready_ratio") + " of the time");
    add("memory_rss_bytes", bytes(load, "memory_rss_bytes") + " resident");
    if (number(load, "swap_in_mib_per_s").value_or(0) > 0)
        add("swap_in_mib_per_s", "reading " + decimal(load, "swap_in_mib_per_s", 1) + " MiB/s back from its swap");
    add("dirty_rate_mib_per_s", "writing to memory at " + decimal(load, "dirty_rate_mib_per_s", 1) + " MiB/s");
    return sentence + (number(load, "cpu_used_cores") ? "." : "; its load was not measured yet.");
}

std::string names_of(const value& wishes, std::string_view key) {
    std::string all;
    for (const value& name : list(wishes, key)) all += (all.empty() ? "" : ", ") + std::string(name.as_string());
    return all;
}

// What its definition asks for [policy.md, wishes of VMs]; empty: nothing.
std::string wishes_sentence(const value& wishes) {
    std::string wanted;
    const auto add = [&](bool said, const std::string& words) {
        if (said) wanted += (wanted.empty() ? "" : "; ") + words;
    };
    add(flag(wishes, "no_migrate"), "never moved");
    const std::string only_on = names_of(wishes, "only_on"), apart = names_of(wishes, "keep_apart");
    add(!only_on.empty(), "only on " + only_on);
    add(!apart.empty(), "apart from others of " + apart);
    add(flag(wishes, "post_copy"), "post-copy allowed");
    add(flag(wishes, "no_post_copy"), "no post-copy");
    const auto priority = number(wishes, "priority").value_or(0);
    add(priority != 0, "priority " + decimal(wishes, "priority", 0));
    return wanted.empty() ? "" : "Its owner wants: " + wanted + ".";
}

void introduce(const value& vm, bool lost, Page& page) {
    Phrase phrase(text(vm, "name"), Tone::strong);
    phrase.add(" (" + text(vm, "id") + (lost ? ") was " : ") is ") + text(vm, "state") + " on ");
    phrase.add(text(vm, "host"), Tone::strong);
    const std::string since = duration(vm, "running_here_for_ms");
    if (since != "-" && !lost) phrase.add(", there for " + since);
    if (lost) phrase.add(" when the host was lost");
    page.say(phrase.add("."));
    page.say(load_sentence(vm));
    if (const std::string wishes = wishes_sentence(at(vm, "wishes")); !wishes.empty()) page.say(wishes);
}

// A ratio in percent, or the rate of the one detector that has no ratio.
std::string figure(const value& detector, const std::string& which) {
    if (number(detector, which + "_mib_per_s")) return decimal(detector, which + "_mib_per_s", 1) + " MiB/s";
    return percent_of(detector, which + "_ratio");
}

Table detector_table(const array& detectors) {
    using enum Column::Align;
    Table table({{"Detector"},
                 {"Now", right},
                 {"Limit", right},
                 {"For", right},
                 {"Above for", right},
                 {"Clears", right},
                 {"State"}});
    for (const value& detector : detectors) {
        const bool set = flag(detector, "set");
        const std::string now = figure(detector, "value");
        const Phrase state = !flag(detector, "enabled") ? Phrase("off", Tone::faint)
                             : set                      ? Phrase("overloaded", Tone::bad)
                             : now == "-"               ? Phrase("not measured", Tone::faint)
                                                        : Phrase("ok", Tone::good);
        std::string name = text(detector, "name");
        for (char& c : name) c = c == '_' ? ' ' : c;
        table.add({name, now, figure(detector, "above"), duration(detector, "persistence_ms"),
                   duration(detector, "above_for_ms"), figure(detector, "below"), state});
    }
    return table;
}

void show_moves_under(std::string_view title, const array& moves, Page& page) {
    if (moves.empty()) return;
    page.heading(title);
    show_moves(moves, page);
}
// Why it is moved there and why not elsewhere; or what the planner said against it.
void show_decision(const value& explained, Page& page) {
    if (const value& planned = at(explained, "planned"); !planned.is_null()) {
        page.heading("Would be moved");
        show_moves({planned}, page);
    }
    if (const value& restart = at(explained, "restart"); !restart.is_null()) show_restarts({restart}, page);
    const array& refused = list(explained, "refused_by_plan");
    const auto of_targets = [](const value& rejection) { return !at(rejection, "target").is_null(); };
    if (std::none_of(refused.begin(), refused.end(), of_targets)) return;
    page.heading("What the plan tried for it");
    show_rejections(refused, page);
}

void show_whether_it_may_move(const value& explained, Page& page) {
    if (flag(explained, "may_move")) {
        page.say(Phrase("It may be moved: ", Tone::good).add(prediction_phrase(at(explained, "prediction")) + "."));
    } else {
        page.blank().say(Phrase("It stays where it is:", Tone::notice));
        for (const value& rejection : list(explained, "stays_because")) page.item(why(rejection));
    }
}

bool say_the_same(const value& cycle, const value& other) {
    return text(cycle, "kind") == text(other, "kind") && text(cycle, "text") == text(other, "text");
}

}  // namespace

// What several cycles in a row found alike is one line, the newest cycle's.
void show_mentions(const array& cycles, Page& page) {
    if (cycles.empty()) return;
    page.heading("In the planner's record");
    Table table({{"Cycle"}, {"When"}, {"What"}});
    table.set_note_title("Why");
    for (auto cycle = cycles.begin(); cycle != cycles.end();) {
        const auto next =
            std::find_if(cycle, cycles.end(), [&](const value& other) { return !say_the_same(*cycle, other); });
        std::string said = text(*cycle, "text");
        if (const auto times = next - cycle; times > 1)
            said += " (the same " + std::to_string(times) + " times since " + local_time(text(*std::prev(next), "at")) +
                    ")";
        table.add({text(*cycle, "id"), local_time(text(*cycle, "at")), text(*cycle, "kind")}, said);
        cycle = next;
    }
    page.table(table);
}

void show_explained_vm(const value& explained, Page& page) {
    const value& vm = at(explained, "vm");
    introduce(vm, flag(explained, "host_lost"), page);
    if (const std::string verdict = text(explained, "verdict"); !verdict.empty())
        page.say(Phrase(verdict, Tone::strong));
    // Nothing runs any more of one whose host is lost: what a move would take and what forbids one says nothing.
    if (!flag(explained, "host_lost")) show_whether_it_may_move(explained, page);
    const std::string problem = text(at(vm, "wishes"), "problem");
    if (!problem.empty()) page.say(Phrase("Its metadata could not be understood: " + problem, Tone::bad));
    show_decision(explained, page);
    if (!flag(explained, "host_lost")) {
        page.heading("Where it could go");
        show_targets(list(explained, "targets"), page);
    }
    show_operations_of(list(explained, "operations"), page);
    show_mentions(list(explained, "cycles"), page);
}

void show_explained_host(const value& explained, Page& page) {
    const value& host = at(explained, "host");
    const std::string verdict = text(explained, "verdict"), problem = text(host, "problem");
    page.field("Host", {text(host, "id"), Tone::strong});
    page.field("State", state_phrase(text(host, "state")));
    page.field("Verdict", verdict);
    if (const std::string why = text(explained, "stays_on_because"); !why.empty())
        page.field("Stays on", "because " + why);
    if (!problem.empty() && verdict.find(problem) == std::string::npos) page.alarm(problem);
    for (const value& one : list(host, "health"))
        if (verdict.find(text(one, "text")) == std::string::npos) page.alarm(text(one, "text"));
    page.heading("Detectors");
    page.table(detector_table(list(explained, "detectors")));
    if (const array& findings = list(explained, "findings"); !findings.empty()) {
        page.heading("Found");
        show_findings(findings, page);
    }
    if (const array& stays = list(explained, "stays"); !stays.empty()) {
        page.heading(text(host, "state") == "lost" ? "Can be started nowhere" : "Would have to leave, but cannot");
        show_rejections(stays, page);
    }
    show_moves_under("Would leave", list(explained, "leaves"), page);
    show_moves_under("Would come", list(explained, "arrives"), page);
    show_restarts(list(explained, "restarts"), page);
    show_power(list(explained, "power"), page);
    show_operations_of(list(explained, "operations"), page);
    show_mentions(list(explained, "cycles"), page);
}

}  // namespace ballast::cli
