#include "policy/restart.h"

#include <algorithm>
#include <set>

#include "policy/loss.h"

namespace ballast::policy {

namespace {

std::string count_of(std::size_t count) {
    return std::to_string(count) + (count == 1 ? " VM" : " VMs");
}

std::string startable(std::size_t elsewhere, std::size_t nowhere) {
    if (nowhere == 0)
        return elsewhere == 1 ? "which can be started elsewhere" : "all of which can be started elsewhere";
    if (elsewhere == 0) return nowhere == 1 ? "which can be started nowhere" : "none of which can be started elsewhere";
    return std::to_string(elsewhere) + " can be started elsewhere, " + std::to_string(nowhere) + " nowhere";
}

// What the loss ended: migrations away from there. One that was to arrive there is for its source to end.
bool ended_with(const InFlight& move, const std::set<HostId>& lost) {
    return lost.contains(move.from);
}

std::size_t being_started(const Inventory& inventory, const HostId& lost) {
    return static_cast<std::size_t>(std::count_if(inventory.vms.begin(), inventory.vms.end(),
                                                  [&](const auto& entry) { return entry.second.start_after == lost; }));
}

// Since it was lost: of those that left before, nobody wants to know here.
std::size_t started_elsewhere(const Inventory& inventory, const Host& host) {
    if (!host.power_since) return 0;
    std::set<VmId> started;
    for (const PastMove& past : inventory.past_moves)
        if (past.from == host.id && past.to != host.id && past.succeeded && past.ended >= *host.power_since)
            started.insert(past.vm);
    return started.size();
}

void add_findings(const Inventory& inventory, const std::set<HostId>& lost, Aftermath& after) {
    for (const HostId& host : lost) {
        std::size_t started = 0;
        std::set<VmId> nowhere;
        for (const Restart& restart : after.restarts) started += restart.from == host ? 1 : 0;
        for (const Rejection& rejection : after.stranded)
            if (inventory.vms.at(rejection.vm).host == host) nowhere.insert(rejection.vm);
        const std::size_t under_way = being_started(inventory, host);
        const std::size_t seen_to = started_elsewhere(inventory, inventory.hosts.at(host));
        const std::size_t left = started + nowhere.size();
        std::string text = host.value + " is lost";
        if (left > 0)
            text +=
                ": " + count_of(left) +
                (seen_to + under_way > 0 ? (left == 1 ? " of it is down, " : " of it are down, ") : " ran on it, ") +
                startable(started, nowhere.size());
        if (under_way > 0)
            text +=
                "; " + count_of(under_way) + " of it " + (under_way == 1 ? "is" : "are") + " being started elsewhere";
        if (seen_to > 0)
            text += "; " + count_of(seen_to) + " of it " + (seen_to == 1 ? "was" : "were") + " started elsewhere";
        if (left + under_way + seen_to == 0) text += "; no VM of it is left to be started elsewhere";
        after.findings.push_back({host, Trigger::host_loss, text, nowhere.empty()});
    }
}

}  // namespace

bool any_lost(const Inventory& inventory) {
    return std::any_of(inventory.hosts.begin(), inventory.hosts.end(),
                       [](const auto& entry) { return entry.second.lost; });
}

Aftermath restart(const Inventory& inventory, const Memory& memory, const Options& options, Instant now) {
    std::set<HostId> lost;
    for (const auto& [id, host] : inventory.hosts)
        if (host.lost) lost.insert(id);
    Aftermath after;
    after.inventory = inventory;
    std::erase_if(after.inventory.in_flight, [&](const InFlight& move) { return ended_with(move, lost); });
    Loss loss = LossTrial(after.inventory, memory, options, now, LossTrial::UnderWay::counts).lose(lost);
    after.restarts = std::move(loss.restarts);
    after.stranded = std::move(loss.stranded);
    after.rejections = std::move(loss.rejections);
    after.room_off = std::move(loss.room_off);
    for (const Restart& restart : after.restarts) {
        after.inventory.vms.at(restart.vm).host = restart.to;
        after.inventory.past_moves.push_back({restart.vm, restart.from, restart.to, now});
    }
    for (const HostId& host : lost) after.inventory.hosts.erase(host);
    std::erase_if(after.inventory.vms, [&](const auto& entry) { return lost.contains(entry.second.host); });
    add_findings(inventory, lost, after);
    return after;
}

}  // namespace ballast::policy
