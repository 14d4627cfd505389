// policy test: a policy tried on the cluster's own history, beside what happened.
#include "interchange/policy_trial.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "cli/commands.h"
#include "cli/human.h"
#include "cli/progress_line.h"
#include "cli/views/views.h"
#include "config/load.h"

namespace ballast::cli {

namespace {
using interchange::TrialFigures;
constexpr int bar_width = 20;

Result<std::vector<std::string>> history_files(const std::string& directory) {
    std::error_code error;
    std::vector<std::string> files;
    std::filesystem::directory_iterator entry(directory, error);
    if (error) return Error{ErrorCode::not_found, directory, error.message()};
    for (; entry != std::filesystem::directory_iterator(); entry.increment(error))
        if (entry->path().extension() == ".history") files.push_back(entry->path());
    std::sort(files.begin(), files.end());
    if (files.empty()) return Error{ErrorCode::not_found, directory, "there is no history in it yet"};
    return files;
}

object figures(const TrialFigures& of) {
    return {{"moves", of.moves},
            {"overload_minutes", of.overload_minutes},
            {"empty_host_hours", of.empty_host_hours},
            {"energy_kwh", of.energy_kwh}};
}

Phrase changed(const value& trial, const char* key, int decimals, bool less_is_better) {
    const auto before = number(at(trial, "happened"), key), after = number(at(trial, "trial"), key);
    if (!before || !after || fixed(*before, decimals) == fixed(*after, decimals)) return "the same";
    const bool better = (*after < *before) == less_is_better;
    return {(*after > *before ? "+" : "-") + fixed(std::abs(*after - *before), decimals),
            better ? Tone::good : Tone::notice};
}
}  // namespace

Exit policy_test(Session& session, const std::vector<std::string>& files, const std::string& history) {
    const auto loaded = config::load_policy_files(files);
    for (const config::Diagnostic& problem : loaded.problems()) session.complain_diagnostic(to_string(problem));
    if (!loaded) return Exit::usage;
    const auto parts = history_files(history);
    if (!parts) {
        session.complain(Phrase("ballastctl: ", Tone::bad).add(to_string(parts.error())));
        return Exit::usage;
    }
    interchange::PolicyTrial trial(*loaded);
    ProgressLine line(session);
    std::size_t read_parts = 0;
    for (const std::string& part : *parts) {
        const double done = static_cast<double>(read_parts++) / static_cast<double>(parts->size());
        line.show(Phrase(" " + bar(done, bar_width, session.terminal().out_style) + " file " +
                         std::to_string(read_parts) + " of " + std::to_string(parts->size()) + " of the history"),
                  "");
        std::ifstream in(part, std::ios::binary);
        const std::string text{std::istreambuf_iterator<char>(in), {}};
        const auto read = interchange::read_history(text, [&](const auto& snapshot) { trial.add(snapshot); });
        if (!in.is_open() || !read.problem.empty()) line.clear();
        if (!in.is_open()) session.complain(part + ": " + std::strerror(errno));
        if (!read.problem.empty()) session.complain_diagnostic(part + ": ends early: " + read.problem);
    }
    line.clear();
    const auto& report = trial.report();
    session.print(object{{"covered_ms", report.covered.count()},
                         {"snapshots", report.snapshots},
                         {"gaps", report.gaps},
                         {"happened", figures(report.happened)},
                         {"trial", figures(report.trial)}},
                  show_trial);
    return Exit::ok;
}

void show_trial(const value& trial, Page& page) {
    using enum Column::Align;
    page.say("Tried on " + duration(trial, "covered_ms") + " of history (" +
             counted(whole(trial, "snapshots"), "look", "looks") + ", " + counted(whole(trial, "gaps"), "gap", "gaps") +
             "), as if in mode automatic.");
    page.blank();
    Table table({{""}, {"Happened", right}, {"This policy", right}, {"Change", right}});
    const auto add = [&](const char* title, const char* key, int digits, bool less_is_better) {
        table.add({Phrase(title, Tone::strong), decimal(at(trial, "happened"), key, digits),
                   decimal(at(trial, "trial"), key, digits), changed(trial, key, digits, less_is_better)});
    };
    const bool short_history = number(trial, "covered_ms").value_or(0) < 86'400'000;
    const int decimals = short_history ? 2 : 1;
    add("Moves", "moves", 0, true);
    add("Overload, host-minutes", "overload_minutes", 0, true);
    add("Hosts without VMs, hours", "empty_host_hours", decimals, false);
    add("Energy with these off, kWh", "energy_kwh", decimals, true);
    page.table(table);
    page.blank().say(
        Phrase("Overload: demand above this policy's upper CPU limit. Energy is an estimate for hosts of 250 W "
               "of which 70 % are drawn when idle: compare the two columns, do not bill with them.",
               Tone::faint));
}

}  // namespace ballast::cli
