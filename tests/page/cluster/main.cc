// A daemon on simulated hosts, with its control socket and its page: what the tests of the page and of `ballastctl top`
// look at. Time is virtual, begins an hour after the start of the cluster, and goes on as fast as the real one.
//   ballast-page-cluster --hosts N --socket FILE --page ADDRESS:PORT [--calm] [--power]
// With --power all hosts have BMCs, one more, spare, has no VMs, and rolling reboots are possible. All but a calm
// cluster has an overloaded host, moves under way, a clock that is wrong and, from five hosts on, one that is off.
#include <CLI/CLI.hpp>
#include <boost/asio.hpp>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <optional>

#include "daemon/api_server.h"
#include "daemon/page_server.h"
#include "tests/support/fake_hypervisor.h"
#include "tests/support/fake_power.h"
#include "tests/support/fake_probe.h"
#include "tests/support/memory_store.h"
#include "tests/support/virtual_clock.h"

using namespace ballast;
using namespace std::chrono_literals;

namespace {

constexpr unsigned vms_per_host = 6;
constexpr double cores = 16;

struct Wanted {
    unsigned hosts = 3;
    std::string socket, page;
    bool calm = false, power = false;
};

HostId name_of(unsigned i) {
    return {"host" + std::to_string(i + 1)};
}

// Neither all alike nor by chance: between 20 and 70 % of the CPUs.
double load_of(unsigned host) {
    return 0.45 + 0.25 * std::sin(host * 2.4);
}

config::DaemonOptions options_for(unsigned hosts, bool power) {
    config::DaemonOptions options;
    if (power) {
        config::HostOptions spare;
        spare.id = {"spare"};
        spare.uri = "qemu+tls://spare/system";
        options.hosts.push_back(spare);
    }
    for (unsigned i = 0; i < hosts; ++i) {
        config::HostOptions host;
        host.id = name_of(i);
        host.uri = "qemu+tls://" + host.id.value + "/system";
        options.hosts.push_back(host);
    }
    return options;
}

class Cluster {
public:
    explicit Cluster(const Wanted& wanted) : wanted_(wanted) {
        for (unsigned i = 0; i < wanted.hosts; ++i) add_host(i);
        if (wanted.power) add_power();
        daemon::ControllerListener listener;
        listener.cycle_ended = [this](const Cycle&) { tell(); };
        listener.operation_changed = [this](const Operation&) { tell(); };
        controller_.emplace(io_.get_executor(), clock_, hypervisor_, power_, probe_, store_,
                            options_for(wanted.hosts, wanted.power), listener);
        if (wanted.power)
            rolling_.emplace(io_.get_executor(), clock_, hypervisor_, store_, *controller_, run_nothing,
                             [this](const RollingRun&) { tell(); });
        daemon::ApiOptions options;
        options.socket = wanted.socket;
        daemon::ApiHooks hooks;
        hooks.energy = [this] { return energy(); };
        if (rolling_) hooks.rolling = &*rolling_;
        api_.emplace(io_.get_executor(), *controller_, clock_, options, std::move(hooks));
    }

    int run() {
        policy::Options policy;
        policy.mode = policy::Mode::automatic;
        policy.overload.cpu.persistence = 1min;
        boost::asio::co_spawn(io_, controller_->start(policy), boost::asio::detached);
        clock_.run_for(io_, 1s);
        hypervisor_.tell_connected();
        clock_.run_for(io_, 40s);
        if (!wanted_.calm) begin_troubles();
        if (const auto listening = api_->start(); !listening) return give_up(listening.error());
        config::PageOptions page;
        page.listen = wanted_.page;
        auto opened = daemon::PageServer::open(io_.get_executor(), page, false, api_->answerer());
        if (!opened) return give_up(opened.error());
        std::printf("page on port %u\n", (*opened)->port());
        std::fflush(stdout);
        boost::asio::signal_set stop(io_, SIGINT, SIGTERM);
        bool stopped = false;
        stop.async_wait([&](auto, int) { stopped = true; });
        for (auto last = std::chrono::steady_clock::now(); !stopped;) {
            io_.restart();
            io_.run_for(20ms);
            const auto now = std::chrono::steady_clock::now();
            clock_.run_for(io_, std::chrono::duration_cast<Duration>(now - last));
            last = now;
        }
        return 0;
    }

private:
    static int give_up(const Error& error) {
        std::fprintf(stderr, "%s\n", to_string(error).c_str());
        return 1;
    }

