// What hosts offer outlasts a daemon, so that the next one knows what a host that is off could carry.
#include "daemon/known_facts.h"

#include "interchange/tables.h"
#include "tests/daemon/daemon_life.h"

using namespace ballast;
using namespace ballast::test;

namespace {

/// Three hosts with BMCs; what these do is seen by the hypervisor.
struct OffAndRestarted : DaemonLife {
    OffAndRestarted() {
        options.shared_storage = {"/srv/vms"};
        policy.consolidation.enabled = true;
        policy.consolidation.min_hosts_on = 1;
        policy.consolidation.min_time_off = 0s;
        for (const char* name : {"host1", "host2", "host3"}) power.add_host(name);
        power.on_change = [this](const HostId& id, Power now) {
            const bool up = now == Power::on;
            hypervisor->hosts_by_id.at(id).connection = up ? Connection::up : Connection::down;
            if (!up) probe.silent.insert(id);
            if (up) probe.silent.erase(id);
            hypervisor->tell({up ? HypervisorEvent::Kind::connected : HypervisorEvent::Kind::disconnected, id, {}, ""});
        };
        vm("host1", "web");
        vm("host2", "db");
        boot();
        HostId host{"host3"};
        std::string by = "somebody";
        REQUIRE(wait(controller->switch_off(host, false, true, by)));
        REQUIRE(until([this] { return state() == PowerState::off; }, 5min));
    }
    PowerState state() const {
        for (const PowerRecord& one : controller->power_records())
            if (one.host.value == "host3") return one.state;
        return PowerState::on;
    }
    bool is_woken() {
        return until([this] { return state() == PowerState::on; }, 5min) && power.orders.back() == "on host3";
    }
    void forget_facts() {
        std::erase_if(store.entries, [](const auto& entry) { return entry.first.starts_with("/ballast/facts/"); });
    }
};

Result<void> kept(daemon::KnownFacts& facts, const char* host, const HostFacts& offered) {
    boost::asio::io_context io;
    std::optional<Result<void>> answer;
    boost::asio::co_spawn(io, facts.keep({host}, offered),
                          [&](std::exception_ptr, Result<void> result) { answer = result; });
    io.run();
    REQUIRE(answer);
    return *answer;
}

std::map<HostId, HostFacts> loaded(daemon::KnownFacts& facts) {
    boost::asio::io_context io;
    std::optional<Result<std::map<HostId, HostFacts>>> answer;
    boost::asio::co_spawn(io, facts.load(), [&](std::exception_ptr, auto result) { answer = std::move(result); });
    io.run();
    REQUIRE(answer);
    REQUIRE(answer->has_value());
    return **answer;
}

}  // namespace

TEST_CASE("A daemon that never saw a host on wakes it for the minimum, for spares and when no window is open") {
    OffAndRestarted life;
    life.die();
    const bool kept = GENERATE(true, false);
    if (!kept) life.forget_facts();  // as an earlier version left it
    SECTION("the minimum") {
        life.policy.consolidation.min_hosts_on = 3;
    }
    SECTION("spares") {
        life.policy.consolidation.spare_hosts = 1;
    }
    SECTION("no window is open") {
        life.policy.consolidation.windows.push_back({"never", {}, {}});
    }
    SECTION("the reserve") {
        life.policy.admission.host_failures = 2;
    }
    life.boot();
    CHECK(life.is_woken());
}

TEST_CASE("A daemon that has just started wakes nobody because it has not seen the others yet") {
    OffAndRestarted life;
    life.reboot();
    life.pass(3min);
    CHECK(life.state() == PowerState::off);
    CHECK(life.power.orders.back() != "on host3");
}

TEST_CASE("A daemon that never saw a host on knows what it offers") {
    OffAndRestarted life;
    life.die();
    life.policy.mode = policy::Mode::observe;
    life.boot();
    const HostFacts known = life.controller->inventory().hosts.at({"host3"}).facts;
    CHECK(known.cpus == 8);
    CHECK(known.memory_total == gib(32));
    CHECK(known.cpu_by_virt_type == life.hypervisor->hosts_by_id.at({"host1"}).facts.cpu_by_virt_type);
    CHECK(known.shared_paths == std::set<std::string>{"/srv/vms"});
}

TEST_CASE("A record of what a host offers that cannot be read stops nothing, and is written anew") {
    OffAndRestarted life;
    const std::string key = "/ballast/facts/host3";
    REQUIRE(life.store.entries.contains(key));
    life.store.entries.at(key).value = GENERATE("", "{", R"({"cpus":8})", R"({"cpus":"8","memory_total_bytes":1})");
    life.policy.consolidation.min_hosts_on = 3;
    life.reboot();
    CHECK(life.is_woken());
    life.pass(3min);
    CHECK(life.store.entries.at(key).value.find("\"memory_total_bytes\":34359738368") != std::string::npos);
}

TEST_CASE("What hosts offer is known from a later version's record, too") {
    OffAndRestarted life;
    std::string& record = life.store.entries.at("/ballast/facts/host3").value;
    record.insert(1, R"("of_a_later_version": {"x": 1},)");
    life.die();
    life.policy.mode = policy::Mode::observe;
    life.boot();
    CHECK(life.controller->inventory().hosts.at({"host3"}).facts.memory_total == gib(32));
}

TEST_CASE("What hosts offer is written when it changes, but not with each byte that their pools have left") {
    MemoryStore store;
    daemon::KnownFacts facts(store);
    HostFacts offered;
    offered.cpus = 8;
    offered.memory_total = gib(32);
    offered.pool_free["images"] = gib(100);
    REQUIRE(kept(facts, "host1", offered));
    const auto version = [&] { return store.entries.at("/ballast/facts/host1").version; };
    CHECK(version() == 1);
    offered.pool_free["images"] = gib(99);
    REQUIRE(kept(facts, "host1", offered));
    CHECK(version() == 1);
    offered.networks = {"storage"};
    REQUIRE(kept(facts, "host1", offered));
    CHECK(version() == 2);
    daemon::KnownFacts next(store);
    offered.pool_free.clear();
    CHECK(loaded(next).at({"host1"}) == offered);
    REQUIRE(kept(next, "host1", offered));
    CHECK(version() == 2);
}

TEST_CASE("Facts beyond what the store holds are refused by name, and those before stay") {
    MemoryStore store;
    daemon::KnownFacts facts(store);
    HostFacts offered;
    offered.cpus = 8;
    offered.memory_total = gib(32);
    REQUIRE(kept(facts, "host1", offered));
    offered.hostname.assign(2 * 1024 * 1024, 'x');
    const auto refused = kept(facts, "host1", offered);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::invalid);
    CHECK(refused.error().subject == "host1");
    CHECK(loaded(facts).at({"host1"}).hostname.empty());
}
