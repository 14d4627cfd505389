#include "daemon/preflight_checks.h"

namespace ballast::daemon::preflight {

namespace {

constexpr CheckEntry entries[] = {
    {"reachable", check_reachable},
    {"identity", check_identity},
    {"virtualisation", check_virtualisation},
    {"kvm", check_kvm},
    {"memory", check_memory},
    {"disk", check_disk},
    {"versions", check_versions},
    {"hostname", check_hostname},
    {"peers", check_peers},
    {"migration_ports", check_migration_ports},
    {"shared_storage", check_shared_storage},
    {"sites", check_sites},
    {"cpu_model", check_cpu_model},
    {"networks", check_networks},
    {"lock_manager", check_lock_manager},
    {"sleep_targets", check_sleep_targets},
    {"clock", check_clock},
    {"guests", check_guests},
    {"guest_disks", check_guest_disks},
    {"guest_cpus", check_guest_cpus},
    {"autostart", check_autostart},
};

}  // namespace

std::span<const CheckEntry> all_checks() {
    return entries;
}

std::vector<Check> evaluate(const PreflightCluster& cluster, const std::optional<HostId>& only) {
    std::vector<Check> checks;
    for (const PreflightHost& host : cluster.hosts) {
        if (only && host.id != *only) continue;
        const auto fitting = host.libvirt ? all_checks() : all_checks().first(1);
        for (const auto& [id, check] : fitting) checks.push_back({host.id, id, check(cluster, host)});
    }
    return checks;
}

}  // namespace ballast::daemon::preflight
