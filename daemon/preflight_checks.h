// The checks of preflight: facts in, findings out. Pure. Each check looks at one host in the light of all.
#pragma once

#include <span>

#include "daemon/preflight_facts.h"

namespace ballast::daemon::preflight {

struct CheckEntry {
    const char* id;
    Finding (*check)(const PreflightCluster&, const PreflightHost&);
};

/// All checks in the order in which they are shown. All but the first require that libvirt answered (host.libvirt).
std::span<const CheckEntry> all_checks();

/// Every check of every host, or of one host. A host whose libvirt did not answer has the first check only.
std::vector<Check> evaluate(const PreflightCluster& cluster, const std::optional<HostId>& only = {});

// The host by itself.
Finding check_reachable(const PreflightCluster&, const PreflightHost& host);
Finding check_virtualisation(const PreflightCluster&, const PreflightHost& host);
Finding check_kvm(const PreflightCluster&, const PreflightHost& host);
Finding check_memory(const PreflightCluster&, const PreflightHost& host);
Finding check_disk(const PreflightCluster&, const PreflightHost& host);
Finding check_clock(const PreflightCluster&, const PreflightHost& host);
Finding check_lock_manager(const PreflightCluster&, const PreflightHost& host);
Finding check_sleep_targets(const PreflightCluster&, const PreflightHost& host);
Finding check_migration_ports(const PreflightCluster&, const PreflightHost& host);

// Beside the other hosts.
Finding check_identity(const PreflightCluster& cluster, const PreflightHost& host);
Finding check_versions(const PreflightCluster& cluster, const PreflightHost& host);
Finding check_hostname(const PreflightCluster& cluster, const PreflightHost& host);
Finding check_peers(const PreflightCluster& cluster, const PreflightHost& host);
Finding check_shared_storage(const PreflightCluster& cluster, const PreflightHost& host);
Finding check_sites(const PreflightCluster& cluster, const PreflightHost& host);
Finding check_cpu_model(const PreflightCluster& cluster, const PreflightHost& host);

// Its guests.
Finding check_guests(const PreflightCluster& cluster, const PreflightHost& host);
Finding check_guest_disks(const PreflightCluster& cluster, const PreflightHost& host);
Finding check_guest_cpus(const PreflightCluster& cluster, const PreflightHost& host);
Finding check_networks(const PreflightCluster& cluster, const PreflightHost& host);
Finding check_autostart(const PreflightCluster& cluster, const PreflightHost& host);

/// What has to be asked of each host so that the CPU checks can be done: the CPUs of the other hosts and their guests.
std::vector<hypervisor::CpuQuestion> cpu_questions(const PreflightCluster& cluster, const PreflightHost& host);

}  // namespace ballast::daemon::preflight
