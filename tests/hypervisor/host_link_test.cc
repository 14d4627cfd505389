// One host by way of libvirt's test driver: coming up, going down, coming back.
#include "hypervisor/host_link.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <unistd.h>

#include "hypervisor/event_loop.h"
#include "tests/hypervisor/await.h"
#include "tests/hypervisor/gate.h"

using namespace ballast;
using namespace ballast::test;
using hypervisor::HostLink;
using std::chrono::milliseconds;

namespace {

using Kind = HypervisorEvent::Kind;
using Work = std::function<Result<int>(virConnectPtr)>;

struct Bench {
    explicit Bench(const std::string& uri = "test:///default", hypervisor::Retry retry = {}) {
        hypervisor::start_event_loop();
        hypervisor::LinkOptions options;
        options.id = {"host1"};
        options.uri = uri;
        options.call_deadline = milliseconds(500);
        options.retry = retry;
        link.emplace(io.get_executor(), options,
                     [this](const HypervisorEvent& event) { events.push_back(event.kind); });
        link->rest_while([this] { return off; });
        boost::asio::co_spawn(io, link->supervise(), boost::asio::detached);
    }
    void wait_for(Connection connection) {
        run_until(io, [&] { return link->connection() == connection; });
    }
    Result<int> call(Work work) { return await(io, link->call<int>(HostLink::Kind::statistics, std::move(work))); }
    long heard(Kind kind) const { return std::count(events.begin(), events.end(), kind); }

    bool off = false;
    std::vector<Kind> events;
    boost::asio::io_context& io = immortal_io();
    std::optional<HostLink> link;
};

Work domains() {
    return [](virConnectPtr connection) -> Result<int> { return virConnectNumOfDomains(connection); };
}

Work hang_in(const Gate& gate) {
    return [closed = gate.closed()](virConnectPtr) -> Result<int> {
        closed.wait();
        return 0;
    };
}

}  // namespace

TEST_CASE("A host that answers comes up, once, without a problem") {
    Bench bench;
    CHECK(bench.link->connection() == Connection::connecting);
    bench.wait_for(Connection::up);
    CHECK(bench.heard(Kind::connected) == 1);
    CHECK(bench.link->problem().empty());
    const auto count = bench.call(domains());
    REQUIRE(count.has_value());
    CHECK(*count == 1);
}

TEST_CASE("Before a host is up, calls fail at once and say so") {
    Bench bench;
    const auto count = bench.call(domains());
    REQUIRE_FALSE(count.has_value());
    CHECK(count.error() == Error{ErrorCode::unavailable, "host1", "not connected yet"});
}

namespace {
/// A host of the test driver that is there once its file is.
struct Machine {
    Machine() { std::filesystem::remove(file); }
    ~Machine() { std::filesystem::remove(file); }
    void switch_on() const { std::ofstream(file) << "<node/>"; }

    std::string file = std::filesystem::temp_directory_path() / ("ballast-link-" + std::to_string(::getpid()) + ".xml");
    std::string uri = "test://" + file;
};
constexpr std::chrono::hours never{1};
}  // namespace

TEST_CASE("A host that is known to be off is not tried again and again, but when somebody says so") {
    const Machine machine;
    Bench bench(machine.uri, {milliseconds(20), milliseconds(20), never});
    bench.off = true;
    bench.wait_for(Connection::down);
    machine.switch_on();
    bench.io.run_for(milliseconds(300));  // many times the 20 ms after which it would be tried
    CHECK(bench.link->connection() == Connection::down);
    bench.off = false;
    bench.link->look_now();
    bench.wait_for(Connection::up);
}

TEST_CASE("A host that is known to be off and that somebody else switches on is found at the next rare look") {
    const Machine machine;
    Bench bench(machine.uri, {never, never, milliseconds(200)});
    bench.off = true;
    bench.wait_for(Connection::down);
    machine.switch_on();
    bench.wait_for(Connection::up);
    CHECK(bench.heard(Kind::connected) == 1);
}

TEST_CASE("A host that is not off is tried again soon") {
    const Machine machine;
    Bench bench(machine.uri, {milliseconds(20), milliseconds(20), never});
    bench.wait_for(Connection::down);
    machine.switch_on();
    bench.wait_for(Connection::up);
}

