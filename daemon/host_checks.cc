#include "daemon/host_checks.h"

#include <algorithm>
#include <spdlog/spdlog.h>

#include "daemon/preflight_checks.h"

namespace ballast::daemon {

namespace asio = boost::asio;
using preflight::Check;
using preflight::Status;

namespace {

constexpr Duration looks_again_after = std::chrono::hours{1};
constexpr Duration looks_for_it_again = std::chrono::seconds{5};
constexpr Duration asked_again_after = std::chrono::minutes{1};  // longer each time: what hangs is not made worse
constexpr Duration answers_within = std::chrono::seconds{15};

constexpr double little_memory = 0.05;  // as preflight has it

preflight::Finding check_memory(const preflight::PreflightCluster&, const preflight::PreflightHost& host) {
    const Bytes total = host.libvirt->host.memory_total;
    const auto available = host.libvirt->memory_available;
    if (!available || total.count == 0)
        return preflight::Finding{Status::unknown, "what memory is available is not known", ""};
    const std::string seen = to_string(*available) + " of " + to_string(total) + " of memory available";
    if (available->mib() < total.mib() * little_memory)
        return preflight::Finding{Status::warning, seen, "move guests away, or give the host more memory"};
    return preflight::Finding{Status::ok, seen, ""};
}

constexpr preflight::CheckEntry wanted[] = {{"virtualisation", preflight::check_virtualisation},
                                            {"kvm", preflight::check_kvm},
                                            {"memory", check_memory},
                                            {"disk", preflight::check_disk}};

std::vector<Check> judge(const HostId& id, hypervisor::PreflightFacts facts) {
    preflight::PreflightHost host;
    host.id = id;
    host.libvirt = std::move(facts);
    std::vector<Check> checks;
    for (const auto& [name, check] : wanted) checks.push_back({id, name, check({}, host)});
    return checks;
}

std::vector<Status> statuses(const std::vector<Check>& checks) {
    std::vector<Status> all;
    for (const Check& check : checks) all.push_back(check.result.status);
    return all;
}

}  // namespace

void HostChecks::start() {
    for (const HostId& host : hosts_) asio::co_spawn(executor_, watch(host), asio::detached);
}

asio::awaitable<void> HostChecks::watch(HostId host) {
    std::vector<Status> before;
    Duration after_failure = asked_again_after;
    for (;;) {
        Duration pause = looks_for_it_again;
        if (listener_.answers(host)) {
            auto facts = co_await listener_.look(host);
            if (facts) {
                const auto checks = judge(host, std::move(*facts));
                const auto now = statuses(checks);
                if (now != before) listener_.told(host, checks);
                before = now;
                after_failure = asked_again_after;
                pause = looks_again_after;
            } else {
                pause = after_failure;
                after_failure = std::min(2 * after_failure, looks_again_after);
            }
        }
        co_await clock_.sleep_for(pause);
    }
}

HostChecksListener logged_checks(hypervisor::LibvirtHypervisor& libvirt) {
    HostChecksListener listener;
    listener.look = [&libvirt](HostId host) { return libvirt.fitness(std::move(host), answers_within); };
    listener.answers = [&libvirt](const HostId& host) { return libvirt.connection(host) == Connection::up; };
    listener.told = [](const HostId& host, const std::vector<Check>& checks) {
        const auto all = statuses(checks);
        const bool fit = *std::max_element(all.begin(), all.end()) < Status::warning;
        spdlog::log(fit ? spdlog::level::info : spdlog::level::warn, "{}: checked: {}", host.value, to_string(checks));
    };
    return listener;
}

std::string to_string(const std::vector<Check>& checks) {
    std::string text;
    for (const auto& [host, id, result] : checks) {
        text += (text.empty() ? "" : "; ") + result.finding;
        if (result.status >= Status::warning) text += " (" + to_string(result.status) + ": " + result.advice + ")";
    }
    return text;
}

}  // namespace ballast::daemon
