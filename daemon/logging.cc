#include "daemon/logging.h"

#include <algorithm>
#include <spdlog/spdlog.h>

namespace ballast::daemon {

namespace {

std::string figures(const Operation& op) {
    if (!op.outcome) return "";
    std::string text =
        " in " + to_string(op.outcome->duration) + " (predicted " + to_string(op.prediction.duration) + ")";
    if (op.outcome->downtime)
        text +=
            ", downtime " + to_string(*op.outcome->downtime) + " (predicted " + to_string(op.prediction.downtime) + ")";
    return text;
}

std::string wanted_move(const Cycle& cycle, const Move& move) {
    const auto name = cycle.vm_names.find(move.vm);
    return (name == cycle.vm_names.end() ? move.vm.value : name->second) + " should go from " + move.from.value +
           " to " + move.to.value + ": " + move.reason;
}

// Figures change with every sample; what matters is whether the same thing was found before.
std::string without_digits(std::string text) {
    std::erase_if(text, [](char c) { return c >= '0' && c <= '9'; });
    return text;
}

}  // namespace

void DecisionLog::cycle_ended(const Cycle& cycle) {
    std::set<std::string> now;
    const auto say = [&](spdlog::level::level_enum level, const std::string& kind, const std::string& text) {
        const std::string key = kind + without_digits(text);
        if (now.insert(key).second && !said_.contains(key)) spdlog::log(level, "{}: {}", cycle.id, text);
    };
    for (const Finding& finding : cycle.plan.findings)
        say(spdlog::level::info, "finding " + finding.host.value + to_string(finding.trigger), finding.text);
    for (const std::string& warning : cycle.plan.warnings) say(spdlog::level::warn, "warning", warning);
    for (const Rejection& rejection : cycle.plan.immovable) {
        const auto name = cycle.vm_names.find(rejection.vm);
        say(spdlog::level::warn, "immovable",
            (name == cycle.vm_names.end() ? rejection.vm.value : name->second) +
                " cannot leave: " + explain(rejection.reason) + " " + rejection.detail);
    }
    if (!cycle.plan.brake.empty()) say(spdlog::level::warn, "brake", cycle.plan.brake);
    for (const std::string& note : cycle.notes) say(spdlog::level::warn, "note", note);
    if (cycle.mode == policy::Mode::observe || cycle.paused)
        for (const Move& move : cycle.plan.moves)
            say(spdlog::level::info, "move", "recommended: " + wanted_move(cycle, move));
    said_ = std::move(now);
}

void DecisionLog::operation_changed(const Operation& op) {
    const bool bad = op.alarm || op.state == OperationState::failed || op.state == OperationState::rolled_back;
    const auto level = bad ? spdlog::level::warn : spdlog::level::info;
    const bool first = op.state == OperationState::planned && op.attempt == 0;
    spdlog::log(level, "{} {}{} {} -> {}: {}{}{}", op.id.value, op.alarm ? "ALARM " : "", op.vm_name, op.from.value,
                op.to.value, to_string(op.state),
                first || op.state == OperationState::waiting ? ", " + op.reason
                : op.message.empty()                         ? ""
                                                             : ", " + op.message,
                figures(op));
}

void DecisionLog::power_changed(const PowerRecord& record) {
    spdlog::log(record.alarm ? spdlog::level::warn : spdlog::level::info, "power {}{}: {}, {}; {} ({})",
                record.alarm ? "ALARM " : "", record.host.value, to_string(record.state), record.message, record.reason,
                record.requested_by);
}

// A problem whose figures have changed is the same one.
void DecisionLog::configurations_differ(const std::vector<HostId>& members) {
    std::string names;
    for (const HostId& member : members) names += (names.empty() ? "" : ", ") + member.value;
    if (names.empty())
        spdlog::info("all members have the leader's configuration");
    else
        spdlog::warn("the leader's configuration is in force; another one is on: {}", names);
}

void DecisionLog::health_changed(const HostId& host, const std::vector<HealthProblem>& problems) {
    const auto has = [](const std::vector<HealthProblem>& list, const HealthProblem& wanted) {
        return std::any_of(list.begin(), list.end(), [&](const HealthProblem& one) {
            return one.source == wanted.source && one.subject == wanted.subject;
        });
    };
    auto& before = health_[host];
    for (const HealthProblem& problem : problems)
        if (!has(before, problem)) spdlog::warn("{}: {} ({})", host.value, problem.text, to_string(problem.source));
    for (const HealthProblem& problem : before)
        if (!has(problems, problem))
            spdlog::info("{}: over: {} ({})", host.value, problem.text, to_string(problem.source));
    before = problems;
}

void DecisionLog::rolling_changed(const RollingRun& run) {
    if (run.state == RollingState::done)
        spdlog::info("rolling-reboot: done with {} host(s)", run.hosts.size());
    else if (run.state == RollingState::stopped)
        spdlog::warn("rolling-reboot STOPPED at {} ({} of {}, {}): {}", run.hosts[run.at].value, run.at + 1,
                     run.hosts.size(), to_string(run.step), run.message);
    else
        spdlog::info("rolling-reboot: {} ({} of {}): {}", run.hosts[run.at].value, run.at + 1, run.hosts.size(),
                     to_string(run.step));
    if (run.step == RollingStep::command && run.state == RollingState::stopped && !run.output.empty())
        spdlog::warn("rolling-reboot: the command wrote: {}", run.output);
}

void DecisionLog::source_read(const HostId& host, const std::string& source, bool ok) {
    const std::string key = host.value + "/" + source;
    if (!ok && failing_sources_.insert(key).second) spdlog::warn("{}: {} cannot be read", host.value, source);
    if (ok && failing_sources_.erase(key) > 0) spdlog::info("{}: {} can be read again", host.value, source);
}

}  // namespace ballast::daemon
