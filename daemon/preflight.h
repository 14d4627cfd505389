// `ballastctl preflight`: looks at all hosts at once, asks what has to be asked of each about the others, and judges.
// A host that does not answer holds up the report to a deadline and nothing else. One io_context thread; what blocks
// runs in lanes and child processes.
#pragma once

#include <boost/asio.hpp>
#include <boost/json/value.hpp>
#include <functional>
#include <memory>

#include "daemon/preflight_facts.h"
#include "daemon/preflight_script.h"
#include "hypervisor/libvirt_hypervisor.h"
#include "service/children.h"

namespace ballast::daemon::preflight {

/// Where the facts come from; each answers by its deadline.
struct Sources {
    template <class T>
    using Task = boost::asio::awaitable<Result<T>>;

    std::function<Task<hypervisor::PreflightFacts>(HostId, Duration)> facts;
    std::function<Task<std::vector<hypervisor::CpuAnswer>>(HostId, std::vector<hypervisor::CpuQuestion>, Duration)>
        compare_cpus;
    std::function<Task<std::string>(HostId, std::string virt_type, std::vector<std::string> cpus, Duration)> common_cpu;
    /// From this host.
    std::function<Task<hypervisor::PeerIdentity>(HostId, std::string uri, Duration)> identity_at;
    service::Runner run;  // here
    /// A shell on the host, asked by its own daemon there; empty: it is asked from here (run), and so is who is
    /// reached.
    std::function<Task<service::Ended>(HostId, ScriptQuestions, Duration)> shell;
};

/// The real ones. `hypervisor` must outlive them.
Sources sources_of(hypervisor::LibvirtHypervisor& hypervisor, service::Runner run);

/// A shell of this machine that answers them.
service::Command local_shell(const ScriptQuestions& questions);

/// {"status", "counts", "checks"} [docs/preflight.md].
boost::json::value report_of(const std::vector<Check>& checks);

class Preflight {
public:
    /// Of each link only id, uri and peer_uri are used.
    Preflight(boost::asio::any_io_executor executor, const std::vector<hypervisor::LinkOptions>& links,
              std::string state_dir, Sources sources);

    /// Within 45 s. Whoever asks while a look is under way shares it. The object must outlive the executor's run.
    boost::asio::awaitable<Result<boost::json::value>> report(std::optional<HostId> only);

private:
    struct Run {
        explicit Run(const boost::asio::any_io_executor& executor) : ended(executor) {
            ended.expires_at(boost::asio::steady_timer::time_point::max());
        }
        PreflightCluster cluster;
        boost::asio::steady_timer ended;
        bool done = false;
    };
    using RunPtr = std::shared_ptr<Run>;
    using Step = boost::asio::awaitable<void>;

    Step look_at_all(RunPtr run);
    Step look_at(RunPtr run, std::size_t host);
    Step ask_shell(RunPtr run, std::size_t host);
    Step ask_cpus(RunPtr run, std::size_t host);
    Step reach_peer(RunPtr run, std::size_t host, std::size_t peer);
    Step find_common_cpus(RunPtr run);
    Step common_cpu_of(RunPtr run, std::string virt_type);
    std::vector<Step> questions(const RunPtr& run);
    void finish(const RunPtr& run);

    boost::asio::any_io_executor executor_;
    PreflightCluster blank_;
    Sources sources_;
    RunPtr under_way_;
};

}  // namespace ballast::daemon::preflight
