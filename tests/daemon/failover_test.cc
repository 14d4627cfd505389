// Hosts that stop answering, in the whole daemon: suspicion, fencing, restarts, the return, and what must not happen.
#include "tests/daemon/failover_bench.h"

using namespace ballast;
using namespace ballast::test;

TEST_CASE("The VMs of a dead host run elsewhere within half a minute, and it comes back without them") {
    FailoverBench bench;
    bench.kill({"host2"});
    bench.pass(11s);
    CHECK(bench.power.orders.empty());
    bench.pass(9s);
    REQUIRE(bench.power.orders == std::vector<std::string>{"off host2"});
    CHECK(bench.state("host2") == "lost");
    REQUIRE(bench.where(web).empty() == false);
    const std::string first = bench.where(web);
    CHECK(first != "host2");
    bench.pass(1min);  // it is switched on again and cleaned
    CHECK(bench.power.orders == std::vector<std::string>{"off host2", "on host2"});
    CHECK(bench.state("host2") == "on");
    CHECK(bench.hypervisor.hosts_by_id.at({"host2"}).vms.empty());
    CHECK(bench.where(web) == first);
    CHECK(bench.where(db) == "host3");
}

TEST_CASE("The VMs of a host that dies again after its return are started elsewhere as well") {
    FailoverBench bench;
    bench.kill({"host2"});
    bench.pass(2min);
    REQUIRE(bench.state("host2") == "on");
    const HostId first{bench.where(web)};
    auto& hosts = bench.hypervisor.hosts_by_id;
    hosts.at({"host2"}).vms.insert(hosts.at(first).vms.extract({web}));  // somebody moves it back
    bench.pass(1min);
    bench.kill({"host2"});
    bench.pass(30s);
    CHECK(bench.state("host2") == "lost");
    CHECK_FALSE(bench.where(web).empty());
    CHECK(bench.where(web) != "host2");
}

TEST_CASE("A restart that is planned and not begun is told with its reason") {
    FailoverBench bench;
    bench.policy.failover.restarts_per_host = 0;
    bench.controller->set_policy(bench.policy);
    bench.kill({"host2"});
    bench.pass(1min);
    CHECK(bench.where(web).empty());
    CHECK(bench.notes("web is not started: enough VMs are being started on host"));
}

TEST_CASE("Silence that is short, of many hosts, or of libvirt alone cuts nobody off") {
    FailoverBench bench;
    SECTION("short, again and again") {
        for (int i = 0; i < 100; ++i) {
            bench.silence({"host2"});
            bench.pass(Duration(80 * i));
            bench.hear({"host2"});
            bench.pass(3s);
        }
    }
    SECTION("half of them") {
        bench.silence({"host2"});
        bench.pass(5s);
        bench.silence({"host3"});
        bench.pass(10min);
        CHECK(bench.notes("2 of 4 hosts do not answer"));
    }
    SECTION("half of them, that come back one after the other") {
        bench.silence({"host2"});
        bench.silence({"host3"});
        bench.pass(1min);
        bench.hear({"host3"});
        bench.pass(25s);
        CHECK(bench.power.orders.empty());
        bench.hear({"host2"});
        bench.pass(1min);
    }
    SECTION("its kernel still answers") {
        bench.hypervisor.hosts_by_id.at({"host2"}).connection = Connection::down;
        bench.pass(10min);
    }
    SECTION("its libvirt still answers") {
        bench.probe.silent.insert({"host2"});
        bench.pass(10min);
    }
    SECTION("it cannot be seen in a second way") {
        bench.probe.without.insert({"host2"});
        bench.silence({"host2"});
        bench.pass(10min);
    }
    CHECK(bench.power.orders.empty());
    CHECK(bench.state("host2") == "on");
}

TEST_CASE("A host that stays silent after the others are back is cut off half a minute later") {
    FailoverBench bench;
    bench.silence({"host2"});
    bench.silence({"host3"});
    bench.pass(1min);
    bench.hear({"host3"});
    bench.pass(25s);
    CHECK(bench.power.orders.empty());
    bench.pass(10s);
    CHECK_FALSE(bench.power.orders.empty());
}

