// Whether what is declared shared is shared, and which guests have disks elsewhere.
#include <array>
#include <cmath>
#include <cstdlib>
#include <set>

#include "daemon/preflight_checks.h"
#include "daemon/preflight_words.h"

namespace ballast::daemon::preflight {

namespace {

enum class Sharing { proven, refuted, unproven };

// File systems that several machines mount at once; those libvirt itself knows and common others [virFileIsSharedFS].
const std::set<std::string> shared_types = {"nfs",    "nfs4",           "cifs",          "smb3",         "smbfs",
                                            "ceph",   "fuse.ceph",      "gfs2",          "ocfs2",        "gpfs",
                                            "lustre", "fuse.glusterfs", "glusterfs",     "acfs",         "beegfs",
                                            "vxfs",   "fuse.quobyte",   "fuse.vstorage", "fuse.moosefs", "afs",
                                            "9p",     "virtiofs"};
const std::set<std::string> local_types = {"ext2", "ext3", "ext4",  "xfs",     "btrfs",
                                           "zfs",  "f2fs", "tmpfs", "overlay", "vfat"};

// NFS clients may see a file's times a minute late (acregmax); readings lie seconds apart.
constexpr double same_file_within_s = 600;

std::map<std::string, hypervisor::PreflightVolume> volumes_under(const PreflightHost& host, const std::string& path) {
    std::map<std::string, hypervisor::PreflightVolume> found;
    for (const auto& pool : host.libvirt->pools)
        for (const auto& volume : pool.volumes)
            if (is_under(volume.path, path) && !volume.changed_at.empty()) found[volume.path] = volume;
    return found;
}

double seconds_of(const std::string& time) {
    return std::strtod(time.c_str(), nullptr);
}

// One inode has one ctime, to the nanosecond, wherever one looks; a copy cannot have it.
Sharing by_volumes(const PreflightHost& a, const PreflightHost& b, const std::string& path) {
    const auto here = volumes_under(a, path), there = volumes_under(b, path);
    Sharing sharing = Sharing::unproven;
    for (const auto& [name, volume] : here) {
        const auto other = there.find(name);
        if (other == there.end()) continue;
        if (other->second == volume && volume.changed_at.find('.') != std::string::npos) return Sharing::proven;
        const double apart = std::abs(seconds_of(volume.changed_at) - seconds_of(other->second.changed_at));
        if (apart > same_file_within_s) sharing = Sharing::refuted;
    }
    return sharing;
}

std::string network_source(const PreflightHost& host, const std::string& path) {
    for (const auto& pool : host.libvirt->pools)
        if (pool.path == path && pool.type == "netfs") return pool.source;
    const FileSystem* mounted = nullptr;
    if (host.shell)
        if (const auto found = host.shell->file_systems.find(path); found != host.shell->file_systems.end())
            mounted = &found->second;
    return mounted != nullptr && shared_types.contains(mounted->type) ? mounted->source : "";
}

Sharing by_sources(const PreflightHost& a, const PreflightHost& b, const std::string& path) {
    const std::string here = network_source(a, path), there = network_source(b, path);
    return !here.empty() && here == there ? Sharing::proven : Sharing::unproven;
}

// The type of a file system that no other machine can mount; empty when it is none of those or not known.
std::string local_type(const PreflightHost& host, const std::string& path) {
    if (!host.shell) return "";
    const auto found = host.shell->file_systems.find(path);
    if (found == host.shell->file_systems.end() || !local_types.contains(found->second.type)) return "";
    return found->second.type;
}

Finding judge_pair(const PreflightHost& host, const PreflightHost& other, const std::string& path) {
    const std::string pair = path + " and that of " + other.id.value;
    if (!other.libvirt->host.shared_paths.contains(path))
        return warning(path + " is not declared shared on " + other.id.value,
                       "list it under shared_storage for all hosts where it is mounted");
    const Sharing volumes = by_volumes(host, other, path);
    if (volumes == Sharing::proven || by_sources(host, other, path) == Sharing::proven) return ok(path);
    if (volumes == Sharing::refuted)
        return problem(pair + " hold different files of the same name",
                       "mount the same storage at " + path +
                           " on all hosts, or remove it from shared_storage: a guest "
                           "would be given another disk");
    if (const std::string type = local_type(host, path); !type.empty())
        return problem(path + " lies on a local " + type + " file system",
                       "mount the shared storage there, or remove " + path + " from shared_storage");
    return unknown("whether " + pair + " are the same is not proven",
                   "compare on both hosts: stat -c '%i %z' " + path +
                       "/*; a storage pool there lets preflight do so "
                       "(virsh pool-refresh POOL on each host makes it look again)");
}

}  // namespace

Finding check_shared_storage(const PreflightCluster& cluster, const PreflightHost& host) {
    auto peers = others(cluster, host);
    const auto& paths = host.libvirt->host.shared_paths;
    if (peers.empty()) return ok("no other host to share storage with");
    if (paths.empty())
        return warning("no storage is declared shared: no guest with a disk can be moved",
                       "list the paths that all hosts mount under shared_storage in ballast.yaml");
    std::vector<Finding> found;
    const auto& stretched = host.libvirt->host.stretched_paths;
    for (const std::string& path : paths)
        for (const PreflightHost* other : peers)
            if (other->site == host.site || stretched.contains(path)) found.push_back(judge_pair(host, *other, path));
    const Finding worst = worst_of(found, "");
    if (worst.status != Status::ok) return worst;
    std::erase_if(peers, [&](const PreflightHost* other) { return other->site != host.site; });
    return ok(listed({paths.begin(), paths.end()}) + " shared with " + counted(peers.size(), "other host"));
}

Finding check_guest_disks(const PreflightCluster&, const PreflightHost& host) {
    std::vector<std::string> local;
    for (const auto& guest : host.libvirt->guests)
        if (!has_only_shared_disks(guest, host)) local.push_back(guest.facts.name);
    if (local.empty())
        return ok("all disks of " + counted(host.libvirt->guests.size(), "guest") + " lie on shared storage");
    return warning(counted(local.size(), "guest") + " with files outside shared storage: " + listed(local),
                   "they stay where they are, unless migration.copy_disks has the disks copied; or move their disks to "
                   "shared storage, or declare where they lie as shared_storage if it is");
}

}  // namespace ballast::daemon::preflight
