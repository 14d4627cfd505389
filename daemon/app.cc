#include "daemon/app.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <boost/asio.hpp>
#include <cstdio>

#include "config/load.h"
#include "config/uri.h"
#include "daemon/controller.h"
#include "daemon/real_clock.h"
#include "hypervisor/libvirt_hypervisor.h"
#include "store/embedded_store.h"

namespace ballast::daemon {

namespace {

constexpr int exit_cannot_run = 1, exit_bad_configuration = 2;

std::string short_hostname() {
    char name[256] = "localhost";
    gethostname(name, sizeof name - 1);
    const std::string full = name;
    return full.substr(0, full.find('.'));
}

struct Configuration {
    config::DaemonOptions daemon;
    policy::Options policy;
};

config::Loaded<Configuration> load(const std::string& file) {
    auto daemon = config::load_daemon_file(file);
    if (!daemon) return daemon.problems();
    Configuration all{*daemon, {}};
    if (all.daemon.hosts.empty()) all.daemon.hosts.push_back(config::default_host(short_hostname()));
    auto policy = config::load_policy_directory(all.daemon.policy_dir);
    if (!policy) return policy.problems();
    all.policy = *policy;
    if (auto problems = config::cross_check(all.daemon, all.policy); !problems.empty()) return problems;
    return all;
}

std::vector<hypervisor::LinkOptions> links_from(const config::DaemonOptions& options) {
    std::vector<hypervisor::LinkOptions> links;
    for (const config::HostOptions& host : options.hosts) {
        hypervisor::LinkOptions link;
        link.id = host.id;
        link.uri = host.uri;
        link.peer_uri = host.peer_uri ? *host.peer_uri
                                      : config::derive_peer_uri(host.uri, short_hostname()).value_or(host.uri);
        link.call_deadline = options.call_deadline;
        link.shared_paths = options.shared_storage;
        link.shared_paths.insert(link.shared_paths.end(), host.shared_storage.begin(), host.shared_storage.end());
        links.push_back(std::move(link));
    }
    return links;
}

}  // namespace

int check(const std::string& config_file) {
    const auto loaded = load(config_file);
    if (loaded) return 0;
    std::fprintf(stderr, "%s\n", to_string(loaded.problems()).c_str());
    return exit_bad_configuration;
}

int run(const std::string& config_file) {
    auto loaded = load(config_file);
    if (!loaded) {
        std::fprintf(stderr, "%s\n", to_string(loaded.problems()).c_str());
        return exit_bad_configuration;
    }
    const Configuration& configuration = *loaded;
    spdlog::set_level(spdlog::level::from_str(configuration.daemon.log_level));
    boost::asio::io_context io{1};
    RealClock clock;
    auto store = EmbeddedStore::open(io.get_executor(), clock, configuration.daemon.state_dir);
    if (!store) {
        spdlog::critical("{}", to_string(store.error()));
        return exit_cannot_run;
    }
    for (const std::string& note : (*static_cast<EmbeddedStore*>(store->get())).notes()) spdlog::warn("store: {}", note);
    hypervisor::LibvirtHypervisor hypervisor(io.get_executor(), clock, links_from(configuration.daemon));
    ControllerListener listener;
    listener.operation_changed = [](const Operation& op) {
        spdlog::info("{} {} {} -> {} [{}] {} {}", op.id.value, op.vm_name, op.from.value, op.to.value, to_string(op.state), op.message, op.reason);
    };
    listener.cycle_ended = [](const Cycle& cycle) {
        for (const auto& [host, view] : cycle.plan.hosts)
            spdlog::debug("{} {} {}: cpu {} memory {} ready {}", cycle.id, host.value, view.state, percent(view.cpu_demand),
                          percent(view.memory_demand), percent(view.ready));
        for (const Finding& finding : cycle.plan.findings) spdlog::debug("{} {}", cycle.id, finding.text);
        for (const Move& move : cycle.plan.moves) spdlog::debug("{} wave {}: {}", cycle.id, move.wave, move.reason);
        for (const Rejection& r : cycle.plan.immovable) spdlog::debug("{} immovable {}: {}", cycle.id, r.vm.value, r.detail);
        for (const std::string& note : cycle.notes) spdlog::warn("{} {}", cycle.id, note);
    };
    Controller controller(io.get_executor(), clock, hypervisor, **store, configuration.daemon, listener);
    boost::asio::signal_set signals(io, SIGINT, SIGTERM);
    signals.async_wait([&](auto, int) { io.stop(); });
    auto started = [&](std::exception_ptr, Result<void> result) {
        if (!result) {
            spdlog::critical("{}", to_string(result.error()));
            io.stop();
        }
    };
    boost::asio::co_spawn(io, controller.start(configuration.policy), started);
    io.run();
    store->reset();
    spdlog::shutdown();
    std::_Exit(0);
}

}  // namespace ballast::daemon
