// Consolidation in the daemon: few hosts on while little is wanted, without breaking anything, and back in time.
#include "policy/consolidate.h"

#include "policy/fleet.h"
#include "tests/policy/oracle.h"
#include "tests/policy/plan_text.h"
#include "tests/policy/quiet_cluster.h"
#include "tests/policy/random_cluster.h"

using namespace ballast;
using namespace ballast::test;

TEST_CASE("Hosts that can do without their VMs are emptied wholly and switched off afterwards") {
    Cluster cluster = quiet();
    const Plan plan = cluster.plan();
    REQUIRE_FALSE(plan.moves.empty());
    REQUIRE_FALSE(plan.power.empty());
    for (const Move& move : plan.moves) {
        CHECK(move.trigger == Trigger::consolidation);
        CHECK(move.reason.find(" can be empty: its 2 VMs fit on ") != std::string::npos);
        CHECK(move.reason.find("standard deviations of their demand free") != std::string::npos);
    }
    for (const PowerChange& change : plan.power) {
        CHECK_FALSE(change.on);
        CHECK(change.wave > 0);  // its VMs go first
        for (const Move& move : plan.moves)
            if (move.from == change.host) CHECK(move.wave < change.wave);
    }
    settle(cluster);
    CHECK(hosts_on(cluster) == 1);
    CHECK(in_use(cluster) == 1);
    CHECK(cluster.plan().moves.empty());
    CHECK(cluster.plan().power.empty());
    for (const auto& [host, view] : cluster.plan().hosts) CHECK((view.state == "ok" || view.state == "off"));
}

TEST_CASE("Where Ballast may not switch hosts, it says which could be off") {
    Cluster cluster = quiet(false);
    settle(cluster);
    const Plan plan = cluster.plan();
    CHECK(plan.power.empty());
    CHECK(hosts_on(cluster) == 4);
    CHECK(in_use(cluster) == 1);
    std::size_t could_be_off = 0;
    for (const Finding& finding : plan.findings)
        could_be_off +=
            finding.trigger == Trigger::consolidation && finding.text.find(" could be off: ") != std::string::npos;
    CHECK(could_be_off == 3);
}

TEST_CASE("Consolidation does nothing unless it is asked for, watched for long enough and nothing else is wanted") {
    Cluster cluster = quiet();
    SECTION("not enabled") {
        cluster.options.consolidation.enabled = false;
    }
    SECTION("a migration under way") {
        cluster.under_way("v0", "host2");
    }
    SECTION("the brake") {
        cluster.memory.audit.brake = policy::Audit::Brake::holding;
    }
    SECTION("watched for less than 40 minutes") {
        for (auto& [id, vm] : cluster.memory.vms) vm.history.means.resize(7);
    }
    SECTION("the hosts were switched on just now") {
        cluster.options.consolidation.min_time_on = 1h;
        for (auto& [id, host] : cluster.inventory.hosts) host.power_since = cluster.now - 59min;
    }
    SECTION("a window that is closed") {
        cluster.options.consolidation.windows = {{"night", {{0, 6, 22 * 60, 6 * 60}}, {}}};
        cluster.inventory.wall_time = WallTime{} + 12h;
    }
    SECTION("a window while the time is not known") {
        cluster.options.consolidation.windows = {{"night", {{0, 6, 0, 1440}}, {}}};
    }
    SECTION("a host that is hot") {
        cluster.seen("host1").cpu.above_since = cluster.now;
    }
    const Plan plan = cluster.plan();
    CHECK(plan.moves.empty());
    CHECK(plan.power.empty());
}

TEST_CASE("A window that is open is told of, and when it closes all hosts are switched on") {
    Cluster cluster = quiet();
    cluster.options.consolidation.windows = {{"night", {{0, 6, 22 * 60, 6 * 60}}, {}}};
    cluster.options.consolidation.min_time_off = 0s;
    cluster.inventory.wall_time = WallTime{} + 23h;
    const Plan plan = cluster.plan();
    REQUIRE_FALSE(plan.moves.empty());
    CHECK(plan.moves.front().reason.find("window 'night' is open until Fri 06:00 (UTC)") != std::string::npos);
    settle(cluster);
    REQUIRE(hosts_on(cluster) == 1);
    cluster.inventory.wall_time = WallTime{} + 31h;
    const Plan morning = cluster.plan();
    CHECK(morning.power.size() == 3);
    for (const PowerChange& change : morning.power) {
        CHECK(change.on);
        CHECK(change.reason.find("no window of consolidation is open") == 0);
    }
}

