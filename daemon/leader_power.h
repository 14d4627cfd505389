// All of a daemon's power over hosts in one piece, so that no part of it can be had without the others: their systems
// asked first, the BMCs of its broker and of other members', and an order only while it is certain that nobody else
// leads. One io_context thread.
#pragma once

#include <functional>

#include "cluster/shared_power.h"
#include "cluster/term_power.h"
#include "config/daemon_options.h"
#include "daemon/clean_power.h"
#include "daemon/system_control.h"
#include "power/client.h"

namespace ballast::daemon {

class LeaderPower {
public:
    /// `leads`: it is certain, just now, that nobody else does. `caller` of agents, and the `others` that have brokers;
    /// none: a daemon of its own.
    LeaderPower(const config::DaemonOptions& options, Clock& clock, service::Runner run, std::function<bool()> leads,
                cluster::Caller* caller, std::function<std::vector<cluster::Broker>()> others)
        : broker_(options.power.broker),
          systems_(options.hosts, std::move(run)),
          own_(broker_, leads),
          shared_(clock, own_, caller, std::move(others)),
          clean_(shared_, systems_),
          term_(clean_, std::move(leads)) {}
    LeaderPower(const LeaderPower&) = delete;
    LeaderPower& operator=(const LeaderPower&) = delete;

    PowerControl& control() { return term_; }

private:
    power::Client broker_;
    SshSystemControl systems_;
    cluster::TermPower own_;
    cluster::SharedPower shared_;
    CleanPower clean_;
    cluster::TermPower term_;
};

}  // namespace ballast::daemon
