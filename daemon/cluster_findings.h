// What all members found out about their hosts, as the leader sees it, and what their silence and their clocks say
// about them. One io_context thread.
#pragma once

#include <boost/asio.hpp>
#include <deque>
#include <functional>
#include <map>
#include <vector>

#include "cluster/findings.h"
#include "cluster/shared_power.h"
#include "daemon/findings_json.h"

namespace ballast::daemon {

struct FindingsListener {
    /// The problems that count are others than before. Ordered.
    std::function<void(const HostId&, const std::vector<HealthProblem>&)> changed;
    /// Energy counters and boot of a host, each time that they are told anew.
    std::function<void(const HostId&, const health::Report&)> reported;
    /// Members other than the leader that have another configuration than it are others than before. Ordered.
    std::function<void(const std::vector<HostId>&)> differ = [](const auto&) {};
    /// Whether the host answers: of one that does not nothing can be expected.
    std::function<bool(const HostId&)> answers;
};

class ClusterFindings {
public:
    /// `own` is the leader's. Clock, store and what the listener refers to have to outlive the running of the executor.
    ClusterFindings(boost::asio::any_io_executor executor, Clock& clock, Store& store, std::vector<HostId> hosts,
                    HostId own, FindingsListener listener);

    /// Reads and tells until the executor stops.
    void start();
    /// What the leader itself sees of a host: how its libvirt behaves.
    void seen_here(const HostId& host, std::vector<HealthProblem> problems);
    /// Members whose hosts answer, and what their power brokers know; not those of a member that has fallen silent.
    std::vector<cluster::Broker> brokers() const;

private:
    struct Member {
        Findings findings;
        Instant told_at{};
        bool heard = false, silent = false;
        std::deque<double> ahead_s;  // of our clock, by the last findings that came promptly
        std::vector<HealthProblem> seen_here;
        std::vector<HealthProblem> told;
    };

    void heard(const HostId& host, const cluster::Told& told);
    boost::asio::awaitable<void> watch_silence();
    std::vector<HealthProblem> judged(const Member& member) const;
    void tell(const HostId& host, Member& member);
    void compare_configurations();

    boost::asio::any_io_executor executor_;
    Clock& clock_;
    FindingsListener listener_;
    HostId own_;
    std::map<HostId, Member> members_;
    std::vector<HostId> differ_;
    cluster::FindingsReader reader_;
};

}  // namespace ballast::daemon