TEST_CASE("A host that could not be cut off is not tried again while others are silent, nor just after") {
    FailoverBench bench;
    auto& bmc = bench.power.hosts_by_id.at({"host2"});
    bmc.error = Error{ErrorCode::unavailable, "host2", "its BMC does not answer"};
    bench.silence({"host2"});
    bench.pass(1min);
    REQUIRE(bench.state("host2") == "fencing");
    bench.silence({"host3"});
    bench.pass(30s);
    bmc.error.reset();
    bench.power.orders.clear();
    bench.pass(1min);
    bench.hear({"host3"});
    bench.pass(25s);
    CHECK(bench.power.orders.empty());
    bench.pass(20s);
    CHECK(bench.power.orders.front() == "off host2");
    CHECK(bench.state("host2") != "fencing");
}

TEST_CASE("In other modes a dead host is named and nothing is done, but on an operator's word") {
    FailoverBench bench(policy::Mode::observe);
    bench.kill({"host2"});
    bench.pass(5min);
    CHECK(bench.power.orders.empty());
    CHECK(bench.notes("host2 has not answered for"));
    CHECK(bench.where(web).empty());
    asio::co_spawn(*bench.io, bench.controller->set_paused(true, "bob"), asio::detached);
    asio::co_spawn(*bench.io, bench.controller->confirm_lost({"host2"}, "ann"), asio::detached);
    bench.pass(10s);
    CHECK(bench.state("host2") == "lost");
    CHECK(bench.where(web).empty());
    CHECK(bench.notes("web is not started: Ballast is paused"));
    asio::co_spawn(*bench.io, bench.controller->set_paused(false, "bob"), asio::detached);
    bench.pass(10s);
    CHECK_FALSE(bench.where(web).empty());
    CHECK(bench.power.orders.empty());
}

TEST_CASE("What the policy had cut off waits for its mode, and that is told") {
    FailoverBench bench;
    bench.policy.failover.restarts_per_host = 0;
    bench.policy.failover.bring_back = false;
    bench.controller->set_policy(bench.policy);
    bench.kill({"host2"});
    bench.pass(1min);
    REQUIRE(bench.state("host2") == "lost");
    bench.policy.failover.restarts_per_host = 4;
    bench.policy.mode = policy::Mode::confirm;
    bench.controller->set_policy(bench.policy);
    bench.pass(10s);
    CHECK(bench.where(web).empty());
    CHECK(bench.notes("web is not started: in mode confirm only those of a host"));
    bench.policy.mode = policy::Mode::automatic;
    bench.controller->set_policy(bench.policy);
    bench.pass(10s);
    CHECK_FALSE(bench.where(web).empty());
}

TEST_CASE("A daemon that starts after the death of a host knows from the store what ran there") {
    FailoverBench bench;
    bench.kill({"host2"});
    bench.die();
    bench.start();
    bench.pass(4min);
    CHECK(bench.power.orders.empty());  // it might still boot
    bench.pass(2min);
    CHECK(bench.power.orders.front() == "off host2");
    CHECK_FALSE(bench.where(web).empty());
    CHECK(bench.where(web) != "host2");
}

TEST_CASE("A leader that follows one that died with its host sees to that host at once, but not just after a boot") {
    FailoverBench bench;
    bench.clock.run_for(*bench.io, 10min);  // its machine is up for more than an hour
    bench.kill({"host2"});
    bench.die();
    bench.one_of_several = true;
    bench.start();
    bench.pass(5s);
    CHECK(bench.power.orders.empty());  // a few looks first
    bench.pass(30s);
    CHECK(bench.power.orders.front() == "off host2");
    CHECK(bench.where(web) != "host2");
    CHECK_FALSE(bench.where(web).empty());
}

