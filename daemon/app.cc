#include "daemon/app.h"

#include <boost/asio.hpp>
#include <cstdio>
#include <cstdlib>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "collectors/sampler.h"
#include "config/load.h"
#include "config/render.h"
#include "config/uri.h"
#include "daemon/api_server.h"
#include "daemon/cluster_findings.h"
#include "daemon/cluster_member.h"
#include "daemon/controller.h"
#include "daemon/energy_meter.h"
#include "daemon/evacuation.h"
#include "daemon/health_watch.h"
#include "daemon/history.h"
#include "daemon/leader_power.h"
#include "daemon/logging.h"
#include "daemon/metrics.h"
#include "daemon/metrics_listener.h"
#include "daemon/open_store.h"
#include "daemon/own_findings.h"
#include "daemon/preflight.h"
#include "daemon/preflight_calls.h"
#include "daemon/rolling_service.h"
#include "daemon/season_file.h"
#include "daemon/shutdown_guard.h"
#include "daemon/store_archive.h"
#include "daemon/store_watch.h"
#include "daemon/tcp_probe.h"
#include "hypervisor/libvirt_hypervisor.h"
#include "service/log.h"
#include "service/logind.h"
#include "service/notify.h"
#include "service/real_clock.h"

namespace ballast::daemon {

namespace {

constexpr const char* seasons_name = "/seasons.json";
// At a stop, for what is kept in the store now and then; an etcd that does not answer holds up no stop.
constexpr std::chrono::seconds last_writes_within{1};
constexpr int exit_cannot_run = 1, exit_bad_configuration = 2;
constexpr int exit_term_over = 75;  // EX_TEMPFAIL: systemd starts it anew

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

std::vector<hypervisor::LinkOptions> links_from(const config::DaemonOptions& options) {
    std::vector<hypervisor::LinkOptions> links;
    for (const config::HostOptions& host : options.hosts) links.push_back(link_to(host, options));
    return links;
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

/// Begins to look at the store's size; nothing: there is none to look at.
std::shared_ptr<StoreWatch> watch_size(boost::asio::io_context& io, Clock& clock, Store& store) {
    auto* const etcd = dynamic_cast<EtcdStore*>(&store);
    if (etcd == nullptr) return nullptr;
    auto watch = std::make_shared<StoreWatch>(
        io.get_executor(), clock, [etcd] { return etcd->size(); },
        [](const std::string& warning) { spdlog::warn("store: {}", warning); });
    watch->start();
    return watch;
}

/// What an App works with: a daemon of its own reaches all hosts by libvirt, the leader of several its own host by
/// libvirt and all of them through their agents.
struct Surroundings {
    std::unique_ptr<Store> store;
    hypervisor::LibvirtHypervisor& libvirt;
    std::vector<hypervisor::LinkOptions> links;                // to all hosts, as this one and the others reach them
    std::unique_ptr<Hypervisor> through_agents;                // empty: a daemon of its own
    std::function<void(collectors::SamplerListener)> samples;  // told by agents; empty: a daemon of its own
    std::function<bool()> leads;                               // it is certain that nobody else does
    cluster::Caller* caller = nullptr;                         // of agents; none: a daemon of its own
    HostId own{};                                              // in a cluster
    std::shared_ptr<StoreWatch> store_watch;                   // empty: an embedded store
};

/// Builds the parts in the order they need each other; owns them until the process ends.
class App {
public:
    App(boost::asio::io_context& io, Configuration configuration, std::string config_file, Surroundings around)
        : io_(io),
          configuration_(std::move(configuration)),
          config_file_(std::move(config_file)),
          store_(std::move(around.store)),
          store_watch_(std::move(around.store_watch)),
          libvirt_(around.libvirt),
          through_agents_(std::move(around.through_agents)),
          hypervisor_(through_agents_ ? *through_agents_ : libvirt_),
          metrics_(configuration_.daemon, clock_, [this] { return metrics_view(); }),
          preflight_(io.get_executor(), around.links, configuration_.daemon.state_dir,
                     around.caller ? preflight::sources_through(*around.caller, clock_, agent_there())
                                   : preflight::sources_of(libvirt_, runner())),
          history_(configuration_.daemon.state_dir + "/history", configuration_.daemon.history_size,
                   [](const Error& error) { spdlog::warn("history: {}", to_string(error)); }),
          season_file_(configuration_.daemon.state_dir + seasons_name,
                       [](const Error& error) { spdlog::warn("forecast: {}", to_string(error)); }),
          power_(configuration_.daemon, clock_, runner(), std::move(around.leads), around.caller,
                 [this, own = around.own] { return brokers_but(own); }),
          probe_(io.get_executor(), configuration_.daemon.hosts),
          controller_(io.get_executor(), clock_, hypervisor_, power_.control(), probe_, *store_, configuration_.daemon,
                      listener()),
          rolling_(io.get_executor(), clock_, hypervisor_, *store_, controller_, run_as_child(runner()),
                   [this](const RollingRun& run) {
                       log_.rolling_changed(run);
                       api_.changed();
                   }),
          evacuation_(controller_),
          logind_(io.get_executor()),
          energy_(io.get_executor(), clock_, power_.control(), *store_, configuration_.daemon,
                  [this] { return controller_.inventory(); }),
          health_(io.get_executor(), clock_, runner(), configuration_.daemon, health_listener()),
          findings_(io.get_executor(), clock_, *store_, hypervisor_.hosts(), findings_listener()),
          api_(io.get_executor(), controller_, clock_, api_options(configuration_.daemon), hooks()),
          last_writes_(io),
          stop_signals_(io, SIGINT, SIGTERM),
          reload_signal_(io, SIGHUP) {
        if (around.samples) controller_.sample_by(std::move(around.samples));
        if (const auto file = config::load_daemon_file(config_file_)) file_as_loaded_ = config::to_yaml(*file);
    }

    void start() {
        if (!through_agents_) libvirt_.rest_while([this](const HostId& host) { return controller_.rests(host); });
        if (!through_agents_) stop_signals_.async_wait([this](auto, int) { stop(); });
        await_reload();
        resume_forecast();
        boost::asio::co_spawn(io_, controller_.start(configuration_.policy),
                              [this](std::exception_ptr, Result<void> started) { this->started(started); });
    }

    /// What `systemctl reload` and `ballastctl reload` do: all or nothing; the last good policy stays in force.
    Result<std::string> reload() {
        service::notify_reloading();
        auto policy = load_policy(configuration_.daemon);
        service::notify_ready();
        if (!policy) {
            const std::string problems = to_string(policy.problems());
            spdlog::error("the policy was not reloaded, the last good one stays in force:\n{}", problems);
            return Error{ErrorCode::invalid, configuration_.daemon.policy_dir, problems};
        }
        controller_.set_policy(*policy);
        const std::string note = unapplied_changes();
        spdlog::info("policy reloaded{}", note.empty() ? "" : "; " + note);
        return "policy reloaded" + (note.empty() ? "" : "; " + note);
    }

    int exit_status() const { return exit_status_; }
    Leading leading() {
        Leading leading;
        leading.answer = [this](std::string method, std::string target, std::string body, Caller caller) {
            return api_.answer(std::move(method), std::move(target), std::move(body), std::move(caller));
        };
        leading.evacuation = &evacuation_;
        leading.write_last = [this] { return write_last(); };
        return leading;
    }
    /// What is kept in the store now and then is written now. Returns soon, whether the store answers or not.
    boost::asio::awaitable<void> write_last() {
        last_writes_.expires_after(last_writes_within);
        boost::asio::co_spawn(io_, energy_.keep(), [this](std::exception_ptr) { last_writes_.cancel(); });
        auto token = boost::asio::as_tuple(boost::asio::use_awaitable);
        co_await last_writes_.async_wait(token);
    }
    void close() {
        season_file_.close(controller_.memory().seasons);
        store_.reset();
    }

private:
    ControllerListener listener() {
        ControllerListener listener;
        listener.cycle_ended = [this](const Cycle& cycle) {
            log_.cycle_ended(cycle);
            metrics_.cycle_ended(cycle);
            metrics_.set_double_running(cycle.double_runs);
            service::notify_status(status_line(cycle));
            keep_history(cycle);
            season_file_.keep(cycle.at, controller_.memory().seasons);
            api_.changed();
        };
        listener.operation_changed = [this](const Operation& op) {
            log_.operation_changed(op);
            metrics_.operation_changed(op);
            api_.changed();
        };
        listener.power_changed = [this](const PowerRecord& record) {
            log_.power_changed(record);
            api_.changed();
        };
        listener.source_read = [this](const HostId& host, const std::string& source, bool ok) {
            log_.source_read(host, source, ok);
            metrics_.source_read(host, source, ok);
            if (source == collectors::libvirt_source && (ok || controller_.is_meant_to_answer(host)))
                health_.libvirt_asked(host, ok);
        };
        return listener;
    }

    std::function<bool(const HostId&)> agent_there() {
        return [this](const HostId& host) { return hypervisor_.connection(host) == Connection::up; };
    }

    service::Runner runner() {
        return [this](service::Command command) { return children_.run(std::move(command)); };
    }

    HealthListener health_listener() {
        HealthListener listener;
        listener.changed = [this](const HostId& host, const std::vector<HealthProblem>& problems) {
            if (through_agents_)
                findings_.seen_here(host, problems);
            else
                health_changed(host, problems);
        };
        listener.unread = [](const HostId& host, const std::string& why) {
            spdlog::info("{}: not looked at: {}", host.value, why);
        };
        listener.reported = [this](const HostId& host, const health::Report& report) { health_reported(host, report); };
        listener.answers = [this](const HostId& host) { return controller_.answers(host); };
        return listener;
    }

    FindingsListener findings_listener() {
        FindingsListener listener;
        listener.changed = [this](const HostId& host, const auto& problems) { health_changed(host, problems); };
        listener.reported = [this](const HostId& host, const health::Report& report) { health_reported(host, report); };
        listener.answers = [this](const HostId& host) { return controller_.answers(host); };
        return listener;
    }

    std::vector<cluster::Broker> brokers_but(const HostId& own) const {
        auto brokers = findings_.brokers();
        std::erase_if(brokers, [&](const cluster::Broker& broker) { return broker.member == own; });
        return brokers;
    }

    void health_changed(const HostId& host, const std::vector<HealthProblem>& problems) {
        log_.health_changed(host, problems);
        controller_.set_health(host, problems);
    }

    void health_reported(const HostId& host, const health::Report& report) {
        energy_.saw(host, report);
        if (!report.boot_id.empty()) controller_.boot_told(host, report.boot_id);
    }

    // Without it the forecast learns anew: no reason not to start.
    void resume_forecast() {
        auto seasons = read_seasons(configuration_.daemon.state_dir + seasons_name);
        if (!seasons)
            spdlog::warn("forecast: {}; it is learnt anew", to_string(seasons.error()));
        else if (*seasons)
            controller_.resume(std::move(**seasons));
    }

    void keep_history(const Cycle& cycle) {
        history_.keep(cycle.at, [&] {
            interchange::Snapshot look{cycle.at, controller_.inventory(), controller_.policy()};
            look.options.mode = cycle.mode;
            return look;
        });
    }

    ApiHooks hooks() {
        ApiHooks hooks;
        hooks.reload = [this] { return reload(); };
        hooks.rolling = &rolling_;
        hooks.energy = [this] { return energy_.hosts(); };
        hooks.backup = [this] {
            return backup_as_json(*store_, name_of_store(configuration_.daemon), clock_.wall_now());
        };
        hooks.preflight = [this](std::optional<HostId> host) { return preflight_.report(std::move(host)); };
        return hooks;
    }

    MetricsView metrics_view() const {
        return {controller_.last_cycle(),
                controller_.inventory(),
                controller_.memory(),
                controller_.active(),
                controller_.power_records(),
                energy_.hosts(),
                controller_.vms_down().size(),
                controller_.fencing_frozen(),
                rolling_.run(),
                store_watch_ ? store_watch_->size() : std::nullopt};
    }

    Result<void> serve_metrics() {
        metrics_.set_leader(true);  // one daemon a store
        const std::string& address = configuration_.daemon.metrics_listen;
        if (address.empty()) return {};
        auto listener = MetricsListener::open(io_.get_executor(), clock_, address, [this] { return metrics_.text(); });
        if (!listener) return listener.error();
        metrics_listener_ = std::move(*listener);
        return {};
    }

    void give_up(const Error& error) {
        spdlog::critical("cannot start: {}", to_string(error));
        exit_status_ = exit_cannot_run;
        io_.stop();
    }

    void started(const Result<void>& result) {
        if (!result) return give_up(result.error());
        if (!through_agents_)  // else the member listens, whoever leads
            if (const auto listening = api_.start(); !listening) return give_up(listening.error());
        if (const auto listening = serve_metrics(); !listening) return give_up(listening.error());
        boost::asio::co_spawn(io_, energy_.start(), [](std::exception_ptr, Result<void> begun) {
            if (!begun) spdlog::warn("energy: {}", to_string(begun.error()));
        });
        if (through_agents_)
            findings_.start();  // each member looks at its own host
        else
            health_.start();
        boost::asio::co_spawn(io_, rolling_.recover(), [this](std::exception_ptr, Result<void> recovered) {
            if (recovered) return;
            if (recovered.error().code != ErrorCode::corrupt) return give_up(recovered.error());
            spdlog::error("rolling-reboot: {}; the last run is forgotten, see which hosts are in maintenance",
                          to_string(recovered.error()));
        });
        if (!through_agents_) guard_own_host();  // else the member does, whoever leads
        spdlog::info("ballastd {} watches {} host(s), mode {}{}", BALLAST_VERSION, configuration_.daemon.hosts.size(),
                     to_string(controller_.mode()), controller_.paused() ? ", paused" : "");
        service::notify_ready();
    }

    // One daemon has at most one host of its own (docs/configuration.md: URIs are unique).
    void guard_own_host() {
        for (const config::HostOptions& host : configuration_.daemon.hosts) {
            if (!controller_.is_own(host.id) || shutdown_guard_) continue;
            shutdown_guard_ = std::make_unique<ShutdownGuard>(io_.get_executor(), clock_, logind_, evacuation_, host.id,
                                                              configuration_.daemon.shutdown_wait);
            boost::asio::co_spawn(io_, shutdown_guard_->run(), boost::asio::detached);
        }
    }

    // Running migrations go on without us; the next start adopts them.
    void stop() {
        service::notify_stopping();
        const std::size_t under_way = controller_.active().size();
        spdlog::info("stopping{}", under_way > 0 ? "; operations under way go on and are adopted at the next start: " +
                                                       std::to_string(under_way)
                                                 : "");
        boost::asio::co_spawn(io_, write_last(), [this](std::exception_ptr) { io_.stop(); });
    }

    void await_reload() {
        reload_signal_.async_wait([this](boost::system::error_code failure, int) {
            if (failure) return;
            (void)reload();
            await_reload();
        });
    }

    // Hosts and sockets are set up once; say so rather than ignore an edited file silently.
    std::string unapplied_changes() const {
        const auto daemon = config::load_daemon_file(config_file_);
        if (!daemon) return config_file_ + " has problems and would not load: " + to_string(daemon.problems());
        const bool same = config::to_yaml(*daemon) == file_as_loaded_;
        return same ? "" : config_file_ + " has changed; it takes effect with a restart";
    }

    std::string status_line(const Cycle& cycle) const {
        std::size_t hot = 0, running = 0;
        for (const auto& [host, view] : cycle.plan.hosts) hot += view.overloaded;
        for (const Operation& op : controller_.active()) running += op.state != OperationState::waiting;
        return to_string(cycle.mode) + (cycle.paused ? ", paused" : "") + ": " +
               std::to_string(cycle.plan.hosts.size()) + " hosts, " + std::to_string(cycle.vm_names.size()) + " VMs, " +
               std::to_string(hot) + " overloaded, " + std::to_string(running) + " moving";
    }

    boost::asio::io_context& io_;
    Configuration configuration_;
    std::string config_file_;
    RealClock clock_;
    DecisionLog log_;
    std::unique_ptr<Store> store_;
    std::shared_ptr<StoreWatch> store_watch_;
    hypervisor::LibvirtHypervisor& libvirt_;
    std::unique_ptr<Hypervisor> through_agents_;
    Hypervisor& hypervisor_;
    Metrics metrics_;
    std::unique_ptr<MetricsListener> metrics_listener_;
    service::Children children_;
    preflight::Preflight preflight_;
    History history_;
    SeasonFile season_file_;
    LeaderPower power_;
    TcpProbe probe_;
    Controller controller_;
    RollingService rolling_;
    OwnEvacuation evacuation_;
    service::Logind logind_;
    std::unique_ptr<ShutdownGuard> shutdown_guard_;
    EnergyMeter energy_;
    HealthWatch health_;
    ClusterFindings findings_;
    ApiServer api_;
    boost::asio::steady_timer last_writes_;
    boost::asio::signal_set stop_signals_;
    boost::asio::signal_set reload_signal_;
    std::string file_as_loaded_;
    int exit_status_ = 0;
};

}  // namespace

namespace {

std::map<HostId, std::string> peers_of(const config::DaemonOptions& options) {
    std::map<HostId, std::string> peers;
    for (const config::HostOptions& host : options.hosts) peers[host.id] = host.peer_uri.value_or(host.uri);
    return peers;
}

// What is wrong with the files is told; the last good ones stay in force.
void read_policy_again(Configuration& configuration) {
    auto policy = load_policy(configuration.daemon);
    if (policy)
        configuration.policy = *policy;
    else
        spdlog::error("the policy was not read again, the last good one stays in force:\n{}",
                      to_string(policy.problems()));
}

boost::asio::awaitable<void> read_policy_when_told(boost::asio::io_context& io, Configuration& configuration,
                                                   const bool& leads) {
    boost::asio::signal_set reload(io, SIGHUP);
    for (;;) {
        co_await reload.async_wait(boost::asio::use_awaitable);
        if (leads) continue;
        service::notify_reloading();
        read_policy_again(configuration);
        service::notify_ready();
    }
}

/// One of several daemons. Like a single one's parts, none of its own is ever destroyed.
[[noreturn]] void run_member(boost::asio::io_context& io, Clock& clock, Configuration configuration,
                             const std::string& config_file, std::unique_ptr<Store> store) {
    const HostId own = *own_host(configuration.daemon, short_hostname());
    std::vector<hypervisor::LinkOptions> links;
    for (hypervisor::LinkOptions& link : links_from(configuration.daemon))
        if (link.id == own) links.push_back(std::move(link));
    auto& shared = *store.release();
    const auto store_watch = watch_size(io, clock, shared);
    auto& libvirt = *new hypervisor::LibvirtHypervisor(io.get_executor(), clock, links, peers_of(configuration.daemon));
    int status = 0;
    App* app = nullptr;
    bool leads = false;
    const auto lead = [&](LeaderParts parts) {
        leads = true;
        read_policy_again(configuration);  // it may have been edited since
        app = new App(io, configuration, config_file,
                      {std::move(parts.store), libvirt, links_from(configuration.daemon), std::move(parts.hypervisor),
                       std::move(parts.samples), std::move(parts.leads), parts.caller, own, store_watch});
        app->start();
        return app->leading();
    };
    auto& broker = *new power::Client(configuration.daemon.power.broker);
    auto& member =
        *new ClusterMember(io.get_executor(), clock, shared, libvirt, broker, configuration.daemon, own, lead, [&] {
            status = exit_term_over;
            io.stop();
        });
    auto& children = *new service::Children;
    auto& findings = *new OwnFindings(
        io.get_executor(), clock, shared, [&](service::Command command) { return children.run(std::move(command)); },
        broker, configuration.daemon, own, identity_on(own).boot, [&] { return member.incarnation(); });
    findings.start();
    auto& preflight_agent = *new preflight::PreflightAgent(
        clock,
        preflight::sources_of(libvirt, [&](service::Command command) { return children.run(std::move(command)); }),
        own);
    member.serve(preflight::preflight_calls,
                 [&](cluster::Call call, cluster::Claim) { return preflight_agent.handle(std::move(call)); });
    auto& logind = *new service::Logind(io.get_executor());
    auto& guard = *new ShutdownGuard(io.get_executor(), clock, logind, member.evacuation(), own,
                                     configuration.daemon.shutdown_wait);
    boost::asio::co_spawn(io, guard.run(), boost::asio::detached);
    boost::asio::co_spawn(io, read_policy_when_told(io, configuration, leads), boost::asio::detached);
    boost::asio::signal_set signals(io, SIGINT, SIGTERM);
    signals.async_wait([&](auto, int) {
        service::notify_stopping();
        boost::asio::co_spawn(io, member.resign(), [&](std::exception_ptr) { io.stop(); });
    });
    if (const auto started = member.start(); !started) {
        spdlog::critical("cannot start: {}", to_string(started.error()));
        status = exit_cannot_run;
    } else {
        spdlog::info("ballastd {} is a member of a cluster of {} hosts", BALLAST_VERSION,
                     configuration.daemon.hosts.size());
        service::notify_ready();
        io.run();
    }
    if (app) app->close();
    spdlog::shutdown();
    std::_Exit(status != 0 || !app ? status : app->exit_status());
}

}  // namespace

int check(const std::string& config_file) {
    const auto loaded = load(config_file);
    if (loaded) return 0;
    std::fputs(to_string(loaded.problems()).c_str(), stderr);
    return exit_bad_configuration;
}

int run(const std::string& config_file) {
    const auto loaded = load(config_file);
    if (!loaded) {
        std::fputs(to_string(loaded.problems()).c_str(), stderr);
        return exit_bad_configuration;
    }
    service::set_up_log("ballastd", loaded->daemon.log_level);
    // Neither is ever destroyed: threads that hang in libvirt calls may still refer to them when the process ends.
    auto& io = *new boost::asio::io_context(1);
    auto& clock = *new RealClock;
    auto store = wait_for_store(io, clock, loaded->daemon);
    if (!store) {
        spdlog::critical("the store cannot be used: {}", to_string(store.error()));
        return exit_cannot_run;
    }
    boost::asio::co_spawn(io, service::run_watchdog(), boost::asio::detached);
    if (loaded->daemon.cluster.enabled) run_member(io, clock, *loaded, config_file, std::move(*store));
    auto links = links_from(loaded->daemon);
    auto& libvirt = *new hypervisor::LibvirtHypervisor(io.get_executor(), clock, links);
    const auto store_watch = watch_size(io, clock, **store);
    auto& app = *new App(
        io, *loaded, config_file,
        {std::move(*store), libvirt, std::move(links), nullptr, {}, [] { return true; }, nullptr, {}, store_watch});
    app.start();
    io.run();
    app.close();
    spdlog::shutdown();
    std::_Exit(app.exit_status());
}

}  // namespace ballast::daemon
