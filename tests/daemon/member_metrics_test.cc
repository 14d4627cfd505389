// What each member of a cluster serves, whether it leads or not.
#include "daemon/member_metrics.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "daemon/counted_store.h"
#include "tests/daemon/metrics_samples.h"
#include "tests/support/memory_store.h"

using namespace ballast;
using namespace ballast::test;

namespace {

daemon::MemberState follower() {
    daemon::MemberState state;
    state.host = {"host2"};
    state.registered = true;
    state.term = 42;
    state.store_failures = 3;
    state.registration_left = 7500ms;
    state.time_to_live = 10s;
    state.problems = {{HealthSource::disk, "sda", "sda says that it fails"}};
    state.own.memory = gib(16);
    return state;
}

/// A folder like /proc with these files in it.
struct ProcFolder {
    ProcFolder() { std::filesystem::create_directories(path); }
    ~ProcFolder() { std::filesystem::remove_all(path); }
    void put(const std::string& name, const std::string& text) { std::ofstream(path / name) << text; }
    std::filesystem::path path =
        std::filesystem::temp_directory_path() / ("ballast-proc-" + std::to_string(::getpid()));
};

/// Answers a get after 0.3 s.
struct SlowStore : ForwardingStore {
    SlowStore(VirtualClock& clock, Store& store) : ForwardingStore(store), clock_(clock) {}
    Task<std::optional<KeyValue>> get(std::string key) override {
        clock_.advance(300ms);
        auto answer = co_await store_.get(std::move(key));
        co_return answer;
    }
    VirtualClock& clock_;
};

}  // namespace

TEST_CASE("A member that does not lead says so, who it is and how it stands, and nothing of the cluster") {
    const std::string text = daemon::follower_text(follower(), WallTime(1'790'000'000s));
    CHECK(value_of(text, "ballast_leader") == 0);
    CHECK(value_of(text, "ballast_cluster_registered") == 1);
    CHECK(value_of(text, "ballast_cluster_term") == 42);
    CHECK(value_of(text, "ballast_cluster_registration_left_seconds") == 7.5);
    CHECK(value_of(text, "ballast_cluster_time_to_live_seconds") == 10);
    CHECK(value_of(text, "ballast_store_failures_total") == 3);
    CHECK(value_of(text, R"(ballast_own_host_info{host="host2"})") == 1);
    CHECK(value_of(text, R"(ballast_own_health_problems{source="disk"})") == 1);
    CHECK(value_of(text, R"(ballast_own_health_problems{source="check"})") == 0);
    CHECK(value_of(text, "process_start_time_seconds") == 1'790'000'000);
    CHECK(has_series(text, "ballast_build_info"));
    CHECK_FALSE(has_series(text, "ballast_hosts"));
    CHECK_FALSE(has_series(text, "ballast_own_memory_available_bytes"));  // not known
}

TEST_CASE("A member that sees no leader has no term") {
    auto state = follower();
    state.term.reset();
    state.registered = false;
    state.registration_left.reset();
    const std::string text = daemon::follower_text(state, {});
    CHECK_FALSE(has_series(text, "ballast_cluster_registration_left_seconds"));
    CHECK_FALSE(has_series(text, "ballast_cluster_term"));
    CHECK(value_of(text, "ballast_cluster_registered") == 0);
}

TEST_CASE("The leader's metrics have the member's beside them") {
    MetricsSample sample;
    const auto metrics = sample.metrics();
    auto state = follower();
    state.leads = true;
    metrics->beside([state] { return daemon::member_metrics(state); });
    const std::string text = metrics->text();
    CHECK(value_of(text, "ballast_leader") == 1);
    CHECK(value_of(text, "ballast_cluster_term") == 42);
    CHECK(has_series(text, "ballast_hosts"));
}

TEST_CASE("What the kernel says of the own machine is read, and what it does not say is absent") {
    ProcFolder proc;
    CHECK_FALSE(daemon::own_figures(proc.path).memory);
    CHECK_FALSE(daemon::own_figures(proc.path).cpu_busy_s);
    proc.put("stat", "cpu  100 20 30 5000 70 1 2 47 90 0\ncpu0 1 2 3\n");
    proc.put("meminfo", "MemTotal:       16384 kB\nMemFree:  1 kB\nMemAvailable:    8192 kB\n");
    const auto figures = daemon::own_figures(proc.path);
    CHECK(*figures.cpu_busy_s == Approx(200.0 / static_cast<double>(::sysconf(_SC_CLK_TCK))));
    CHECK((*figures.memory == mib(16) && *figures.memory_available == mib(8)));
    proc.put("stat", "odd");
    CHECK_FALSE(daemon::own_figures(proc.path).cpu_busy_s);
}

TEST_CASE("Calls that the store does not answer are counted, those that it refuses are not") {
    MemoryStore memory;
    VirtualClock clock;
    daemon::CountedStore store(clock, memory);
    boost::asio::io_context io;
    const auto ask = [&] {
        boost::asio::co_spawn(io, store.get("/a"), boost::asio::detached);
        boost::asio::co_spawn(io, store.revoke(1), boost::asio::detached);
        io.restart();
        io.run();
    };
    ask();
    CHECK(store.failures() == 0);
    memory.failure = Error{ErrorCode::timed_out, "store", "no answer"};
    ask();
    CHECK(store.failures() == 1);
    memory.failure = Error{ErrorCode::invalid, "store", "too large"};
    ask();
    CHECK(store.failures() == 1);
    CHECK(store.durations().histogram.sample_count == 6);
}

TEST_CASE("Calls of the store are timed, each from when it was asked to its answer") {
    MemoryStore memory;
    VirtualClock clock;
    SlowStore slow(clock, memory);
    daemon::CountedStore store(clock, slow);
    boost::asio::io_context io;
    boost::asio::co_spawn(io, store.get("/a"), boost::asio::detached);
    io.run();
    const prometheus::ClientMetric calls = store.durations();
    CHECK(calls.histogram.sample_count == 1);
    CHECK(calls.histogram.sample_sum == Approx(0.3));
    auto state = follower();
    state.store_calls = calls;
    const std::string text = daemon::follower_text(state, {});
    CHECK(value_of(text, R"(ballast_store_call_duration_seconds_bucket{le="0.25"})") == 0);
    CHECK(value_of(text, R"(ballast_store_call_duration_seconds_bucket{le="0.5"})") == 1);
}
