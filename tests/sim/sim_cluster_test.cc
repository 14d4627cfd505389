// The driver of simulated clusters: what it does to a process is what happens to real ones, and it does it again with
// the same seed.
#include "sim/sim_cluster.h"

#include <array>
#include <catch2/catch.hpp>

#include "tests/sim/show_result.h"

using namespace ballast;
using namespace std::chrono_literals;
using sim::Cluster;
using sim::MemberContext;

namespace {

using Lines = std::vector<std::string>;

/// Registers with a lease of 10 s and beats every 3 s; ends itself when its registration is gone.
class Beater : public sim::MemberProcess {
public:
    explicit Beater(MemberContext& context) : context_(context) {
        const auto hear = [this](const std::vector<WatchEvent>& events) { heard += events.size(); };
        watch_ = context.store().watch("/agents/", 0, hear, [] {});
        boost::asio::co_spawn(context.io(), live(), boost::asio::detached);
    }

    std::size_t heard = 0, beats = 0;
    Instant last_beat{};

private:
    boost::asio::awaitable<void> live() {
        const auto lease = co_await context_.store().grant(10s);
        if (!lease) co_return context_.exit();
        Transaction transaction;
        transaction.changes.push_back(
            {Change::Kind::put, "/agents/" + context_.host().value, context_.boot_id(), *lease});
        const auto put = co_await context_.store().commit(std::move(transaction));
        if (!put) co_return context_.exit();
        for (;;) {
            co_await context_.clock().sleep_for(3s);
            const auto kept = co_await context_.store().keep_alive(*lease);
            if (!kept) co_return context_.exit();
            ++beats;
            last_beat = context_.clock().now();
        }
    }

