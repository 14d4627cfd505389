// All parts of a daemon that looks after a cluster, be it alone or as the leader of several. One io_context thread.
#pragma once

#include <boost/asio.hpp>
#include <spdlog/spdlog.h>

#include "collectors/sampler.h"
#include "daemon/api_server.h"
#include "daemon/cluster_findings.h"
#include "daemon/cluster_member.h"
#include "daemon/controller.h"
#include "daemon/energy_meter.h"
#include "daemon/evacuation.h"
#include "daemon/health_watch.h"
#include "daemon/history.h"
#include "daemon/host_checks.h"
#include "daemon/host_list.h"
#include "daemon/leader_power.h"
#include "daemon/listeners.h"
#include "daemon/logging.h"
#include "daemon/metrics.h"
#include "daemon/open_store.h"
#include "daemon/preflight.h"
#include "daemon/preflight_calls.h"
#include "daemon/rolling_service.h"
#include "daemon/season_file.h"
#include "daemon/shutdown_guard.h"
#include "daemon/startup.h"
#include "daemon/store_archive.h"
#include "daemon/tcp_probe.h"
#include "hypervisor/libvirt_hypervisor.h"
#include "service/logind.h"
#include "service/notify.h"
#include "service/real_clock.h"

namespace ballast::daemon {

inline constexpr const char* seasons_name = "/seasons.json";
// At a stop, for what is kept in the store now and then; an etcd that does not answer holds up no stop.
inline constexpr std::chrono::seconds last_writes_within{1};
inline constexpr int exit_cannot_run = 1, exit_bad_configuration = 2;
inline constexpr int exit_term_over = 75;   // EX_TEMPFAIL: systemd starts it anew
inline constexpr int exit_start_anew = -1;  // never seen outside: it is this process that begins again
inline constexpr Duration answer_takes = std::chrono::milliseconds{200};  // to whoever asked for it

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
    const HostList& host_list;
    std::function<void()> start_anew{};  // empty: a daemon of its own
    Probe* probe = nullptr;              // that knew the hosts before; none: a daemon of its own
};

/// Builds the parts in the order they need each other; owns them until the process ends.
class App {
public:
    App(boost::asio::io_context& io, Configuration configuration, Surroundings around)
        : io_(io),
          configuration_(std::move(configuration)),
          store_(std::move(around.store)),
          store_watch_(std::move(around.store_watch)),
          host_list_(around.host_list),
          start_anew_(std::move(around.start_anew)),
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
          power_(configuration_.daemon, clock_, runner(), around.leads, around.caller,
                 [this, own = around.own] { return brokers_but(own); }),
          probe_(io.get_executor(), configuration_.daemon.hosts),
          controller_(io.get_executor(), clock_, hypervisor_, power_.control(),
                      around.probe ? *around.probe : static_cast<Probe&>(probe_), *store_, configuration_.daemon,
                      listener()),
          rolling_(io.get_executor(), clock_, hypervisor_, *store_, controller_, run_as_child(runner(), around.leads),
                   [this](const RollingRun& run) {
                       log_.rolling_changed(run);
                       api_.changed();
                   }),
          evacuation_(controller_),
          logind_(io.get_executor()),
          energy_(io.get_executor(), clock_, power_.control(), *store_, configuration_.daemon,
                  [this] { return controller_.inventory(); }),
          health_(io.get_executor(), clock_, runner(), configuration_.daemon, health_listener()),
          host_checks_(io.get_executor(), clock_, hypervisor_.hosts(), logged_checks(libvirt_)),
          findings_(io.get_executor(), clock_, *store_, hypervisor_.hosts(), around.own, findings_listener()),
          api_(io.get_executor(), controller_, clock_, api_options(configuration_.daemon), hooks()),
          last_writes_(io),
          stop_signals_(io, SIGINT, SIGTERM),
          reload_signal_(io, SIGHUP) {
        if (around.samples) controller_.sample_by(std::move(around.samples));
    }

