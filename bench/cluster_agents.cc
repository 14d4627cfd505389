// Simulated agents for `bench/run cluster-scale`: the real agent and reporter of a thousand hosts in one process, on a
// real etcd, with hosts and VMs in memory.
//
//   bench_cluster_agents ENDPOINT FOLDER FIRST HOSTS VMS INTERVAL_S TTL_S
//
// The VMs' load: of 20 VMs 12 idle (0.02 to 0.1 CPU), 6 work (0.3 to 0.9 CPU), 2 alternate between idling and 2 CPUs,
// each state for 5 to 15 minutes; each reading is 5 % off at random, and memory drifts. On SIGUSR1 a VM of the first
// host begins to use 4 CPUs more, or less again; a line says when the next report of that host was put.
#include <csignal>
#include <cstdio>
#include <random>
#include <thread>

#include "bench/measure.h"
#include "cluster/agent.h"
#include "cluster/keys.h"
#include "cluster/reporter.h"
#include "etcd/etcd_store.h"
#include "ports/forwarding_store.h"
#include "service/real_clock.h"
#include "tests/support/fake_hypervisor.h"

using namespace ballast;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t connections = 50;

struct Load {
    double low = 0.05, high = 0.05;  // CPUs, by turns
    Instant turns{};
    bool is_high = false;
    double more = 0;
    double memory = 0.8;  // of what it has, in use
    double used_ns = 0;
};

class SyntheticHypervisor : public test::FakeHypervisor {
public:
    SyntheticHypervisor(Clock& clock, unsigned seed) : FakeHypervisor(clock), clock_(clock), dice_(seed) {}

    void add(const HostId& host, unsigned vms) {
        auto& added = add_host(host.value, 32, gib(256));
        added.facts.uuid = uuid(0);
        for (unsigned i = 0; i < vms; ++i) {
            const std::string id = uuid(++vms_);
            auto& vm = add_vm(host.value, id, "guest-" + std::to_string(vms_), gib(i % 4 == 0 ? 8 : 4));
            vm.facts.vcpus = 4;
            Load& load = loads_[{id}];
            load.low = load.high = i % 10 < 6 ? between(0.02, 0.1) : between(0.3, 0.9);
            if (i % 10 == 9) {
                load.low = 0.05;
                load.high = 2;
            }
            load.memory = between(0.3, 0.9);
        }
    }
    void burst(const HostId& host) {
        Load& load = loads_[hosts_by_id.at(host).vms.begin()->first];
        load.more = load.more > 0 ? 0 : 4;
    }

    Task<HostReading> read(HostId host) override {
        auto reading = co_await FakeHypervisor::read(host);
        const double seconds = std::chrono::duration<double>(reading->at - last_[host]).count();
        double cores = 0.3, used = 4;
        for (VmCounters& vm : reading->vms) {
            Load& load = loads_[vm.id];
            const double now = next(load) * between(0.95, 1.05);
            load.used_ns += now * seconds * 1e9;
            cores += now;
            load.memory = std::clamp(load.memory + between(-0.004, 0.004), 0.2, 0.95);
            const Bytes memory = hosts_by_id.at(host).vms.at(vm.id).facts.memory;
            used += memory.gib() * load.memory;
            vm.cpu_time_ns = static_cast<std::uint64_t>(load.used_ns);
            vm.balloon_current = memory;
            vm.balloon_rss = scaled(memory, load.memory);
            vm.balloon_usable = scaled(memory, 1 - load.memory);
            for (VcpuCounters& vcpu : vm.vcpus) vcpu.delay_ns = static_cast<std::uint64_t>(load.used_ns * 0.001);
            const auto moved = static_cast<std::uint64_t>(load.used_ns * 0.002);  // 2 MB a second of a CPU
            vm.block_read = vm.block_written = vm.net_received = vm.net_sent = Bytes{moved};
        }
        busy_[host] += static_cast<std::uint64_t>(cores * seconds * 1e9);
        counted_[host] += static_cast<std::uint64_t>(32 * seconds * 1e9);
        reading->host.cpu_busy_ns = busy_[host];
        reading->host.cpu_idle_ns = counted_[host] - busy_[host];
        reading->host.memory_available = gib(256) - scaled(gib(1), used);
        last_[host] = reading->at;
        co_return reading;
    }
    Task<std::string> definition(HostId host, VmId vm) override {
        const auto& facts = hosts_by_id.at(host).vms.at(vm).facts;
        co_return definition_of(vm, facts);
    }

private:
    static std::string uuid(unsigned number) {
        char text[37];
        std::snprintf(text, sizeof text, "%08x-0000-4000-8000-%012x", number, number);
        return text;
    }
    double between(double low, double high) { return std::uniform_real_distribution(low, high)(dice_); }
    double next(Load& load) {
        if (clock_.now() >= load.turns) {
            load.is_high = !load.is_high;
            load.turns = clock_.now() + Duration(static_cast<Duration::rep>(between(300e3, 900e3)));
        }
        return (load.is_high ? load.high : load.low) + load.more;
    }
    // As long as what libvirt gives of a small guest.
    static std::string definition_of(const VmId& vm, const VmFacts& facts) {
        std::string ports;
        for (int i = 1; i < 24; ++i)
            ports += "<controller type='pci' index='" + std::to_string(i) +
                     "' model='pcie-root-port'><model name='pcie-root-port'/><alias name='pci." + std::to_string(i) +
                     "'/></controller>\n";
        return "<domain type='kvm'><name>" + facts.name + "</name><uuid>" + vm.value + "</uuid><memory unit='KiB'>" +
               std::to_string(facts.memory.count >> 10) +
               "</memory><vcpu>4</vcpu><os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>"
               "<cpu mode='custom' match='exact'><model>qemu64</model></cpu><devices>\n"
               "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/srv/vms/" +
               facts.name + ".qcow2'/><target dev='vda' bus='virtio'/></disk>\n" + ports + "</devices></domain>";
    }

