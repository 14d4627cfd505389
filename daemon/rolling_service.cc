#include "daemon/rolling_service.h"

#include <algorithm>
#include <sstream>

#include "daemon/metrics_catalogue.h"
#include "daemon/power_overlay.h"
#include "policy/estimators.h"
#include "policy/spare.h"

namespace ballast::daemon {

namespace {
// Of a command's output, in the journal: some screens.
constexpr std::size_t most_output = 4096;
constexpr std::size_t most_heard = 1024 * 1024;  // of which that is the end

// Whatever bytes a program writes: JSON and terminals get text.
std::string end_of(std::string text) {
    if (text.size() > most_output) text = "..." + text.substr(text.size() - most_output);
    std::string clean;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) clean += label_text(line) + "\n";
    return clean;
}

Error invalid(std::string subject, std::string message) {
    return {ErrorCode::invalid, std::move(subject), std::move(message)};
}

const char* const own_host = "this daemon runs on it: reboot it last, by systemctl reboot, which empties it first";

template <class Map>
std::string keys_of(const Map& map) {
    std::string names;
    for (const auto& [name, value] : map) names += (names.empty() ? "" : ", ") + name;
    return names;
}
}  // namespace

RollingService::RollingService(boost::asio::any_io_executor executor, Clock& clock, Hypervisor& hypervisor,
                               Store& store, Controller& controller, RunProgram run_program,
                               std::function<void(const RollingRun&)> changed)
    : clock_(clock),
      controller_(controller),
      run_program_(std::move(run_program)),
      rolling_(executor, clock, hypervisor, controller.power_switch(), store, *this, std::move(changed)) {
    const config::DaemonOptions& options = controller.options();
    rolling_.configure({options.rolling.empty_timeout, options.power.boot_timeout, options.rolling.settle_timeout});
}

// ---- The wish.

RollingService::Task<void> RollingService::start(RollingWish wish, std::string by) {
    auto run = run_for(wish);
    if (!run) co_return run.error();
    run->requested_by = std::move(by);
    co_return co_await rolling_.start(std::move(*run));
}

Result<RollingRun> RollingService::run_for(const RollingWish& wish) const {
    RollingRun run;
    if (const auto work = choose_work(wish, run); !work) return work.error();
    if (const auto hosts = choose_hosts(wish, run); !hosts) return hosts.error();
    return run;
}

Result<void> RollingService::choose_work(const RollingWish& wish, RollingRun& run) const {
    const auto& commands = controller_.options().rolling.commands;
    if (!wish.command.empty() && !commands.contains(wish.command))
        return Error{ErrorCode::not_found, wish.command,
                     commands.empty() ? "ballast.yaml has no rolling.commands"
                                      : "no such command in rolling.commands, which has " + keys_of(commands)};
    run.command = wish.command;
    run.reboot = wish.reboot.value_or(wish.command.empty() ? Reboot::power : Reboot::none);
    if (wish.command.empty() && run.reboot != Reboot::power)
        return invalid("reboot", "without a command hosts can only be rebooted by their BMCs (power)");
    return Result<void>();
}

// Why a host cannot be among those of a run, whatever the cluster looks like at its turn.
std::string RollingService::unfit(const Host& host) const {
    if (controller_.is_own(host.id)) return own_host;
    if (host.power != PowerState::on) return "its power is " + to_string(host.power);
    return "";
}

// A host named by hand has to be fit; of a group, or of all, those that are not are left out, and told.
Result<void> RollingService::choose_hosts(const RollingWish& wish, RollingRun& run) const {
    if (!wish.group.empty() && !wish.hosts.empty()) return invalid("group", "give either a group or hosts");
    const Inventory seen = controller_.inventory();
    std::vector<HostId> meant = wish.hosts;
    const auto& groups = controller_.policy().groups;
    const auto group = std::find_if(groups.begin(), groups.end(), [&](const policy::NamedGroup& one) {
        return one.name == wish.group && !one.hosts.empty();
    });
    if (!wish.group.empty() && group == groups.end())
        return Error{ErrorCode::not_found, wish.group, "the policy has no group of hosts of this name"};
    if (!wish.group.empty()) meant = group->hosts;
    if (meant.empty())
        for (const auto& [id, host] : seen.hosts) meant.push_back(id);
    for (const HostId& id : meant) {
        const auto host = seen.hosts.find(id);
        if (host == seen.hosts.end()) return Error{ErrorCode::not_found, id.value, "no such host is configured"};
        if (std::count(meant.begin(), meant.end(), id) > 1) return invalid(id.value, "is named twice");
        std::string why = unfit(host->second);
        if (!why.empty() && !wish.hosts.empty()) return Error{ErrorCode::refused, id.value, std::move(why)};
        if (!why.empty()) {
            run.left_out[id] = std::move(why);
            continue;
        }
        if (run.reboot == Reboot::power && !can_be_switched(controller_.power(), id))
            return Error{ErrorCode::refused, id.value,
                         "Ballast knows no BMC of it that can ask its system to go down (ballastctl power list)"};
        run.hosts.push_back(id);
    }
    if (run.hosts.empty()) return invalid("hosts", "no host is left: " + run.left_out.begin()->second);
    return Result<void>();
}

