// The simulated hosts do what libvirt's do: else what is proven on them proves nothing.
#include "sim/world.h"

#include <catch2/catch.hpp>

#include "tests/sim/show_result.h"
#include "tests/support/virtual_clock.h"

using namespace ballast;
using namespace std::chrono_literals;
using sim::Domain;
using sim::Fault;
using State = Presence::State;
using PauseReason = Presence::PauseReason;

namespace {

struct Bench {
    Bench() : world(clock) {
        world.add_host({"h1"});
        world.add_host({"h2"});
        world.add_vm({"h1"}, {"vm"}, spec());
        world.listen([this](const HypervisorEvent& event) { events.push_back(event); });
    }
    static sim::VmSpec spec() {
        sim::VmSpec spec;
        spec.allows_post_copy = true;
        return spec;
    }
    void start(Fault fault = Fault::none) {
        world.inject({"vm"}, fault);
        MigrationRequest request;
        request.vm = {"vm"};
        request.from = {"h1"};
        request.to = {"h2"};
        request.persistent = request.post_copy = true;
        request.max_downtime = 300ms;
        world.migrate(request, [this](Result<void> result) { answers.push_back(std::move(result)); });
    }
    void run_for(Duration duration) {
        const Instant end = clock.now() + duration;
        while (world.next_event() && *world.next_event() <= end) {
            clock.advance_to(*world.next_event());
            world.run_due();
        }
        clock.advance_to(end);
    }
    Domain* on(const char* host) { return world.domain({host}, {"vm"}); }
    std::size_t heard(HypervisorEvent::Kind kind) const {
        return static_cast<std::size_t>(
            std::count_if(events.begin(), events.end(), [&](const auto& e) { return e.kind == kind; }));
    }

    test::VirtualClock clock;
    sim::World world;
    std::vector<HypervisorEvent> events;
    std::vector<Result<void>> answers;
};

}  // namespace

TEST_CASE("A migration copies while the guest runs, pauses it, and ends with it on the target only") {
    Bench bench;
    bench.start();
    bench.run_for(1s);
    CHECK(bench.on("h1")->runs());
    CHECK(bench.on("h1")->job);
    CHECK(bench.on("h2")->state == State::paused);
    CHECK(bench.on("h2")->incomplete);
    CHECK(bench.answers.empty());
    bench.run_for(10s);
    CHECK(bench.on("h1") == nullptr);
    CHECK(bench.on("h2")->runs());
    CHECK(bench.on("h2")->persistent);
    REQUIRE(bench.answers.size() == 1);
    CHECK(bench.answers.front());
    CHECK(bench.heard(HypervisorEvent::Kind::switchover) == 1);
    CHECK(bench.heard(HypervisorEvent::Kind::job_completed) == 1);
    CHECK(bench.on("h2")->completed.downtime.value_or(0ms) > 0ms);
}

TEST_CASE("Only one job runs on a domain, and an aborted one leaves it where it was") {
    Bench bench;
    bench.start();
    bench.start();
    REQUIRE(bench.answers.size() == 1);
    CHECK(bench.answers.front().error().code == ErrorCode::timed_out);
    bench.run_for(1s);
    CHECK(bench.world.abort({"h1"}, {"vm"}));
    CHECK(bench.answers.back().error().code == ErrorCode::cancelled);
    CHECK(bench.on("h1")->runs());
    CHECK(bench.on("h2") == nullptr);
    CHECK_FALSE(bench.world.abort({"h1"}, {"vm"}));
}

TEST_CASE("A source libvirtd restarted after Perform forgets the job and leaves the guest paused") {
    Bench bench;
    bench.start(Fault::source_libvirtd_restarts_after_perform);
    bench.run_for(1min);
    CHECK(bench.on("h1")->state == State::paused);
    CHECK(bench.on("h1")->reason == PauseReason::migration);
    CHECK_FALSE(bench.on("h1")->job);
    CHECK(bench.on("h2") == nullptr);
    CHECK(bench.answers.front().error().code == ErrorCode::unavailable);
}

TEST_CASE("When the answer to Finish is lost the guest runs on both hosts") {
    for (const Fault fault :
         {Fault::finish_lost, Fault::target_libvirtd_restarts_after_start, Fault::target_silent_in_finish}) {
        INFO(sim::to_string(fault));
        Bench bench;
        bench.start(fault);
        bench.run_for(1min);
        CHECK(bench.world.running_on({"vm"}).size() == 2);
        CHECK(bench.world.may_run_twice({"vm"}));
    }
}

TEST_CASE("A silent target in Finish keeps the source paused for the keepalive time") {
    Bench bench;
    bench.start(Fault::target_silent_in_finish);
    bench.run_for(20s);
    CHECK(bench.on("h1")->state == State::paused);
    CHECK(bench.on("h1")->job);
    bench.run_for(20s);
    CHECK(bench.on("h1")->runs());
}

TEST_CASE("In post-copy the guest runs on the target, and an abort is refused") {
    Bench bench;
    bench.start(Fault::never_converges);
    bench.run_for(10s);
    REQUIRE(bench.world.start_post_copy({"h1"}, {"vm"}));
    CHECK(bench.on("h2")->runs());
    CHECK(bench.on("h1")->reason == PauseReason::post_copy);
    CHECK_FALSE(bench.world.abort({"h1"}, {"vm"}));
    bench.run_for(10s);
    CHECK(bench.on("h1") == nullptr);
}

