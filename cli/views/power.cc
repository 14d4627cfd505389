#include "cli/human.h"
#include "cli/views/parts.h"
#include "cli/views/views.h"

namespace ballast::cli {

namespace {
// What Ballast could do with its power.
Phrase switching(const value& host) {
    if (flag(host, "quarantined")) return {"quarantined", Tone::bad};
    if (flag(host, "own")) return {"this daemon runs on it: stays on", Tone::faint};
    if (!flag(host, "bmc")) return {"no BMC is configured", Tone::faint};
    if (!flag(host, "switchable")) return {"its BMC cannot ask a system to go down", Tone::notice};
    return flag(host, "proven") ? Phrase("proven", Tone::good) : Phrase("unproven: a drill comes first", Tone::notice);
}
// Hosts take turns: who was off least lately is the next.
std::string was_off(const value& host) {
    const std::string since = text(host, "went_off");
    return since.empty() ? "" : local_time(since);
}
// Whose word it is, and of what.
std::string source_of(const value& host) {
    const std::string source = text(host, "source");
    if (source == "bmc") return "its BMC";
    if (source == "rapl_psys") return "RAPL, platform";
    if (source != "rapl") return "power table";
    const std::string rest = decimal(host, "rest_of_host_watts", 0);
    return rest == "0" ? "RAPL, CPUs and memory only" : "RAPL, and " + rest + " W for the rest";
}
}  // namespace

void show_power_list(const value& power, Page& page) {
    using enum Column::Align;
    Table table({{"Host"},
                 {"Power"},
                 {"Since", left, 2},
                 {"Switching"},
                 {"Last off", left, 2},
                 {"Goes down in", right, 1},
                 {"Comes up in", right, 1}});
    table.set_note_title("How it stands");
    for (const value& host : list(power, "hosts")) {
        const std::string since = text(host, "since");
        table.add({Phrase(text(host, "host"), Tone::strong), state_phrase(text(host, "state")),
                   since.empty() ? "" : local_time(since), switching(host), was_off(host),
                   duration(host, "shutdown_ms"), duration(host, "boot_ms")},
                  Phrase(text(host, "message"), flag(host, "alarm") ? Tone::bad : Tone::faint));
    }
    if (table.empty())
        page.say("No hosts are configured: name them in /etc/ballast/ballast.yaml.");
    else
        page.table(table);
    if (const std::string problem = text(power, "problem"); !problem.empty()) page.alarm(problem);
}

void show_energy(const value& energy, Page& page) {
    using enum Column::Align;
    if (list(energy, "hosts").empty()) {
        page.say("Nothing is accounted yet: the first look comes a minute after the start.");
        return;
    }
    Table table({{"Host"},
                 {"Draws now", right},
                 {"By"},
                 {"Idle", right, 1},
                 {"Used", right},
                 {"Saved", right},
                 {"Since", left, 2}});
    const auto add = [&](const std::string& name, const value& from, const std::string& now, const std::string& by,
                         const std::string& idle) {
        table.add({Phrase(name, Tone::strong), now, by, idle, decimal(from, "used_kwh", 2) + " kWh",
                   decimal(from, "saved_kwh", 2) + " kWh", local_time(text(from, "since"))});
    };
    for (const value& host : list(energy, "hosts"))
        add(text(host, "host"), host, decimal(host, "watts", 0) + " W", source_of(host),
            decimal(host, "idle_watts", 0) + " W");
    add("all", energy, "", "", "");
    page.table(table);
    page.say(Phrase("Saved: what a host would have drawn idle while it was off, less what it drew.", Tone::faint));
}

void show_host_power(const value& host, Page& page) {
    page.say(Phrase(text(host, "host"), Tone::strong)
                 .add(" " + text(host, "message"), flag(host, "alarm") ? Tone::bad : Tone::plain)
                 .add("."));
    if (flag(host, "alarm") || flag(host, "quarantined"))
        page.say(Phrase("Once you have looked: ballastctl power release " + text(host, "host"), Tone::faint));
}

}  // namespace ballast::cli