    Clock& clock_;
    std::mt19937 dice_;
    unsigned vms_ = 0;
    std::map<VmId, Load> loads_;
    std::map<HostId, Instant> last_;
    std::map<HostId, std::uint64_t> busy_, counted_;
};

/// Tells when the report of one host is put.
class ToldStore : public ForwardingStore {
public:
    using ForwardingStore::ForwardingStore;
    Task<Commit> commit(Transaction transaction) override {
        const std::string key = transaction.changes.empty() ? "" : transaction.changes.front().key;
        auto done = co_await store_.commit(std::move(transaction));
        if (key.starts_with(cluster::reports_prefix)) {
            const auto now = std::chrono::system_clock::now().time_since_epoch();
            std::printf("reported %.3f\n", std::chrono::duration<double>(now).count());
            std::fflush(stdout);
        }
        co_return done;
    }
};

struct Member {
    Member(boost::asio::any_io_executor executor, Clock& clock, Hypervisor& hypervisor, Store& store, HostId host,
           Duration interval, Duration time_to_live)
        : agent(executor, clock, hypervisor, store, host, {host.value, "machine of " + host.value, "boot"},
                time_to_live,
                [this](const std::string& problem) {
                    if (problem.empty()) return reporter.registered();
                    std::fprintf(stderr, "not registered: %s\n", problem.c_str());
                }),
          reporter(executor, clock, hypervisor, store, {host, interval, std::nullopt},
                   [this] { return agent.incarnation(); }) {}
    cluster::Agent agent;
    cluster::Reporter reporter;
};

HostId host_of(unsigned number) {
    char name[8];
    std::snprintf(name, sizeof name, "n%04u", number);
    return {name};
}

struct Arguments {
    std::string endpoint, folder;
    unsigned first, hosts, vms;
    Duration interval, time_to_live;
};

// They begin over one interval, as the machines of a cluster do.
boost::asio::awaitable<void> run(const Arguments& arguments, Clock& clock, SyntheticHypervisor& hypervisor) {
    auto executor = co_await boost::asio::this_coro::executor;
    std::vector<std::unique_ptr<EtcdStore>> stores;
    for (std::size_t i = 0; i < connections; ++i) {
        EtcdOptions options;
        options.endpoints = {arguments.endpoint};
        options.state_dir = arguments.folder + "/agents-" + std::to_string(i);
        auto note = [](const std::string& text) { std::fprintf(stderr, "store: %s\n", text.c_str()); };
        auto store = co_await EtcdStore::open(executor, clock, std::move(options), std::move(note));
        if (!store) {
            std::fprintf(stderr, "%s\n", to_string(store.error()).c_str());
            std::exit(1);
        }
        stores.push_back(std::move(*store));
    }
    ToldStore told(*stores[0]);
    std::vector<std::unique_ptr<Member>> members;
    for (unsigned i = 0; i < arguments.hosts; ++i) {
        const HostId host = host_of(arguments.first + i);
        Store& store = i == 0 ? static_cast<Store&>(told) : *stores[i % connections];
        members.push_back(std::make_unique<Member>(executor, clock, hypervisor, store, host, arguments.interval,
                                                   arguments.time_to_live));
        members.back()->agent.start();
        members.back()->reporter.start();
        const Duration gap = arguments.interval / arguments.hosts;
        co_await clock.sleep_for(gap);
    }
    std::printf("started\n");
    std::fflush(stdout);
    co_await clock.sleep_for(24h);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 8) {
        std::fprintf(stderr, "usage: %s ENDPOINT FOLDER FIRST HOSTS VMS INTERVAL_S TTL_S\n", argv[0]);
        return 2;
    }
    const auto number = [&](int i) { return static_cast<unsigned>(std::atoi(argv[i])); };
    const Arguments arguments{
        argv[1], argv[2], number(3), number(4), number(5), Duration(1000 * number(6)), Duration(1000 * number(7))};
    boost::asio::io_context io(1);
    RealClock clock;
    SyntheticHypervisor hypervisor(clock, 1);
    for (unsigned i = 0; i < arguments.hosts; ++i) hypervisor.add(host_of(arguments.first + i), arguments.vms);
    boost::asio::signal_set bursts(io, SIGUSR1);
    std::function<void()> await_burst = [&] {
        bursts.async_wait([&](auto failure, int) {
            if (failure) return;
            hypervisor.burst(host_of(arguments.first));
            await_burst();
        });
    };
    await_burst();
    boost::asio::co_spawn(io, run(arguments, clock, hypervisor), boost::asio::detached);
    io.run();
}
