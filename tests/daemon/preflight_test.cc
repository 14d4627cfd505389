// Gathering: all hosts at once, each by its deadline, and one look at a time.
#include "daemon/preflight.h"

#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include "tests/daemon/preflight_cluster.h"
#include "tests/hypervisor/await.h"

using namespace ballast;
using namespace ballast::test;
namespace asio = boost::asio;
namespace json = boost::json;

namespace {

/// Answers as told, at once or when `release` is called.
struct FakeSources {
    explicit FakeSources(asio::io_context& context) : gate(context) {
        gate.expires_at(asio::steady_timer::time_point::max());
    }
    asio::steady_timer gate;
    bool held = false;
    std::set<std::string> down;
    std::vector<std::string> facts_asked, uris_asked;
    std::map<std::string, std::string> scripts;  // by the last but two argument of ssh: the host
    std::size_t compared = 0, commons = 0;

    void release() {
        held = false;
        gate.cancel();
    }
    Sources::Task<hypervisor::PreflightFacts> facts(HostId host) {
        facts_asked.push_back(host.value);
        auto token = asio::as_tuple(asio::use_awaitable);
        if (held) co_await gate.async_wait(token);
        if (down.contains(host.value)) co_return Error{ErrorCode::unavailable, host.value, "no route to host"};
        co_return preflight_facts(host.value);
    }
    Sources::Task<std::vector<CpuAnswer>> compare(std::vector<hypervisor::CpuQuestion> questions) {
        ++compared;
        co_return std::vector<CpuAnswer>(questions.size(), CpuAnswer::runs);
    }
    Sources::Task<std::string> common() {
        ++commons;
        co_return std::string("<cpu><model>Haswell</model></cpu>");
    }
    Sources::Task<hypervisor::PeerIdentity> identity(std::string uri) {
        uris_asked.push_back(uri);
        co_return hypervisor::PeerIdentity{uri.substr(uri.find("//") + 2, 5) + ".example.org", ""};
    }
    Sources::Task<service::Ended> run(service::Command command) {
        const auto& arguments = command.arguments;
        const std::string host = command.program == "ssh" ? arguments[arguments.size() - 3] : "local";
        scripts[host] = command.input;
        if (host == "host3") co_return Error{ErrorCode::unavailable, "ssh", "cannot be started"};
        service::Ended output;
        output.output = "user\t0\troot\nend\n";
        co_return output;
    }
};

struct Bench {
    asio::io_context& io = immortal_io();
    FakeSources& fake = immortal<FakeSources>(io);
    Preflight preflight{io.get_executor(), links(), "/var/lib/ballast", sources()};

    static std::vector<hypervisor::LinkOptions> links() {
        std::vector<hypervisor::LinkOptions> all(3);
        const char* uris[] = {"qemu:///system", "qemu+ssh://host2/system", "qemu+ssh://host3/system"};
        for (std::size_t i = 0; i < 3; ++i) {
            all[i].id = {"host" + std::to_string(i + 1)};
            all[i].uri = uris[i];
            all[i].peer_uri = "qemu+tls://host" + std::to_string(i + 1) + "/system";
        }
        return all;
    }
    Sources sources() {
        Sources all;
        all.facts = [this](HostId host, Duration) { return fake.facts(host); };
        all.compare_cpus = [this](HostId, std::vector<hypervisor::CpuQuestion> questions, Duration) {
            return fake.compare(std::move(questions));
        };
        all.common_cpu = [this](HostId, std::string, std::vector<std::string>, Duration) { return fake.common(); };
        all.identity_at = [this](HostId, std::string uri, Duration) { return fake.identity(std::move(uri)); };
        all.run = [this](service::Command command) { return fake.run(std::move(command)); };
        return all;
    }
    json::object report(std::optional<HostId> only = {}) {
        auto answer = await(io, preflight.report(std::move(only)));
        REQUIRE(answer.has_value());
        return answer->as_object();
    }
};

std::string status_of(const json::object& report, const std::string& host, const std::string& id) {
    for (const json::value& check : report.at("checks").as_array())
        if (check.at("host") == json::string(host) && check.at("check") == json::string(id))
            return check.at("status").as_string().c_str();
    return "absent";
}

}  // namespace

