#include "cli/human.h"
#include "cli/views/parts.h"
#include "cli/views/views.h"

namespace ballast::cli {

namespace {
std::string all_reasons_of(const array& refusals) {
    std::string reasons;
    for (const value& refusal : refusals) reasons += (reasons.empty() ? "" : "; ") + why(refusal);
    return reasons;
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
                  all_reasons_of(list(target, "refusals")));
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

void introduce(const value& vm, Page& page) {
    Phrase phrase(text(vm, "name"), Tone::strong);
    phrase.add(" (" + text(vm, "id") + ") is " + text(vm, "state") + " on ").add(text(vm, "host"), Tone::strong);
    const std::string since = duration(vm, "running_here_for_ms");
    if (since != "-") phrase.add(", there for " + since);
    page.say(phrase.add("."));
    const value& load = at(vm, "load");
    page.say(decimal(vm, "vcpus", 0) + " vCPUs using " + decimal(load, "cpu_used_cores", 2) + " cores, ready " +
             percent_of(load, "ready_ratio") + "; " + bytes(vm, "memory_bytes") + " of memory, " +
             bytes(load, "memory_rss_bytes") + " of it resident, dirtied at " +
             decimal(load, "dirty_rate_mib_per_s", 1) + " MiB/s.");
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
        const Phrase state = !flag(detector, "enabled") ? Phrase("off", Tone::faint)
                             : set                      ? Phrase("overloaded", Tone::bad)
                                                        : Phrase("ok", Tone::good);
        std::string name = text(detector, "name");
        for (char& c : name) c = c == '_' ? ' ' : c;
        table.add({name, percent_of(detector, "value_ratio"), percent_of(detector, "above_ratio"),
                   duration(detector, "persistence_ms"), duration(detector, "above_for_ms"),
                   percent_of(detector, "below_ratio"), state});
    }
    return table;
}

void show_moves_under(std::string_view title, const array& moves, Page& page) {
    if (moves.empty()) return;
    page.heading(title);
    show_moves(moves, page);
}
}  // namespace

void show_mentions(const array& cycles, Page& page) {
    if (cycles.empty()) return;
    page.heading("In the planner's record");
    Table table({{"Cycle"}, {"When"}, {"What"}});
    table.set_note_title("Why");
    for (const value& cycle : cycles)
        table.add({text(cycle, "id"), local_time(text(cycle, "at")), text(cycle, "kind")}, text(cycle, "text"));
    page.table(table);
}

void show_explained_vm(const value& explained, Page& page) {
    const value& vm = at(explained, "vm");
    introduce(vm, page);
    if (flag(explained, "may_move")) {
        page.say(Phrase("It may be moved: ", Tone::good).add(prediction_phrase(at(explained, "prediction")) + "."));
    } else {
        page.blank().say(Phrase("It stays where it is:", Tone::notice));
        for (const value& rejection : list(explained, "stays_because")) page.item(why(rejection));
    }
    const std::string problem = text(at(vm, "wishes"), "problem");
    if (!problem.empty()) page.say(Phrase("Its metadata could not be understood: " + problem, Tone::bad));
    page.heading("Where it could go");
    show_targets(list(explained, "targets"), page);
    show_operations_of(list(explained, "operations"), page);
    show_mentions(list(explained, "cycles"), page);
}

void show_explained_host(const value& explained, Page& page) {
    const value& host = at(explained, "host");
    page.say(Phrase(text(host, "id"), Tone::strong)
                 .add(" (")
                 .add(state_phrase(text(host, "state")))
                 .add("): " + text(explained, "verdict") + "."));
    const std::string problem = text(host, "problem");
    if (!problem.empty()) page.alarm(problem);
    page.heading("Detectors");
    page.table(detector_table(list(explained, "detectors")));
    if (const array& findings = list(explained, "findings"); !findings.empty()) {
        page.heading("Found");
        show_findings(findings, page);
    }
    if (const array& stays = list(explained, "stays"); !stays.empty()) {
        page.heading("Would have to leave, but cannot");
        show_rejections(stays, page);
    }
    show_moves_under("Would leave", list(explained, "leaves"), page);
    show_moves_under("Would come", list(explained, "arrives"), page);
    show_operations_of(list(explained, "operations"), page);
    show_mentions(list(explained, "cycles"), page);
}

}  // namespace ballast::cli
