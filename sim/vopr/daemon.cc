#include "sim/vopr/daemon.h"

#include <cstdio>
#include <functional>

#include "cluster/remote_hypervisor.h"
#include "cluster/reports.h"
#include "cluster/term_power.h"
#include "cluster/term_store.h"
#include "sim/sim_probe.h"

namespace ballast::sim::vopr {

namespace {
constexpr Duration health_interval = std::chrono::seconds{10};  // config/daemon_options.h

// As daemon/cluster_member.cc makes them.
config::DaemonOptions options_for(const std::vector<HostId>& hosts, const HostId& own) {
    config::DaemonOptions options;
    options.cluster.enabled = true;
    options.proc_path = "/nonexistent";  // not that of the machine that simulates
    for (const HostId& host : hosts) {
        config::HostOptions& one = options.hosts.emplace_back();
        one.id = host;
        one.uri = host == own ? "qemu:///system" : "qemu+ssh://" + host.value + "/system";
    }
    return options;
}

// In the form in which Linux tells it.
std::string boot_id_of(const std::string& boot) {
    char id[37];
    const std::uint64_t hash = std::hash<std::string>()(boot);
    std::snprintf(id, sizeof id, "%08llx-0000-4000-8000-%012llx", static_cast<unsigned long long>(hash >> 32),
                  static_cast<unsigned long long>(hash & 0xffffffffffff));
    return id;
}
}  // namespace

namespace {
class ReportedPower : public SimPower {
public:
    ReportedPower(MemberContext& in, World& world, Site& site)
        : SimPower(in.io(), in.clock(), world, site.bmcs, in.crashes(), in.host()), site_(site), from_(in.host()) {}

    Task<void> switch_off(HostId host) override {
        if (site_.ordering_power) site_.ordering_power(from_);
        return SimPower::switch_off(std::move(host));
    }
    Task<void> shut_down_softly(HostId host) override {
        if (site_.ordering_power) site_.ordering_power(from_);
        return SimPower::shut_down_softly(std::move(host));
    }

private:
    const Site& site_;
    const HostId from_;
};
}  // namespace

struct Daemon::Leader {
    Leader(MemberContext& in, World& world, Site& site, Revision of, std::function<bool()> leads)
        : context(in),
          marked(in.store(), MarkedStore::leaders + std::to_string(of)),
          store(marked, of, [&in] { in.exit(); }),
          caller(in.io().get_executor(), in.clock(), store, of),
          hypervisor(in.io().get_executor(), in.clock(), store, caller, site.hosts,
                     [&in](const std::string& definition) { return in.hypervisor().facts_of(definition); }),
          reports(in.io().get_executor(), in.clock(), store, hypervisor, config::DaemonOptions{}.interval),
          bmcs(in, world, site),
          power(bmcs, std::move(leads)),
          probe(in.io(), in.clock(), world, in.crashes(), in.host()),
          controller(in.io().get_executor(), in.clock(), hypervisor, power, probe, store,
                     options_for(site.hosts, in.host()), {}) {
        controller.sample_by([this](collectors::SamplerListener listener) { reports.start(std::move(listener)); });
    }

    boost::asio::awaitable<void> start(policy::Options policy, Site& site) {
        auto started = co_await caller.start();
        if (started) started = co_await hypervisor.start();
        if (started) started = co_await controller.start(std::move(policy));
        if (!started) co_return context.exit();
        ready = true;
        for (;;) {  // as the health probe does
            for (const HostId& host : hypervisor.hosts())
                if (hypervisor.connection(host) == Connection::up) controller.boot_told(host, hypervisor.boot_of(host));
            for (const auto& [host, problems] : site.problems) controller.set_health(host, problems);
            co_await context.clock().sleep_for(health_interval);
        }
    }

    MemberContext& context;
    MarkedStore marked;
    cluster::TermStore store;
    cluster::Caller caller;
    cluster::RemoteHypervisor hypervisor;
    cluster::Reports reports;
    ReportedPower bmcs;
    cluster::TermPower power;
    SimProbe probe;
    daemon::Controller controller;
    bool ready = false;
};

Daemon::Daemon(MemberContext& context, World& world, Site& site)
    : context_(context),
      world_(world),
      site_(site),
      store_(context.store(), MarkedStore::agents + context.host().value),
      agent_(context.io().get_executor(), context.clock(), context.hypervisor(), store_, context.host(),
             {context.host().value, "machine of " + context.host().value, boot_id_of(context.boot_id())}, time_to_live,
             [this](const std::string& problem) {
                 if (problem.empty()) reporter_.registered();
             }),
      reporter_(context.io().get_executor(), context.clock(), context.hypervisor(), store_,
                {context.host(), config::DaemonOptions{}.interval, std::nullopt},
                [this] { return agent_.incarnation(); }),
      election_(context.io().get_executor(), context.clock(), store_, context.host().value, time_to_live) {
    agent_.start();
    reporter_.start();
    boost::asio::co_spawn(context.io(), live(), boost::asio::detached);
}

Daemon::~Daemon() = default;

daemon::Controller* Daemon::controller() const {
    return leader_ && leader_->ready ? &leader_->controller : nullptr;
}

boost::asio::awaitable<void> Daemon::live() {
    const Revision term = co_await election_.win();
    boost::asio::co_spawn(context_.io(), keep(), boost::asio::detached);
    std::function<bool()> leads = [this] { return election_.term().has_value(); };
    leader_ = std::make_unique<Leader>(context_, world_, site_, term, std::move(leads));
    boost::asio::co_spawn(context_.io(), look_for_outage(), boost::asio::detached);
    policy::Options policy = site_.policy;
    co_await leader_->start(std::move(policy), site_);
}

boost::asio::awaitable<void> Daemon::look_for_outage() {
    co_await context_.clock().sleep_for(cluster::registered_anew_within);
    const bool outage = co_await cluster::most_registered_lately(store_, context_.clock().wall_now(), time_to_live);
    if (outage) leader_->controller.begin_calm();
}

boost::asio::awaitable<void> Daemon::keep() {
    co_await election_.keep();
    context_.exit();
}

}  // namespace ballast::sim::vopr
