#include "policy/health.h"

#include <algorithm>

#include "policy/estimators.h"

namespace ballast::policy {

namespace {

std::string joined(const std::vector<std::string>& texts) {
    std::string all;
    for (const std::string& text : texts) all += (all.empty() ? "" : "; ") + text;
    return all;
}

HealthVerdict verdict_of(const HealthOptions& options, const Host& host) {
    HealthVerdict verdict;
    verdict.wanted = verdict.action = wanted_action(options, host);
    std::vector<std::string> texts;
    for (const HealthProblem& problem : host.health)
        if (action_of(options, problem) == verdict.wanted) texts.push_back(problem.text);
    verdict.text = joined(texts);
    return verdict;
}

// What a host that does not report said before is not what it is now.
bool counts(const Host& host) {
    return is_fresh(host) && !host.maintenance;
}

// In maintenance, hosts are emptied because a person says so.
void hold_storm(HealthVerdicts& verdicts, const Inventory& inventory) {
    std::size_t reporting = 0, leaving = 0;
    for (const auto& [id, host] : inventory.hosts) {
        if (!counts(host)) continue;
        ++reporting;
        leaving += verdicts.action(host) >= HealthAction::evacuate;
    }
    // One alone is no storm, even of two: the other one is well.
    if (leaving < 2 || 2 * leaving < reporting) return;
    for (auto& [id, verdict] : verdicts.hosts) verdict.action = std::min(verdict.action, HealthAction::cordon);
    verdicts.warnings.push_back(std::to_string(leaving) + " of " + std::to_string(reporting) +
                                " hosts would have to be emptied at once because they are degraded: none is, they only "
                                "take no VMs");
}

void keep_some_open(HealthVerdicts& verdicts, const Inventory& inventory) {
    bool reports = false, lifted = false;
    for (const auto& [id, host] : inventory.hosts) {
        if (!counts(host)) continue;
        reports = true;
        if (host.accepts_vms && !verdicts.closed(host)) return;
    }
    for (auto& [id, verdict] : verdicts.hosts) {
        if (verdict.action != HealthAction::cordon) continue;
        verdict.action = HealthAction::nothing;
        lifted = true;
    }
    if (reports && lifted)
        verdicts.warnings.push_back("no host is well: those that would only be closed for their health take VMs");
}

}  // namespace

HealthAction action_of(const HealthOptions& options, const HealthProblem& problem) {
    switch (problem.source) {
        case HealthSource::memory_uncorrected: return options.memory_uncorrected;
        case HealthSource::memory_corrected: return options.memory_corrected;
        case HealthSource::machine_check: return options.machine_check;
        case HealthSource::temperature: return options.temperature;
        case HealthSource::disk: return options.disk;
        case HealthSource::network: return options.network;
        case HealthSource::link: return options.link;
        case HealthSource::storage: return options.storage;
        case HealthSource::units: return options.units;
        case HealthSource::pressure: return options.pressure;
        case HealthSource::libvirt: return options.libvirt;
        case HealthSource::clock: return options.clock;
        case HealthSource::unread: return options.unread;
        case HealthSource::check: break;
    }
    for (const CheckAction& check : options.checks)
        if (check.name == problem.subject) return check.action;
    return options.check;
}

HealthAction wanted_action(const HealthOptions& options, const Host& host) {
    HealthAction most = HealthAction::nothing;
    for (const HealthProblem& problem : host.health) most = std::max(most, action_of(options, problem));
    return most;
}

HealthAction HealthVerdicts::action(const Host& host) const {
    if (hosts.empty()) return HealthAction::nothing;
    const auto found = hosts.find(host.id);
    return found == hosts.end() ? HealthAction::nothing : found->second.action;
}

HealthVerdicts judge_health(const Inventory& inventory, const HealthOptions& options) {
    HealthVerdicts verdicts;
    for (const auto& [id, host] : inventory.hosts)
        if (!host.health.empty() && is_fresh(host)) verdicts.hosts.emplace(id, verdict_of(options, host));
    if (verdicts.hosts.empty()) return verdicts;
    hold_storm(verdicts, inventory);
    keep_some_open(verdicts, inventory);
    return verdicts;
}

std::map<HostId, std::vector<Rejection>> stranded_vms(const Plan& plan, const Inventory& inventory) {
    std::map<HostId, std::vector<Rejection>> stranded;
    for (const Finding& finding : plan.findings)
        if (finding.trigger == Trigger::degraded) stranded[finding.host];
    for (const Rejection& rejection : plan.immovable) {
        const auto vm = inventory.vms.find(rejection.vm);
        const auto host = vm == inventory.vms.end() ? stranded.end() : stranded.find(vm->second.host);
        if (host == stranded.end()) continue;
        auto& told = host->second;
        if (std::none_of(told.begin(), told.end(), [&](const Rejection& one) { return one.vm == rejection.vm; }))
            told.push_back(rejection);
    }
    std::erase_if(stranded, [](const auto& host) { return host.second.empty(); });
    return stranded;
}

bool is_left_for_health(const HealthVerdicts& verdicts, const Host& host) {
    return !host.maintenance && verdicts.action(host) >= HealthAction::evacuate;
}

std::string leaving_text(const HealthVerdicts& verdicts, const Host& host) {
    if (!is_left_for_health(verdicts, host))
        return host.id.value + " is in maintenance" +
               (host.to_site.empty() ? "" : ", to be left for site " + host.to_site);
    return host.id.value + " is degraded: " + verdicts.hosts.at(host.id).text;
}

}  // namespace ballast::policy
