// What an operator orders of a host's power, in the whole daemon: when it is taken, and how the host counts then.
#include "tests/daemon/failover_bench.h"

using namespace ballast;
using namespace ballast::test;

TEST_CASE("An operator's order waits for more than one look that brought nothing") {
    FailoverBench bench(policy::Mode::observe);
    const auto order = [&](auto call) {
        std::optional<Result<void>> answer;
        asio::co_spawn(*bench.io, std::move(call), [&](std::exception_ptr, Result<void> result) { answer = result; });
        bench.pass(10ms);
        REQUIRE(answer);
        return *answer;
    };
    bench.kill({"host2"});
    bench.pass(2s);
    for (int i = 0; i < 2; ++i) {
        const auto early = order(i == 0 ? bench.controller->fence({"host2"}, "ann")
                                        : bench.controller->confirm_lost({"host2"}, "ann"));
        REQUIRE_FALSE(early);
        CHECK(early.error().message.starts_with("it has been silent for only "));
    }
    bench.pass(4s);
    CHECK(order(bench.controller->fence({"host2"}, "ann")));
}

TEST_CASE("A host that does not answer is not asked to go down, and goes on to count among the silent ones") {
    FailoverBench bench(policy::Mode::observe);
    bench.kill({"host4"});
    bench.pass(10s);
    std::optional<Result<void>> answer;
    asio::co_spawn(*bench.io, bench.controller->switch_off({"host4"}, false, true, "ann"),
                   [&](std::exception_ptr, Result<void> result) { answer = result; });
    bench.pass(10ms);
    REQUIRE(answer);
    REQUIRE_FALSE(*answer);
    CHECK(answer->error().message.starts_with("it does not answer, "));
    CHECK(bench.state("host4") == "on");
}

TEST_CASE("A host that is switched off or worked on is not meant to answer") {
    FailoverBench bench;
    CHECK(bench.controller->is_meant_to_answer({"host4"}));
    asio::co_spawn(*bench.io, bench.controller->set_maintenance({"host4"}, true, "ann"), asio::detached);
    bench.pass(1s);
    CHECK_FALSE(bench.controller->is_meant_to_answer({"host4"}));
    asio::co_spawn(*bench.io, bench.controller->set_maintenance({"host4"}, false, "ann"), asio::detached);
    asio::co_spawn(*bench.io, bench.controller->switch_off({"host4"}, false, true, "ann"), asio::detached);
    bench.pass(1min);
    CHECK(bench.state("host4") == "off");
    CHECK_FALSE(bench.controller->is_meant_to_answer({"host4"}));
}

TEST_CASE(
    "Ballast lets the connection to a host that it switched off rest until the host is to be on, or its kernel "
    "answers") {
    FailoverBench bench;
    const auto asked = [&] { return std::exchange(bench.hypervisor.reconnects[{"host4"}], 0U); };
    CHECK_FALSE(bench.controller->rests({"host4"}));
    asio::co_spawn(*bench.io, bench.controller->switch_off({"host4"}, false, true, "ann"), asio::detached);
    bench.pass(1min);
    CHECK(bench.controller->rests({"host4"}));
    asked();
    bench.pass(10min);
    CHECK(asked() == 0);
    SECTION("somebody else switches it on: its kernel answers before its libvirt does") {
        bench.probe.silent.erase({"host4"});
        bench.pass(3s);
        CHECK(asked() == 1);
        CHECK(bench.state("host4") == "off");
        CHECK_FALSE(bench.controller->rests({"host4"}));  // from here on it is tried as any other that does not answer
        bench.pass(10min);
        CHECK(asked() == 0);
        bench.revive({"host4"});
        bench.pass(5s);
    }
    SECTION("Ballast switches it on") {
        asio::co_spawn(*bench.io, bench.controller->switch_on({"host4"}, "ann"), asio::detached);
        bench.pass(1min);
        CHECK(asked() > 0);
    }
    SECTION("the daemon is started anew meanwhile") {
        bench.die();
        bench.start();
        CHECK(bench.controller->rests({"host4"}));
        bench.revive({"host4"});
        bench.pass(5s);
    }
    CHECK_FALSE(bench.controller->rests({"host4"}));
    CHECK(bench.state("host4") == "on");
}

TEST_CASE("A host that a VM left for nobody knows where is not switched off") {
    FailoverBench bench;
    const auto state_after_order = [&] {
        asio::co_spawn(*bench.io, bench.controller->switch_off({"host3"}, false, true, "ann"), asio::detached);
        bench.pass(1min);
        return bench.state("host3");
    };
    bench.silence({"host1"});
    bench.hypervisor.hosts_by_id.at({"host3"}).vms.erase({db});
    bench.pass(1min);
    CHECK(state_after_order() == "on");
    bench.hear({"host1"});
    bench.pass(1min);
    CHECK(state_after_order() == "off");
}
