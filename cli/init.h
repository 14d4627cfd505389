// `ballastctl init`: a first configuration from what is found on this machine and a few questions. One thread; blocks.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/init_files.h"
#include "cli/session.h"

namespace ballast::cli {

struct InitWish {
    std::string directory = "/etc/ballast";
    std::vector<std::string> hosts;  // URI, NAME or NAME=URI; empty: this machine, and whom the questions name
    std::vector<std::string> shared;
    std::vector<std::string> etcd;
    std::string mode;  // empty: observe
    bool cluster = false, yes = false, force = false;
};

/// What is found here; a test has its own.
struct Machine {
    std::string hostname;                // short
    std::vector<std::string> ssh_names;  // hosts that ssh's configuration and known_hosts name
    std::string mounts;                  // as /proc/self/mounts
    bool etcd_here = false;              // something listens on 127.0.0.1:2379
    /// As `ballastd --look-at` prints it, asked as the daemon's user; an error: nobody can ask.
    std::function<Result<value>(const std::vector<std::string>& uris)> look_at_libvirt;
};
Machine this_machine();

/// Asks on the terminal what the flags leave open, unless `yes`; checks all of it as the daemon will; then writes
/// DIR/ballast.yaml and DIR/policy.d/10-policy.yaml. Files that are there are kept as *.old with `force`, and are a
/// reason to end (usage) before anything is asked without. Nothing is written unless all of it is valid.
Exit init(Session& session, const Machine& machine, const InitWish& wish);

/// Names that `Host` in ssh's configuration and lines of known_hosts tell: no patterns, addresses or hashed names.
std::vector<std::string> ssh_names(const std::string& config, const std::string& known_hosts);
/// Mount points of network and cluster file systems.
std::vector<std::string> shared_mounts(const std::string& mounts);

}  // namespace ballast::cli