TEST_CASE("A host that cannot be reached is down, with libvirt's own words") {
    Bench bench("qemu+tcp://127.0.0.1:1/system");
    bench.wait_for(Connection::down);
    CHECK(bench.heard(Kind::disconnected) == 1);
    CHECK(bench.link->problem().find("127.0.0.1:1") != std::string::npos);
    const auto count = bench.call(domains());
    CHECK(count.error().code == ErrorCode::unavailable);
    CHECK(count.error().message == bench.link->problem());
}

TEST_CASE("A statistics call that hangs puts the host in doubt, and the next ping brings it back on a fresh lane") {
    Bench bench;
    Gate gate;
    bench.wait_for(Connection::up);
    const auto hung = bench.call(hang_in(gate));
    CHECK(hung.error().code == ErrorCode::timed_out);
    CHECK(bench.heard(Kind::disconnected) == 1);
    bench.wait_for(Connection::up);
    CHECK(bench.heard(Kind::connected) == 2);
    CHECK(bench.call(domains()).has_value());
}

TEST_CASE("A blocking call that reaches its deadline says nothing about the host") {
    Bench bench;
    Gate gate;
    bench.wait_for(Connection::up);
    const auto hung = await(bench.io, bench.link->blocking_call<int>(hang_in(gate), milliseconds(30)));
    CHECK(hung.error().code == ErrorCode::timed_out);
    CHECK(bench.link->connection() == Connection::up);
    CHECK(bench.heard(Kind::disconnected) == 0);
}

TEST_CASE("A hung libvirt cannot use up all threads") {
    Bench bench;
    Gate gate;
    bench.wait_for(Connection::up);
    Result<int> last = 0;
    for (int i = 0; i < 20; ++i) last = await(bench.io, bench.link->blocking_call<int>(hang_in(gate), milliseconds(5)));
    CHECK(last.error() == Error{ErrorCode::unavailable, "host1", "all its migration workers are busy"});
}

TEST_CASE("What happens to domains is heard, until the link goes") {
    Bench bench;
    bench.wait_for(Connection::up);
    const auto suspended = bench.call([](virConnectPtr connection) -> Result<int> {
        const hypervisor::DomainHandle domain(virDomainLookupByName(connection, "test"));
        const int failed = virDomainSuspend(domain.get());
        return failed + virDomainResume(domain.get());
    });
    CHECK(*suspended == 0);
    run_until(bench.io, [&] { return bench.heard(Kind::vm_changed) >= 2; });
    CHECK(bench.heard(Kind::disconnected) == 0);
}

TEST_CASE("That a storage pool or a network comes, goes or is looked at anew is heard, until the link goes") {
    Bench bench;
    bench.wait_for(Connection::up);
    const auto changed = bench.call([](virConnectPtr connection) -> Result<int> {
        const hypervisor::PoolHandle pool(virStoragePoolLookupByName(connection, "default-pool"));
        const hypervisor::NetworkHandle network(virNetworkLookupByName(connection, "default"));
        const int failed =
            virStoragePoolRefresh(pool.get(), 0) + virStoragePoolDestroy(pool.get()) + virNetworkDestroy(network.get());
        return failed + virStoragePoolCreate(pool.get(), 0) + virNetworkCreate(network.get());  // other tests see them
    });
    CHECK(*changed == 0);
    run_until(bench.io, [&] { return bench.heard(Kind::host_changed) >= 5; });
    CHECK(bench.heard(Kind::disconnected) == 0);
}

TEST_CASE("ssh is told not to ask, whatever else the URI says") {
    using hypervisor::without_prompt;
    CHECK(without_prompt("qemu+ssh://h/system") == "qemu+ssh://h/system?no_tty=1");
    CHECK(without_prompt("qemu+ssh://h/system?keyfile=/k") == "qemu+ssh://h/system?keyfile=/k&no_tty=1");
    CHECK(without_prompt("qemu+ssh://h/system?no_tty=0") == "qemu+ssh://h/system?no_tty=0");
    CHECK(without_prompt("qemu+tcp://h/system") == "qemu+tcp://h/system");
    CHECK(without_prompt("qemu:///system") == "qemu:///system");
}
