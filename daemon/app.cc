#include "daemon/app.h"

#include <boost/asio.hpp>
#include <cstdio>
#include <cstdlib>
#include <spdlog/spdlog.h>

#include "cluster/leader_watch.h"
#include "collectors/sampler.h"
#include "config/load.h"
#include "config/render.h"
#include "daemon/api_server.h"
#include "daemon/cluster_findings.h"
#include "daemon/cluster_member.h"
#include "daemon/controller.h"
#include "daemon/counted_store.h"
#include "daemon/energy_meter.h"
#include "daemon/evacuation.h"
#include "daemon/health_watch.h"
#include "daemon/history.h"
#include "daemon/leader_power.h"
#include "daemon/logging.h"
#include "daemon/member_metrics.h"
#include "daemon/metrics.h"
#include "daemon/metrics_listener.h"
#include "daemon/open_store.h"
#include "daemon/own_findings.h"
#include "daemon/preflight.h"
#include "daemon/preflight_calls.h"
#include "daemon/rolling_service.h"
#include "daemon/season_file.h"
#include "daemon/shutdown_guard.h"
#include "daemon/startup.h"
#include "daemon/store_archive.h"
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
          findings_(io.get_executor(), clock_, *store_, hypervisor_.hosts(), around.own, findings_listener()),
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
        policy_read_(*policy);
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
    /// What it serves tells of the cluster.
    bool is_started() const { return is_started_; }
    std::string metrics_text() { return metrics_.text(); }
    /// Whoever has to know which policy is in force after a reload.
    void on_policy(std::function<void(const policy::Options&)> read) { policy_read_ = std::move(read); }
    void metrics_beside(std::function<MetricFamilies()> more) { metrics_.beside(std::move(more)); }
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
        listener.differ = [this](const std::vector<HostId>& hosts) { log_.configurations_differ(hosts); };
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
        metrics_.set_leader(true);  // of one daemon a store, or of several
        is_started_ = true;
        if (!through_agents_)
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
    std::function<void(const policy::Options&)> policy_read_ = [](const auto&) {};
    bool is_started_ = false;
    int exit_status_ = 0;
};

/// One of several daemons. Like a single one's parts, none of its own is ever destroyed.
class Member {
public:
    Member(boost::asio::io_context& io, Clock& clock, Configuration configuration, std::string config_file,
           std::unique_ptr<Store> store)
        : io_(io),
          clock_(clock),
          configuration_(std::move(configuration)),
          config_file_(std::move(config_file)),
          own_(*own_host(configuration_.daemon, short_hostname())),
          started_(clock.wall_now()),
          raw_store_(std::move(store)),
          store_watch_(watch_size(io, clock, *raw_store_)),
          store_(*raw_store_),
          libvirt_(io.get_executor(), clock, own_links(), peers_of(configuration_.daemon)),
          broker_(configuration_.daemon.power.broker),
          member_(
              io.get_executor(), clock, store_, libvirt_, broker_, configuration_.daemon, own_,
              [this](LeaderParts parts) { return lead(std::move(parts)); }, [this] { end_term(); }),
          findings_(io.get_executor(), clock, store_, runner(), broker_, configuration_.daemon, own_,
                    identity_on(own_).boot, [this] { return member_.incarnation(); }),
          leader_(clock, store_),
          preflight_(clock, preflight::sources_of(libvirt_, runner()), own_),
          logind_(io.get_executor()),
          guard_(io.get_executor(), clock, logind_, member_.evacuation(), own_, configuration_.daemon.shutdown_wait),
          stop_signals_(io, SIGINT, SIGTERM) {}

