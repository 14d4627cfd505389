// VMs that somebody moves past Ballast, and what becomes of them when their new host dies before it was looked at.
#include "executor/vm_records.h"
#include "tests/daemon/daemon_life.h"

using namespace ballast;
using namespace ballast::test;

namespace {

const VmId moved{"id-web"};

/// Four hosts with BMCs; web runs on host2 and db on host3.
struct HandBench : DaemonLife {
    HandBench() : DaemonLife({"host1", "host2", "host3", "host4"}) {
        options.shared_storage = {"/srv/vms"};
        for (const auto& host : options.hosts) power.add_host(host.id.value);
        power.on_change = [this](const HostId& id, Power now) { now == Power::on ? hear(id) : kill(id); };
        vm("host2", "web");
        vm("host3", "db");
        boot();
        pass(100ms);
    }
    FakeHost& host(const char* id) { return hypervisor->hosts_by_id.at({id}); }
    FakeVm& web_on(const char* id) { return host(id).vms.at(moved); }
    void tell(HypervisorEvent::Kind kind, const char* at, const char* detail) {
        hypervisor->tell({kind, {at}, moved, detail});
    }
    void arrives() { tell(HypervisorEvent::Kind::vm_started, "host4", "arriving"); }
    void leaves() { tell(HypervisorEvent::Kind::vm_stopped, "host2", "migrated"); }
    void silence(const HostId& id) {
        probe.silent.insert(id);
        hypervisor->hosts_by_id.at(id).connection = Connection::down;
        hypervisor->tell({HypervisorEvent::Kind::disconnected, id, {}, "silence"});
    }
    void hear(const HostId& id) {
        probe.silent.erase(id);
        hypervisor->hosts_by_id.at(id).connection = Connection::up;
        hypervisor->tell({HypervisorEvent::Kind::connected, id, {}, {}});
    }
    void kill(const HostId& id) {
        for (auto& [vm, fake] : hypervisor->hosts_by_id.at(id).vms) fake.state = VmState::shut_off;
        silence(id);
    }
    /// It went down with the host, which is up again.
    void boot_target() {
        web_on("host4").state = VmState::shut_off;
        web_on("host4").end_unknown = true;
        host("host4").booted = clock.now();
    }
    std::string runs_on() const {
        for (const auto& [id, one] : hypervisor->hosts_by_id) {
            const auto found = one.vms.find(moved);
            if (found != one.vms.end() && found->second.state == VmState::running) return id.value;
        }
        return "";
    }
    std::string owner() const {
        const auto found = store.entries.find(executor::vm_record_key(moved));
        if (found == store.entries.end()) return "nobody";
        return executor::vm_record_from_json(boost::json::parse(found->second.value))->host.value;
    }
    bool notes(const std::string& part) const {
        for (const std::string& note : controller->last_cycle().notes)
            if (note.find(part) != std::string::npos) return true;
        return false;
    }
};

}  // namespace

TEST_CASE("A VM that is moved by hand to a host that dies before it was sampled is started elsewhere") {
    HandBench bench;
    bench.move_by_hand("web", "host4");
    SECTION("as the events come") {
        bench.arrives();
        bench.leaves();
    }
    SECTION("whose agents tell in another order") {
        bench.leaves();
        bench.arrives();
    }
    bench.pass(200ms);
    CHECK(bench.owner() == "host4");
    bench.kill({"host4"});
    bench.pass(40s);
    CHECK(bench.runs_on() != "");
    CHECK(bench.runs_on() != "host4");
}

TEST_CASE("A daemon that starts does not take a sample from before a VM moved for a move back") {
    HandBench bench;
    const FakeVm before = bench.web_on("host2");
    bench.move_by_hand("web", "host4");
    bench.arrives();
    bench.leaves();
    bench.pass(200ms);
    REQUIRE(bench.owner() == "host4");
    bench.die();
    bench.host("host4").connection = Connection::down;
    const bool is_back = GENERATE(false, true);
    bench.host("host2").vms.emplace(moved, before).first->second.gone = !is_back;
    bench.boot();
    bench.pass(20s);
    CHECK(bench.owner() == (is_back ? "host2" : "host4"));
}