TEST_CASE("The operator's minimum, spares, hosts that stay on and the reserve are kept") {
    Cluster cluster = quiet();
    auto& options = cluster.options.consolidation;
    SECTION("min_hosts_on") {
        options.min_hosts_on = 3;
        settle(cluster);
        CHECK(hosts_on(cluster) == 3);
        CHECK(in_use(cluster) == 3);
    }
    SECTION("spare_hosts") {
        options.spare_hosts = 1;
        settle(cluster);
        CHECK(hosts_on(cluster) == 2);
        CHECK(in_use(cluster) == 1);
    }
    SECTION("never_off") {
        options.never_off = {{"host1"}, {"host3"}};
        settle(cluster);
        CHECK(cluster.at("host1").power == PowerState::on);
        CHECK(cluster.at("host3").power == PowerState::on);
        CHECK(cluster.guest("v0").host.value == "host1");
        CHECK(hosts_on(cluster) == 2);
    }
    SECTION("the loss of one host") {
        cluster.options.admission.host_failures = 1;
        settle(cluster);
        CHECK(hosts_on(cluster) == 2);
    }
    SECTION("a VM that cannot be moved") {
        cluster.guest("v1").facts.wishes.no_migrate = true;
        cluster.guest("v2").facts.wishes.no_migrate = true;
        settle(cluster);
        CHECK(in_use(cluster) == 2);
        CHECK(cluster.guest("v1").host.value == "host2");
        CHECK(cluster.guest("v5").host.value == "host2");
    }
    SECTION("VMs that stay apart") {
        for (int i = 0; i < 3; ++i) cluster.guest("v" + std::to_string(i)).facts.wishes.keep_apart = {"web"};
        settle(cluster);
        CHECK(in_use(cluster) == 3);
    }
    SECTION("a VM that is shut off keeps its host on") {
        cluster.vm("shut", "host4", 0).state = VmState::shut_off;
        settle(cluster);
        CHECK(cluster.at("host4").power == PowerState::on);
    }
}

TEST_CASE("A host that is off is no target, not down, and its absence is no fault") {
    Cluster cluster = quiet();
    settle(cluster);
    const auto off = std::find_if(cluster.inventory.hosts.begin(), cluster.inventory.hosts.end(),
                                  [](const auto& entry) { return entry.second.power == PowerState::off; });
    REQUIRE(off != cluster.inventory.hosts.end());
    const auto refusals = cluster.refusals("v0", off->first.value);
    CHECK(has(refusals, Reason::host_off));
    CHECK_FALSE(has(refusals, Reason::host_unreachable));
    CHECK(cluster.plan().hosts.at(off->first).state == "off");
    CHECK(cluster.plan().warnings.empty());
}

TEST_CASE("An overload that no host can take wakes one, and the host takes VMs once it is on") {
    Cluster cluster = quiet();
    cluster.options.overload.cpu.persistence = 5min;
    settle(cluster);
    REQUIRE(hosts_on(cluster) == 1);
    for (auto& [id, vm] : cluster.inventory.vms) vm.load.cpu_used_cores = 1.3;
    cluster.persist(6min);
    const Plan plan = cluster.plan();
    REQUIRE(plan.power.size() == 1);
    CHECK(plan.power.front().on);
    CHECK(plan.power.front().reason.find("is overloaded and no host that is on can relieve it") != std::string::npos);
    switch_power(cluster, plan.power.front().host.value, PowerState::switching_on);
    CHECK(cluster.plan().power.empty());  // one is coming
    switch_power(cluster, plan.power.front().host.value, PowerState::on);
    cluster.tick();
    const Plan relief = cluster.plan();
    REQUIRE_FALSE(relief.moves.empty());
    for (const Move& move : relief.moves) CHECK(move.to == plan.power.front().host);
}

TEST_CASE("VMs that find no place when a host is to be emptied, and a reserve that is not kept, wake hosts") {
    Cluster cluster = quiet();
    settle(cluster);
    const HostId on = cluster.guest("v0").host;
    SECTION("maintenance") {
        cluster.at(on.value).maintenance = true;
        const Plan plan = cluster.plan();
        REQUIRE_FALSE(plan.power.empty());
        CHECK(plan.power.front().reason.find("that have to leave their hosts find no place") != std::string::npos);
    }
    SECTION("the reserve") {
        cluster.options.admission.host_failures = 1;
        const Plan plan = cluster.plan();
        REQUIRE(plan.power.size() == 1);
        CHECK(plan.power.front().reason.find("the reserve is not kept: ") == 0);
    }
    SECTION("min_hosts_on") {
        cluster.options.consolidation.min_hosts_on = 3;
        CHECK(cluster.plan().power.size() == 2);
    }
    SECTION("hosts Ballast may not switch stay off") {
        for (auto& [id, host] : cluster.inventory.hosts) host.power_managed = false;
        cluster.options.consolidation.min_hosts_on = 3;
        CHECK(cluster.plan().power.empty());
    }
}

