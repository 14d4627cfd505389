// What /etc/ballast/ballast.yaml says about one daemon: which hosts, where it listens, where it keeps its state.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/ids.h"
#include "model/units.h"

namespace ballast::config {

struct HostOptions {
    HostId id;
    std::string uri = "qemu:///system";       // as the daemon reaches it; libvirt's uri_aliases are honoured
    std::optional<std::string> peer_uri;      // as the other hosts reach it; derived from uri when it is remote
    std::vector<std::string> shared_storage;  // path prefixes on it that are shared with the other hosts
    double cpu_share = 1;  // of its CPUs that guests may use, 0-1: below 1 where a quota or other services take a part
    std::map<std::string, std::string> labels{};  // failure domains: rack -> r1
    bool target = true;                           // false: VMs may leave it but not come
};

struct DaemonOptions {
    std::vector<HostOptions> hosts;                // default: the local host by qemu:///system under its hostname
    std::vector<std::string> shared_storage;       // for all hosts
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
    std::string log_level = "info";   // trace debug info warning error
    std::string proc_path = "/proc";  // for the local host's PSI and swap counters
};

}  // namespace ballast::config