// ---- The surroundings.

std::string RollingService::objection(const HostId& id) {
    const Inventory seen = controller_.inventory();
    const auto host = seen.hosts.find(id);
    if (host == seen.hosts.end()) return "no such host is configured";
    if (controller_.paused()) return "Ballast is paused by " + controller_.paused_by() + ": no VM would leave";
    if (controller_.mode() == policy::Mode::observe) return "in mode observe no VM would leave";
    if (std::string why = unfit(host->second); !why.empty()) return why;
    if (!policy::is_fresh(host->second)) return "it does not report: " + host->second.problem;
    return policy::objection_to_maintenance(seen, controller_.memory(), controller_.policy(), clock_.now(), id);
}

bool RollingService::is_busy() {
    const auto active = controller_.active();
    return std::any_of(active.begin(), active.end(),
                       [](const Operation& op) { return op.state != OperationState::waiting; });
}

bool RollingService::is_in_use(const HostId& host) {
    const auto active = controller_.active();
    return std::any_of(active.begin(), active.end(), [&](const Operation& op) {
        return op.state != OperationState::waiting && (op.from == host || op.to == host);
    });
}

RollingService::Task<void> RollingService::set_maintenance(HostId host, bool on) {
    return controller_.set_maintenance(std::move(host), on, ours());
}

bool RollingService::is_measured(const HostId& id, Instant since) {
    const Inventory seen = controller_.inventory();
    const auto host = seen.hosts.find(id);
    return host != seen.hosts.end() && policy::is_fresh(host->second) && host->second.sampled_at > since;
}

bool RollingService::has_rebooted(const HostId& host, Instant since) {
    const auto rebooted = controller_.rebooted_at(host);
    return rebooted && *rebooted > since;
}

bool RollingService::is_settled(const HostId& host, Instant since) {
    const Cycle& last = controller_.last_cycle();
    if (last.at < clock_.wall_now() - (clock_.now() - since)) return false;
    const auto returns = [&](const auto& move) { return move.to == host && move.trigger == Trigger::return_home; };
    const auto active = controller_.active();
    return std::none_of(last.plan.moves.begin(), last.plan.moves.end(), returns) &&
           std::none_of(active.begin(), active.end(), returns);
}

RollingService::Task<executor::CommandEnd> RollingService::run_command(std::string name, HostId host) {
    const config::DaemonOptions& options = controller_.options();
    const auto command = options.rolling.commands.find(name);
    const auto on = std::find_if(options.hosts.begin(), options.hosts.end(),
                                 [&](const config::HostOptions& one) { return one.id == host; });
    if (command == options.rolling.commands.end() || on == options.hosts.end())
        co_return Error{ErrorCode::not_found, name, "ballast.yaml's rolling.commands do not have it any more"};
    std::vector<std::string> arguments = {"/usr/bin/env", "BALLAST_HOST=" + host.value, "BALLAST_URI=" + on->uri};
    arguments.insert(arguments.end(), command->second.begin(), command->second.end());
    co_return co_await run_program_(std::move(arguments), options.rolling.command_timeout);
}

namespace {
boost::asio::awaitable<Result<executor::CommandEnd>> run_to_its_end(service::Runner run, service::Command command) {
    const auto ended = co_await run(std::move(command));
    if (!ended) co_return ended.error();
    executor::CommandEnd end;
    end.in_time = ended->in_time;
    end.exit_status = ended->exit_code.value_or(-1);
    end.output = end_of(ended->output + ended->complaint);
    co_return end;
}

RollingService::Task<executor::CommandEnd> does_not_lead() {
    co_return Error{ErrorCode::cancelled, "rolling-reboot", "this member is not certain to lead any more"};
}
}  // namespace

// Upgrades write a lot: none is held up for that.
RollingService::RunProgram run_as_child(service::Runner run, std::function<bool()> leads) {
    return [run, leads](std::vector<std::string> arguments, Duration deadline) {
        if (leads && !leads()) return does_not_lead();
        service::Command command = service::command_of(arguments, deadline);
        command.most_output = most_heard;
        command.drops_excess = true;
        return run_to_its_end(run, std::move(command));
    };
}

}  // namespace ballast::daemon
