#include "interchange/views_health.h"

#include "policy/health.h"

namespace ballast::views {

namespace {

constexpr std::size_t most_stranded = 20;  // lines: the plan has all of them

using policy::HealthAction;

std::string what_is_done(const policy::HealthVerdict& verdict, std::size_t vms_left) {
    switch (verdict.action) {
        case HealthAction::nothing: return "; nothing is done about it";
        case HealthAction::cordon:
            return verdict.is_held() ? "; no VM comes to it, but it is not emptied: too many hosts are degraded"
                                     : "; no VM comes to it";
        default: return "; it is emptied, VMs on it or on their way: " + std::to_string(vms_left);
    }
}

void add_stranded(const Seen& seen, json::array& lines) {
    std::size_t count = 0;
    for (const auto& [host, rejections] : policy::stranded_vms(seen.last_cycle.plan, seen.inventory))
        for (const Rejection& rejection : rejections) {
            if (++count > most_stranded) continue;
            const std::string detail = rejection.detail.empty() ? "" : " (" + rejection.detail + ")";
            lines.emplace_back("ALARM: " + seen.inventory.vms.at(rejection.vm).facts.name + " cannot leave " +
                               host.value + ", which is degraded: " + explain(rejection.reason) + detail);
        }
    if (count > most_stranded)
        lines.emplace_back("ALARM: " + std::to_string(count - most_stranded) +
                           " more VMs cannot leave degraded hosts: ballastctl plan");
}

}  // namespace

json::array health(const Seen& seen, const Host& host) {
    return each(host.health, [&](const HealthProblem& problem) {
        return json::object{{"source", to_string(problem.source)},
                            {"subject", problem.subject},
                            {"text", problem.text},
                            {"action", to_string(policy::action_of(seen.options.health, problem))}};
    });
}

void add_health_problems(const Seen& seen, json::array& lines) {
    for (const auto& [id, host] : seen.inventory.hosts) {
        if (host.power != PowerState::on) continue;
        for (const HealthProblem& problem : host.health)
            if (problem.source != HealthSource::unread) lines.emplace_back(id.value + ": " + problem.text);
    }
    for (const std::string& rail : policy::judge_health(seen.inventory, seen.options.health).warnings)
        lines.emplace_back(rail);
    add_stranded(seen, lines);
}

std::string health_verdict(const Seen& seen, const Host& host, std::size_t vms_left) {
    const auto verdicts = policy::judge_health(seen.inventory, seen.options.health);
    const auto found = verdicts.hosts.find(host.id);
    if (found == verdicts.hosts.end() || found->second.wanted == HealthAction::nothing) return {};
    return host.id.value + " is degraded: " + found->second.text + what_is_done(found->second, vms_left);
}

}  // namespace ballast::views
