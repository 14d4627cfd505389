// This daemon as one of several: the agent of its own host, a candidate for the lead, and whoever asks it is answered
// by the one that leads (docs/cluster.md). When its term is over the process ends and is started anew by systemd: what
// it had under way as the leader is void then. One io_context thread.
#pragma once

#include <boost/asio.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cluster/agent.h"
#include "cluster/election.h"
#include "cluster/power_agent.h"
#include "cluster/remote_hypervisor.h"
#include "cluster/reporter.h"
#include "cluster/reports.h"
#include "cluster/requests.h"
#include "cluster/term_store.h"
#include "config/daemon_options.h"
#include "daemon/api_http.h"
#include "daemon/api_server.h"
#include "daemon/evacuation.h"

namespace ballast::daemon {

/// What a leader works with.
struct LeaderParts {
    std::unique_ptr<Store> store;
    std::unique_ptr<Hypervisor> hypervisor;
    std::function<void(collectors::SamplerListener)> samples;  // begins to tell of all hosts
    std::function<bool()> leads;                               // its term goes on for certain
    cluster::Caller* caller = nullptr;
};

/// How a request of the control API is answered.
using ApiAnswer =
    std::function<boost::asio::awaitable<Reply>(std::string method, std::string target, std::string body, Caller)>;

/// What a leader does for the members.
struct Leading {
    ApiAnswer answer;
    Evacuation* evacuation = nullptr;                            // it outlives the running of the executor
    std::function<boost::asio::awaitable<void>()> write_last{};  // what is kept now and then: before it steps down
    std::function<void()> begin_calm{};                          // the network may have been away until just now
};

/// The host whose agent this daemon is: the one that is called as this machine. Nothing: none is.
std::optional<HostId> own_host(const config::DaemonOptions& options, const std::string& hostname);
/// The host as it registers.
cluster::AgentIdentity identity_on(const HostId& own);
/// The hosts as this daemon sees them: its own by the local libvirt, the others by the address that they have for each
/// other. Requires own_host().
config::DaemonOptions seen_from(config::DaemonOptions options, const HostId& own);

/// The answer to GET /v1/cluster (docs/api.md), from what the store says of the leader, of agents and of findings.
json::object describe_cluster(const HostId& own, const std::vector<HostId>& hosts,
                              const std::optional<KeyValue>& leader, const std::vector<KeyValue>& agents,
                              const std::vector<KeyValue>& findings);

class ClusterMember {
public:
    /// `store`, `libvirt` (which reaches the own host) and `broker` outlive it. `lead` begins to lead with these parts
    /// and returns what answers requests from then on. `over`: its term has ended, or could not begin.
    ClusterMember(boost::asio::any_io_executor executor, Clock& clock, Store& store, Hypervisor& libvirt,
                  PowerControl& broker, const config::DaemonOptions& options, HostId own,
                  std::function<Leading(LeaderParts)> lead, std::function<void()> over);

    /// Calls of the leader whose methods begin so are this one's to handle. Before start().
    void serve(std::string prefix, cluster::Handler handler) { agent_.serve(std::move(prefix), std::move(handler)); }
    /// Registers, serves, and stands for election until the executor stops. Errors: the control socket's.
    Result<void> start();
    /// Gives the lead to another member, if this one has it. What it still wants as the leader is void from then on.
    boost::asio::awaitable<void> resign();
    /// What answers at the control socket.
    ApiAnswer answerer() { return api_.answerer(); }
    /// Of the own host's registration, while it is certain.
    std::optional<Revision> incarnation() const { return agent_.incarnation(); }
    /// Until when it is certain, unless the next beat is answered.
    std::optional<Instant> certain_until() const { return agent_.certain_until(); }
    /// How VMs leave the own host, whoever leads.
    Evacuation& evacuation() { return evacuation_; }

private:
    boost::asio::awaitable<void> live();
    boost::asio::awaitable<Result<LeaderParts>> take_over(Revision term);
    boost::asio::awaitable<void> look_for_outage();
    boost::asio::awaitable<Reply> answer(std::string method, std::string target, std::string body, Caller caller);
    boost::asio::awaitable<Reply> answer_as_leader(std::string method, std::string target, std::string body,
                                                   Caller caller);
    boost::asio::awaitable<boost::json::value> answer_elsewhere(boost::json::value request);
    boost::asio::awaitable<Result<boost::json::value>> ask_leader(boost::json::value request);
    boost::asio::awaitable<Reply> describe();
    boost::asio::awaitable<Reply> back_up(Caller caller);
    Reply hand_over(const Caller& caller);
    boost::asio::awaitable<void> leave_the_lead();

    boost::asio::any_io_executor executor_;
    Clock& clock_;
    Store& store_;
    Hypervisor& libvirt_;
    config::DaemonOptions options_;
    HostId own_;
    std::function<Leading(LeaderParts)> lead_;
    std::function<void()> over_;
    cluster::PowerAgent power_;
    cluster::Agent agent_;
    cluster::Reporter reporter_;
    cluster::Election election_;
    cluster::Requests requests_;
    ApiServer api_;
    std::unique_ptr<cluster::Caller> caller_;
    std::unique_ptr<cluster::Reports> reports_;
    std::unique_ptr<cluster::Desk> desk_;
    std::optional<Leading> leading_;  // empty: another member leads
    LeadersEvacuation evacuation_;
};

}  // namespace ballast::daemon
