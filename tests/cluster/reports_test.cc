// Reports from the sample on a host to the leader's listener.
#include "cluster/reports.h"

#include "cluster/agent.h"
#include "cluster/reporter.h"
#include "executor/power_journal.h"
#include "tests/cluster/bench.h"
#include "tests/support/fake_hypervisor.h"

using namespace ballast;
using namespace ballast::test;
using cluster::Agent;
using cluster::Reporter;
using cluster::Reports;

namespace {

const VmId web{"11111111-1111-1111-1111-111111111111"};
constexpr Duration interval = 10s;

/// Counts how often a host is read, and may hang in that. VMs count what they use from one reading to the next.
struct ReadHypervisor : FakeHypervisor {
    explicit ReadHypervisor(Clock& clock) : FakeHypervisor(clock), clock_(clock) {}
    Task<HostReading> read(HostId host) override {
        ++reads;
        if (hangs) co_await clock_.sleep_for(24h);
        auto reading = co_await FakeHypervisor::read(host);
        if (!reading) co_return reading;
        for (VmCounters& vm : reading->vms) {
            const double seconds = std::chrono::duration<double>(reading->at - last_).count();
            used_[vm.id] += static_cast<std::uint64_t>(hosts_by_id.at(host).vms.at(vm.id).cpu_cores * seconds * 1e9);
            vm.cpu_time_ns = used_[vm.id];
        }
        last_ = reading->at;
        co_return reading;
    }
    int reads = 0;
    bool hangs = false;

private:
    Clock& clock_;
    Instant last_ = clock_.now();
    std::map<VmId, std::uint64_t> used_;
};

/// A host's daemon, without the lead.
struct Member {
    Member(ClusterBench& bench, Hypervisor& hypervisor, const std::string& boot = "b")
        : agent(bench.io.get_executor(), bench.clock, hypervisor, bench.store, h1, {"ballastd@h1", "m", boot},
                bench.ttl,
                [this](const std::string& problem) {
                    if (problem.empty()) reporter.registered();
                }),
          reporter(bench.io.get_executor(), bench.clock, hypervisor, bench.store, {h1, interval, std::nullopt},
                   [this] { return agent.incarnation(); }) {
        agent.start();
        reporter.start();
    }
    Agent agent;
    Reporter reporter;
};

struct Heard {
    std::optional<collectors::Sample> sample;
    int samples = 0;
    std::vector<Instant> unchanged;
    std::optional<Error> problem;  // of libvirt, as last told
    int told = 0;
};

/// What a leader hears of its hosts.
struct Leader {
    explicit Leader(ClusterBench& bench)
        : store(bench.io, bench.clock, bench.data, bench.crashes, link),
          election(bench.io.get_executor(), bench.clock, store, "leader", 1h),
          term(store, bench.wait(election.win()), [] {}),
          caller(bench.io.get_executor(), bench.clock, term, term.term()),
          hypervisor(bench.io.get_executor(), bench.clock, term, caller, {h1, h2},
                     [](const std::string&) { return VmFacts{}; }),
          reports(bench.io.get_executor(), bench.clock, term, hypervisor, interval) {
        REQUIRE(bench.wait(hypervisor.start()));
        collectors::SamplerListener listener;
        listener.sampled = [this](const HostId& host, const collectors::Sample& sample) {
            heard[host].sample = sample;
            ++heard[host].samples;
        };
        listener.unchanged = [this](const HostId& host, Instant as_of) { heard[host].unchanged.push_back(as_of); };
        listener.source_read = [this](const HostId& host, const std::string& source, const Result<void>& read) {
            if (source != collectors::libvirt_source) return;
            heard[host].problem = read ? std::nullopt : std::optional(read.error());
            ++heard[host].told;
        };
        reports.start(std::move(listener));
    }
    sim::StoreLink link;  // its own
    sim::SimStore store;
    cluster::Election election;
    cluster::TermStore term;
    cluster::Caller caller;
    cluster::RemoteHypervisor hypervisor;
    Reports reports;
    std::map<HostId, Heard> heard;
};

struct ReportsBench : ClusterBench {
    ReportsBench() {
        hypervisor.add_host("h1");
        hypervisor.add_vm("h1", web.value, "web").cpu_cores = 0.5;
        begin_member();
    }
    void begin_member(const std::string& boot = "b") {
        members.push_back(std::make_unique<Member>(*this, hypervisor, boot));
    }
    Leader& lead() {
        erase(cluster::leader_key);
        leaders.push_back(std::make_unique<Leader>(*this));
        run_for(100ms);
        return *leaders.back();
    }
    /// How often a report has been put.
    std::int64_t reports() const {
        const auto found = data.entries.find(cluster::report_key(h1));
        return found == data.entries.end() ? 0 : found->second.version;
    }
    cluster::Report report() const { return *cluster::report_from(data.entries.at(cluster::report_key(h1)).value); }
    FakeVm& vm() { return hypervisor.hosts_by_id.at(h1).vms.at(web); }

