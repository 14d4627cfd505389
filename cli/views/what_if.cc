#include "cli/human.h"
#include "cli/views/parts.h"
#include "cli/views/views.h"

namespace ballast::cli {

namespace {
std::string joined(const array& names) {
    std::string all;
    for (const value& name : names) all += (all.empty() ? "" : ", ") + text(name);
    return all;
}

void add_room(Table& table, const char* title, const std::vector<std::string>& figures) {
    std::vector<Cell> cells = {Phrase(title, Tone::strong)};
    cells.insert(cells.end(), figures.begin(), figures.end());
    table.add(std::move(cells));
}

void show_room(const value& capacity, Page& page) {
    using enum Column::Align;
    const value &cpu = at(capacity, "cpu"), &memory = at(capacity, "memory");
    Table table(
        {{""}, {"Total", right}, {"Reserved", right, 1}, {"In use", right}, {"Promised", right}, {"Free", right}});
    add_room(
        table, "CPU",
        {decimal(cpu, "total_cores", 1) + " cores", decimal(cpu, "reserved_cores", 1), decimal(cpu, "demand_cores", 1),
         decimal(cpu, "promised_vcpus", 0) + " vCPUs", decimal(cpu, "free_cores", 1)});
    add_room(table, "Memory",
             {bytes(memory, "total_bytes"), bytes(memory, "reserved_bytes"), bytes(memory, "used_bytes"),
              bytes(memory, "promised_bytes"), bytes(memory, "free_bytes")});
    page.blank().table(table);
}

void show_losses(const value& capacity, Page& page) {
    const array& losses = list(capacity, "losses");
    array critical;
    for (const value& loss : losses)
        if (!flag(loss, "absorbed")) critical.push_back(loss);
    page.blank();
    if (const auto rest = whole(capacity, "losses_not_tried"); rest > 0)
        page.say(Phrase("Only the fullest hosts were tried; not tried: " + std::to_string(rest) + ".", Tone::faint));
    if (losses.empty()) {
        page.say("No host has a VM that its loss could stop.");
    } else if (critical.empty()) {
        page.say(Phrase("Any one host may fail: ", Tone::good).add("all its VMs could be started on the others."));
    }
    for (const value& loss : critical) {
        const array& stranded = list(loss, "stranded");
        page.alarm("If " + text(loss, "host") + " fails, " + std::to_string(by_vm(stranded).size()) + " of its " +
                   counted(whole(loss, "vms"), "VM", "VMs") + " would run nowhere:");
        show_rejections(stranded, page);
    }
}

std::string largest(const value& vm) {
    return bytes(vm, "memory_bytes") + " and " + decimal(vm, "cpu_cores", 1) + " cores on " + text(vm, "host");
}

void show_largest(const value& capacity, Page& page) {
    const value &memory = at(capacity, "largest_vm_by_memory"), &cpu = at(capacity, "largest_vm_by_cpu");
    if (memory.is_null()) {
        page.field("Largest VM", Phrase("none fits any more", Tone::bad));
        return;
    }
    const bool same = text(memory, "host") == text(cpu, "host");
    page.field("Largest VM", largest(memory) + (same ? "" : " (by CPU: " + largest(cpu) + ")"));
}
}  // namespace

void show_what_if(const value& what_if, Page& page) {
    page.say(Phrase("What Ballast would do if it were so:", Tone::faint));
    for (const value& assumption : list(what_if, "assumptions")) page.item(text(assumption));
    page.blank();
}

void show_capacity(const value& capacity, Page& page) {
    const std::string others = joined(list(capacity, "hosts_not_counted"));
    const auto counted_hosts = static_cast<std::int64_t>(list(capacity, "hosts").size());
    page.field("Hosts", counted(counted_hosts, "takes VMs", "take VMs") +
                            (others.empty() ? "" : "; not counted, because they take none now: " + others));
    show_largest(capacity, page);
    const std::string off = joined(list(capacity, "could_be_off"));
    const auto untried = whole(capacity, "off_not_tried");
    page.field("Can be off", (off.empty() ? "none" : off) +
                                 (untried > 0 ? "; only the emptiest were tried, not " + std::to_string(untried) : ""));
    show_room(capacity, page);
    show_losses(capacity, page);
}

void show_replay(const value& replayed, Page& page) {
    const value& replay = at(replayed, "replay");
    const std::string cycle = text(replay, "cycle");
    std::string from = cycle.empty() ? "an inventory" : cycle;
    if (const std::string at_time = text(replay, "taken_at"); !at_time.empty()) from += " of " + local_time(at_time);
    if (const std::string by = text(replay, "written_by"); !by.empty()) from += ", written by " + by;
    page.say(Phrase("What Ballast plans from " + from + ".", Tone::faint));
    if (const value& supposed = at(replayed, "what_if"); !supposed.is_null()) show_what_if(supposed, page);
    show_plan(at(replayed, "plan"), page);
    const value& identical = at(replay, "identical");
    if (identical.is_null()) return;
    page.blank();
    if (flag(replay, "identical"))
        page.say(Phrase("Byte for byte the recorded plan.", Tone::good));
    else
        page.say(Phrase(
            "NOT the recorded plan, which had " + counted(whole(replay, "recorded_moves"), "move", "moves") + ".",
            Tone::bad));
}

}  // namespace ballast::cli
