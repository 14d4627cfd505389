// Preflight with a daemon on each host: each looks at its own, by its libvirt and a shell there, and the leader judges
// what all of them saw. The calls only look; what a shell is asked are questions, never a script. One io_context
// thread.
#pragma once

#include "cluster/calls.h"
#include "daemon/preflight.h"
#include "ports/clock.h"

namespace ballast::daemon::preflight {

/// Methods of calls of preflight begin so.
inline constexpr const char* preflight_calls = "preflight_";

/// The member's side.
class PreflightAgent {
public:
    /// `sources` reach `own`. The clock has to outlive it.
    PreflightAgent(Clock& clock, Sources sources, HostId own)
        : clock_(clock), sources_(std::move(sources)), own_(std::move(own)) {}

    boost::asio::awaitable<cluster::Answer> handle(cluster::Call call);

private:
    boost::asio::awaitable<cluster::Answer> facts(cluster::Call call);
    boost::asio::awaitable<cluster::Answer> cpus(cluster::Call call);
    boost::asio::awaitable<cluster::Answer> common(cluster::Call call);
    boost::asio::awaitable<cluster::Answer> identity(cluster::Call call);
    boost::asio::awaitable<cluster::Answer> shell(cluster::Call call);

    Clock& clock_;
    Sources sources_;
    HostId own_;
};

/// The leader's side: sources for all hosts. `there` tells whether a host's agent is; all have to outlive them.
Sources sources_through(cluster::Caller& caller, Clock& clock, std::function<bool(const HostId&)> there);

}  // namespace ballast::daemon::preflight