    MemberContext& context_;
    std::unique_ptr<WatchHandle> watch_;
};

const HostId h1{"h1"}, h2{"h2"}, h3{"h3"};

struct Bench : Cluster {
    explicit Bench(std::uint64_t seed = 0)
        : Cluster(seed, [](MemberContext& context) { return std::make_unique<Beater>(context); }) {
        for (const HostId& host : {h1, h2, h3}) add_host(host);
        run_for(20s);
    }
    Beater& beater(const HostId& host) const { return dynamic_cast<Beater&>(*process(host)); }
    std::string registered(const HostId& host) const {
        const auto found = store.entries.find("/agents/" + host.value);
        return found == store.entries.end() ? "" : found->second.value;
    }
};

/// Random faults for ten minutes.
Lines trace_of(std::uint64_t seed) {
    Bench bench(seed);
    bench.world.add_vm(h1, {"vm"}, {});
    for (int i = 0; i < 100; ++i) {
        const HostId& host = *std::array{&h1, &h2, &h3}[bench.dice(3)];
        switch (bench.dice(12)) {
            case 0: bench.kill(host); break;
            case 1: bench.pause(host); break;
            case 2: bench.resume(host); break;
            case 3: bench.power_off(host); break;
            case 4: bench.power_on(host); break;
            case 5: bench.kill_at(host, 1 + bench.dice(5)); break;
            case 6: bench.pause_at(host, 1 + bench.dice(5), Duration(bench.dice(20'000))); break;
            case 7: bench.cut_off(host); break;
            case 8: bench.join(host); break;
            case 9: bench.link(host) = {.stale = 3s, .watch_delay = 2s}; break;
            case 10: bench.link(host) = {.lose_replies = 2, .late = 4s}; break;
            case 11: bench.store.leases_late = 5s; break;
        }
        bench.run_for(Duration(bench.dice(12'000)));
    }
    return bench.trace();
}

}  // namespace

TEST_CASE("Every host has its daemon, and what one writes all hear of") {
    Bench bench;
    for (const HostId& host : {h1, h2, h3}) {
        CHECK(bench.registered(host) == host.value + "-boot-1");
        CHECK(bench.beater(host).heard == 3);
        CHECK(bench.beater(host).beats > 4);
        CHECK(bench.starts(host) == 1);
    }
}

TEST_CASE("A killed daemon is started again after a second, and no other notices") {
    Bench bench;
    bench.kill(h2);
    CHECK_FALSE(bench.runs(h2));
    bench.run_for(900ms);
    CHECK_FALSE(bench.runs(h2));
    bench.run_for(200ms);
    CHECK(bench.runs(h2));
    CHECK(bench.registered(h2) == "h2-boot-1");
    CHECK(bench.starts(h2) == 2);
    CHECK(bench.starts(h1) == 1);
}

TEST_CASE("A stopped daemon stays away until it is started, and its lease ends without it") {
    Bench bench;
    bench.stop(h2);
    bench.run_for(15s);
    CHECK_FALSE(bench.runs(h2));
    CHECK(bench.registered(h2) == "");
    CHECK(bench.beater(h1).heard == 4);
    bench.start(h2);
    bench.run_for(1s);
    CHECK(bench.registered(h2) != "");
}

TEST_CASE("A paused daemon does nothing while time passes, and finds out when it goes on") {
    Bench bench;
    const Beater& beater = bench.beater(h1);
    bench.pause(h1);
    const auto beats = beater.beats;
    bench.run_for(8s);
    CHECK(beater.beats == beats);
    bench.resume(h1);
    bench.run_for(1s);
    CHECK(beater.beats == beats + 1);
    CHECK(beater.last_beat > bench.clock.now() - 2s);
    bench.pause(h1);
    bench.run_for(20s);
    CHECK(bench.registered(h1) == "");
    CHECK(bench.starts(h1) == 1);
    bench.resume(h1);
    bench.run_for(2s);
    CHECK(bench.starts(h1) == 2);
    CHECK(bench.registered(h1) == "h1-boot-1");
}

TEST_CASE("A paused daemon can be killed, and the next one is not paused") {
    Bench bench;
    bench.pause(h1);
    bench.kill(h1);
    bench.run_for(2s);
    CHECK(bench.starts(h1) == 2);
    CHECK_FALSE(bench.paused(h1));
    CHECK(bench.beater(h1).heard > 0);
}

TEST_CASE("A daemon goes with its host's power, and comes back with it under another boot id") {
    Bench bench;
    bench.power_off(h3);
    bench.run_for(1ms);
    CHECK_FALSE(bench.runs(h3));
    bench.run_for(1min);
    CHECK_FALSE(bench.runs(h3));
    CHECK(bench.registered(h3) == "");
    bench.power_on(h3);
    bench.run_for(2s);
    CHECK(bench.registered(h3) == "h3-boot-2");
}

TEST_CASE("A host that was rebooted faster than anybody looked has another boot id") {
    Bench bench;
    bench.power_off(h3);
    bench.power_on(h3);
    bench.run_for(2s);
    CHECK(bench.registered(h3) == "h3-boot-2");
    CHECK(bench.starts(h3) == 2);
}

namespace {

/// Does something to its own cluster from inside a handler, once, and goes on as if nothing had happened.
struct Saboteur : sim::MemberProcess {
    Saboteur(MemberContext& context, std::function<void()> act) {
        boost::asio::co_spawn(context.io(), live(context, std::move(act)), boost::asio::detached);
    }
    boost::asio::awaitable<void> live(MemberContext& context, std::function<void()> act) {
        co_await context.clock().sleep_for(1s);
        if (act) act();
        co_await context.clock().sleep_for(1ms);
        went_on = true;
    }
    bool went_on = false;
};

bool goes_on_after(std::function<void(Cluster&, MemberContext&)> deed) {
    Cluster* at = nullptr;
    unsigned lives = 0;
    bool went_on = false;
    Cluster cluster(0, [&](MemberContext& context) {
        const bool first = ++lives == 1;
        std::function<void()> act = [&at, &context, deed] { deed(*at, context); };
        return std::make_unique<Saboteur>(context, first ? act : nullptr);
    });
    at = &cluster;
    cluster.add_host(h1);
    cluster.check = [&] {
        const auto* const process = dynamic_cast<const Saboteur*>(cluster.process(h1));
        went_on = went_on || (lives == 1 && process != nullptr && process->went_on);
    };
    cluster.run_for(1min);
    return went_on;
}

}  // namespace

TEST_CASE("A daemon that ends itself, is killed, or switches off its own host does nothing after that handler") {
    CHECK(goes_on_after([](Cluster&, MemberContext&) {}));
    CHECK_FALSE(goes_on_after([](Cluster&, MemberContext& context) { context.exit(); }));
    CHECK_FALSE(goes_on_after([](Cluster& cluster, MemberContext&) { cluster.kill(h1); }));
    CHECK_FALSE(goes_on_after([](Cluster& cluster, MemberContext&) { cluster.power_off(h1); }));
}

TEST_CASE("A daemon killed before or after any call comes back and registers") {
    for (std::uint64_t n = 1; n <= 6; ++n) {
        INFO("point " << n);
        Bench bench;
        bench.kill(h1);
        bench.kill_at(h1, n);
        bench.run_for(20s);
        CHECK(bench.starts(h1) == 3);
        CHECK(bench.registered(h1) == "h1-boot-1");
        CHECK(bench.beater(h1).beats > 0);
    }
}

TEST_CASE("A daemon paused before or after any call goes on from there") {
    for (std::uint64_t n = 1; n <= 6; ++n) {
        INFO("point " << n);
        Bench bench;
        bench.kill(h1);
        bench.pause_at(h1, n, 3s);
        REQUIRE(bench.run_until([&] { return bench.paused(h1); }, 1min));
        bench.run_for(2900ms);
        CHECK(bench.paused(h1));
        bench.run_for(20s);
        CHECK_FALSE(bench.paused(h1));
        CHECK(bench.starts(h1) == 2);
        CHECK(bench.beater(h1).beats > 0);
    }
}

TEST_CASE("Each host has a wall clock of its own, and one boot clock is everybody's") {
    std::map<HostId, Clock*> clocks;
    Cluster cluster(0, [&](MemberContext& context) {
        clocks[context.host()] = &context.clock();
        return std::make_unique<sim::MemberProcess>();
    });
    cluster.add_host(h1);
    cluster.add_host(h2);
    cluster.run_for(1s);
    cluster.step_wall_clock(h1, 1h);
    CHECK(clocks.at(h1)->wall_now() == clocks.at(h2)->wall_now() + 1h);
    CHECK(clocks.at(h1)->now() == clocks.at(h2)->now());
}

TEST_CASE("A host that is cut off reaches its own libvirtd and no other host") {
    Bench bench;
    bench.cut_off(h1);
    bench.run_for(1min);
    CHECK(bench.world.separated(h1, h2));
    CHECK(bench.world.separated(h3, h1));
    CHECK_FALSE(bench.world.separated(h2, h3));
    CHECK_FALSE(bench.world.host(h1)->answers());
    CHECK(bench.world.host(h1)->answers_on_host());
    bench.cut_off(h3);
    bench.join(h1);
    CHECK_FALSE(bench.world.separated(h1, h2));
    CHECK(bench.world.separated(h1, h3));
    bench.join(h3);
    CHECK_FALSE(bench.world.separated(h1, h3));
    CHECK(bench.world.host(h1)->answers());
}

TEST_CASE("A host that is cut off loses its registration, and gets it back when it is joined") {
    Bench bench;
    bench.cut_off(h1);
    bench.run_for(15s);
    CHECK(bench.registered(h1) == "");
    CHECK(bench.starts(h1) > 1);
    bench.run_for(1min);
    CHECK(bench.registered(h1) == "");
    CHECK(bench.registered(h2) != "");
    bench.join(h1);
    bench.run_for(10s);
    CHECK(bench.registered(h1) != "");
}

TEST_CASE("A cluster that is healed is whole again, whatever was wrong") {
    Bench bench;
    bench.cut_off(h1);
    bench.pause(h2);
    bench.stop(h3);
    bench.link(h2).deaf = bench.link(h2).keepalive_lies = true;
    bench.store.unavailable_until = bench.clock.now() + 2h;
    bench.run_for(1min);
    bench.power_off(h1);
    bench.run_for(1min);
    bench.heal();
    bench.run_for(20s);
    for (const HostId& host : {h1, h2, h3}) {
        INFO(host.value);
        CHECK(bench.registered(host) != "");
        CHECK(bench.beater(host).beats > 0);
    }
}

TEST_CASE("The check runs after every step, and sees every moment at which anything happens") {
    Bench bench;
    const auto before = bench.steps();
    unsigned checks = 0;
    bench.check = [&] { ++checks; };
    bench.run_for(1min);
    CHECK(checks >= 40);  // the beats, their answers
    CHECK(bench.steps() - before == checks);
}

TEST_CASE("The same seed gives the same trace, another one another") {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        INFO("seed " << seed);
        const Lines trace = trace_of(seed);
        CHECK(trace.size() > 60);
        CHECK(trace == trace_of(seed));
        CHECK(trace != trace_of(seed + 100));
    }
}