TEST_CASE("An arrival whose memory is not complete cannot be resumed") {
    Bench bench;
    bench.start();
    bench.run_for(1s);
    CHECK_FALSE(bench.world.resume({"h2"}, {"vm"}));
}

TEST_CASE("Every fault comes to rest, and no fault but those that say so runs a guest twice") {
    for (const Fault fault : sim::all_faults()) {
        INFO(sim::to_string(fault));
        Bench bench;
        bench.start(fault);
        for (int i = 0; i < 3600; ++i) {
            bench.run_for(1s);
            if (bench.world.running_on({"vm"}).size() > 1) REQUIRE(sim::may_run_twice(fault));
            if (i == 1500) bench.world.abort({"h1"}, {"vm"});
        }
        CHECK(bench.world.migrations_under_way() == 0);
    }
}

TEST_CASE("A host that was off knows persistent domains only, and starts those with autostart") {
    Bench bench;
    bench.world.add_vm({"h1"}, {"starts"}, [] {
        sim::VmSpec spec;
        spec.autostart = true;
        return spec;
    }());
    bench.world.add_vm({"h1"}, {"transient"}, [] {
        sim::VmSpec spec;
        spec.persistent = false;
        return spec;
    }());
    bench.world.power_off({"h1"});
    CHECK(bench.world.running_on({"starts"}).empty());
    bench.world.power_on({"h1"});
    CHECK(bench.world.running_on({"starts"}).size() == 1);
    CHECK(bench.world.domain({"h1"}, {"transient"}) == nullptr);
    CHECK(bench.on("h1")->state == State::defined);
}

TEST_CASE("Everybody connected hears of what happens, until they leave") {
    Bench bench;
    std::size_t second = 0;
    const auto id = bench.world.listen([&](const HypervisorEvent&) { ++second; });
    bench.world.destroy({"h1"}, {"vm"});
    CHECK(bench.heard(HypervisorEvent::Kind::vm_stopped) == 1);
    CHECK(second == 1);
    bench.world.forget(id);
    bench.world.start({"h1"}, {"vm"}, true);
    CHECK(bench.heard(HypervisorEvent::Kind::vm_started) == 1);
    CHECK(second == 1);
}

TEST_CASE("Whoever is on a host hears of that host only, whatever the network does") {
    Bench bench;
    std::vector<HypervisorEvent> on_h1, on_h2;
    bench.world.listen([&](const HypervisorEvent& event) { on_h1.push_back(event); }, HostId{"h1"});
    bench.world.listen([&](const HypervisorEvent& event) { on_h2.push_back(event); }, HostId{"h2"});
    bench.world.cut_off({"h1"});
    bench.run_for(1min);
    CHECK(bench.heard(HypervisorEvent::Kind::disconnected) == 1);
    CHECK(on_h1.empty());
    bench.world.destroy({"h1"}, {"vm"});
    CHECK(bench.heard(HypervisorEvent::Kind::vm_stopped) == 0);
    CHECK(on_h1.size() == 1);
    bench.world.restart_libvirtd({"h1"});
    bench.run_for(1min);
    REQUIRE(on_h1.size() == 3);
    CHECK(on_h1[1].kind == HypervisorEvent::Kind::disconnected);
    CHECK(on_h1[2].kind == HypervisorEvent::Kind::connected);
    CHECK(bench.heard(HypervisorEvent::Kind::connected) == 0);
    CHECK(on_h2.empty());
}

TEST_CASE("Between hosts that cannot reach each other no migration begins, and one under way is given up") {
    Bench bench;
    bench.world.separate({"h2"}, {"h1"});
    bench.start();
    bench.run_for(1min);
    REQUIRE(bench.answers.size() == 1);
    CHECK_FALSE(bench.answers[0]);
    bench.world.join({"h1"}, {"h2"});
    bench.start();
    bench.run_for(1s);
    bench.world.separate({"h1"}, {"h2"});
    bench.run_for(1min);
    REQUIRE(bench.answers.size() == 2);
    CHECK_FALSE(bench.answers[1]);
    CHECK(bench.on("h1")->runs());
    CHECK(bench.on("h2") == nullptr);
    CHECK_FALSE(bench.world.may_run_twice({"vm"}));
}

TEST_CASE("A network cut at any moment of a migration runs the guest twice only in Finish, and it comes to rest") {
    unsigned twice = 0;
    for (Duration cut_at = 0ms; cut_at < 6s; cut_at += 10ms) {
        INFO(cut_at.count() << " ms");
        Bench bench;
        bench.start();
        bench.run_for(cut_at);
        bench.world.separate({"h1"}, {"h2"});
        bench.run_for(2min);
        CHECK(bench.world.migrations_under_way() == 0);
        const std::size_t hosts = bench.world.running_on({"vm"}).size();
        CHECK(hosts >= 1);
        if (hosts == 2) CHECK(bench.world.may_run_twice({"vm"}));
        twice += hosts == 2;
    }
    CHECK(twice > 0);
    CHECK(twice < 10);
}
