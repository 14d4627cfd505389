// Rolling runs in this daemon: which hosts are meant, when the cluster can do without one, and what empties them, for
// the machine in executor/rolling.h. One io_context thread.
#pragma once

#include <boost/asio.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "config/daemon_options.h"
#include "daemon/controller.h"
#include "daemon/leaving.h"
#include "executor/rolling.h"
#include "service/children.h"

namespace ballast::daemon {

/// What an operator may ask for.
struct RollingWish {
    std::string group;          // of hosts, in the policy; empty: all, or `hosts`
    std::vector<HostId> hosts;  // in this order
    std::string command;        // a name in rolling.commands; empty: none
    std::optional<Reboot> reboot;
};

class RollingService : private executor::RollingSurroundings {
public:
    template <class T>
    using Task = boost::asio::awaitable<Result<T>>;
    /// Runs a program with these arguments until the deadline.
    using RunProgram = std::function<Task<executor::CommandEnd>(std::vector<std::string> arguments, Duration deadline)>;

    /// The controller has to outlive it.
    RollingService(boost::asio::any_io_executor executor, Clock& clock, Hypervisor& hypervisor, Store& store,
                   Controller& controller, RunProgram run_program, std::function<void(const RollingRun&)> changed);

    /// Goes on with what the store says is under way. Call it after the controller's start().
    Task<void> recover() { return rolling_.recover(); }

    /// Errors: invalid (the wish makes no sense), not_found, conflict, refused (the cluster cannot do without the first
    /// host), and the store's.
    Task<void> start(RollingWish wish, std::string by);
    Task<void> resume(bool skip, std::string by) { return rolling_.resume(skip, std::move(by)); }
    Task<void> stop(std::string by) { return rolling_.stop(std::move(by)); }
    const std::optional<RollingRun>& run() const { return rolling_.run(); }

private:
    Result<RollingRun> run_for(const RollingWish& wish) const;
    Result<void> choose_hosts(const RollingWish& wish, RollingRun& run) const;
    Result<void> choose_work(const RollingWish& wish, RollingRun& run) const;
    std::string unfit(const Host& host) const;

    std::string objection(const HostId& host) override;
    bool is_busy() override;
    bool is_in_use(const HostId& host) override;
    Task<void> set_maintenance(HostId host, bool on) override;
    std::string maintenance_by(const HostId& host) override { return controller_.maintenance_by(host); }
    std::string ours() override { return "rolling-reboot"; }
    std::vector<std::string> stuck(const HostId& host) override { return stuck_on(controller_, host); }
    bool is_measured(const HostId& host, Instant since) override;
    bool has_rebooted(const HostId& host, Instant since) override;
    bool is_settled(const HostId& host, Instant since) override;
    Task<executor::CommandEnd> run_command(std::string name, HostId host) override;

    Clock& clock_;
    Controller& controller_;
    RunProgram run_program_;
    executor::Rolling rolling_;
};

/// Runs it as a child process of this one, with what it wrote to stdout and stderr cut to its end. `leads`: it is
/// certain, just now, that nobody else does; error cancelled where it is not.
RollingService::RunProgram run_as_child(service::Runner run, std::function<bool()> leads = {});

}  // namespace ballast::daemon
