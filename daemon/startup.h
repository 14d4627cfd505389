// What the daemon is started with: its files, and how the hosts in them are reached.
#pragma once

#include <boost/asio.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/load.h"
#include "daemon/store_watch.h"
#include "hypervisor/libvirt_hypervisor.h"
#include "ports/clock.h"
#include "ports/store.h"

namespace ballast::daemon {

struct Configuration {
    config::DaemonOptions daemon;
    policy::Options policy;
};

/// This machine's name, up to its first dot.
std::string short_hostname();

/// The file, and the policy that it names: each host as this daemon reaches it. All that is wrong with both.
config::Loaded<Configuration> load(const std::string& file);
config::Loaded<policy::Options> load_policy(const config::DaemonOptions& daemon);
/// What is wrong with the files is told in the log; the last good ones stay in force.
void read_policy_again(Configuration& configuration);

/// Stands for what has to be the same on all members: hosts, shared storage, how health is looked at, and the policy.
std::string digest_of(const Configuration& configuration);

std::vector<hypervisor::LinkOptions> links_from(const config::DaemonOptions& options);
/// How the hosts reach each other.
std::map<HostId, std::string> peers_of(const config::DaemonOptions& options);

/// Runs until the store can be used, or never can. Errors: why not.
Result<std::unique_ptr<Store>> wait_for_store(boost::asio::io_context& io, Clock& clock,
                                              const config::DaemonOptions& options);
/// Begins to look at the store's size; nothing: there is none to look at.
std::shared_ptr<StoreWatch> watch_size(boost::asio::io_context& io, Clock& clock, Store& store);

}  // namespace ballast::daemon