TEST_CASE("When demand has risen a host is woken before there is overload, and VMs are taken to it") {
    Cluster cluster = quiet();
    cluster.options.consolidation.min_time_off = 0s;
    settle(cluster);
    REQUIRE(hosts_on(cluster) == 1);
    for (auto& [id, vm] : cluster.inventory.vms) vm.load.cpu_used_cores = 0.8;  // 6.4 of the 7.2 that are overload
    std::optional<HostId> woken;
    for (int i = 0; i < 180 && !woken; ++i) {
        cluster.tick(1min);
        const Plan plan = cluster.plan();
        for (const auto& [host, view] : plan.hosts) CHECK(view.state != "overloaded");
        if (!plan.power.empty()) woken = plan.power.front().host;
        carry_out_power(cluster, plan);
    }
    REQUIRE(woken);
    cluster.tick(1min);
    const Plan plan = cluster.plan();
    REQUIRE_FALSE(plan.moves.empty());
    for (const Move& move : plan.moves) {
        CHECK(move.to == *woken);
        CHECK(move.trigger == Trigger::consolidation);
        CHECK(move.reason.find(woken->value + " is opened") != std::string::npos);
    }
}

namespace {

// Days on which the VMs want little but from 8 to 16, in a cluster whose hosts take four minutes to boot.
struct Days {
    Cluster cluster = quiet();
    WallTime wall = std::chrono::sys_days{std::chrono::year{2026} / 11 / 2};  // a Monday
    std::vector<std::string> wakes;
    unsigned overloaded_minutes = 0;
    unsigned fewest_on = 4;

    Days() {
        cluster.options.consolidation.min_time_on = 30min;
        for (auto& [id, vm] : cluster.inventory.vms) vm.facts.vcpus = 4;
    }

    void minute(bool planning = true) {
        wall += 1min;
        cluster.inventory.wall_time = wall;
        const auto hour = policy::local_hour(wall - 1ms, {}) % 24;
        for (auto& [id, vm] : cluster.inventory.vms) vm.load.cpu_used_cores = hour >= 8 && hour < 16 ? 1.9 : 0.3;
        for (auto& [id, host] : cluster.inventory.hosts)
            if (host.power == PowerState::switching_on && cluster.now - *host.power_since >= 4min)
                switch_power(cluster, id.value, PowerState::on);
        cluster.tick(1min);
        count();
        if (planning) act(cluster.plan());
    }
    void until(unsigned hour, unsigned minutes, bool planning = true) {
        do minute(planning);
        while (policy::minute_of_week(wall, {}) % policy::minutes_per_day != hour * 60 + minutes);
    }

private:
    void count() {
        std::map<HostId, double> wanted;
        for (const auto& [id, vm] : cluster.inventory.vms) wanted[vm.host] += *vm.load.cpu_used_cores;
        overloaded_minutes +=
            std::any_of(wanted.begin(), wanted.end(), [](const auto& entry) { return entry.second > 10; });
        fewest_on = std::min(fewest_on, static_cast<unsigned>(hosts_on(cluster)));
    }
    void act(const Plan& plan) {
        cluster.carry_out(plan);
        for (const PowerChange& change : plan.power) {
            if (change.wave > 0) continue;
            switch_power(cluster, change.host.value, change.on ? PowerState::switching_on : PowerState::off);
            if (change.on) wakes.push_back(change.reason);
        }
    }
};

}  // namespace

TEST_CASE("From the second day on hosts are back before the hour that wants them, with the forecast") {
    Days days;
    const bool forecast = GENERATE(true, false);
    days.cluster.options.forecast.enabled = forecast;
    days.until(0, 0);
    CHECK(days.overloaded_minutes > 0);  // nobody knew on the first morning
    CHECK(days.fewest_on == 1);
    days.until(6, 0);
    CHECK(hosts_on(days.cluster) == 1);
    days.overloaded_minutes = 0;
    days.wakes.clear();
    days.until(7, 49);
    CHECK(days.wakes.empty());
    days.until(7, 51);
    CHECK(days.wakes.size() == (forecast ? 2 : 0));
    if (forecast) {
        CHECK(days.wakes[0] == "host4 is expected to be overloaded and no host that is on can relieve it");
        INFO(days.wakes[1]);
        CHECK(
            days.wakes[1].find("VMs are expected to want 12.8 CPUs more between 08:00 and 09:00, as on 1 past working "
                               "day: ") == 0);
    }
    days.until(8, 0);
    CHECK(in_use(days.cluster) == (forecast ? 3 : 1));
    days.until(20, 0);
    CHECK((days.overloaded_minutes == 0) == forecast);
    days.until(0, 0);
    CHECK(hosts_on(days.cluster) == 1);
}

