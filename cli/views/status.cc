#include <algorithm>

#include "cli/human.h"
#include "cli/views/parts.h"
#include "cli/views/views.h"

namespace ballast::cli {

namespace {
void add_count(Phrase& phrase, std::int64_t count, const std::string& what, Tone tone) {
    if (count > 0) phrase.add(", ").add(std::to_string(count) + " " + what, tone);
}

Phrase hosts_phrase(const value& hosts) {
    const auto total = whole(hosts, "total"), up = whole(hosts, "up"), off = whole(hosts, "off");
    Phrase phrase(std::to_string(total) + ": ");
    phrase.add(std::to_string(up) + " up", up + off == total ? Tone::good : Tone::plain);
    add_count(phrase, off, "switched off", Tone::plain);
    const auto lost = whole(hosts, "lost");
    add_count(phrase, lost, "dead", Tone::bad);
    add_count(phrase, total - up - off - lost, "not connected", Tone::bad);
    add_count(phrase, whole(hosts, "overloaded"), "overloaded", Tone::bad);
    add_count(phrase, whole(hosts, "degraded"), "degraded", Tone::bad);
    add_count(phrase, whole(hosts, "stale"), "without fresh figures", Tone::notice);
    add_count(phrase, whole(hosts, "maintenance"), "in maintenance", Tone::notice);
    return phrase;
}

Phrase vms_phrase(const value& vms) {
    Phrase phrase(std::to_string(whole(vms, "total")) + ": " + std::to_string(whole(vms, "running")) + " running");
    add_count(phrase, whole(vms, "down"), "down", Tone::bad);
    return phrase.add(", " + std::to_string(whole(vms, "movable")) + " can be moved");
}

Phrase cycle_phrase(const value& cycle) {
    if (cycle.is_null()) return "none yet: the hosts are being measured";
    const auto immovable = whole(cycle, "immovable");
    Phrase phrase(text(cycle, "id") + " at " + local_time(text(cycle, "at")) + ": " +
                  counted(whole(cycle, "findings"), "finding", "findings") + ", " +
                  counted(whole(cycle, "moves"), "move wanted", "moves wanted"));
    if (const auto restarts = whole(cycle, "restarts"); restarts > 0)
        phrase.add(", " + counted(restarts, "VM to be started elsewhere", "VMs to be started elsewhere"), Tone::notice);
    if (const auto power = whole(cycle, "power"); power > 0)
        phrase.add(", " + counted(power, "host to be switched", "hosts to be switched"));
    if (immovable > 0) phrase.add(", " + counted(immovable, "VM cannot leave", "VMs cannot leave"), Tone::bad);
    return phrase;
}

void show_next_steps(const value& status, const std::vector<std::string>& waiting, Page& page) {
    std::vector<std::string> steps;
    if (waiting.size() == 1) steps.push_back("A move waits for you: ballastctl approve " + waiting[0]);
    if (waiting.size() > 1)
        steps.push_back(std::to_string(waiting.size()) + " moves wait for you: ballastctl approve " + waiting[0] +
                        " ...");
    if (flag(status, "paused")) steps.push_back("Nothing is started while paused: ballastctl resume");
    const value& cycle = at(status, "last_cycle");
    if (text(status, "mode") == "observe" && whole(cycle, "moves") > 0)
        steps.push_back("Mode observe only recommends: see ballastctl plan, then ballastctl mode confirm");
    if (text(at(status, "rolling"), "state") == "stopped")
        steps.push_back("The rolling reboot has stopped: ballastctl rolling-reboot status, then resume");
    if (whole(cycle, "immovable") > 0) steps.push_back("VMs that cannot leave their host: ballastctl plan");
    if (steps.empty()) return;
    page.heading("Next");
    for (const std::string& step : steps) page.item(step);
}

void show_operations(const array& active, Page& page) {
    array running, waiting;
    for (const value& operation : active)
        (text(operation, "state") == "waiting" ? waiting : running).push_back(operation);
    if (!running.empty()) {
        page.heading("Migrations");
        show_active(running, page);
    }
    if (waiting.empty()) return;
    page.heading("Waiting for approval");
    show_active(waiting, page);
}

std::vector<std::string> waiting_ids(const array& active) {
    std::vector<std::string> ids;
    for (const value& operation : active)
        if (text(operation, "state") == "waiting") ids.push_back(text(operation, "id"));
    return ids;
}
}  // namespace

Phrase mode_phrase(const value& mode) {
    Phrase phrase(text(mode, "mode"), Tone::strong);
    if (flag(mode, "mode_overridden")) phrase.add(" (set by hand; the policy says " + text(mode, "policy_mode") + ")");
    if (flag(mode, "paused")) phrase.add(", PAUSED by " + text(mode, "paused_by"), Tone::notice);
    return phrase;
}

void show_status(const value& status, const array& active, Page& page) {
    const array& problems = list(status, "problems");
    for (const value& problem : problems) page.alarm(text(problem));
    if (!problems.empty()) page.blank();
    page.field("Mode", mode_phrase(status));
    page.field("Hosts", hosts_phrase(at(status, "hosts")));
    page.field("VMs", vms_phrase(at(status, "vms")));
    if (const Phrase rolling = rolling_phrase(at(status, "rolling")); !rolling.empty()) page.field("Rolling", rolling);
    page.field("Imbalance",
               decimal(status, "imbalance", 3) + " (standard deviation of the hosts' CPU demand; 0 is even)");
    page.field("Last cycle", cycle_phrase(at(status, "last_cycle")));
    const value& you = at(status, "you");
    page.field("Daemon", "ballastd " + text(status, "version") + "; you are " + text(you, "user") + " (" +
                             text(you, "role") + ")");
    if (const array& findings = list(status, "findings"); !findings.empty()) {
        page.heading("Found");
        show_findings(findings, page);
    }
    show_operations(active, page);
    show_next_steps(status, waiting_ids(active), page);
}

void show_mode(const value& mode, Page& page) {
    page.field("Mode", mode_phrase(mode));
}

void show_policy(const value& policy, Page& page) {
    for (const Phrase& line : lines_of(text(policy, "yaml"))) page.verbatim(line.text());
}

}  // namespace ballast::cli
