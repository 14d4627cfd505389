// The agent's side of reports (report.h): samples its own host and puts a report when that is worth it, at most once a
// pass. Each is guarded by the agent's registration, so that one whose host is being cut off, or that another process
// has followed, reports nothing any more. One io_context thread.
#pragma once

#include <boost/asio.hpp>
#include <functional>

#include "cluster/report.h"
#include "collectors/sampler.h"
#include "ports/clock.h"
#include "ports/hypervisor.h"

namespace ballast::cluster {

class Reporter {
public:
    /// `incarnation`: of the host's registration, while it is certain.
    Reporter(boost::asio::any_io_executor executor, Clock& clock, Hypervisor& hypervisor, Store& store,
             collectors::SamplerOptions sampling, std::function<std::optional<Revision>()> incarnation);

    /// Samples and reports until the executor stops.
    void start();
    /// The agent was registered just now: what its host is like is told at once.
    void registered() { consider(); }

private:
    void sampled(const collectors::Sample& sample);
    void source_read(const std::string& source, const Result<void>& read);
    void consider();
    bool is_due() const;
    boost::asio::awaitable<void> tell(Report report);

    boost::asio::any_io_executor executor_;
    Clock& clock_;
    Hypervisor& hypervisor_;
    Store& store_;
    collectors::SamplerOptions sampling_;
    std::function<std::optional<Revision>()> incarnation_;
    Report now_;
    std::optional<Report> told_;
    Instant told_at_{};
    bool again_ = false;  // the last one had other VMs than the one before
    bool telling_ = false;
};

}  // namespace ballast::cluster