TEST_CASE("No host is emptied or switched off that is wanted again before that pays, and at night they are") {
    Days days;
    days.cluster.options.forecast.enabled = true;
    days.until(0, 0, false);
    days.until(7, 30, false);
    const auto empties = [&] {
        days.cluster.observe();
        const Plan plan = days.cluster.plan();
        return std::any_of(plan.moves.begin(), plan.moves.end(),
                           [](const Move& move) { return move.trigger == Trigger::consolidation; });
    };
    CHECK(empties());
    days.until(7, 41, false);  // ten minutes off and ten to be back: 08:01
    CHECK_FALSE(empties());
    days.cluster.options.consolidation.min_time_off = 5min;
    CHECK(empties());
    days.cluster.options.consolidation.min_time_off = 10min;
    days.cluster.options.forecast.enabled = false;
    CHECK(empties());
}

TEST_CASE("An empty host that is wanted again soon stays on") {
    Days days;
    days.cluster.options.forecast.enabled = true;
    days.cluster.options.overload.cpu.below = 0.5;  // what 8 VMs want at eight is more than three hosts hold then
    days.cluster.options.consolidation.min_hosts_on = 3;
    days.until(0, 0, false);
    days.until(7, 41, false);
    days.cluster.guest("v3").host = {"host1"};
    days.cluster.guest("v7").host = {"host2"};
    days.cluster.tick(1min);
    CHECK(days.cluster.plan().moves.empty());
    CHECK(change_of(days.cluster.plan(), "host4") == nullptr);
    days.cluster.options.forecast.enabled = false;
    days.cluster.observe();
    CHECK(change_of(days.cluster.plan(), "host4") != nullptr);
}

TEST_CASE("While a host that was opened boots, no other one is opened") {
    Cluster cluster = quiet();
    cluster.options.consolidation.min_time_off = 0s;
    settle(cluster);
    for (auto& [id, vm] : cluster.inventory.vms) vm.load.cpu_used_cores = 0.8;
    Plan plan;
    for (int i = 0; i < 180 && plan.power.empty(); ++i) {
        cluster.tick(1min);
        plan = cluster.plan();
    }
    REQUIRE(plan.power.size() == 1);
    switch_power(cluster, plan.power.front().host.value, PowerState::switching_on);
    cluster.tick(1min);
    CHECK(cluster.plan().power.empty());
}

TEST_CASE("Balance rests while hosts may be kept empty, and fills them once that is over") {
    Cluster cluster = quiet(false);
    cluster.options.balance.imbalance = {0.05, 0.03, 5min};
    settle(cluster, 40);
    CHECK(in_use(cluster) == 1);
    cluster.options.consolidation.enabled = false;
    settle(cluster, 40);
    CHECK(in_use(cluster) > 1);
}

namespace {

// Few enough constraints that hosts can be emptied, watched for an hour, any of the options set.
Cluster consolidating(std::uint64_t seed) {
    Cluster cluster = random_cluster(seed);
    Dice dice(seed + 77);
    auto& options = cluster.options.consolidation;
    options.enabled = true;
    options.aggressiveness = dice.ratio();
    options.min_hosts_on = dice.between(1, 3);
    options.spare_hosts = dice.below(2);
    options.min_time_on = dice.one_in(2) ? 0s : 30min;
    cluster.options.admission.host_failures = dice.below(2);
    cluster.options.balance.enabled = false;
    if (dice.one_in(4)) options.never_off = {{"host0"}};
    cluster.inventory.in_flight.clear();
    for (auto& [id, vm] : cluster.inventory.vms)
        if (vm.load.cpu_used_cores) *vm.load.cpu_used_cores *= 0.15;
    for (auto& [id, host] : cluster.inventory.hosts) {
        host.power_managed = !dice.one_in(4);
        host.maintenance = false;
    }
    for (int i = 0; i < 60; ++i) cluster.tick(1min);
    return cluster;
}

}  // namespace

