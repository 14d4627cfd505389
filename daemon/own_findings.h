// What a member of a cluster finds out about its own host, for whoever leads: how healthy it is, by the probe and the
// operator's checks, run here, and what its power broker knows. One io_context thread.
#pragma once

#include <boost/asio.hpp>
#include <string>
#include <vector>

#include "cluster/findings.h"
#include "daemon/health_watch.h"
#include "ports/power.h"
#include "ports/store.h"

namespace ballast::daemon {

class OwnFindings {
public:
    /// `boot`: what the host's system calls its boot. Clock, store, runner and what `incarnation` refers to have to
    /// outlive the running of the executor.
    OwnFindings(boost::asio::any_io_executor executor, Clock& clock, Store& store, HealthWatch::Runner runner,
                PowerControl& broker, const config::DaemonOptions& options, HostId own, std::string boot,
                std::function<std::optional<Revision>()> incarnation);

    /// Looks and tells until the executor stops.
    void start();
    /// Which configuration is in force here from now on [startup.h, digest_of].
    void configured(std::string digest);
    /// What is wrong with the host, as told.
    std::vector<HealthProblem> problems() const;

private:
    HealthListener listener();
    boost::asio::awaitable<void> inherit();
    boost::asio::awaitable<void> ask_broker();
    boost::json::object compose() const;

    boost::asio::any_io_executor executor_;
    Clock& clock_;
    Store& store_;
    PowerControl& broker_;
    HostId own_;
    Duration settles_within_;
    std::vector<HealthProblem> problems_, inherited_;
    health::Report report_;  // what it drew, and its boot
    std::vector<PowerHost> power_;
    std::string configuration_;
    cluster::FindingsTeller teller_;
    HealthWatch health_;
};

}  // namespace ballast::daemon