    void start() {
        if (!through_agents_) libvirt_.rest_while([this](const HostId& host) { return controller_.rests(host); });
        if (!through_agents_) stop_signals_.async_wait([this](auto, int) { stop(); });
        await_reload();
        resume_forecast();
        boost::asio::co_spawn(io_, controller_.start(configuration_.policy),
                              [this](std::exception_ptr, Result<void> started) { this->started(started); });
    }

    /// What `systemctl reload` and `ballastctl reload` do: all or nothing; the last good policy stays in force. With
    /// other hosts the process begins again, which reads everything and takes up what is under way.
    Result<std::string> reload() {
        const auto edited = look_at_list();
        if (edited.start_anew) {
            spdlog::info("{}", edited.note);
            boost::asio::co_spawn(io_, start_anew_soon(), boost::asio::detached);
            return edited.note;
        }
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
        const std::string told = "policy reloaded" + (edited.note.empty() ? "" : "; " + edited.note);
        spdlog::info("{}", told);
        return told;
    }

    HostList::Edited look_at_list() const {
        return host_list_.look([this](const HostChange& change) {
            return obstacle_to(change, controller_.active(), controller_.power_records(), rolling_.run());
        });
    }

    int exit_status() const { return exit_status_; }
    Leading leading() {
        Leading leading;
        leading.answer = api_.answerer();
        leading.evacuation = &evacuation_;
        leading.write_last = [this] { return write_last(); };
        leading.begin_calm = [this] { controller_.begin_calm(); };
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
            metrics_.set_stuck(cycle.stuck);
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
                store_watch_ ? store_watch_->size() : std::nullopt,
                !controller_.broker_problem().empty()};
    }

    Result<void> listen() {
        return listeners_.open(
            io_.get_executor(), clock_, configuration_.daemon, [this] { return metrics_.text(); }, api_.answerer());
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
            if (const auto listening = listen(); !listening) return give_up(listening.error());
        boost::asio::co_spawn(io_, energy_.start(), [](std::exception_ptr, Result<void> begun) {
            if (!begun) spdlog::warn("energy: {}", to_string(begun.error()));
        });
        if (through_agents_) {
            findings_.start();  // each member looks at its own host
        } else {
            health_.start();
            host_checks_.start();
        }
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

    boost::asio::awaitable<void> start_anew_soon() {
        co_await clock_.sleep_for(answer_takes);
        if (!start_anew_) co_await write_last();
        if (const auto again = look_at_list(); !again.start_anew) {  // something was begun meanwhile
            spdlog::warn("{}", again.note);
            co_return;
        }
        if (start_anew_) co_return start_anew_();
        exit_status_ = exit_start_anew;
        io_.stop();
    }

    std::string status_line(const Cycle& cycle) const {
        std::size_t hot = 0, running = 0;
        for (const auto& [host, view] : cycle.plan.hosts) hot += view.overloaded;
        for (const Operation& op : controller_.active()) running += op.state != OperationState::waiting;
        const std::size_t hosts = cycle.plan.hosts.size(), vms = cycle.vm_names.size();
        return to_string(cycle.mode) + (cycle.paused ? ", paused" : "") + ": " + std::to_string(hosts) +
               (hosts == 1 ? " host, " : " hosts, ") + std::to_string(vms) + (vms == 1 ? " VM, " : " VMs, ") +
               std::to_string(hot) + " overloaded, " + std::to_string(running) + " moving";
    }

    boost::asio::io_context& io_;
    Configuration configuration_;
    RealClock clock_;
    DecisionLog log_;
    std::unique_ptr<Store> store_;
    std::shared_ptr<StoreWatch> store_watch_;
    const HostList& host_list_;
    std::function<void()> start_anew_;
    hypervisor::LibvirtHypervisor& libvirt_;
    std::unique_ptr<Hypervisor> through_agents_;
    Hypervisor& hypervisor_;
    Metrics metrics_;
    Listeners listeners_;
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
    HostChecks host_checks_;
    ClusterFindings findings_;
    ApiServer api_;
    boost::asio::steady_timer last_writes_;
    boost::asio::signal_set stop_signals_;
    boost::asio::signal_set reload_signal_;
    std::function<void(const policy::Options&)> policy_read_ = [](const auto&) {};
    bool is_started_ = false;
    int exit_status_ = 0;
};

}  // namespace ballast::daemon
