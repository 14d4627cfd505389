// Looks at hosts that answer for what is wrong with them: by the probe, by the operator's checks, and by how their
// libvirt behaves. Each command of each host has a loop of its own, so that a slow one delays no other. On the
// io_context's thread; everything it starts has a deadline. See docs/faults.md.
#pragma once

#include <boost/asio.hpp>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "config/daemon_options.h"
#include "daemon/health_record.h"
#include "ports/clock.h"
#include "service/children.h"

namespace ballast::daemon {

struct HealthListener {
    /// The problems that count are others than before. Ordered.
    std::function<void(const HostId&, const std::vector<HealthProblem>&)> changed;
    /// Something cannot be looked at there, told once: not a problem of the host.
    std::function<void(const HostId&, const std::string&)> unread;
    /// A probe's report, whatever is in it.
    std::function<void(const HostId&, const health::Report&)> reported;
    /// Whether the host answers: one that does not is not degraded, and nobody runs anything for it.
    std::function<bool(const HostId&)> answers;
};

class HealthWatch {
public:
    using Runner = service::Runner;

    /// Clock, runner and what the listener refers to have to outlive the running of the io_context.
    HealthWatch(boost::asio::any_io_executor executor, Clock& clock, Runner runner,
                const config::DaemonOptions& options, HealthListener listener);

    /// Begins to look, for as long as the io_context runs.
    void start();
    /// The host's libvirt was asked; each time that it fails after it had answered is a fault.
    void libvirt_asked(const HostId& host, bool answered);

private:
    struct Watched {
        config::HostOptions options;
        HealthRecord record;
        HealthTrends trends{};
        std::vector<HealthProblem> told{};
        std::set<std::string> unread{};
        bool libvirt_answered = true;
        std::deque<Instant> libvirt_faults{};
    };
    using Seen = std::vector<std::pair<HealthProblem, unsigned>>;
    using Look = boost::asio::awaitable<void> (HealthWatch::*)(HostId, std::size_t);

    boost::asio::awaitable<void> repeat(HostId host, Look look, std::size_t index, Duration gap, Duration first);
    boost::asio::awaitable<void> probe(HostId host, std::size_t);
    boost::asio::awaitable<void> smart(HostId host, std::size_t);
    boost::asio::awaitable<void> check(HostId host, std::size_t index);
    boost::asio::awaitable<void> probe_for(HostId host, bool smart);
    void take_report(Watched& watched, const std::string& origin, const std::string& text, WallTime begun);
    void took_no_answer(Watched& watched, const std::string& origin, const std::string& why);
    void took_answer(Watched& watched, const std::string& origin, const Seen& seen,
                     const std::vector<health::Unread>& unread = {});
    void tell(Watched& watched);

    boost::asio::any_io_executor executor_;
    Clock& clock_;
    Runner runner_;
    config::HealthWatchOptions options_;
    HealthListener listener_;
    std::map<HostId, Watched> hosts_;
};

}  // namespace ballast::daemon
