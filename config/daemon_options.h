// What /etc/ballast/ballast.yaml says about one daemon: which hosts, where it listens, where it keeps its state.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/page_options.h"
#include "model/ids.h"
#include "model/units.h"

namespace ballast::config {

struct HostOptions {
    HostId id;
    std::string uri = "qemu:///system";       // as the daemon reaches it; libvirt's uri_aliases are honoured
    std::optional<std::string> peer_uri;      // as the other hosts reach it; derived from uri when it is remote
    std::vector<std::string> shared_storage;  // path prefixes on it that are shared with the other hosts of its site
    double cpu_share = 1;  // of its CPUs that guests may use, 0-1: below 1 where a quota or other services take a part
    std::map<std::string, std::string> labels{};  // failure domains: rack -> r1
    bool target = true;                           // false: VMs may leave it but not come
    // What it draws, in watts, where its BMC does not tell; both or neither.
    std::optional<double> idle_watts{}, full_watts{};
    double rest_of_host_watts = 0;  // what it draws besides processors and memory, added to RAPL's readings
    std::string site{};             // data centre; hosts that name none stand in one
};

/// Hosts' power: where the broker is, and how long hosts take. See docs/power.md.
struct PowerOptions {
    std::string broker = "/run/ballast-power/broker.sock";  // ballast-powerd's socket; nobody there: no power
    // From being asked until it is off: a system ends its services within 90 s [systemd DefaultTimeoutStopSec], some
    // take longer.
    Duration shutdown_timeout = std::chrono::minutes{5};
    // From its BMC's order until its hypervisor answers: servers test their memory for minutes before they boot.
    Duration boot_timeout = std::chrono::minutes{10};
    unsigned wake_tries = 3;
    // A host that never, or not lately, came back after being switched off goes off in a drill first.
    Duration drill_every = std::chrono::hours{24 * 30};
};

/// A command of the operator's that says whether a host is well.
struct HealthCheck {
    std::string name;
    std::vector<std::string> command;  // the program's absolute path and its arguments; see daemon/health_commands.h
    std::vector<HostId> hosts{};       // empty: all
    Duration deadline = std::chrono::seconds{10};
    unsigned after = 1;  // times in a row before it counts
};

/// How hosts that answer are looked at. See docs/faults.md.
struct HealthWatchOptions {
    Duration interval = std::chrono::seconds{10};  // as they are sampled
    Duration deadline = std::chrono::seconds{10};  // of one look: ssh alone may take half of it
    unsigned clear_after = 3;                      // a problem that comes and goes is one
    std::vector<std::string> probe = {"ballast-health"};
    std::vector<std::string> probe_elsewhere{};
    std::vector<HealthCheck> checks{};
};

/// Rolling reboots and upgrades. See docs/maintenance.md.
struct RollingOptions {
    // What may be run for each host, by name: only those, however privileged the API's user is.
    std::map<std::string, std::vector<std::string>> commands;
    Duration command_timeout = std::chrono::hours{1};    // upgrades download and rebuild; nothing of ours measures them
    Duration empty_timeout = std::chrono::hours{1};      // for the VMs of one host to leave
    Duration settle_timeout = std::chrono::minutes{30};  // for them to come back, before the next host
};

/// Where Ballast keeps what it must not forget. See docs/store.md.
struct StoreOptions {
    std::string kind = "embedded";                   // or etcd; the rest is for etcd alone
    std::vector<std::string> endpoints{};            // "https://HOST:PORT" of each member
    std::string prefix = "/ballast";                 // all keys begin with it
    std::string ca_file{}, cert_file{}, key_file{};  // PEM; empty: the system's CAs, no certificate
    std::string user{}, password_file{};             // empty: none
    // Of one call: far above an fsync of a busy disk and an election of etcd, below the lease times in use.
    Duration call_timeout = std::chrono::seconds{5};
};

/// A daemon on each of the hosts. See docs/cluster.md.
struct ClusterOptions {
    bool enabled = false;
    // Three beats: shorter than what a failover waits anyway, far above a slow disk's write.
    Duration time_to_live = std::chrono::seconds{10};
};

struct DaemonOptions {
    std::vector<HostOptions> hosts;                // default: the local host by qemu:///system under its hostname
    std::vector<std::string> shared_storage;       // for all hosts, of all sites
    Duration interval = std::chrono::seconds{10};  // sampling cadence
    Duration stale_after = std::chrono::seconds{30};
    Duration call_deadline = std::chrono::seconds{10};  // of one libvirt call
    std::string state_dir = "/var/lib/ballast";
    Bytes history_size = mib(64);  // of the history in it, at most
    std::string socket = "/run/ballast/ballast.sock";
    std::string policy_dir = "/etc/ballast/policy.d";
    std::string admin_group = "ballast";
    std::string view_group = "ballast-view";
    std::string metrics_listen = "127.0.0.1:9477";  // empty: no metrics
    bool metrics_per_vm = false;
    PageOptions page;
    std::string log_level = "info";   // trace debug info warning error
    std::string proc_path = "/proc";  // for the local host's PSI and swap counters
    StoreOptions store;
    ClusterOptions cluster;
    PowerOptions power;
    HealthWatchOptions health;
    RollingOptions rolling;
    // How long a shutdown of the daemon's own machine waits for its VMs to leave: some dozens of VMs at a minute each,
    // two at a time. logind has to allow it (systemd/logind-ballast.conf).
    Duration shutdown_wait = std::chrono::minutes{15};
};

}  // namespace ballast::config