TEST_CASE("A leader whose network may have been away until just now gives the others half a minute") {
    FailoverBench bench;
    bench.clock.run_for(*bench.io, 10min);
    bench.kill({"host2"});
    bench.die();
    bench.one_of_several = bench.after_outage = true;
    bench.start();
    bench.pass(28s);
    CHECK(bench.power.orders.empty());
    bench.pass(15s);
    REQUIRE_FALSE(bench.power.orders.empty());
    CHECK(bench.power.orders.front() == "off host2");
}

TEST_CASE("A VM that its host would start again is left, named, and started there when the host is back") {
    FailoverBench bench;
    bench.hypervisor.hosts_by_id.at({"host2"}).vms.at({web}).facts.autostart = true;
    bench.hypervisor.tell({HypervisorEvent::Kind::vm_changed, {"host2"}, {web}, "defined"});
    bench.pass(15s);
    bench.power.hosts_by_id.at({"host2"}).error.reset();
    bench.policy.failover.bring_back = false;
    bench.controller->set_policy(bench.policy);
    bench.kill({"host2"});
    bench.pass(1min);
    CHECK(bench.state("host2") == "lost");
    CHECK(bench.where(web).empty());
    CHECK(bench.notes("ALARM: web is down since host2 was lost"));
    bench.revive({"host2"});
    bench.pass(30s);
    CHECK(bench.where(web) == "host2");
    CHECK_FALSE(bench.notes("ALARM"));
}

TEST_CASE("A host that somebody calls well is left alone until it has answered and is silent again") {
    FailoverBench bench;
    bench.power.hosts_by_id.at({"host2"}).error = Error{ErrorCode::unavailable, "host2", "no answer"};
    bench.silence({"host2"});
    bench.pass(1min);
    CHECK(bench.state("host2") == "fencing");
    asio::co_spawn(*bench.io, bench.controller->release_power({"host2"}, "ann"), asio::detached);
    bench.pass(2min);
    CHECK(bench.state("host2") == "on");
    CHECK(bench.notes("ALARM: host2 has not answered for"));
    bench.hear({"host2"});
    bench.pass(10s);
    bench.silence({"host2"});
    bench.pass(20s);
    CHECK(bench.state("host2") == "fencing");
}

TEST_CASE("Faults that take one host after the other are stopped by the storm rail") {
    FailoverBench bench;
    for (const char* name : {"host1", "host4"})
        bench.hypervisor.add_vm(name, std::string("44444444-4444-4444-4444-44444444444") + name[4],
                                std::string("vm") + name[4]);
    bench.policy.failover.bring_back = false;
    bench.controller->set_policy(bench.policy);
    bench.pass(30s);
    bench.kill({"host2"});
    bench.pass(1min);
    bench.kill({"host3"});
    bench.pass(1min);
    CHECK(bench.power.orders == std::vector<std::string>{"off host2"});
    CHECK(bench.notes("2 of 4 hosts do not answer"));
}

TEST_CASE("A guest that is paused when its host dies is started elsewhere as well") {
    FailoverBench bench;
    bench.hypervisor.hosts_by_id.at({"host2"}).vms.at({web}).state = VmState::paused;
    bench.pass(1min);
    bench.kill({"host2"});
    bench.pass(30s);
    CHECK_FALSE(bench.where(web).empty());
}

TEST_CASE("A guest that stands still by an IO error is an alarm after a while, and one that its user paused is none") {
    using Why = Presence::PauseReason;
    FailoverBench bench;
    auto& vm = bench.hypervisor.hosts_by_id.at({"host2"}).vms.at({web});
    vm.state = VmState::paused;
    vm.pause_reason = Why::user;
    bench.pass(10min);
    CHECK_FALSE(bench.notes("web"));
    vm.pause_reason = Why::io_error;
    bench.pass(3min);
    CHECK(bench.notes("ALARM: web is paused on host2 by an IO error: see to its storage, then virsh resume"));
    CHECK(bench.controller->last_cycle().stuck == 1);
    vm.state = VmState::running;
    bench.pass(1min);
    CHECK_FALSE(bench.notes("web"));
}

