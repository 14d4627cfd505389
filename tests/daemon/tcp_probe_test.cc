// The second way to see a host: its kernel, at the port of the way it is reached.
#include "daemon/tcp_probe.h"

#include <boost/asio.hpp>
#include <catch2/catch.hpp>
#include <cstddef>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <thread>

#include "tests/sim/show_result.h"

using namespace ballast;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {
/// As on a machine without IPv6. For this thread alone, and what it starts.
bool take_ipv6_away() {
    sock_filter code[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3),
                          BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[0])),
                          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 0, 1),
                          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAFNOSUPPORT),
                          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    sock_fprog filter{std::size(code), code};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}
}  // namespace

TEST_CASE("The host of a URI can be asked at the port of its transport") {
    using daemon::probe_target;
    using Target = daemon::ProbeTarget;
    CHECK(probe_target("qemu+tcp://host2/system") == Target{"host2", "16509"});
    CHECK(probe_target("qemu+tls://host2/system") == Target{"host2", "16514"});
    CHECK(probe_target("qemu://host2/system") == Target{"host2", "16514"});
    CHECK(probe_target("qemu+ssh://root@host2/system?no_tty=1") == Target{"host2", "22"});
    CHECK(probe_target("qemu+ssh://root@host2:2222/system") == Target{"host2", "2222"});
    CHECK(probe_target("qemu+tcp://[fd00::2]:1234/system") == Target{"fd00::2", "1234"});
    CHECK(probe_target("qemu+tcp://[fd00::2]/system") == Target{"fd00::2", "16509"});
    CHECK_FALSE(probe_target("qemu:///system"));
    CHECK_FALSE(probe_target("qemu+unix:///system"));
    CHECK_FALSE(probe_target("qemu+ext://host2/system"));
    CHECK_FALSE(probe_target("myalias"));
}

TEST_CASE("A kernel that answers is there, be it that nobody listens") {
    asio::io_context io;
    asio::ip::tcp::acceptor listening(io, {asio::ip::address_v4::loopback(), 0});
    const auto port_of = [](auto& acceptor) { return std::to_string(acceptor.local_endpoint().port()); };
    asio::ip::tcp::acceptor closed(io, {asio::ip::address_v4::loopback(), 0});
    const std::string nobody = port_of(closed);
    closed.close();
    std::vector<config::HostOptions> hosts(3);
    hosts[0].id = {"listens"};
    hosts[0].uri = "qemu+tcp://127.0.0.1:" + port_of(listening) + "/system";
    hosts[1].id = {"refuses"};
    hosts[1].uri = "qemu+tcp://127.0.0.1:" + nobody + "/system";
    hosts[2].id = {"local"};
    hosts[2].uri = "qemu:///system";
    daemon::TcpProbe probe(io.get_executor(), hosts);
    const auto reach = [&](const char* host) {
        std::optional<Result<void>> answer;
        asio::co_spawn(io, probe.reach({host}), [&](std::exception_ptr, Result<void> result) { answer = result; });
        io.restart();
        io.run_for(5s);
        REQUIRE(answer);
        return *answer;
    };
    reach("listens"), reach("refuses");  // the first look resolves the name
    CHECK(reach("listens"));
    CHECK(reach("refuses"));
    CHECK(reach("local").error().code == ErrorCode::unavailable);
    CHECK(probe.reaches({"listens"}));
    CHECK_FALSE(probe.reaches({"local"}));
    daemon::TcpProbe prepared(io.get_executor(), hosts);
    CHECK_FALSE(prepared.reaches({"listens"}));
    prepared.resolve_all();
    io.restart();
    io.run_for(5s);
    CHECK(prepared.reaches({"listens"}));
}

TEST_CASE("A host that only has addresses of a kind that this machine has not is not seen in this way") {
    std::vector<config::HostOptions> hosts(2);
    hosts[0].id = {"six"};
    hosts[0].uri = "qemu+tcp://[::1]:1/system";
    hosts[1].id = {"four"};
    hosts[1].uri = "qemu+tcp://127.0.0.1:1/system";
    bool six = true, four = false, taken = false;
    std::thread without([&] {
        taken = take_ipv6_away();
        asio::io_context io;
        daemon::TcpProbe probe(io.get_executor(), hosts);
        probe.resolve_all();
        io.run_for(5s);
        six = probe.reaches({"six"});
        four = probe.reaches({"four"});
    });
    without.join();
    CHECK(taken);
    CHECK(four);
    CHECK_FALSE(six);
}