    int run() {
        findings_.configured(digest_of(configuration_));
        findings_.start();
        member_.serve(preflight::preflight_calls,
                      [this](cluster::Call call, cluster::Claim) { return preflight_.handle(std::move(call)); });
        boost::asio::co_spawn(io_, leader_.run(), boost::asio::detached);
        boost::asio::co_spawn(io_, guard_.run(), boost::asio::detached);
        boost::asio::co_spawn(io_, read_policy_when_told(), boost::asio::detached);
        stop_signals_.async_wait([this](auto, int) {
            service::notify_stopping();
            boost::asio::co_spawn(io_, member_.resign(), [this](std::exception_ptr) { io_.stop(); });
        });
        Result<void> started = member_.start();
        if (started) started = serve_metrics();
        if (!started) {
            spdlog::critical("cannot start: {}", to_string(started.error()));
            return exit_cannot_run;
        }
        spdlog::info("ballastd {} is a member of a cluster of {} hosts", BALLAST_VERSION,
                     configuration_.daemon.hosts.size());
        service::notify_ready();
        io_.run();
        if (app_) app_->close();
        return status_ != 0 || !app_ ? status_ : app_->exit_status();
    }

private:
    std::vector<hypervisor::LinkOptions> own_links() const {
        auto links = links_from(configuration_.daemon);
        std::erase_if(links, [this](const hypervisor::LinkOptions& link) { return link.id != own_; });
        return links;
    }

    service::Runner runner() {
        return [this](service::Command command) { return children_.run(std::move(command)); };
    }

    Leading lead(LeaderParts parts) {
        read_policy();  // it may have been edited since
        app_ =
            new App(io_, configuration_, config_file_,
                    {std::move(parts.store), libvirt_, links_from(configuration_.daemon), std::move(parts.hypervisor),
                     std::move(parts.samples), std::move(parts.leads), parts.caller, own_, store_watch_});
        app_->metrics_beside([this] { return member_metrics(state()); });
        app_->on_policy([this](const policy::Options& policy) {
            configuration_.policy = policy;
            findings_.configured(digest_of(configuration_));
        });
        app_->start();
        return app_->leading();
    }

    void read_policy() {
        read_policy_again(configuration_);
        findings_.configured(digest_of(configuration_));
    }

    void end_term() {
        status_ = exit_term_over;
        io_.stop();
    }

    boost::asio::awaitable<void> read_policy_when_told() {
        boost::asio::signal_set reload(io_, SIGHUP);
        for (;;) {
            co_await reload.async_wait(boost::asio::use_awaitable);
            if (app_) continue;  // it reads it itself
            service::notify_reloading();
            read_policy();
            service::notify_ready();
        }
    }

    MemberState state() const {
        MemberState state;
        state.host = own_;
        state.leads = app_ != nullptr;
        state.registered = member_.incarnation().has_value();
        if (leader_.leader()) state.term = leader_.leader()->term;
        state.store_failures = store_.failures();
        state.problems = findings_.problems();
        state.own = own_figures(configuration_.daemon.proc_path);
        return state;
    }

    // The leader's has the cluster's as well.
    Result<void> serve_metrics() {
        const std::string& address = configuration_.daemon.metrics_listen;
        if (address.empty()) return {};
        auto listener = MetricsListener::open(io_.get_executor(), clock_, address, [this] {
            return app_ && app_->is_started() ? app_->metrics_text() : follower_text(state(), started_);
        });
        if (!listener) return listener.error();
        metrics_listener_ = std::move(*listener);
        return {};
    }

    boost::asio::io_context& io_;
    Clock& clock_;
    Configuration configuration_;
    std::string config_file_;
    HostId own_;
    WallTime started_;
    std::unique_ptr<Store> raw_store_;
    std::shared_ptr<StoreWatch> store_watch_;
    CountedStore store_;
    hypervisor::LibvirtHypervisor libvirt_;
    power::Client broker_;
    service::Children children_;
    ClusterMember member_;
    OwnFindings findings_;
    cluster::LeaderWatch leader_;
    preflight::PreflightAgent preflight_;
    service::Logind logind_;
    ShutdownGuard guard_;
    boost::asio::signal_set stop_signals_;
    std::unique_ptr<MetricsListener> metrics_listener_;
    App* app_ = nullptr;
    int status_ = 0;
};

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
    if (loaded->daemon.cluster.enabled) {
        auto& member = *new Member(io, clock, *loaded, config_file, std::move(*store));
        const int status = member.run();
        spdlog::shutdown();
        std::_Exit(status);
    }
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
