// A whole daemon but for libvirt: controller on fake hosts, memory store and virtual clock, and its control API on a
// real unix socket. Clients run in threads of their own, with the identity that the test wants.
#pragma once

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <filesystem>
#include <grp.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/api_server.h"
#include "tests/daemon/guests.h"
#include "tests/daemon/run_beside.h"
#include "tests/support/fake_hypervisor.h"
#include "tests/support/fake_power.h"
#include "tests/support/fake_probe.h"
#include "tests/support/memory_store.h"
#include "tests/support/virtual_clock.h"

namespace ballast::test {

namespace asio = boost::asio;
namespace http = boost::beast::http;
namespace json = boost::json;
using namespace std::chrono_literals;

struct Answer {
    unsigned status = 0;  // 0: the connection was closed without a word
    json::value body;
    std::string allow;
    bool keep_alive = false;

    const json::value& at(const std::string& pointer) const { return body.at_pointer(pointer); }
    std::string text(const std::string& pointer) const { return std::string(at(pointer).as_string()); }
    std::string code() const { return text("/error/code"); }
    std::string message() const { return text("/error/message"); }
};

/// Root's tests become an ordinary user of one group before they connect (this thread only: raw system calls).
/// Ordinary users stay who they are.
inline gid_t client_group() {
    return ::geteuid() == 0 ? 1 : ::getegid();
}
inline void drop_privileges() {
    if (::geteuid() != 0) return;
    const gid_t group = client_group();
    constexpr uid_t nobody = 65534;
    if (::syscall(SYS_setgroups, 1, &group) != 0 || ::syscall(SYS_setresgid, group, group, group) != 0 ||
        ::syscall(SYS_setresuid, nobody, nobody, nobody) != 0)
        std::abort();
}

class Client {
public:
    explicit Client(const std::string& path, bool as_user = true) : socket_(io_) {
        if (as_user) drop_privileges();
        socket_.connect(asio::local::stream_protocol::endpoint(path));
    }

    void send(const std::string& bytes) {
        boost::system::error_code ignored;  // the server may have closed: then receive() tells
        asio::write(socket_, asio::buffer(bytes), ignored);
    }
    Answer receive() {
        http::response<http::string_body> response;
        boost::system::error_code error;
        http::read(socket_, buffer_, response, error);
        if (error) return {};
        Answer answer;
        answer.status = response.result_int();
        answer.body = json::parse(response.body());
        answer.allow = std::string(response[http::field::allow]);
        answer.keep_alive = response.keep_alive();
        return answer;
    }
    Answer ask(const std::string& method, const std::string& target, const std::string& body = "") {
        send(method + " " + target + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(body.size()) +
             "\r\n\r\n" + body);
        return receive();
    }

private:
    asio::io_context io_;
    asio::local::stream_protocol::socket socket_;
    boost::beast::flat_buffer buffer_;
};

class ApiBench {
public:
    enum class Who { admin, viewer, stranger };

    explicit ApiBench(Who who = Who::admin, std::function<void(daemon::ApiOptions&)> change = {},
                      daemon::ApiHooks hooks = {}, const std::vector<std::string>& store_endpoints = {})
        : hypervisor(clock), directory_(make_directory()) {
        hypervisor.add_host("host1");
        hypervisor.add_host("host2");
        hypervisor.add_vm("host1", web, "web1");
        hypervisor.add_vm("host2", db, "db1");
        daemon::ControllerListener listener;
        listener.cycle_ended = [this](const Cycle&) { tell(); };
        listener.operation_changed = [this](const Operation&) { tell(); };
        controller.emplace(io.get_executor(), clock, hypervisor, power, probe, store, daemon_options(store_endpoints),
                           listener);
        auto options = api_options(who);
        if (change) change(options);
        server.emplace(io.get_executor(), *controller, clock, options, std::move(hooks));
        REQUIRE(server->start().has_value());
    }
    ~ApiBench() {
        server.reset();
        std::filesystem::remove_all(directory_);
    }

    /// Samples, facts and some planning cycles.
    void begin(policy::Options policy = {}) {
        bool started = false;
        asio::co_spawn(io, controller->start(std::move(policy)),
                       [&](std::exception_ptr bug, Result<void> result) { started = !bug && result; });
        pass(1s);
        REQUIRE(started);
        hypervisor.tell_connected();
        pass(35s);
    }
    void pass(Duration time) { clock.run_for(io, time); }

    /// Runs the daemon until the client's work, in its own thread, is done.
    template <class Work>
    auto run(Work work) {
        return test::run_beside(io, std::move(work));
    }
    Answer ask(const std::string& method, const std::string& target, const std::string& body = "") {
        return run([=, path = socket()] { return Client(path).ask(method, target, body); });
    }
    Answer get(const std::string& target) { return ask("GET", target); }
    Answer post(const std::string& target, const std::string& body = "") { return ask("POST", target, body); }
    /// Bytes as they are; the answer to them.
    Answer raw(const std::string& bytes) {
        return run([bytes, path = socket()] {
            Client client(path);
            client.send(bytes);
            return client.receive();
        });
    }

    std::string socket() const { return directory_ + "/run/ballast.sock"; }

    asio::io_context io;
    VirtualClock clock;
    FakeHypervisor hypervisor;
    FakePower power{clock};
    FakeProbe probe{clock};
    MemoryStore store;
    std::optional<daemon::Controller> controller;
    std::optional<daemon::ApiServer> server;

private:
    static std::string make_directory() {
        std::string pattern = std::filesystem::temp_directory_path() / "ballast-api-XXXXXX";
        REQUIRE(::mkdtemp(pattern.data()));
        ::chmod(pattern.c_str(), 0755);
        return pattern;
    }
    static config::DaemonOptions daemon_options(const std::vector<std::string>& store_endpoints) {
        config::DaemonOptions options;
        options.store.endpoints = store_endpoints;
        for (const char* name : {"host1", "host2"}) {
            config::HostOptions host;
            host.id = {name};
            host.uri = std::string("qemu+tls://") + name + "/system";
            options.hosts.push_back(host);
        }
        return options;
    }
    daemon::ApiOptions api_options(Who who) const {
        const group* mine = ::getgrgid(client_group());
        REQUIRE(mine);
        const std::string name = mine->gr_name;
        daemon::ApiOptions options;
        options.socket = socket();
        options.admin_group = who == Who::admin ? name : "ballast-no-such-group";
        options.view_group = who == Who::viewer ? name : "ballast-no-such-group";
        return options;
    }
    void tell() {
        if (server) server->changed();
    }

    std::string directory_;
};

}  // namespace ballast::test