TEST_CASE("That a VM has autostart is known after a restart of the daemon, too") {
    FailoverBench bench;
    bench.hypervisor.hosts_by_id.at({"host2"}).vms.at({web}).facts.autostart = true;
    bench.hypervisor.tell({HypervisorEvent::Kind::vm_changed, {"host2"}, {web}, "defined"});
    bench.pass(15s);
    bench.policy.failover.bring_back = false;
    bench.kill({"host2"});
    bench.die();
    bench.start();
    bench.pass(6min);
    CHECK(bench.state("host2") == "lost");
    CHECK(bench.where(web).empty());
    CHECK(bench.notes("ALARM: web is down since host2 was lost"));
}

TEST_CASE("What ran on a host that rebooted before anybody missed it is started there again") {
    FailoverBench bench;
    FakeHost& host = bench.hypervisor.hosts_by_id.at({"host2"});
    SECTION("seen at once") {}
    SECTION("seen while it was being cut off") {
        bench.power.hosts_by_id.at({"host2"}).error = Error{ErrorCode::unavailable, "host2", "no answer"};
        bench.silence({"host2"});
        bench.pass(30s);
        CHECK(bench.state("host2") == "fencing");
    }
    host.vms.at({web}).state = VmState::shut_off;
    host.booted = bench.clock.now();
    bench.hear({"host2"});
    bench.pass(45s);
    CHECK(bench.state("host2") == "on");
    CHECK(bench.where(web) == "host2");
}

TEST_CASE("After a power cut of everything what ran is started again, and what was shut down before is not") {
    FailoverBench bench;
    bench.die();
    bench.clock.advance(2h);
    for (auto& [id, host] : bench.hypervisor.hosts_by_id) {
        for (auto& [vm, fake] : host.vms) fake.state = VmState::shut_off;
        if (id != HostId{"host3"}) host.booted = bench.clock.now();
    }
    bench.start();
    bench.pass(1min);
    CHECK(bench.where(web) == "host2");
    CHECK(bench.where(db).empty());  // its host was not booted: somebody shut it down while nobody looked
    CHECK(bench.power.orders.empty());
}

TEST_CASE("A transient VM of a host that rebooted unseen long ago is started there again, by the word of its system") {
    const std::string first = "0a4e5f1c-6f9b-4d52-8a57-0c8f3c8a9d11", second = "ffffffff-6f9b-4d52-8a57-0c8f3c8a9d11";
    FailoverBench bench;
    auto& vms = bench.hypervisor.hosts_by_id.at({"host2"}).vms;
    vms.at({web}).facts.persistent = false;
    bench.hypervisor.tell({HypervisorEvent::Kind::vm_changed, {"host2"}, {web}, ""});
    bench.controller->boot_told({"host2"}, first);
    bench.pass(1min);
    bench.die();
    bench.clock.advance(48h);
    vms.erase({web});  // what the host has counted since tells nothing: it is more than it was
    bench.start();
    bench.pass(40s);
    CHECK(bench.where(web).empty());
    SECTION("it was booted") {
        bench.controller->boot_told({"host2"}, second);
        bench.pass(1min);
        CHECK(bench.where(web) == "host2");
    }
    SECTION("it was not: somebody shut it down") {
        bench.controller->boot_told({"host2"}, first);
        bench.pass(1min);
        CHECK(bench.where(web).empty());
        CHECK_FALSE(bench.store.entries.contains(executor::vm_record_key({web})));
    }
    SECTION("nobody says so within two minutes") {
        bench.pass(3min);
        CHECK(bench.where(web).empty());
        CHECK_FALSE(bench.store.entries.contains(executor::vm_record_key({web})));
    }
}

