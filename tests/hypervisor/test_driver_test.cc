// The port as a whole on libvirt's test driver, which keeps its host and guests in this process.
#include <filesystem>
#include <fstream>
#include <unistd.h>

#include "hypervisor/event_loop.h"
#include "hypervisor/libvirt_hypervisor.h"
#include "tests/hypervisor/await.h"
#include "tests/support/virtual_clock.h"

using namespace ballast;
using namespace ballast::test;
using hypervisor::LibvirtHypervisor;
using std::chrono::seconds;

namespace {

const HostId here{"here"}, gone{"gone"};

hypervisor::LinkOptions link_to(const HostId& id, const std::string& uri) {
    hypervisor::LinkOptions link;
    link.id = id;
    link.uri = uri;
    link.peer_uri = uri;
    link.shared_paths = {"/srv/vms"};
    link.cpu_share = 0.5;
    return link;
}

std::vector<hypervisor::LinkOptions> links() {
    return {link_to(here, "test:///default"), link_to(gone, "qemu+tcp://127.0.0.1:1/system")};
}

struct Bench {
    Bench() {
        run_until(io, [&] { return hypervisor.connection(here) == Connection::up; });
        const auto reading = await(io, hypervisor.read(here));
        REQUIRE(reading.has_value());
        for (const auto& counters : reading->vms)
            if (counters.name == "test") vm = counters.id;
        REQUIRE_FALSE(vm.empty());
    }
    Presence presence() {
        const auto found = await(io, hypervisor.presence(here, vm));
        REQUIRE(found.has_value());
        return *found;
    }

    VirtualClock clock;
    boost::asio::io_context& io = immortal_io();
    LibvirtHypervisor& hypervisor = immortal<LibvirtHypervisor>(io.get_executor(), clock, links());
    VmId vm;
};

}  // namespace

TEST_CASE("A host's facts are what libvirt says and what the operator adds") {
    Bench bench;
    const auto facts = await(bench.io, bench.hypervisor.facts(here));
    REQUIRE(facts.has_value());
    CHECK(facts->cpus == 8);  // 16, of which guests may use a half
    CHECK(facts->memory_total == gib(3));
    CHECK(facts->networks == std::set<std::string>{"default"});
    CHECK(facts->pools.contains("default-pool"));
    CHECK(facts->shared_paths == std::set<std::string>{"/srv/vms"});
    CHECK_FALSE(facts->libvirt_version.empty());
}

TEST_CASE("A reading bears the time of the clock that deadlines are measured on") {
    Bench bench;
    const auto reading = await(bench.io, bench.hypervisor.read(here));
    REQUIRE(reading.has_value());
    CHECK(reading->at == bench.clock.now());
    REQUIRE(reading->vms.size() == 1);
    CHECK(reading->vms[0].state == VmState::running);
}

TEST_CASE("Where a VM is and how it stands is read from its host") {
    Bench bench;
    CHECK(bench.presence().state == Presence::State::running);
    CHECK(bench.presence().persistent);
    const VmId stranger{"00000000-0000-4000-8000-00000000dead"};
    const auto absent = await(bench.io, bench.hypervisor.presence(here, stranger));
    REQUIRE(absent.has_value());
    CHECK(absent->state == Presence::State::absent);
}

TEST_CASE(
    "A guest that is asleep, or crashed with its QEMU kept, stands still as somebody wants it, and not by a "
    "migration") {
    const int state = GENERATE(VIR_DOMAIN_PMSUSPENDED, VIR_DOMAIN_CRASHED, VIR_DOMAIN_PAUSED, VIR_DOMAIN_SHUTOFF);
    const VmId vm{"6f0c2f0e-1111-4222-8333-00000000000" + std::to_string(state)};
    const std::string file = std::filesystem::temp_directory_path() / ("ballast-states-" + std::to_string(::getpid()));
    std::ofstream(file) << "<node><domain type='test' xmlns:test='http://libvirt.org/schemas/domain/test/1.0'>"
                        << "<test:runstate>" << state << "</test:runstate><name>guest</name><uuid>" << vm.value
                        << "</uuid><memory>1024</memory><os><type>hvm</type></os></domain></node>";
    auto& io = immortal_io();
    auto& hypervisor = immortal<LibvirtHypervisor>(io.get_executor(), immortal<VirtualClock>(),
                                                   std::vector{link_to(here, "test://" + file)});
    run_until(io, [&] { return hypervisor.connection(here) == Connection::up; });
    const auto presence = await(io, hypervisor.presence(here, vm));
    std::filesystem::remove(file);
    REQUIRE(presence.has_value());
    using State = Presence::State;
    CHECK(presence->state == (state == VIR_DOMAIN_SHUTOFF ? State::defined : State::paused));
    const bool by_somebody = state == VIR_DOMAIN_PMSUSPENDED || state == VIR_DOMAIN_CRASHED;
    if (by_somebody) CHECK(presence->pause_reason == Presence::PauseReason::user);
}

TEST_CASE("A VM that does not exist is not found") {
    Bench bench;
    const VmId stranger{"00000000-0000-4000-8000-00000000dead"};
    CHECK(await(bench.io, bench.hypervisor.vm_facts(here, stranger)).error().code == ErrorCode::not_found);
    CHECK(await(bench.io, bench.hypervisor.destroy(here, stranger)).error().code == ErrorCode::not_found);
}