    void add_host(unsigned i) {
        const std::string name = name_of(i).value;
        hypervisor_.add_host(name, cores, gib(64));
        const double used = wanted_.calm ? 0.4 : load_of(i);
        for (unsigned k = 0; k < vms_per_host; ++k) {
            char uuid[64];
            std::snprintf(uuid, sizeof uuid, "%08x-0000-4000-8000-%012x", i + 1, k);
            test::FakeVm& vm =
                hypervisor_.add_vm(name, uuid, "vm" + std::to_string(i + 1) + "-" + std::to_string(k), gib(4));
            vm.facts.vcpus = 4;
            vm.cpu_cores = used * cores / vms_per_host;
        }
    }

    static boost::asio::awaitable<Result<executor::CommandEnd>> run_nothing(std::vector<std::string>, Duration) {
        co_return executor::CommandEnd{};
    }

    // What is switched off answers no more, and what is switched on does a while later.
    void add_power() {
        hypervisor_.add_host("spare", cores, gib(64));
        for (const auto& [id, host] : hypervisor_.hosts_by_id) power_.add_host(id.value);
        power_.on_change = [this](const HostId& id, Power now) {
            const bool up = now == Power::on;
            hypervisor_.hosts_by_id.at(id).connection = up ? Connection::up : Connection::down;
            hypervisor_.tell({up ? HypervisorEvent::Kind::connected : HypervisorEvent::Kind::disconnected, id, {}, ""});
        };
    }

    // Some moves that ended, then a host that is too busy, so that there are some under way.
    void begin_troubles() {
        for (unsigned k = 0; k < 3; ++k) move_by_operator("vm2-" + std::to_string(k), "host3");
        clock_.run_for(io_, 1min);
        for (auto& [id, vm] : hypervisor_.hosts_by_id.at({"host1"}).vms) vm.cpu_cores = 0.95 * cores / vms_per_host;
        controller_->set_health({"host2"}, {{HealthSource::clock, "", "its clock is 14 s behind"}});
        if (wanted_.hosts >= 5) {
            hypervisor_.hosts_by_id.at({"host5"}).connection = Connection::down;
            hypervisor_.hosts_by_id.at({"host5"}).problem = "connection refused";
        }
        hypervisor_.migration_time = 4min;
        clock_.run_for(io_, 150s);
    }

    void move_by_operator(const std::string& vm, const std::string& to) {
        const auto id = controller_->find_vm(vm);
        if (!id) return;
        boost::asio::co_spawn(io_, controller_->migrate(*id, {to}, false, "uid 0 (root)"), boost::asio::detached);
        clock_.run_for(io_, 10s);
    }

    std::vector<HostEnergy> energy() const {
        std::vector<HostEnergy> accounts;
        const Inventory seen = controller_->inventory();
        for (const auto& [id, host] : seen.hosts) {
            HostEnergy account;
            account.host = id;
            account.since = clock_.wall_now() - 24h * 9;
            account.used_wh = 41000;
            account.saved_wh = 5200;
            account.source = EnergySource::bmc;
            if (host.load.cpu_used_cores) account.watts = 110 + 190 * *host.load.cpu_used_cores / cores;
            accounts.push_back(account);
        }
        return accounts;
    }

    void tell() {
        if (api_) api_->changed();
    }

    const Wanted wanted_;
    boost::asio::io_context io_;
    test::VirtualClock clock_;
    test::FakeHypervisor hypervisor_{clock_};
    test::FakePower power_{clock_};
    test::FakeProbe probe_{clock_};
    test::MemoryStore store_;
    std::optional<daemon::Controller> controller_;
    std::optional<daemon::RollingService> rolling_;
    std::optional<daemon::ApiServer> api_;
};

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("A daemon on simulated hosts, for the tests of what people look at.");
    Wanted wanted;
    app.add_option("--hosts", wanted.hosts, "How many")->check(CLI::Range(3, 1000));
    app.add_option("--socket", wanted.socket, "The control socket")->required();
    app.add_option("--page", wanted.page, "ADDRESS:PORT of the page; port 0 takes a free one")->required();
    app.add_flag("--calm", wanted.calm, "Without troubles");
    app.add_flag("--power", wanted.power, "With BMCs, and a host without VMs");
    CLI11_PARSE(app, argc, argv);
    return Cluster(wanted).run();
}
