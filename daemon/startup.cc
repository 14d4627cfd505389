#include "daemon/startup.h"

#include <boost/asio.hpp>
#include <cstdio>
#include <optional>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "config/render.h"
#include "config/uri.h"
#include "daemon/cluster_member.h"
#include "daemon/open_store.h"
#include "etcd/etcd_store.h"

namespace ballast::daemon {

namespace {

hypervisor::LinkOptions link_to(const config::HostOptions& host, const config::DaemonOptions& options) {
    hypervisor::LinkOptions link;
    link.id = host.id;
    link.uri = host.uri;
    link.peer_uri =
        host.peer_uri ? *host.peer_uri : config::derive_peer_uri(host.uri, short_hostname()).value_or(host.uri);
    link.cpu_share = host.cpu_share;
    link.call_deadline = options.call_deadline;
    link.stretched_paths = link.shared_paths = options.shared_storage;
    link.site = host.site;
    link.shared_paths.insert(link.shared_paths.end(), host.shared_storage.begin(), host.shared_storage.end());
    return link;
}

}  // namespace

std::string short_hostname() {
    char name[256] = "localhost";
    gethostname(name, sizeof name - 1);
    const std::string full = name;
    return full.substr(0, full.find('.'));
}

config::Loaded<policy::Options> load_policy(const config::DaemonOptions& daemon) {
    auto policy = config::load_policy_directory(daemon.policy_dir);
    if (!policy) return policy.problems();
    if (auto problems = config::cross_check(daemon, *policy); !problems.empty()) return problems;
    return policy;
}

config::Loaded<Configuration> load(const std::string& file) {
    auto daemon = config::load_daemon_file(file);
    if (!daemon) {  // show the policy's problems in the same run
        auto problems = daemon.problems();
        const auto policy = config::load_policy_directory(config::DaemonOptions{}.policy_dir);
        problems.insert(problems.end(), policy.problems().begin(), policy.problems().end());
        return problems;
    }
    Configuration all{*daemon, {}};
    if (all.daemon.hosts.empty()) all.daemon.hosts.push_back(config::default_host(short_hostname()));
    if (all.daemon.cluster.enabled) {
        const auto own = own_host(all.daemon, short_hostname());
        if (!own)
            return config::Diagnostics{
                {file, 1, 1,
                 "cluster.enabled: none of the `hosts` is called " + short_hostname() + ", as this machine is"}};
        all.daemon = seen_from(all.daemon, *own);
    }
    auto policy = load_policy(all.daemon);
    if (!policy) return policy.problems();
    all.policy = *policy;
    return all;
}

std::vector<hypervisor::LinkOptions> links_from(const config::DaemonOptions& options) {
    std::vector<hypervisor::LinkOptions> links;
    for (const config::HostOptions& host : options.hosts) links.push_back(link_to(host, options));
    return links;
}

// Each member reaches its own host in another way than the others do, and keeps its secrets and sockets where it likes.
std::string digest_of(const Configuration& configuration) {
    config::DaemonOptions same;
    same.hosts = configuration.daemon.hosts;
    for (config::HostOptions& host : same.hosts) host.uri = host.peer_uri.value_or(host.uri);
    same.shared_storage = configuration.daemon.shared_storage;
    same.health = configuration.daemon.health;
    std::uint64_t hash = 14695981039346656037U;  // FNV-1a, 64 bits
    for (const char byte : config::to_yaml(same) + config::to_yaml(configuration.policy))
        hash = (hash ^ static_cast<unsigned char>(byte)) * 1099511628211U;
    char text[17];
    std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
    return text;
}

std::map<HostId, std::string> peers_of(const config::DaemonOptions& options) {
    std::map<HostId, std::string> peers;
    for (const config::HostOptions& host : options.hosts) peers[host.id] = host.peer_uri.value_or(host.uri);
    return peers;
}

void read_policy_again(Configuration& configuration) {
    auto policy = load_policy(configuration.daemon);
    if (policy)
        configuration.policy = *policy;
    else
        spdlog::error("the policy was not read again, the last good one stays in force:\n{}",
                      to_string(policy.problems()));
}

Result<std::unique_ptr<Store>> wait_for_store(boost::asio::io_context& io, Clock& clock,
                                              const config::DaemonOptions& options) {
    std::optional<Result<std::unique_ptr<Store>>> store;
    boost::asio::co_spawn(io, open_store_for_use(io.get_executor(), clock, options),
                          [&](std::exception_ptr, Result<std::unique_ptr<Store>> opened) {
                              store = std::move(opened);
                              io.stop();
                          });
    io.run();
    io.restart();
    return std::move(*store);
}

std::shared_ptr<StoreWatch> watch_size(boost::asio::io_context& io, Clock& clock, Store& store) {
    auto* const etcd = dynamic_cast<EtcdStore*>(&store);
    if (etcd == nullptr) return nullptr;
    auto watch = std::make_shared<StoreWatch>(
        io.get_executor(), clock, [etcd] { return etcd->size(); },
        [](const std::string& warning) { spdlog::warn("store: {}", warning); });
    watch->start();
    return watch;
}

}  // namespace ballast::daemon