TEST_CASE("No plan of consolidation leaves a host half empty, breaks a limit of the operator, or depends on order") {
    std::size_t emptied = 0, switched = 0;
    for (std::uint64_t seed = 0; seed < 2000; ++seed) {
        INFO("seed " << seed);
        Cluster cluster = consolidating(seed);
        const Plan plan = cluster.plan();
        for (const std::string& complaint : Oracle(cluster).judge(plan)) FAIL_CHECK(complaint);
        Cluster turned = cluster;
        std::reverse(turned.inventory.past_moves.begin(), turned.inventory.past_moves.end());
        CHECK(text_of(turned.plan()) == text_of(plan));
        CHECK(turned.plan().power == plan.power);
        std::map<HostId, std::size_t> leaving;
        for (const Move& move : plan.moves)
            if (move.reason.find(move.from.value + " can be empty") == 0) ++leaving[move.from];
        const policy::Context context =
            policy::make_context(cluster.inventory, cluster.memory, cluster.options, cluster.now);
        const policy::ClusterView view(context);
        const policy::Fleet fleet(view);
        std::size_t on = fleet.hosts_on();
        for (const auto& [host, count] : leaving) {
            CHECK(count == view.at(host).occupants.size());
            CHECK(host.value != (cluster.options.consolidation.never_off.empty() ? "" : "host0"));
            for (const Move& move : plan.moves) CHECK(move.to != host);
            ++emptied;
        }
        policy::HostFlags off = fleet.none();
        for (std::size_t i = 0; i < fleet.members().size(); ++i) {
            const auto* change = change_of(plan, fleet.members()[i].host->id.value);
            if (change == nullptr || change->on) continue;
            off[i] = true;
            ++switched;
            --on;
        }
        if (std::find(off.begin(), off.end(), true) != off.end()) {
            CHECK(on >= cluster.options.consolidation.min_hosts_on);
            CHECK(fleet.lacking_without(off, 1).empty());
        }
    }
    CHECK(emptied > 60);
    CHECK(switched > 100);
}

TEST_CASE("What a plan of consolidation leads to needs no further plan for long") {
    int rested = 0;
    for (std::uint64_t seed = 0; seed < 150; ++seed) {
        INFO("seed " << seed);
        Cluster cluster = consolidating(seed);
        std::map<VmId, std::set<HostId>> left;
        int last = 0;
        for (int cycle = 0; cycle < 60; ++cycle) {
            const Plan plan = cluster.plan();
            for (const Move& move : plan.moves) {
                if (left[move.vm].contains(move.to)) FAIL_CHECK(move.vm.value << " goes back: " << move.reason);
                left[move.vm].insert(move.from);
            }
            if (!plan.moves.empty() || !plan.power.empty()) last = cycle;
            cluster.carry_out(plan);
            carry_out_power(cluster, plan);
            cluster.tick(1min);
        }
        rested += last < 50;
    }
    CHECK(rested >= 145);
}

TEST_CASE("An empty host that is never off counts among those that have to be on") {
    Cluster cluster = quiet();
    for (auto& [id, vm] : cluster.inventory.vms)
        if (vm.host == HostId{"host1"}) vm.host = {"host2"};
    cluster.options.consolidation.never_off = {{"host1"}};
    cluster.options.consolidation.min_hosts_on = 2;
    for (int i = 0; i < 60; ++i) cluster.tick(1min);
    settle(cluster);
    CHECK(hosts_on(cluster) == 2);
    CHECK(cluster.at("host1").power == PowerState::on);
    CHECK(in_use(cluster) == 1);
}

TEST_CASE("A host that gives its guests a part of a CPU takes VMs with a whole vCPU that want little") {
    Cluster cluster;
    for (const char* name : {"host1", "host2", "host3"}) cluster.host(name, 1).power_managed = true;
    for (auto& [id, host] : cluster.inventory.hosts) host.facts.cpus = 0.6;
    cluster.vm("a", "host1", 0.02, gib(1), 1);
    cluster.vm("b", "host2", 0.02, gib(1), 1);
    cluster.vm("c", "host3", 0.02, gib(1), 1);
    cluster.options.consolidation.enabled = true;
    cluster.options.consolidation.min_hosts_on = 2;
    cluster.options.consolidation.min_time_on = 0s;
    cluster.options.cooldown.vm = 0s;
    for (int i = 0; i < 60; ++i) cluster.tick(1min);
    settle(cluster);
    CHECK(hosts_on(cluster) == 2);
}