TEST_CASE("What its host's libvirt knows nothing of went down with it, and what was heard to end did not") {
    FailoverBench bench;
    auto& vm = bench.hypervisor.hosts_by_id.at({"host2"}).vms.at({web});
    vm.state = VmState::shut_off;
    SECTION("nothing was heard, and nothing is known") {
        vm.end_unknown = true;
        bench.pass(45s);
        CHECK(bench.where(web) == "host2");
    }
    SECTION("nothing was heard, and it was shut down") {
        bench.pass(2min);
        CHECK(bench.where(web).empty());
        CHECK_FALSE(bench.notes("web is down"));
    }
    SECTION("its end was heard") {
        vm.end_unknown = true;
        bench.hypervisor.tell({HypervisorEvent::Kind::vm_stopped, {"host2"}, {web}, "shut down"});
        bench.pass(2min);
        CHECK(bench.where(web).empty());
    }
}

TEST_CASE("What was changed just before its host died is started from what was known") {
    FailoverBench bench;
    bench.hypervisor.tell({HypervisorEvent::Kind::vm_changed, {"host2"}, {web}, {}});
    bench.kill({"host2"});
    bench.pass(30s);
    CHECK_FALSE(bench.where(web).empty());
}

TEST_CASE("A definition that could not be read, or that a restore took away, is read again") {
    FailoverBench bench;
    bench.hypervisor.definitions_fail = true;
    bench.hypervisor.add_vm("host2", db, "db");
    bench.hypervisor.hosts_by_id.at({"host3"}).vms.clear();
    bench.hypervisor.tell({HypervisorEvent::Kind::vm_changed, {"host2"}, {db}, {}});
    SECTION("it could not be read") {}
    SECTION("it was taken away") {
        bench.die();
        KeyValue& kept = bench.store.entries.at(std::string("/ballast/vms/") + web);
        const auto with = std::string(R"("definition":"web")");
        REQUIRE(kept.value.find(with) != std::string::npos);
        kept.value.replace(kept.value.find(with), with.size(), R"("definition":"")");
        bench.start();
    }
    bench.pass(1min);
    bench.hypervisor.definitions_fail = false;
    bench.pass(1min);
    bench.kill({"host2"});
    bench.pass(1min);
    CHECK_FALSE(bench.where(web).empty());
    CHECK_FALSE(bench.where(db).empty());
}

TEST_CASE("A VM that is down can be left to a person, and only such a one") {
    FailoverBench bench;
    const auto forget = [&](const char* name) {
        std::optional<Result<VmRecord>> answer;
        asio::co_spawn(*bench.io, bench.controller->forget_vm(name, "ann"),
                       [&](std::exception_ptr, Result<VmRecord> result) { answer = result; });
        bench.pass(1s);
        REQUIRE(answer);
        return *answer;
    };
    CHECK(forget("nobody").error().code == ErrorCode::not_found);
    CHECK(forget("db").error().message == "it is not down: it runs on host3");
    bench.hypervisor.hosts_by_id.at({"host2"}).vms.at({web}).facts.autostart = true;
    bench.hypervisor.tell({HypervisorEvent::Kind::vm_changed, {"host2"}, {web}, {}});
    bench.pass(5s);
    bench.kill({"host2"});
    bench.pass(25s);
    CHECK(bench.notes("web is down since host2 was lost"));
    REQUIRE(forget("web"));
    CHECK(forget("web").error().code == ErrorCode::not_found);
    bench.pass(1s);
    CHECK_FALSE(bench.notes("web is down"));
    CHECK(bench.controller->last_cycle().plan.restarts.empty());
    bench.pass(2min);
    CHECK(bench.state("host2") == "on");
    CHECK(bench.where(web).empty());
}

TEST_CASE("VMs of a host that is not configured any more are named") {
    FailoverBench bench;
    bench.die();
    bench.hypervisor.hosts_by_id.erase({"host2"});
    bench.start();
    bench.pass(15s);
    CHECK(bench.notes("ALARM: web ran on host2, which is not configured any more"));
}

TEST_CASE("A VM that was shut down before its host died is not started") {
    FailoverBench bench;
    bench.hypervisor.hosts_by_id.at({"host2"}).vms.erase({web});
    bench.pass(30s);
    bench.kill({"host2"});
    bench.pass(1min);
    CHECK(bench.where(web).empty());
    CHECK(bench.power.orders.empty());  // nothing there is worth it
}
