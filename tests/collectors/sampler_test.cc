// The cadence, on a virtual clock: a fixed beat whatever happens, and no host waits for another.
#include "collectors/sampler.h"

#include <boost/asio.hpp>
#include <catch2/catch.hpp>

#include "tests/support/fake_hypervisor.h"
#include "tests/support/virtual_clock.h"

using namespace ballast;
using namespace ballast::test;
using collectors::Sample;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

/// Answers after as long as its host is told to take, or not while it is down.
class SlowHypervisor : public FakeHypervisor {
public:
    explicit SlowHypervisor(Clock& clock) : FakeHypervisor(clock), clock_(clock) {}
    std::map<HostId, Duration> takes;

    Task<HostReading> read(HostId host) override {
        begun[host].push_back(clock_.now());
        co_await clock_.sleep_for(takes[host]);
        co_return co_await FakeHypervisor::read(host);
    }
    std::map<HostId, std::vector<Instant>> begun;

private:
    Clock& clock_;
};

struct Bench {
    VirtualClock clock;
    boost::asio::io_context io;
    SlowHypervisor hypervisor{clock};
    std::map<HostId, std::vector<Sample>> samples;
    std::map<HostId, std::vector<Result<void>>> reads;
    Instant start = clock.now();

    void sample(const std::string& host, Duration interval = seconds(10)) {
        hypervisor.add_host(host);
        collectors::SamplerListener listener;
        listener.sampled = [this](const HostId& id, const Sample& sample) { samples[id].push_back(sample); };
        listener.source_read = [this](const HostId& id, const std::string&, const Result<void>& read) {
            reads[id].push_back(read);
        };
        collectors::SamplerOptions options{{host}, interval, std::nullopt};
        boost::asio::co_spawn(io, collectors::run_sampler(clock, hypervisor, options, listener), boost::asio::detached);
    }
    std::vector<Duration> offsets(const std::string& host) {
        std::vector<Duration> all;
        for (const Instant at : hypervisor.begun[{host}]) all.push_back(at - start);
        return all;
    }
    void run_for(Duration duration) { clock.run_for(io, duration); }
};

std::vector<Duration> in_seconds(std::vector<int> values) {
    std::vector<Duration> all;
    for (const int value : values) all.push_back(seconds(value));
    return all;
}

}  // namespace

TEST_CASE("A host is read twice quickly, for rates, and then at its interval") {
    Bench bench;
    bench.sample("host1");
    bench.run_for(seconds(35));
    CHECK(bench.offsets("host1") == in_seconds({0, 1, 11, 21, 31}));
    CHECK(bench.samples[{"host1"}].size() == 4);  // the first pass has no rates and is not told
}

TEST_CASE("An interval below a second is kept from the start") {
    Bench bench;
    bench.sample("host1", milliseconds(500));
    bench.run_for(seconds(2));
    CHECK(bench.offsets("host1").size() == 5);
}

TEST_CASE("A slow host does not change the cadence of the others") {
    Bench bench;
    bench.sample("slow");
    bench.sample("quick");
    bench.hypervisor.takes[{"slow"}] = seconds(60);
    bench.run_for(seconds(41));
    CHECK(bench.offsets("quick") == in_seconds({0, 1, 11, 21, 31, 41}));
    CHECK(bench.offsets("slow") == in_seconds({0}));
}

TEST_CASE("The time a reading takes does not add to the interval") {
    Bench bench;
    bench.sample("host1");
    bench.hypervisor.takes[{"host1"}] = milliseconds(900);
    bench.run_for(seconds(32));
    CHECK(bench.offsets("host1") == in_seconds({0, 1, 11, 21, 31}));
}

TEST_CASE("A reading that takes longer than the interval is followed at once by the next, and they never overlap") {
    Bench bench;
    bench.sample("host1");
    bench.hypervisor.takes[{"host1"}] = seconds(15);
    bench.run_for(seconds(46));
    CHECK(bench.offsets("host1") == in_seconds({0, 15, 30, 45}));
}

