// What a member that leads may order, and one that led may not.
#include "daemon/leader_power.h"

#include "cluster/keys.h"
#include "daemon/cluster_member.h"
#include "tests/sim/show_result.h"
#include "tests/store/store_fixture.h"
#include "tests/support/fake_hypervisor.h"
#include "tests/support/memory_store.h"
#include "tests/support/virtual_clock.h"

using namespace ballast;
using namespace ballast::test;
using namespace std::chrono_literals;

namespace {

boost::asio::awaitable<Result<service::Ended>> run_nothing(service::Command) {
    co_return Error{ErrorCode::unavailable, "ssh", "none here"};
}

/// A member that leads a cluster of two hosts, as ballastd makes it; there is no broker.
struct LeadingBench {
    LeadingBench() {
        for (const char* name : {"h1", "h2"}) {
            config::HostOptions host;
            host.id = {name};
            host.uri = std::string("qemu+tls://") + name + "/system";
            options.hosts.push_back(host);
            hypervisor.add_host(name);
        }
        options.socket = directory / "ballast.sock";
        options.power.broker = directory / "no-broker.sock";
        const auto lead = [this](daemon::LeaderParts parts) {
            power = std::make_unique<daemon::LeaderPower>(options, clock, &run_nothing, parts.leads, parts.caller,
                                                          [] { return std::vector<cluster::Broker>(); });
            leading = std::move(parts);
            return daemon::Leading();
        };
        member = std::make_unique<daemon::ClusterMember>(io.get_executor(), clock, store, hypervisor, broker, options,
                                                         HostId{"h1"}, lead, [this] { over = true; });
        REQUIRE(member->start());
        clock.run_for(io, 1s);
        REQUIRE(power);
    }
    std::string why_not(boost::asio::awaitable<Result<void>> order) {
        std::optional<Result<void>> done;
        boost::asio::co_spawn(io, std::move(order), [&](std::exception_ptr, Result<void> result) { done = result; });
        for (int i = 0; i < 100 && !done; ++i) clock.run_for(io, 1s);
        REQUIRE(done);
        return *done ? "done" : done->error().message;
    }

    TemporaryDirectory directory;
    config::DaemonOptions options;
    VirtualClock clock;
    boost::asio::io_context io;
    MemoryStore store;
    FakeHypervisor hypervisor{clock};
    power::Client broker{"no-broker.sock"};
    daemon::LeaderParts leading;
    std::unique_ptr<daemon::LeaderPower> power;
    std::unique_ptr<daemon::ClusterMember> member;
    bool over = false;
};

constexpr const char* not_certain = "this member is not certain to lead any more";

}  // namespace

TEST_CASE("a leader's orders reach the broker while its term is certain, and no BMC once it is over") {
    LeadingBench bench;
    PowerControl& power = bench.power->control();
    CHECK(bench.leading.leads());
    CHECK(bench.why_not(power.switch_off({"h2"})) != not_certain);
    bench.store.entries.erase(cluster::leader_key);
    bench.clock.run_for(bench.io, bench.options.cluster.time_to_live);
    CHECK_FALSE(bench.leading.leads());
    CHECK(bench.why_not(bench.power->control().switch_off({"h2"})) == not_certain);
    CHECK(bench.why_not(power.switch_on({"h2"})) == not_certain);
    CHECK(bench.why_not(power.shut_down_softly({"h2"})) == not_certain);
    CHECK(bench.over);
}

TEST_CASE("a leader that the store does not answer orders nothing once its term may have ended") {
    LeadingBench bench;
    bench.store.failure = Error{ErrorCode::unavailable, "store", "gone"};
    bench.clock.run_for(bench.io, bench.options.cluster.time_to_live);
    CHECK(bench.why_not(bench.power->control().switch_off({"h2"})) == not_certain);
}
