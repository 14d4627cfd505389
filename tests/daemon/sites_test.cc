// An operator orders VMs to another site: they go there with copies of their disks, and come home.
#include "tests/daemon/daemon_life.h"

using namespace ballast;
using namespace ballast::test;

namespace {

constexpr const char* image = "/images/a.raw";

/// host1 and host2 in site a, host3 in site b; a runs on host1 from a disk of that host's.
class TwoSites : public DaemonLife {
public:
    TwoSites() {
        policy.maintenance.return_home = true;
        policy.migration.between_sites.bandwidth_mib_per_s = 20;
        for (config::HostOptions& host : options.hosts) {
            host.site = host.id.value == "host3" ? "b" : "a";
            hypervisor->hosts_by_id.at(host.id).facts.pools["images"] = "/images";
        }
        vm("host1", "a");
        VmRequirements& needs = hypervisor->hosts_by_id.at({"host1"}).vms.at({"id-a"}).facts.requirements;
        needs.files = {image};
        needs.disks = {{"vda", "file", image, "raw", false, false, false, gib(1), gib(1)}};
        boot();
    }
    Result<void> order(const std::string& host, const std::string& to_site) {
        return wait(controller->set_maintenance({host}, true, "somebody", to_site));
    }
    Operation last() const { return controller->ended().back(); }
};

}  // namespace

TEST_CASE("VMs that are ordered to another site go there with their disks, and come home to the image they left") {
    TwoSites life;
    life.hypervisor->images[{"host1"}].insert(image);
    REQUIRE(life.order("host1", "b"));
    REQUIRE(life.until([&] { return life.where("a") == "host3"; }, 2min));
    life.pass(5s);
    REQUIRE(life.hypervisor->last_migration);
    CHECK(life.hypervisor->last_migration->disks.size() == 1);
    CHECK(life.hypervisor->last_migration->bandwidth_mib_per_s == 20);
    CHECK(life.hypervisor->images[{"host3"}].contains(image));
    CHECK(life.last().disks == std::vector<std::string>{"vda"});
    life.maintenance("host1", false);
    REQUIRE(life.until([&] { return life.where("a") == "host1"; }, 2min));
    CHECK(life.hypervisor->last_migration->disks.front().overwrite);
    CHECK(life.hypervisor->images[{"host3"}].contains(image));
}

TEST_CASE("Without the order a VM with a disk of its host stays, and with it nobody goes to the own site") {
    TwoSites life;
    life.vm("host1", "b");  // on storage that its site shares
    life.maintenance("host1", true);
    REQUIRE(life.until([&] { return life.where("b") == "host2"; }, 2min));
    life.pass(1min);
    CHECK(life.where("a") == "host1");
}

TEST_CASE("A pool that is made while a VM waits for one is seen at once") {
    TwoSites life;
    life.hypervisor->hosts_by_id.at({"host3"}).facts.pools.clear();
    life.reboot();
    REQUIRE(life.order("host1", "b"));
    life.pass(10s);
    CHECK(life.where("a") == "host1");
    life.hypervisor->hosts_by_id.at({"host3"}).facts.pools["images"] = "/images";
    life.hypervisor->tell({HypervisorEvent::Kind::host_changed, {"host3"}, {}, "storage pool"});
    CHECK(life.until([&] { return life.where("a") == "host3"; }, 20s));
}

TEST_CASE("The order outlasts the daemon, and ends with the maintenance") {
    TwoSites life;
    life.policy.mode = policy::Mode::observe;
    life.reboot();
    REQUIRE(life.order("host1", "b"));
    life.reboot();
    CHECK(life.controller->inventory().hosts.at({"host1"}).to_site == "b");
    CHECK(life.controller->dry_run().moves.size() == 1);
    life.maintenance("host1", true);  // once more, and now within the site
    CHECK(life.controller->inventory().hosts.at({"host1"}).to_site.empty());
    REQUIRE(life.order("host1", "b"));
    life.maintenance("host1", false);
    life.reboot();
    CHECK_FALSE(life.controller->inventory().hosts.at({"host1"}).maintenance);
    CHECK(life.controller->inventory().hosts.at({"host1"}).to_site.empty());
}

TEST_CASE("An order to a site that is none, or to the own one, is refused") {
    TwoSites life;
    const auto unknown = life.order("host1", "c");
    REQUIRE_FALSE(unknown);
    CHECK(unknown.error().code == ErrorCode::not_found);
    const auto own = life.order("host1", "a");
    REQUIRE_FALSE(own);
    CHECK(own.error().code == ErrorCode::invalid);
    CHECK_FALSE(life.controller->inventory().hosts.at({"host1"}).maintenance);
}

TEST_CASE("An operator's own migration to another site takes the disks along") {
    TwoSites life;
    const auto id = life.wait(life.controller->migrate({"id-a"}, {"host3"}, false, "somebody"));
    REQUIRE(id);
    REQUIRE(life.until([&] { return life.where("a") == "host3"; }, 2min));
    CHECK(life.hypervisor->last_migration->disks.size() == 1);
}