TEST_CASE("After one long reading the beat goes on from there, without a burst to catch up") {
    Bench bench;
    bench.sample("host1");
    bench.run_for(seconds(12));  // read at 0, 1 and 11 s
    bench.hypervisor.takes[{"host1"}] = seconds(35);
    bench.run_for(seconds(10));  // at 21 s, until 56 s
    bench.hypervisor.takes[{"host1"}] = Duration{};
    bench.run_for(seconds(60));
    CHECK(bench.offsets("host1") == in_seconds({0, 1, 11, 21, 56, 66, 76}));
}

TEST_CASE("A host that is down is looked at every second and told about, and is never sampled as idle") {
    Bench bench;
    bench.sample("host1");
    bench.hypervisor.hosts_by_id[{"host1"}].connection = Connection::down;
    bench.run_for(seconds(5));
    CHECK(bench.offsets("host1") == in_seconds({0, 1, 2, 3, 4, 5}));
    CHECK(bench.samples[{"host1"}].empty());
    REQUIRE(bench.reads[{"host1"}].size() == 6);
    for (const auto& read : bench.reads[{"host1"}]) CHECK_FALSE(read.has_value());
}

TEST_CASE("A host that is still connecting for the first time is no failure") {
    Bench bench;
    bench.sample("host1");
    bench.hypervisor.hosts_by_id[{"host1"}].connection = Connection::connecting;
    bench.run_for(seconds(3));
    CHECK(bench.reads[{"host1"}].empty());
    bench.hypervisor.hosts_by_id[{"host1"}].connection = Connection::up;
    bench.run_for(seconds(3));
    CHECK_FALSE(bench.reads[{"host1"}].empty());
    CHECK_FALSE(bench.samples[{"host1"}].empty());
}

TEST_CASE("Rates after an outage span it, and no VM that was started anew meanwhile seems busy") {
    Bench bench;
    bench.sample("host1");
    bench.hypervisor.add_vm("host1", "a", "a").cpu_cores = 1.5;
    bench.hypervisor.add_vm("host1", "b", "b").cpu_cores = 1;
    bench.run_for(seconds(12));
    auto& host = bench.hypervisor.hosts_by_id[{"host1"}];
    host.connection = Connection::down;
    bench.run_for(seconds(30));
    host.connection = Connection::up;
    host.vms[{"b"}].libvirt_id = 2;
    bench.samples.clear();
    bench.run_for(seconds(2));
    REQUIRE_FALSE(bench.samples[{"host1"}].empty());
    const Sample& sample = bench.samples[{"host1"}].front();
    CHECK(sample.vms.at({"a"}).load.cpu_used_cores == Approx(1.5));
    CHECK_FALSE(sample.vms.at({"b"}).load.cpu_used_cores);
}

TEST_CASE("Without the kernel's figures a local host is sampled all the same") {
    Bench bench;
    bench.hypervisor.add_host("here");
    std::map<std::string, bool> sources;
    collectors::SamplerListener listener;
    std::vector<Sample> samples;
    listener.sampled = [&](const HostId&, const Sample& sample) { samples.push_back(sample); };
    listener.source_read = [&](const HostId&, const std::string& source, const Result<void>& read) {
        sources[source] = read.has_value();
    };
    collectors::SamplerOptions options{{"here"}, seconds(10), "/nonexistent"};
    boost::asio::co_spawn(bench.io, collectors::run_sampler(bench.clock, bench.hypervisor, options, listener),
                          boost::asio::detached);
    bench.run_for(seconds(2));
    CHECK(sources == std::map<std::string, bool>{{"libvirt", true}, {"pressure", false}, {"swap", false}});
    REQUIRE_FALSE(samples.empty());
    CHECK_FALSE(samples.back().load.pressure.cpu_some);
    CHECK_FALSE(samples.back().load.swap_in_mib_per_s);
}