TEST_CASE("What did not arrive is no end of a VM, and an arrival alone is no move") {
    HandBench bench;
    bench.arrives();
    bench.pass(1s);
    CHECK(bench.owner() == "host2");
    bench.tell(HypervisorEvent::Kind::vm_stopped, "host4", "failed");
    bench.leaves();
    bench.pass(1s);
    CHECK(bench.owner() == "host2");
}

TEST_CASE("Of a VM that is moved away nobody knows where to, a person is told, unless each host was looked at") {
    HandBench bench;
    const bool persistent = GENERATE(true, false);
    bench.web_on("host2").facts.persistent = persistent;
    bench.move_by_hand("web", "host4");
    bench.leaves();
    SECTION("its new host dies at once") {
        bench.silence({"host4"});
        bench.host("host4").vms.clear();
        bench.pass(1min);
        CHECK(bench.owner() == "host2");
        CHECK(bench.runs_on().empty());  // perhaps it was moved to a host that is none of ours
        CHECK(bench.notes("ALARM: web left host2, perhaps for host4, and was not seen since"));
        bench.host("host4").booted = bench.clock.now();
        bench.hear({"host4"});
        bench.pass(1min);
        CHECK(bench.notes("ALARM: web left host2"));
        CHECK(bench.wait(bench.controller->forget_vm("web", "ann")));
        bench.pass(3s);
        CHECK_FALSE(bench.notes("ALARM: web"));
    }
    SECTION("its new host is seen with it") {
        bench.pass(20s);
        CHECK(bench.owner() == "host4");
        CHECK_FALSE(bench.notes("ALARM: web"));
    }
    SECTION("no host has it: it is somebody else's from now on") {
        bench.host("host4").vms.clear();
        bench.pass(1min);
        CHECK(bench.owner() == "nobody");
        CHECK_FALSE(bench.notes("ALARM: web"));
    }
}

TEST_CASE("A VM whose new host was booted before anybody looked is started there when its definition is there") {
    HandBench bench;
    SECTION("seen by who was there") {
        bench.move_by_hand("web", "host4");
        bench.boot_target();
        bench.leaves();
        bench.silence({"host4"});
        bench.pass(8s);
        bench.hear({"host4"});
    }
    SECTION("seen by who came after it") {
        bench.die();
        bench.clock.advance(20s);
        bench.move_by_hand("web", "host4");
        bench.boot_target();
        bench.boot();
    }
    bench.pass(1min);
    CHECK(bench.runs_on() == "host4");
    CHECK(bench.owner() == "host4");
}

TEST_CASE("What may have gone down with a host is remembered by the next daemon as long as a person has to see to it") {
    HandBench bench;
    bench.web_on("host2").facts.persistent = false;
    bench.die();
    bench.clock.advance(20s);
    bench.move_by_hand("web", "host4");
    bench.host("host4").vms.clear();
    bench.host("host4").booted = bench.clock.now();
    bench.boot();
    SECTION("its boot was just noticed") {}
    SECTION("it was told") {
        bench.pass(1min);
        CHECK(bench.notes("ALARM: web left host2, perhaps for host4, and was not seen since"));
    }
    SECTION("it was told for long") {
        bench.pass(20min);
    }
    bench.reboot();
    bench.pass(1min);
    CHECK(bench.owner() == "host2");
    CHECK(bench.notes("ALARM: web left host2, perhaps for host4, and was not seen since"));
    CHECK(bench.wait(bench.controller->forget_vm("web", "ann")));
    bench.pass(10min);
    bench.reboot();
    bench.pass(1min);
    CHECK(bench.owner() == "nobody");
    CHECK_FALSE(bench.notes("ALARM: web"));
}

TEST_CASE("A VM that went down with its host in the middle of an operation is started by whichever daemon comes next") {
    HandBench bench;
    bench.web_on("host2").facts.persistent = false;
    bench.hypervisor->migration_time = 1h;
    REQUIRE(bench.wait(bench.controller->migrate(moved, {"host4"}, true, "ann")));
    bench.pass(5s);
    bench.host("host2").vms.clear();
    bench.host("host2").booted = bench.clock.now();
    bench.pass(15s);
    CHECK(bench.runs_on().empty());
    bench.reboot();
    bench.pass(3min);
    CHECK(bench.runs_on() == "host2");
}
