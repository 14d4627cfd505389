#include "daemon/app.h"

#include <boost/asio.hpp>
#include <cstdio>
#include <cstdlib>
#include <spdlog/spdlog.h>

#include "cluster/leader_watch.h"
#include "daemon/cluster_member.h"
#include "daemon/counted_store.h"
#include "daemon/host_list.h"
#include "daemon/listeners.h"
#include "daemon/member_metrics.h"
#include "daemon/own_findings.h"
#include "daemon/parts.h"
#include "daemon/preflight_calls.h"
#include "daemon/shutdown_guard.h"
#include "daemon/startup.h"
#include "hypervisor/libvirt_hypervisor.h"
#include "service/log.h"
#include "service/logind.h"
#include "service/notify.h"
#include "service/real_clock.h"
#include "service/start_anew.h"

namespace ballast::daemon {

namespace {

/// One of several daemons. Like a single one's parts, none of its own is ever destroyed.
class Member {
public:
    Member(boost::asio::io_context& io, Clock& clock, Configuration configuration, const HostList& host_list,
           std::unique_ptr<Store> store)
        : io_(io),
          clock_(clock),
          configuration_(std::move(configuration)),
          host_list_(host_list),
          own_(*own_host(configuration_.daemon, short_hostname())),
          started_(clock.wall_now()),
          raw_store_(std::move(store)),
          store_watch_(watch_size(io, clock, *raw_store_)),
          store_(clock, *raw_store_),
          libvirt_(io.get_executor(), clock, own_links(), peers_of(configuration_.daemon)),
          broker_(configuration_.daemon.power.broker),
          member_(
              io.get_executor(), clock, store_, libvirt_, broker_, configuration_.daemon, own_,
              [this](LeaderParts parts) { return lead(std::move(parts)); }, [this] { end_term(); }),
          findings_(io.get_executor(), clock, store_, runner(), broker_, configuration_.daemon, own_,
                    identity_on(own_).boot, [this] { return member_.incarnation(); }),
          host_checks_(io.get_executor(), clock, {own_}, logged_checks(libvirt_)),
          leader_(clock, store_),
          preflight_(clock, preflight::sources_of(libvirt_, runner()), own_),
          probe_(io.get_executor(), configuration_.daemon.hosts),
          logind_(io.get_executor()),
          guard_(io.get_executor(), clock, logind_, member_.evacuation(), own_, configuration_.daemon.shutdown_wait),
          stop_signals_(io, SIGINT, SIGTERM) {}

    int run() {
        findings_.configured(digest_of(configuration_));
        probe_.resolve_all();  // names may be resolved by VMs of the very host whose death makes this one the leader
        findings_.start();
        host_checks_.start();
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
        if (started) started = listen();
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
        app_ = new App(io_, configuration_,
                       {std::move(parts.store), libvirt_, links_from(configuration_.daemon),
                        std::move(parts.hypervisor), std::move(parts.samples), std::move(parts.leads), parts.caller,
                        own_, store_watch_, host_list_, [this] { start_anew(); }, &probe_});
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
            const auto edited = host_list_.look([](const HostChange&) { return std::string(); });
            if (!edited.note.empty()) spdlog::info("{}", edited.note);
            if (edited.start_anew) co_return start_anew();
            read_policy();
            service::notify_ready();
        }
    }

    void start_anew() {
        boost::asio::co_spawn(io_, member_.resign(), [this](std::exception_ptr) {
            status_ = exit_start_anew;
            io_.stop();
        });
    }

    MemberState state() const {
        MemberState state;
        state.host = own_;
        state.leads = app_ != nullptr;
        state.registered = member_.incarnation().has_value();
        if (leader_.leader()) state.term = leader_.leader()->term;
        state.store_failures = store_.failures();
        state.store_calls = store_.durations();
        if (const auto until = member_.certain_until()) state.registration_left = *until - clock_.now();
        state.time_to_live = configuration_.daemon.cluster.time_to_live;
        state.problems = findings_.problems();
        state.own = own_figures(configuration_.daemon.proc_path);
        return state;
    }

    // The leader's metrics have the cluster's as well.
    Result<void> listen() {
        const auto metrics = [this] {
            return app_ && app_->is_started() ? app_->metrics_text() : follower_text(state(), started_);
        };
        return listeners_.open(io_.get_executor(), clock_, configuration_.daemon, metrics, member_.answerer());
    }

    boost::asio::io_context& io_;
    Clock& clock_;
    Configuration configuration_;
    const HostList& host_list_;
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
    HostChecks host_checks_;
    cluster::LeaderWatch leader_;
    preflight::PreflightAgent preflight_;
    TcpProbe probe_;
    service::Logind logind_;
    ShutdownGuard guard_;
    boost::asio::signal_set stop_signals_;
    Listeners listeners_;
    App* app_ = nullptr;
    int status_ = 0;
};

}  // namespace

[[noreturn]] static void end_with(int status) {
    spdlog::shutdown();
    if (status == exit_start_anew) service::start_anew();
    std::_Exit(status);
}

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
    auto& host_list = *new HostList(config_file);
    auto store = wait_for_store(io, clock, loaded->daemon);
    if (!store) {
        spdlog::critical("the store cannot be used: {}", to_string(store.error()));
        return exit_cannot_run;
    }
    boost::asio::co_spawn(io, service::run_watchdog(), boost::asio::detached);
    if (loaded->daemon.cluster.enabled) {
        auto& member = *new Member(io, clock, *loaded, host_list, std::move(*store));
        end_with(member.run());
    }
    auto links = links_from(loaded->daemon);
    auto& libvirt = *new hypervisor::LibvirtHypervisor(io.get_executor(), clock, links);
    const auto store_watch = watch_size(io, clock, **store);
    auto& app = *new App(io, *loaded,
                         {std::move(*store),
                          libvirt,
                          std::move(links),
                          nullptr,
                          {},
                          [] { return true; },
                          nullptr,
                          {},
                          store_watch,
                          host_list});
    app.start();
    io.run();
    app.close();
    end_with(app.exit_status());
}

}  // namespace ballast::daemon
