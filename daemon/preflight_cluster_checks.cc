// A host beside the others: is it another host at all, does it fit them, do they reach each other?
#include <algorithm>

#include "daemon/preflight_checks.h"
#include "daemon/preflight_words.h"

namespace ballast::daemon::preflight {

namespace {

// virDomainGetJobStats keeps the figures of a completed migration since 6.0; older ones are not tested.
constexpr unsigned long oldest_libvirt = 6'000'000;

bool is_localhost(const std::string& name) {
    return name == "localhost" || name.starts_with("localhost.");
}

// Who connects matters to ssh alone: its keys and known hosts are a user's.
bool depends_on_user(const std::string& uri) {
    return uri.find("+ssh://") != std::string::npos || uri.find("+libssh") != std::string::npos;
}

std::string by_hand(const PreflightHost& from, const PreflightHost& to) {
    return "run on " + from.id.value + " as root: virsh -c '" + to.peer_uri + "' hostname </dev/null";
}

Finding judge_answer(const PreflightHost& from, const PreflightHost& to, const std::string& answered) {
    const std::string& expected = to.libvirt->host.hostname;
    if (answered != expected)
        return problem(to.peer_uri + " leads to " + answered + " instead of " + to.id.value + " (" + expected + ")",
                       "correct peer_uri of " + to.id.value + " in ballast.yaml");
    if (!depends_on_user(to.peer_uri) || from.shell.value_or(ShellFacts{}).root) return ok(to.id.value);
    return unknown("it reaches " + to.id.value + " as user " + from.shell.value_or(ShellFacts{}).user +
                       ", but its libvirtd connects as root, with root's ssh keys",
                   by_hand(from, to));
}

Finding judge_failure(const PreflightHost& from, const PreflightHost& to, const std::string& why) {
    const std::string seen = "cannot reach " + to.id.value + " at " + to.peer_uri + ": " + why;
    const bool key_not_readable =
        why.find("/private/clientkey.pem") != std::string::npos;  // only root's, as it should be
    if ((depends_on_user(to.peer_uri) || key_not_readable) && !from.shell.value_or(ShellFacts{}).root)
        return unknown(seen + " (tried as an ordinary user; its libvirtd connects as root)", by_hand(from, to));
    return problem(seen, by_hand(from, to) +
                             "; it has to connect without asking: exchange ssh keys and host keys of "
                             "root, or TLS certificates");
}

Finding judge_peer(const PreflightHost& from, const PreflightHost& to) {
    if (const auto own = from.reached.find(to.id); own != from.reached.end())
        return own->second ? judge_answer(from, to, own->second->hostname)
                           : judge_failure(from, to, own->second.error().message);
    if (!from.shell) return unknown("not tried towards " + to.id.value, by_hand(from, to));
    const auto answer = from.shell->peers.find(to.id);
    if (answer == from.shell->peers.end()) return unknown("no answer yet towards " + to.id.value, by_hand(from, to));
    const auto& [kind, text] = answer->second;
    if (kind == PeerAnswer::Kind::no_virsh)
        return unknown("virsh is not installed there", "install libvirt-clients on " + from.id.value);
    return kind == PeerAnswer::Kind::reached ? judge_answer(from, to, text) : judge_failure(from, to, text);
}

Finding judge_name_there(const PreflightHost& host, const PreflightHost& other) {
    const std::string& name = host.libvirt->host.hostname;
    const std::string command = "run on " + other.id.value + ": getent hosts " + name;
    if (!other.shell || !other.shell->resolves.contains(name))
        return unknown("whether " + other.id.value + " can resolve " + name + " is not known", command);
    if (other.shell->resolves.at(name)) return ok(name);
    return problem(other.id.value + " cannot resolve " + name,
                   "add " + name + " to DNS or to /etc/hosts on " + other.id.value +
                       ": that is where a migration to this host connects to");
}

}  // namespace

Finding check_identity(const PreflightCluster& cluster, const PreflightHost& host) {
    const std::string& uuid = host.libvirt->host.uuid;
    if (uuid.empty())
        return unknown("libvirt does not tell its host UUID", "run there: virsh capabilities | grep uuid");
    std::vector<std::string> same, namesakes;
    for (const PreflightHost* other : others(cluster, host)) {
        if (other->libvirt->host.uuid != uuid) continue;
        (other->libvirt->host.hostname == host.libvirt->host.hostname ? namesakes : same).push_back(other->id.value);
    }
    if (!namesakes.empty())
        return problem("it is the same libvirt host as " + listed(namesakes),
                       "list each host once in ballast.yaml: guests would be counted twice");
    if (!same.empty())
        return problem(
            "it has the same host UUID as " + listed(same) + ": libvirt takes both for one and refuses to migrate",
            "set a new host_uuid (from uuidgen) in /etc/libvirt/libvirtd.conf and restart libvirtd");
    return ok("host UUID " + uuid);
}

Finding check_versions(const PreflightCluster& cluster, const PreflightHost& host) {
    const std::string& libvirt = host.libvirt->host.libvirt_version;
    const std::string& qemu = host.libvirt->host.hypervisor_version;
    const std::string seen = "libvirt " + libvirt + ", QEMU " + (qemu.empty() ? "unknown" : qemu);
    if (version_number(libvirt) == 0) return unknown("libvirt does not tell its version", "run there: virsh version");
    if (version_number(libvirt) < oldest_libvirt) return problem(seen, "upgrade libvirt to 6.0 or later");
    if (version_number(qemu) == 0) return unknown(seen, "run there: virsh version");
    std::vector<std::string> older;
    for (const PreflightHost* other : others(cluster, host)) {
        const unsigned long theirs = version_number(other->libvirt->host.hypervisor_version);
        if (theirs != 0 && theirs < version_number(qemu))
            older.push_back(other->id.value + " (" + other->libvirt->host.hypervisor_version + ")");
    }
    if (older.empty()) return ok(seen);
    return warning(
        seen + "; an older QEMU runs on " + listed(older) + ", and guests may fail to go there",
        "upgrade all hosts to one version of QEMU; until then give guests a machine type that the oldest one has");
}

Finding check_hostname(const PreflightCluster& cluster, const PreflightHost& host) {
    const std::string& name = host.libvirt->host.hostname;
    if (name.empty()) return unknown("libvirt does not tell its host name", "run there: virsh hostname");
    if (is_localhost(name))
        return problem("its host name is " + name + ": libvirt refuses to migrate there",
                       "set a name that the other hosts can resolve: hostnamectl set-hostname NAME");
    std::vector<Finding> found;
    for (const PreflightHost* other : others(cluster, host)) {
        if (other->libvirt->host.hostname == name)
            found.push_back(
                problem(other->id.value + " has the same host name " + name, "give each host its own name"));
        else
            found.push_back(judge_name_there(host, *other));
    }
    const Finding worst = worst_of(found, name);
    return worst.status == Status::ok ? ok(name + (found.empty() ? "" : ", which the other hosts can resolve")) : worst;
}

Finding check_peers(const PreflightCluster& cluster, const PreflightHost& host) {
    const auto peers = others(cluster, host);
    std::vector<Finding> found;
    for (const PreflightHost* other : peers) found.push_back(judge_peer(host, *other));
    const Finding worst = worst_of(found, "no other host to migrate to");
    return worst.status == Status::ok && !peers.empty() ? ok("it reaches " + counted(peers.size(), "other host"))
                                                        : worst;
}

}  // namespace ballast::daemon::preflight
