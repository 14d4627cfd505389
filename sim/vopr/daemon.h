// One member of a simulated cluster, of the real parts: the agent of its host, the election, and while it leads the
// controller with policy, executor, power switch and failover, on the hypervisors as agents tell of them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "cluster/agent.h"
#include "cluster/election.h"
#include "cluster/reporter.h"
#include "daemon/controller.h"
#include "ports/forwarding_store.h"
#include "sim/member.h"
#include "sim/sim_power.h"

namespace ballast::sim::vopr {

/// Puts a mark into all it commits, under which whoever watches the store knows who it was: a key that nobody has is
/// erased. It lies below whatever guards the process adds, so that it tells the truth where these do not.
class MarkedStore : public ForwardingStore {
public:
    static constexpr const char* leaders = "/ballast/mark/leader/";  // + term
    static constexpr const char* agents = "/ballast/mark/agent/";    // + host

    MarkedStore(Store& store, std::string mark) : ForwardingStore(store), mark_(std::move(mark)) {}

    Task<Commit> commit(Transaction transaction) override {
        transaction.changes.push_back({Change::Kind::erase, mark_, {}, 0});
        return store_.commit(std::move(transaction));
    }

private:
    const std::string mark_;
};

/// What all members share.
struct Site {
    std::vector<HostId> hosts;
    policy::Options policy;
    Bmcs bmcs;
    std::function<void(const HostId& from)> ordering_power;  // hears of each order to switch a host off
    std::map<HostId, std::vector<HealthProblem>> problems;   // that the health probe reports
};

class Daemon : public MemberProcess {
public:
    static constexpr Duration time_to_live = std::chrono::seconds{10};  // the daemon's default

    /// Both outlive it.
    Daemon(MemberContext& context, World& world, Site& site);
    ~Daemon() override;

    /// The controller, while it leads and has taken up its work.
    daemon::Controller* controller() const;
    boost::asio::io_context& io() { return context_.io(); }
    /// While it believes to lead.
    std::optional<Revision> term() const { return election_.term(); }

private:
    struct Leader;

    boost::asio::awaitable<void> live();
    boost::asio::awaitable<void> look_for_outage();
    boost::asio::awaitable<void> keep();

    MemberContext& context_;
    World& world_;
    Site& site_;
    MarkedStore store_;
    cluster::Agent agent_;
    cluster::Reporter reporter_;
    cluster::Election election_;
    std::unique_ptr<Leader> leader_;
};

}  // namespace ballast::sim::vopr