    ReadHypervisor hypervisor{clock};
    std::vector<std::unique_ptr<Member>> members;
    std::vector<std::unique_ptr<Leader>> leaders;
};

}  // namespace

TEST_CASE("a quiet host reports every thirty seconds, one that changes at its next sample, and never more often") {
    ReportsBench bench;
    bench.run_for(15s);  // the first one, and its confirmation
    CHECK(bench.reports() == 2);
    bench.run_for(60s);
    CHECK(bench.reports() == 4);
    const auto before = bench.reports();
    bench.vm().cpu_cores = 1.5;
    bench.run_for(interval);
    CHECK(bench.reports() == before + 1);
    CHECK(*bench.report().sample->vms.at(web).load.cpu_used_cores > 1);
    for (int i = 0; i < 10; ++i) {
        bench.vm().cpu_cores = i % 2 == 0 ? 0.1 : 1.9;
        bench.run_for(interval);
    }
    CHECK(bench.reports() <= before + 11);
    CHECK(bench.reports() >= before + 10);
}

TEST_CASE("that a vm has come or gone is told with two samples in a row") {
    ReportsBench bench;
    bench.run_for(40s);
    const auto before = bench.reports();
    bench.hypervisor.hosts_by_id.at(h1).vms.erase(web);
    bench.run_for(interval);
    CHECK(bench.reports() == before + 1);
    CHECK(bench.report().sample->vms.empty());
    bench.run_for(interval);
    CHECK(bench.reports() == before + 2);
    bench.run_for(interval);
    CHECK(bench.reports() == before + 2);
}

TEST_CASE("an agent whose registration is over reports nothing, although it does not know yet") {
    ReportsBench bench;
    bench.run_for(15s);
    const auto before = bench.reports();
    bench.put(executor::power_lock_key(h1), to_string(PowerState::fencing));
    bench.erase(cluster::agent_key(h1));
    bench.vm().cpu_cores = 1.9;
    bench.run_for(60s);
    CHECK(bench.reports() == before);
    bench.erase(executor::power_lock_key(h1));
    bench.run_for(5s);  // it registers anew, and tells at once what it last saw
    CHECK(bench.reports() > before);
    CHECK(*bench.report().sample->vms.at(web).load.cpu_used_cores > 1);
}

TEST_CASE("a leader hears of a host without asking it") {
    ReportsBench bench;
    bench.run_for(15s);
    Leader& leader = bench.lead();
    const Heard& heard = leader.heard[h1];
    REQUIRE(heard.sample);  // of the report that was there already
    CHECK(*heard.sample->vms.at(web).load.cpu_used_cores == Approx(0.5).margin(0.01));
    CHECK(heard.sample->at <= bench.clock.now() - interval);  // nobody knows how old it is
    CHECK_FALSE(heard.problem);
    const int reads = bench.hypervisor.reads;
    bench.vm().cpu_cores = 1.5;
    REQUIRE(bench.run_until([&] { return *heard.sample->vms.at(web).load.cpu_used_cores > 1; }, interval));
    CHECK(bench.clock.now() - heard.sample->at < 1s);
    bench.run_for(5min);
    CHECK(bench.hypervisor.reads - reads <= 32);  // those of its own agent
    CHECK(bench.count(cluster::calls_prefix) == 0);
}

