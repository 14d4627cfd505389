// Guests that stand in the way of migrations, or that could run twice.
#include <algorithm>
#include <set>

#include "daemon/preflight_checks.h"
#include "daemon/preflight_words.h"

namespace ballast::daemon::preflight {

namespace {

using hypervisor::PreflightGuest;

// The hosts were read one after the other: in a migration both may seem to run it.
Finding judge_active_twins(const PreflightGuest& guest, const PreflightHost& other, const PreflightGuest& twin) {
    const std::string& name = guest.facts.name;
    if (guest.moving || twin.moving) return ok(name + " is on its way");
    if (!guest.paused && !twin.paused)
        return problem(name + " runs on " + other.id.value + " as well",
                       "stop one of the two now: they may be writing to the same disks");
    return warning(name + " is on " + other.id.value + " as well, and one of the two is paused",
                   "when no migration is under way (virsh domjobinfo), destroy the paused one; never resume it");
}

Finding judge_twin(const PreflightGuest& guest, const PreflightHost& other, const PreflightGuest& twin) {
    const std::string& name = guest.facts.name;
    if (guest.id == twin.id && guest.running && twin.running) return judge_active_twins(guest, other, twin);
    if (guest.id == twin.id && name != twin.facts.name)
        return warning(name + " is defined on " + other.id.value + " as " + twin.facts.name + ": it cannot move there",
                       "undefine the copy that is not used");
    if (guest.id != twin.id && name == twin.facts.name && guest.running)
        return warning("another guest on " + other.id.value + " is named " + name + ": it cannot move there",
                       "rename one of them: virsh domrename");
    return ok(name);
}

std::set<std::string> networks_wanted_elsewhere(const std::vector<const PreflightHost*>& peers) {
    std::set<std::string> wanted;
    for (const PreflightHost* other : peers)
        for (const PreflightGuest& guest : other->libvirt->guests)
            wanted.insert(guest.facts.requirements.networks.begin(), guest.facts.requirements.networks.end());
    return wanted;
}

std::set<std::string> bridges_wanted_elsewhere(const std::vector<const PreflightHost*>& peers) {
    std::set<std::string> wanted;
    for (const PreflightHost* other : peers)
        for (const PreflightGuest& guest : other->libvirt->guests)
            wanted.insert(guest.facts.requirements.bridges.begin(), guest.facts.requirements.bridges.end());
    return wanted;
}

std::vector<std::string> missing(const std::set<std::string>& wanted, const std::set<std::string>& present) {
    std::vector<std::string> names;
    std::set_difference(wanted.begin(), wanted.end(), present.begin(), present.end(), std::back_inserter(names));
    return names;
}

Finding judge_missing_network(const PreflightHost& host, const std::string& name) {
    if (host.libvirt->inactive_networks.contains(name))
        return warning("network " + name + ", which guests elsewhere use, is not active",
                       "run there: virsh net-start " + name + "; virsh net-autostart " + name);
    return warning("network " + name + ", which guests elsewhere use, does not exist",
                   "define it as on the other hosts: virsh net-define");
}

// Where it could be started again after this host was given up for dead.
bool could_run_elsewhere(const PreflightGuest& guest, const PreflightHost& host,
                         const std::vector<const PreflightHost*>& peers) {
    return !peers.empty() && guest.facts.blockers.empty() && has_only_shared_disks(guest, host);
}

/// The host's guests by UUID and by name, so that thousands elsewhere are compared in one pass.
struct Index {
    std::map<VmId, const PreflightGuest*> by_id;
    std::multimap<std::string, const PreflightGuest*> by_name;
};

Index index_of(const PreflightHost& host) {
    Index index;
    for (const PreflightGuest& guest : host.libvirt->guests) {
        index.by_id[guest.id] = &guest;
        index.by_name.emplace(guest.facts.name, &guest);
    }
    return index;
}

void judge_twins(const Index& index, const PreflightHost& other, std::vector<Finding>& found) {
    for (const PreflightGuest& twin : other.libvirt->guests) {
        if (const auto same = index.by_id.find(twin.id); same != index.by_id.end())
            found.push_back(judge_twin(*same->second, other, twin));
        const auto [begin, end] = index.by_name.equal_range(twin.facts.name);
        for (auto same = begin; same != end; ++same)
            if (same->second->id != twin.id) found.push_back(judge_twin(*same->second, other, twin));
    }
}

void judge_autostart_twins(const Index& index, const PreflightHost& other, std::vector<Finding>& found) {
    for (const PreflightGuest& twin : other.libvirt->guests) {
        const auto same = index.by_id.find(twin.id);
        if (!twin.facts.autostart || same == index.by_id.end() || !same->second->facts.autostart) continue;
        found.push_back(
            problem(twin.facts.name + " starts by itself here and on " + other.id.value + ": it would run twice",
                    "run on the host where it does not belong: virsh undefine " + twin.facts.name));
    }
}

}  // namespace

Finding check_guests(const PreflightCluster& cluster, const PreflightHost& host) {
    std::vector<Finding> found;
    for (const std::string& what : host.libvirt->unread)
        found.push_back(unknown("could not be read: " + what, "see the log of its libvirtd"));
    const Index index = index_of(host);
    for (const PreflightHost* other : others(cluster, host)) judge_twins(index, *other, found);
    const Finding worst = worst_of(found, "");
    if (worst.status != Status::ok) return worst;
    const auto& guests = host.libvirt->guests;
    const auto running = std::count_if(guests.begin(), guests.end(), [](const auto& guest) { return guest.running; });
    return ok(counted(guests.size(), "guest") + ", " + std::to_string(running) +
              " running, each with its own UUID and name");
}

Finding check_networks(const PreflightCluster& cluster, const PreflightHost& host) {
    const auto peers = others(cluster, host);
    const auto& facts = host.libvirt->host;
    std::vector<Finding> found;
    for (const std::string& name : missing(networks_wanted_elsewhere(peers), facts.networks))
        found.push_back(judge_missing_network(host, name));
    for (const std::string& name : missing(bridges_wanted_elsewhere(peers), facts.bridges))
        found.push_back(warning("bridge " + name + ", which guests elsewhere use, does not exist",
                                "create it as on the other hosts"));
    if (!found.empty()) return worst_of(found, "");
    std::set<std::string> elsewhere;
    for (const PreflightHost* other : peers)
        elsewhere.insert(other->libvirt->host.networks.begin(), other->libvirt->host.networks.end());
    const auto unused = missing(elsewhere, facts.networks);
    const std::string seen = counted(facts.networks.size(), "active network");
    return ok(unused.empty() ? seen : seen + "; not here, and used by no guest: " + listed(unused));
}

Finding check_autostart(const PreflightCluster& cluster, const PreflightHost& host) {
    const auto peers = others(cluster, host);
    std::vector<Finding> twins;
    const Index index = index_of(host);
    for (const PreflightHost* other : peers) judge_autostart_twins(index, *other, twins);
    std::vector<std::string> names;
    for (const PreflightGuest& guest : host.libvirt->guests)
        if (guest.facts.autostart && could_run_elsewhere(guest, host, peers)) names.push_back(guest.facts.name);
    if (!twins.empty()) return worst_of(twins, "");
    if (names.empty()) return ok("no guest that could run elsewhere starts by itself");
    return warning(counted(names.size(), "guest") + " with autostart that could run elsewhere: " + listed(names),
                   "where guests are restarted on another host after a failure, switch it off (virsh autostart "
                   "--disable NAME): a host that comes back would start them a second time");
}

}  // namespace ballast::daemon::preflight
