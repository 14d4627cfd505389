#include "cli/human.h"
#include "cli/views/views.h"

namespace ballast::cli {

namespace {

// What is being done with a host, in words.
std::string doing(const std::string& step) {
    if (step == "checking") return "can the cluster do without it?";
    if (step == "emptying") return "its VMs leave";
    if (step == "command") return "the command runs";
    if (step == "rebooting") return "it is switched off and on";
    if (step == "answering") return "it is waited for";
    if (step == "settling") return "its VMs come back";
    return step;
}

std::string place(const value& run) {
    return " (" + std::to_string(whole(run, "done") + 1) + " of " + std::to_string(list(run, "hosts").size()) + ")";
}

std::string work(const value& run) {
    const std::string command = text(run, "command"), reboot = text(run, "reboot");
    if (command.empty()) return "reboot by BMC";
    if (reboot == "power") return "command " + command + ", then reboot by BMC";
    return "command " + command + (reboot == "command" ? ", which reboots the host" : "");
}

}  // namespace

Phrase rolling_phrase(const value& run) {
    const std::string state = text(run, "state");
    Phrase phrase;
    if (state != "running" && state != "stopped") return phrase;
    phrase.add(text(run, "host"), Tone::strong).add(place(run) + ": ");
    if (state == "stopped") return phrase.add("STOPPED", Tone::bad).add(": " + text(run, "message"));
    phrase.add(doing(text(run, "step")));
    return flag(run, "stopping") ? phrase.add(", then it stops", Tone::notice) : phrase;
}

void show_rolling(const value& answer, Page& page) {
    const value& run = at(answer, "rolling");
    if (run.is_null()) {
        page.say("No rolling reboot was ever asked for.");
        return;
    }
    const auto hosts = static_cast<std::int64_t>(list(run, "hosts").size());
    const bool done = text(run, "state") == "done";
    page.field("Rolling",
               done ? Phrase(counted(hosts, "host is", "hosts are") + " done", Tone::good) : rolling_phrase(run));
    page.field("Work", work(run));
    page.field("Since", local_time(text(run, "started")) + ", asked for by " + text(run, "requested_by"));
    if (done) page.field("Done", local_time(text(run, "ended")));
    std::string names;
    for (const value& host : list(run, "hosts")) names += (names.empty() ? "" : ", ") + text(host);
    page.field("Hosts", names);
    for (const value& host : list(run, "left_out"))
        page.field("Left out", Phrase(text(host, "host"), Tone::strong).add(": " + text(host, "why"), Tone::notice));
    if (text(run, "state") != "stopped") return;
    const std::string output = text(run, "output");
    if (text(run, "step") == "command" && !output.empty()) {
        page.heading("The command wrote");
        for (const Phrase& line : lines_of(output)) page.verbatim("  " + line.text());
    }
    page.heading("Next");
    page.item("When " + text(run, "host") +
              " is in order: ballastctl rolling-reboot resume (--skip: go on with the next host)");
    page.item("To leave it at that: ballastctl maintenance leave " + text(run, "host"));
}

}  // namespace ballast::cli