TEST_CASE("of a quiet host the leader hears every interval that it is unchanged, as of before its agent's last look") {
    ReportsBench bench;
    bench.run_for(60s);
    Heard& heard = bench.lead().heard[h1];
    bench.run_for(30s);
    heard = {};
    bench.run_for(2min);
    CHECK(heard.samples == 4);
    CHECK(heard.unchanged.size() >= 4);
    CHECK(heard.unchanged.size() + static_cast<std::size_t>(heard.samples) <= 12);
    for (std::size_t i = 1; i < heard.unchanged.size(); ++i) CHECK(heard.unchanged[i] > heard.unchanged[i - 1]);
    CHECK(bench.clock.now() - heard.unchanged.back() >= interval);
    CHECK_FALSE(heard.problem);
}

TEST_CASE("a host whose agent beats but does not report any more becomes unknown") {
    ReportsBench bench;
    bench.run_for(15s);
    Leader& leader = bench.lead();
    const Heard& heard = leader.heard[h1];
    bench.hypervisor.hangs = true;
    bench.run_for(20s);
    CHECK_FALSE(heard.problem);
    bench.run_for(40s);
    CHECK(leader.hypervisor.connection(h1) == Connection::up);
    REQUIRE(heard.problem);
    CHECK(heard.problem->message == "its agent does not report any more");
    const auto unchanged = heard.unchanged.size();
    bench.run_for(1min);
    CHECK(heard.unchanged.size() == unchanged);
    CHECK(heard.unchanged.back() < bench.clock.now() - 1min);
}

TEST_CASE("a host without libvirt is unknown at once and known again when it is back") {
    ReportsBench bench;
    bench.run_for(15s);
    const Heard& heard = bench.lead().heard[h1];
    auto& host = bench.hypervisor.hosts_by_id.at(h1);
    host.connection = Connection::down;
    host.problem = "libvirtd is gone";
    bench.run_for(interval + 100ms);
    REQUIRE(heard.problem);
    CHECK(heard.problem->message == "libvirtd is gone");
    const auto unchanged = heard.unchanged.size();
    bench.run_for(1min);
    CHECK(heard.problem);
    CHECK(heard.unchanged.size() == unchanged);
    host.connection = Connection::up;
    bench.run_for(2s);
    CHECK_FALSE(heard.problem);
}

TEST_CASE("the report of an agent that is not registered any more counts for nothing") {
    ReportsBench bench;
    bench.run_for(15s);
    bench.put(executor::power_lock_key(h1), to_string(PowerState::fencing));
    bench.erase(cluster::agent_key(h1));
    bench.run_for(1s);
    Leader& leader = bench.lead();
    bench.run_for(30s);
    CHECK_FALSE(leader.heard[h1].sample);
    REQUIRE(leader.heard[h1].problem);
    CHECK(leader.heard[h1].problem->message == "its agent is not registered");
    CHECK(leader.heard[h2].told >= 2);  // it never was
    bench.erase(executor::power_lock_key(h1));
    bench.run_for(15s);
    CHECK(leader.heard[h1].sample);
    CHECK_FALSE(leader.heard[h1].problem);
}

TEST_CASE("reports that no event told of are found by reading, and a watch that ended begins anew") {
    ReportsBench bench;
    bench.run_for(35s);
    Leader& leader = bench.lead();
    leader.link.lose_events = 1000;
    auto samples = leader.heard[h1].samples;
    bench.run_for(2min);
    CHECK(leader.heard[h1].samples >= samples + 3);
    CHECK_FALSE(leader.heard[h1].problem);
    leader.link.lose_events = 0;
    leader.link.compact_watches = 3;  // of reports, agents and events
    bench.run_for(40s);
    bench.vm().cpu_cores = 1.5;
    const Heard& heard = leader.heard[h1];
    REQUIRE(bench.run_until([&] { return *heard.sample->vms.at(web).load.cpu_used_cores > 1; }, interval));
    CHECK(bench.clock.now() - heard.sample->at < 1s);
}

TEST_CASE("what is no report makes its host unknown, and only that one") {
    ReportsBench bench;
    bench.run_for(15s);
    Leader& leader = bench.lead();
    bench.put(cluster::report_key(h1), "{");
    bench.put(cluster::report_key({"nobody"}), "{");
    bench.run_for(interval + 1s);
    CHECK(leader.heard.size() == 2);
    REQUIRE(leader.heard[h1].problem);
    CHECK(leader.heard[h1].problem->code == ErrorCode::corrupt);
    bench.run_for(40s);
    CHECK_FALSE(leader.heard[h1].problem);
}
