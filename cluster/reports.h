// The leader's side of reports (report.h): samples of all hosts as their agents tell of them. A report counts only
// while the agent that wrote it is the one that is registered. How old it is, is judged by our own clock, from when we
// saw it change: the time of the host's clock is never asked. One io_context thread.
#pragma once

#include <boost/asio.hpp>
#include <map>

#include "cluster/follower.h"
#include "cluster/remote_hypervisor.h"
#include "cluster/report.h"
#include "collectors/sampler.h"

namespace ballast::cluster {

class Reports {
public:
    /// `hypervisor` says who is registered. `interval`: at which agents sample.
    Reports(boost::asio::any_io_executor executor, Clock& clock, Store& store, RemoteHypervisor& hypervisor,
            Duration interval);

    /// Tells of all hosts until the executor stops, as a sampler of each would. Requires that the hypervisor has
    /// started. Call it once.
    void start(collectors::SamplerListener listener);

private:
    struct Told {
        std::optional<Report> report;  // nothing: none was there, or it could not be read
        std::string problem;           // why it could not be read
        Instant seen_at{};             // when it was seen to change
        Instant as_of{};               // what it tells was the case then, and maybe later
        bool served = false;           // listeners know it
        Instant next{};                // when there is something to say again
    };

    void heard(const KeyValue& entry, Noticed how);
    void serve(const HostId& host);
    void speak(const HostId& host);
    boost::asio::awaitable<void> speak_when_due();
    std::optional<Error> problem_of(const HostId& host, const Told& told) const;
    Duration silence() const;
    Duration overdue() const;

    boost::asio::any_io_executor executor_;
    Clock& clock_;
    RemoteHypervisor& hypervisor_;
    Duration interval_;
    collectors::SamplerListener listener_;
    std::map<HostId, Told> told_;
    Follower follower_;
};

}  // namespace ballast::cluster