TEST_CASE("The report has every check of every host, and counts them") {
    Bench bench;
    const json::object report = bench.report();
    CHECK(report.at("checks").as_array().size() == 3 * all_checks().size());
    std::int64_t counted = 0;
    for (const auto& [status, count] : report.at("counts").as_object()) counted += count.as_int64();
    CHECK(counted == static_cast<std::int64_t>(3 * all_checks().size()));
    CHECK(status_of(report, "host1", "peers") == "ok");
    CHECK(status_of(report, "host2", "cpu_model") == "ok");
    const json::object& first = report.at("checks").as_array()[0].as_object();
    for (const char* key : {"host", "check", "status", "finding", "advice"}) CHECK(first.at(key).is_string());
}

TEST_CASE("The report on one host still sees it beside the others") {
    Bench bench;
    const json::object report = bench.report(HostId{"host2"});
    CHECK(report.at("checks").as_array().size() == all_checks().size());
    CHECK(bench.fake.facts_asked.size() == 3);
    CHECK(status_of(report, "host2", "shared_storage") == "ok");
}

TEST_CASE("A dead host is a problem of its own and asked nothing more") {
    Bench bench;
    bench.fake.down = {"host2"};
    const json::object report = bench.report();
    CHECK(report.at("status") == "problem");
    CHECK(status_of(report, "host2", "reachable") == "problem");
    CHECK(status_of(report, "host2", "kvm") == "absent");
    CHECK(status_of(report, "host1", "peers") == "ok");
    CHECK_FALSE(bench.fake.scripts.contains("host2"));
    CHECK(bench.fake.uris_asked == std::vector<std::string>{"qemu+tls://host3/system"});
    CHECK(bench.fake.scripts.at("local").find("host2.example.org") == std::string::npos);
}

TEST_CASE("A cluster of which no host answers has a report all the same") {
    Bench bench;
    bench.fake.down = {"host1", "host2", "host3"};
    CHECK(bench.report().at("checks").as_array().size() == 3);
    CHECK(bench.fake.commons == 0);
}

TEST_CASE("Only hosts other than this machine are asked by ssh, and each about all others") {
    Bench bench;
    bench.report();
    REQUIRE(bench.fake.scripts.size() == 3);
    const std::string& own = bench.fake.scripts.at("local");
    CHECK(own.find("folder '/var/lib/ballast'") != std::string::npos);
    CHECK(own.find("\npeer '") == std::string::npos);  // the daemon connects itself
    const std::string& remote = bench.fake.scripts.at("host2");
    CHECK(remote.find("/var/lib/ballast") == std::string::npos);
    CHECK(remote.find("peer 'host1' 'qemu+tls://host1/system'") != std::string::npos);
    CHECK(remote.find("peer 'host3' 'qemu+tls://host3/system'") < remote.find("peer 'host1'"));
    CHECK(remote.find("peer 'host2'") == std::string::npos);
}

TEST_CASE("A host without a shell is unknown in what only a shell tells") {
    Bench bench;
    const json::object report = bench.report();
    CHECK(status_of(report, "host3", "clock") == "unknown");
    CHECK(status_of(report, "host3", "lock_manager") == "unknown");
    CHECK(status_of(report, "host3", "kvm") == "ok");
}

TEST_CASE("Whoever asks while a look is under way shares it, and the next one looks again") {
    Bench bench;
    bench.fake.held = true;
    std::size_t reports = 0;
    const auto count = [&](std::exception_ptr, Result<json::value> report) { reports += report.has_value(); };
    asio::co_spawn(bench.io, bench.preflight.report(std::nullopt), count);
    asio::co_spawn(bench.io, bench.preflight.report(HostId{"host1"}), count);
    bench.io.restart();
    bench.io.poll();
    CHECK(reports == 0);
    CHECK(bench.fake.facts_asked.size() == 3);
    bench.fake.release();
    run_until(bench.io, [&] { return reports == 2; });
    CHECK(bench.fake.facts_asked.size() == 3);
    bench.report();
    CHECK(bench.fake.facts_asked.size() == 6);
}
