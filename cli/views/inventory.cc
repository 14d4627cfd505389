#include <algorithm>

#include "cli/human.h"
#include "cli/views/parts.h"
#include "cli/views/views.h"

namespace ballast::cli {

namespace {
// A host that does not report has no load anybody knows: its last figure would read as an idle host's.
Cell load_cell(const value& host, std::string_view resource, const Style& style) {
    if (flag(host, "stale")) return "-";
    const auto ratio = number(at(host, resource), "demand_ratio");
    return {load_bar(ratio, style), load_percent(ratio)};
}

std::string used_cores(const value& cpu) {
    if (!number(cpu, "used_cores")) return "-";
    return decimal(cpu, "used_cores", 1) + " of " + decimal(cpu, "capacity_cores", 1);
}

std::string free_memory(const value& memory) {
    if (!number(memory, "available_bytes")) return "-";
    return bytes(memory, "available_bytes") + " of " + bytes(memory, "total_bytes");
}

// The worst of the kernel's pressure figures says enough in a list.
std::string pressure(const value& from) {
    std::string worst;
    double most = -1;
    for (const auto* name : {"cpu_some", "memory_some", "io_some"}) {
        const auto ratio = number(from, std::string(name) + "_ratio");
        if (!ratio || *ratio <= most) continue;
        most = *ratio;
        worst = percent_of(from, std::string(name) + "_ratio") + " " +
                std::string(name).substr(0, std::string(name).find('_'));
    }
    return worst.empty() ? "-" : worst;
}

std::string migrations(const value& host) {
    const auto in = whole(host, "incoming"), out = whole(host, "outgoing");
    if (in == 0 && out == 0) return "";
    return std::to_string(in) + " in, " + std::to_string(out) + " out";
}

Phrase host_note(const value& host) {
    Phrase phrase(text(host, "problem"), Tone::bad);
    for (const value& problem : list(host, "health"))
        phrase.add(phrase.empty() ? "" : "; ")
            .add(text(problem, "text"), text(problem, "action") == "nothing" ? Tone::notice : Tone::bad);
    if (!flag(host, "accepts_vms"))
        phrase.add(phrase.empty() ? "" : "; ").add("takes no VMs (target: false)", Tone::faint);
    return phrase;
}

Phrase movable(const value& vm) {
    if (!flag(vm, "facts_known")) return {"unknown", Tone::faint};
    return flag(vm, "movable") ? Phrase("yes") : Phrase("no", Tone::notice);
}

bool name_sites(const array& hosts) {
    return std::any_of(hosts.begin(), hosts.end(), [](const value& host) { return !text(host, "site").empty(); });
}
}  // namespace

void show_hosts(const value& hosts, Page& page) {
    using enum Column::Align;
    if (list(hosts, "hosts").empty()) {
        page.say("No hosts are configured: name them in /etc/ballast/ballast.yaml.");
        return;
    }
    std::vector<Column> columns = {{"Host"},
                                   {"State"},
                                   {"CPU demand"},
                                   {"Memory demand"},
                                   {"VMs", right},
                                   {"Ready", right},
                                   {"Cores used", right, 3},
                                   {"Memory free", right, 2},
                                   {"Pressure", right, 4},
                                   {"Migrations", left, 1},
                                   {"Age", right, 5}};
    const bool sites = name_sites(list(hosts, "hosts"));
    if (sites) columns.push_back({"Site", left, 2});
    Table table(std::move(columns));
    table.set_note_title("Problem");
    for (const value& host : list(hosts, "hosts")) {
        std::vector<Cell> cells = {Phrase(text(host, "id"), Tone::strong),
                                   state_phrase(text(host, "state")),
                                   load_cell(host, "cpu", page.style()),
                                   load_cell(host, "memory", page.style()),
                                   std::to_string(whole(host, "vms")),
                                   flag(host, "stale") ? "-" : percent_of(at(host, "cpu"), "ready_ratio"),
                                   flag(host, "stale") ? "-" : used_cores(at(host, "cpu")),
                                   flag(host, "stale") ? "-" : free_memory(at(host, "memory")),
                                   pressure(at(host, "pressure")),
                                   migrations(host),
                                   duration(host, "sample_age_ms")};
        if (sites) cells.push_back(text(host, "site"));
        table.add(std::move(cells), host_note(host));
    }
    page.table(table);
}

void show_maintenance_list(const value& hosts, Page& page) {
    using enum Column::Align;
    Table table({{"Host"}, {"State"}, {"VMs left", right}, {"Migrations"}, {"To site", left, 1}});
    table.set_note_title("Problem");
    for (const value& host : list(hosts, "hosts"))
        if (flag(host, "maintenance"))
            table.add({Phrase(text(host, "id"), Tone::strong), state_phrase(text(host, "state")),
                       std::to_string(whole(host, "vms")), migrations(host), text(host, "to_site")},
                      host_note(host));
    if (table.empty())
        page.say("No host is in maintenance.");
    else
        page.table(table);
}

void show_vms(const value& vms, Page& page) {
    using enum Column::Align;
    const array& all = list(vms, "vms");
    if (all.empty()) {
        page.say("No VMs are known here.");
        return;
    }
    Table table({{"VM"},
                 {"Host"},
                 {"State"},
                 {"vCPUs", right, 1},
                 {"CPU demand", right},
                 {"Ready", right, 2},
                 {"Memory", right},
                 {"Resident", right, 3},
                 {"Movable"},
                 {"Operation", left, 4},
                 {"UUID", left, 5}});
    for (const value& vm : all) {
        const bool known = flag(vm, "facts_known");
        table.add({Phrase(text(vm, "name"), Tone::strong), text(vm, "host"), state_phrase(text(vm, "state")),
                   known ? decimal(vm, "vcpus", 0) : "-", decimal(vm, "cpu_demand_cores", 2),
                   percent_of(vm, "ready_ratio"), known ? bytes(vm, "memory_bytes") : "-",
                   bytes(vm, "memory_rss_bytes"), movable(vm), text(vm, "operation"), text(vm, "id")});
    }
    page.table(table);
    const auto stuck = std::count_if(all.begin(), all.end(), [](const value& vm) { return !flag(vm, "movable"); });
    if (stuck > 0 && page.style().headers)
        page.blank().say(Phrase(counted(stuck, "VM", "VMs") + " cannot be moved; ballastctl explain vm NAME says why.",
                                Tone::faint));
}

}  // namespace ballast::cli
