// What is told of hosts before they are used.
#include "daemon/host_checks.h"

#include <catch2/catch.hpp>

#include "tests/daemon/preflight_cluster.h"
#include "tests/support/virtual_clock.h"

using namespace ballast;
using namespace ballast::daemon;
using namespace std::chrono_literals;

namespace {

struct ChecksLab {
    ChecksLab() {
        HostChecksListener listener;
        listener.look = [this](HostId host) { return look(std::move(host)); };
        listener.answers = [this](const HostId&) { return answers; };
        listener.told = [this](const HostId&, const auto& found) { told.push_back(to_string(found)); };
        checks.emplace(io.get_executor(), clock, std::vector<HostId>{{"h1"}}, std::move(listener));
        checks->start();
    }
    HostChecksListener::Look look(HostId) {
        ++looks;
        if (fails) co_return Error{ErrorCode::unavailable, "h1", "no answer"};
        co_return facts;
    }
    void run_for(Duration time) { clock.run_for(io, time); }

    boost::asio::io_context io;
    test::VirtualClock clock;
    hypervisor::PreflightFacts facts = test::preflight_facts("h1");
    bool answers = true, fails = false;
    int looks = 0;
    std::vector<std::string> told;
    std::optional<HostChecks> checks;
};

}  // namespace

TEST_CASE("A host is checked as soon as it answers, and told of once") {
    ChecksLab lab;
    lab.answers = false;
    lab.run_for(1min);
    CHECK(lab.looks == 0);
    lab.answers = true;
    lab.run_for(6s);
    REQUIRE(lab.told.size() == 1);
    CHECK(
        lab.told[0] ==
        "the CPU offers VT-x; libvirt offers KVM; 32 GiB of 64 GiB of memory available; storage pool vms has 50 GiB of "
        "100 GiB free");
    lab.run_for(24h);
    CHECK(lab.told.size() == 1);
    CHECK(lab.looks == 25);
}

TEST_CASE("A host that does not say what it is like is asked again, less and less often") {
    ChecksLab lab;
    lab.fails = true;
    lab.run_for(50s);
    CHECK(lab.looks == 1);
    lab.run_for(24h);
    CHECK(lab.looks < 40);  // less and less often, each hour at least
    CHECK(lab.told.empty());
    lab.fails = false;
    lab.run_for(1h);
    CHECK(lab.told.size() == 1);
}

TEST_CASE("What is not as it should be is told with what to do, and again when it is better or worse") {
    ChecksLab lab;
    lab.facts.cpu_features.clear();
    lab.facts.host.cpu_by_virt_type = {{"qemu", {}}};
    lab.facts.cpu_features = {"sse2"};
    lab.facts.pools[0].available = mib(100);
    lab.run_for(1s);
    REQUIRE(lab.told.size() == 1);
    CHECK_THAT(lab.told[0], Catch::Contains("the CPU offers neither VT-x nor AMD-V (warning: enable virtualisation"));
    CHECK_THAT(lab.told[0], Catch::Contains("libvirt offers emulation (TCG) only"));
    CHECK_THAT(lab.told[0], Catch::Contains("free (problem: free some space in /srv/vms now"));
    lab.facts.pools[0].available = gib(50);
    lab.run_for(1h);
    REQUIRE(lab.told.size() == 2);
    CHECK_THAT(lab.told[1], !Catch::Contains("problem"));
}