TEST_CASE("A state that is saved where a VM did not run last is not restored there") {
    Bench bench;
    const hypervisor::ConnectHandle connection(virConnectOpen("test:///default"));
    const auto domain = hypervisor::find_domain(connection.get(), bench.vm);
    REQUIRE(domain.has_value());
    const hypervisor::Text xml(virDomainGetXMLDesc(domain->get(), 0));
    REQUIRE(virDomainManagedSave(domain->get(), 0) == 0);
    StartRequest request{bench.vm, here, xml.get(), true, seconds(10), false};
    const auto elsewhere = await(bench.io, bench.hypervisor.start(request));
    REQUIRE_FALSE(elsewhere.has_value());
    CHECK(elsewhere.error().message.find("a state of it is saved there") == 0);
    CHECK(virDomainIsActive(domain->get()) == 0);
    request.at_home = true;
    const auto at_home = await(bench.io, bench.hypervisor.start(request));
    if (!at_home) CHECK(at_home.error().message.find("saved") == std::string::npos);
    if (virDomainIsActive(domain->get()) == 0) REQUIRE(virDomainCreate(domain->get()) == 0);
}

TEST_CASE("A VM's facts carry its autostart flag, which does not travel by itself") {
    Bench bench;
    for (const bool autostart : {true, false}) {
        REQUIRE(await(bench.io, bench.hypervisor.set_autostart(here, bench.vm, autostart)).has_value());
        const auto facts = await(bench.io, bench.hypervisor.vm_facts(here, bench.vm));
        REQUIRE(facts.has_value());
        CHECK(facts->name == "test");
        CHECK(facts->autostart == autostart);
        CHECK(facts->persistent);
    }
}

TEST_CASE("A reading tells of an autostart flag that was changed since the last one, for which libvirt has no event") {
    Bench bench;
    std::vector<std::string> heard;
    bench.hypervisor.on_event([&](const HypervisorEvent& event) {
        if (event.kind == HypervisorEvent::Kind::vm_changed && event.vm == bench.vm) heard.push_back(event.detail);
    });
    for (const bool autostart : {true, false}) {
        REQUIRE(await(bench.io, bench.hypervisor.set_autostart(here, bench.vm, autostart)).has_value());
        for (int looked = 0; looked < 2; ++looked) REQUIRE(await(bench.io, bench.hypervisor.read(here)).has_value());
    }
    CHECK(heard == std::vector<std::string>{"autostart", "autostart"});
}

TEST_CASE("A host that is not configured is not found, and one that is down is unavailable") {
    Bench bench;
    CHECK(await(bench.io, bench.hypervisor.facts({"other"})).error().code == ErrorCode::not_found);
    run_until(bench.io, [&] { return bench.hypervisor.connection(gone) == Connection::down; });
    CHECK(await(bench.io, bench.hypervisor.read(gone)).error().code == ErrorCode::unavailable);
    CHECK_FALSE(bench.hypervisor.problem(gone).empty());
    CHECK(bench.hypervisor.problem(here).empty());
}

TEST_CASE("Preflight sees all guests and pools, and a host that is down is no wait") {
    Bench bench;
    const auto facts = await(bench.io, bench.hypervisor.preflight_facts(here, seconds(10)));
    REQUIRE(facts.has_value());
    REQUIRE(facts->guests.size() == 1);
    CHECK(facts->guests[0].id == bench.vm);
    CHECK(facts->guests[0].running);
    CHECK(facts->guests[0].facts.name == "test");
    REQUIRE(facts->pools.size() == 1);
    CHECK(facts->pools[0].active);
    CHECK(facts->host.shared_paths == std::set<std::string>{"/srv/vms"});
    CHECK(facts->uri == "test:///default");
    run_until(bench.io, [&] { return bench.hypervisor.connection(gone) == Connection::down; });
    CHECK(await(bench.io, bench.hypervisor.preflight_facts(gone, seconds(10))).error().code == ErrorCode::unavailable);
}

TEST_CASE("What libvirt cannot compare is unknown, not impossible") {
    Bench bench;
    const std::vector<hypervisor::CpuQuestion> questions = {{"kvm", "x86_64", "<cpu/>"}, {"kvm", "x86_64", "nonsense"}};
    const auto answers = await(bench.io, bench.hypervisor.compare_cpus(here, questions, seconds(10)));
    REQUIRE(answers.has_value());
    CHECK(*answers == std::vector<hypervisor::CpuAnswer>(2, hypervisor::CpuAnswer::unknown));
    CHECK_FALSE(await(bench.io, bench.hypervisor.common_cpu(here, "kvm", {"<cpu/>"}, seconds(10))).has_value());
}

TEST_CASE("Who answers at a peer's URI is told, and who does not is unavailable") {
    Bench bench;
    const auto identity = await(bench.io, bench.hypervisor.identity_at("test:///default", seconds(10)));
    REQUIRE(identity.has_value());
    CHECK_FALSE(identity->hostname.empty());
    const auto nobody = await(bench.io, bench.hypervisor.identity_at("qemu+tcp://127.0.0.1:1/system", seconds(10)));
    CHECK(nobody.error().code == ErrorCode::unavailable);
}
