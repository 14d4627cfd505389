#include "policy/room.h"

#include <algorithm>

#include "policy/sites.h"

namespace ballast::policy {

void RoomIndex::set(const HostId& host, Bytes allocatable, Bytes committed) {
    const Entry entry{allocatable, committed};
    if (const auto at = hosts_.find(host); at == hosts_.end()) {
        hosts_.add(host, entry);
    } else {
        by_free_.erase({at->second.free(), host});
        at->second = entry;
    }
    by_free_.insert({entry.free(), host});
}

Bytes RoomIndex::largest_piece(unsigned lost) const {
    if (lost >= by_free_.size()) return {};
    return std::next(by_free_.rbegin(), lost)->first;
}

Bytes RoomIndex::largest_piece_after(unsigned lost, const HostId& from, const HostId& to, Bytes amount) const {
    std::vector<Bytes> largest;  // the two hosts that change, and as many of the others as could matter
    if (const auto source = hosts_.find(from); source != hosts_.end())
        largest.push_back(source->second.allocatable - (source->second.committed - amount));
    if (const auto target = hosts_.find(to); target != hosts_.end()) {
        const Entry& entry = target->second;
        largest.push_back(entry.free() - amount);
    }
    const std::size_t enough = largest.size() + lost + 1;
    for (auto at = by_free_.rbegin(); at != by_free_.rend() && largest.size() < enough; ++at)
        if (at->second != from && at->second != to) largest.push_back(at->first);
    if (lost >= largest.size()) return {};
    std::sort(largest.rbegin(), largest.rend());
    return largest[lost];
}

Bytes RoomIndex::lacking(unsigned lost, const std::function<bool(const HostId&)>& counts) const {
    std::vector<Bytes> allocatable;
    double needed = 0;  // a double: many absurd reports must not wrap around
    for (const auto& [id, entry] : hosts_) {
        if (!counts(id)) continue;
        allocatable.push_back(entry.allocatable);
        needed += static_cast<double>(entry.committed.count);
    }
    std::sort(allocatable.rbegin(), allocatable.rend());
    double left = 0;
    for (std::size_t i = lost; i < allocatable.size(); ++i) left += static_cast<double>(allocatable[i].count);
    return needed > left ? Bytes{static_cast<std::uint64_t>(std::min(needed - left, 1e18))} : Bytes{};
}

std::vector<std::string> bearing_sites(const Inventory& inventory, const Options& options) {
    std::set<std::string> sites;
    for (const auto& [id, host] : inventory.hosts) sites.insert(host.site);
    if (options.failover.across_sites || sites.size() < 2) return {};
    return {sites.begin(), sites.end()};
}

std::vector<std::string> room_warnings(const RoomIndex& room, Bytes largest_vm, const Inventory& inventory,
                                       const Options& options, const std::string* only) {
    std::vector<std::string> warnings;
    const AdmissionOptions& wanted = options.admission;
    const unsigned lost = wanted.host_failures;
    const std::string after =
        lost == 0 ? "" : " after the loss of " + std::to_string(lost) + (lost == 1 ? " host" : " hosts");
    const auto tell = [&](const std::string& where, const std::function<bool(const HostId&)>& counts) {
        if (const Bytes lacking = room.lacking(lost, counts); lost > 0 && lacking > Bytes{})
            warnings.push_back("admission: " + to_string(lacking) + " of memory would be missing" + where + after);
    };
    const auto sites = bearing_sites(inventory, options);
    if (sites.empty()) tell("", [](const HostId&) { return true; });
    for (const std::string& site : sites)
        if (only == nullptr || *only == site)
            tell(" in " + site_name(site), [&](const HostId& id) { return inventory.hosts.at(id).site == site; });
    if (const Bytes piece = room.largest_piece(lost); wanted.largest_vm && piece < largest_vm)
        warnings.push_back("admission: the largest VM needs " + to_string(largest_vm) +
                           ", no host would have more than " + to_string(piece) + " free" + after);
    return warnings;
}

}  // namespace ballast::policy
