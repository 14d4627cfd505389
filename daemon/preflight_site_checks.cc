// Whether the guests of a host could leave for another site, should that be ordered: which of their disks would have to
// be copied, and whether there is a place for the copies.
#include <algorithm>
#include <set>

#include "daemon/preflight_checks.h"
#include "daemon/preflight_words.h"
#include "policy/sites.h"

namespace ballast::daemon::preflight {

namespace {

using Hosts = std::vector<const PreflightHost*>;

std::map<std::string, Hosts> other_sites(const PreflightCluster& cluster, const PreflightHost& host) {
    std::map<std::string, Hosts> sites;
    for (const PreflightHost* other : others(cluster, host))
        if (other->site != host.site) sites[other->site].push_back(other);
    return sites;
}

bool has_pool_in(const PreflightHost& host, const std::string& folder) {
    const auto& pools = host.libvirt->pools;
    return std::any_of(pools.begin(), pools.end(),
                       [&](const auto& pool) { return pool.active && pool.path == folder; });
}

bool is_stretched(const VmDisk& disk, const PreflightHost& host) {
    const auto& paths = host.libvirt->host.stretched_paths;
    return std::any_of(paths.begin(), paths.end(), [&](const auto& path) { return is_under(disk.source, path); });
}

// What the disks of the host's guests come down to.
struct Copies {
    std::vector<std::string> staying;  // guests with a disk that is not copied
    std::set<std::string> folders;     // in which copies would lie
};

// A disk on the network may be reached from everywhere: only the operator knows.
Copies copies_of(const PreflightHost& host) {
    Copies copies;
    for (const auto& guest : host.libvirt->guests) {
        bool stays = false;
        for (const VmDisk& disk : guest.facts.requirements.disks) {
            if (disk.type == "network" || is_stretched(disk, host)) continue;
            stays = stays || (guest.running && !policy::uncopyable(disk).empty());
            copies.folders.insert(policy::folder_of(disk.source));
        }
        if (stays) copies.staying.push_back(guest.facts.name);
    }
    return copies;
}

}  // namespace

Finding check_sites(const PreflightCluster& cluster, const PreflightHost& host) {
    const auto sites = other_sites(cluster, host);
    if (sites.empty()) return ok("all hosts stand in one site");
    const Copies copies = copies_of(host);
    std::vector<Finding> found;
    if (!copies.staying.empty())
        found.push_back(warning(counted(copies.staying.size(), "guest") +
                                    " with disks that are not copied to another site: " + listed(copies.staying),
                                "ballastctl explain vm NAME says why"));
    for (const auto& [site, hosts] : sites)
        for (const std::string& folder : copies.folders)
            if (std::none_of(hosts.begin(), hosts.end(),
                             [&](const PreflightHost* other) { return has_pool_in(*other, folder); }))
                found.push_back(
                    warning("no host of " + policy::site_name(site) + " has an active storage pool in " + folder,
                            "copies of disks are created in pools: virsh pool-define-as NAME dir --target " + folder +
                                " && virsh pool-start NAME && virsh pool-autostart NAME"));
    return worst_of(found, "all guests could leave for another site");
}

}  // namespace ballast::daemon::preflight
