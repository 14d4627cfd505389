// Whether hosts are fit to run guests, told before they are used: VT-x or AMD-V and KVM, memory, disk space. What is in
// the way of a single VM there is the policy's business. One io_context thread.
#pragma once

#include <boost/asio.hpp>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "daemon/preflight_facts.h"
#include "hypervisor/libvirt_hypervisor.h"
#include "ports/clock.h"

namespace ballast::daemon {

struct HostChecksListener {
    using Look = boost::asio::awaitable<Result<hypervisor::PreflightFacts>>;

    /// Asks the host's libvirt.
    std::function<Look(HostId)> look;
    /// Whether it can be asked.
    std::function<bool(const HostId&)> answers;
    /// What was found, in the order of docs/preflight.md: at first, and when something is better or worse than before.
    std::function<void(const HostId&, const std::vector<preflight::Check>&)> told;
};

class HostChecks {
public:
    /// The clock and what the listener refers to have to outlive the running of the executor.
    HostChecks(boost::asio::any_io_executor executor, Clock& clock, std::vector<HostId> hosts,
               HostChecksListener listener)
        : executor_(std::move(executor)), clock_(clock), hosts_(std::move(hosts)), listener_(std::move(listener)) {}

    /// Looks as soon as a host answers, and every hour from then on, for as long as the executor runs.
    void start();

private:
    boost::asio::awaitable<void> watch(HostId host);

    boost::asio::any_io_executor executor_;
    Clock& clock_;
    std::vector<HostId> hosts_;
    HostChecksListener listener_;
};

/// Asks them by `libvirt`, which has to outlive it, and tells the log.
HostChecksListener logged_checks(hypervisor::LibvirtHypervisor& libvirt);

/// One line for the log: what was found, and of what is not as it should be also what to do.
std::string to_string(const std::vector<preflight::Check>& checks);

}  // namespace ballast::daemon
