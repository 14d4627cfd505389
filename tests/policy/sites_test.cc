// VMs stay in their site unless they are ordered out of it; their disks go along as copies.
#include "policy/sites.h"

#include "policy/what_if.h"
#include "tests/policy/random_sites.h"

using namespace ballast;
using namespace ballast::test;

namespace {

VmDisk local_disk(const std::string& name, Bytes capacity = gib(8), const std::string& format = "raw") {
    VmDisk disk;
    disk.target = "vda";
    disk.type = "file";
    disk.source = "/var/lib/images/" + name;
    disk.format = format;
    disk.capacity = capacity;
    disk.allocated = gib(2);
    return disk;
}

/// h1 and h2 in site a, h3 and h4 in site b; `local` on h1 with a disk of its own, `shared` on h1 on storage of the
/// site.
Cluster two_sites() {
    Cluster cluster;
    for (const char* name : {"h1", "h2", "h3", "h4"}) {
        Host& host = cluster.host(name, 10, gib(32));
        host.site = name < std::string("h3") ? "a" : "b";
        host.facts.pools["images"] = "/var/lib/images";
        host.facts.pool_free = {{"images", gib(100)}, {"vms", gib(100)}};
    }
    Vm& local = cluster.vm("local", "h1", 1, gib(4));
    local.facts.requirements.files = {"/var/lib/images/local"};
    local.facts.requirements.disks = {local_disk("local")};
    Vm& shared = cluster.vm("shared", "h1", 1, gib(4));
    shared.facts.requirements.disks = {local_disk("shared", gib(4), "qcow2")};
    shared.facts.requirements.disks.front().source = "/srv/vms/shared.qcow2";
    cluster.persist(1min);
    return cluster;
}

void order(Cluster& cluster, const std::string& host, const std::string& to_site) {
    cluster.at(host).maintenance = true;
    cluster.at(host).to_site = to_site;
}

}  // namespace

TEST_CASE("Nothing leaves its site by itself, and maintenance empties a host within its site") {
    Cluster cluster = two_sites();
    cluster.at("h1").maintenance = true;
    const Plan plan = cluster.plan();
    REQUIRE(plan.moves.size() == 1);
    CHECK(plan.moves[0].vm.value == "id-shared");
    CHECK(plan.moves[0].to.value == "h2");
    CHECK(plan.moves[0].disks.empty());
    CHECK(has(plan.immovable, "local", Reason::local_storage));
    CHECK(has(plan.moves[0].refused_targets, Reason::site));
}

TEST_CASE("An overload that only another site could take stays, with the reason") {
    Cluster cluster = two_sites();
    cluster.at("h2").accepts_vms = false;
    cluster.guest("shared").load.cpu_used_cores = 9;
    const Plan plan = cluster.plan_after(12min);
    CHECK(plan.moves.empty());
    CHECK(has(plan.rejections, "shared", Reason::site));
}

TEST_CASE("VMs ordered to another site go there and nowhere else, with copies of what is not seen there") {
    Cluster cluster = two_sites();
    order(cluster, "h1", "b");
    const Plan plan = cluster.plan();
    REQUIRE(plan.moves.size() == 2);
    for (const Move& move : plan.moves) {
        CHECK(cluster.at(move.to.value).site == "b");
        CHECK(move.disks == std::vector<std::string>{"vda"});
        CHECK(move.prediction.disk == gib(2));
        CHECK(has(move.refused_targets, Reason::site));
        CHECK(move.reason.find("h1 is in maintenance, to be left for site b") == 0);
        CHECK(move.reason.find("; disk vda (2 GiB) copied along") != std::string::npos);
    }
    REQUIRE(finding_of(plan, "h1"));
    CHECK(finding_of(plan, "h1")->resolved_by_plan);
}

TEST_CASE("Disks on storage that all sites share are not copied") {
    Cluster cluster = two_sites();
    for (auto& [id, host] : cluster.inventory.hosts) host.facts.stretched_paths = {"/srv/vms"};
    order(cluster, "h1", "b");
    const Plan plan = cluster.plan();
    REQUIRE(move_of(plan, "shared"));
    CHECK(move_of(plan, "shared")->disks.empty());
    CHECK(move_of(plan, "shared")->prediction.disk == Bytes{});
    REQUIRE(move_of(plan, "local"));
    CHECK(move_of(plan, "local")->disks.size() == 1);
}

TEST_CASE("What keeps a disk from being copied is told") {
    Cluster cluster = two_sites();
    order(cluster, "h1", "b");
    Vm& vm = cluster.guest("local");
    VmDisk& disk = vm.facts.requirements.disks.front();
    std::string told;
    Reason reason = Reason::storage;
    SECTION("copying is off") {
        cluster.options.migration.between_sites.copy_disks = false;
        told = "copy_disks is off";
    }
    SECTION("a CD-ROM") {
        disk.read_only = true;
        told = "read-only";
    }
    SECTION("shared with others") {
        disk.shareable = true;
        told = "shared with other VMs";
    }
    SECTION("a block device") {
        disk.type = "block";
        told = "a block device";
    }
    SECTION("rbd") {
        disk.type = "network";
        disk.source = "rbd vms/local";
        vm.facts.requirements.files.clear();
        told = "reached over the network";
    }
    SECTION("on top of another image") {
        disk.has_backing = true;
        told = "based on another image";
    }
    SECTION("another format") {
        disk.format = "vmdk";
        told = "in format vmdk";
    }
    SECTION("no size") {
        disk.capacity = {};
        told = "size that is not known";
    }
    SECTION("no pool for it") {
        for (const char* name : {"h3", "h4"}) cluster.at(name).facts.pools.erase("images");
        told = "no active pool there has the folder /var/lib/images";
    }
    SECTION("a boot file of the site") {
        vm.facts.requirements.files.insert("/boot/vmlinuz");
        told = "/boot/vmlinuz is not on storage that both sites share";
    }
    SECTION("no room") {
        for (const char* name : {"h3", "h4"}) cluster.at(name).facts.pool_free["images"] = gib(7);
        told = "need 8 GiB in pool images, 7 GiB were free";
        reason = Reason::disk_space;
    }
    const Plan plan = cluster.plan();
    CHECK(move_of(plan, "local") == nullptr);
    const auto refusals = cluster.refusals("local", "h3");
    REQUIRE(has(refusals, reason));
    bool found = false;
    for (const Rejection& one : refusals) found = found || one.detail.find(told) != std::string::npos;
    CHECK(found);
}

TEST_CASE("Disks on the network go along when the policy says that the other site reaches them") {
    Cluster cluster = two_sites();
    order(cluster, "h1", "b");
    Vm& vm = cluster.guest("local");
    vm.facts.requirements.disks.front().type = "network";
    vm.facts.requirements.files.clear();
    cluster.options.migration.between_sites.network_disks = true;
    REQUIRE(move_of(cluster.plan(), "local"));
    CHECK(move_of(cluster.plan(), "local")->disks.empty());
}

TEST_CASE("Copies share the room of a pool: those that find none stay") {
    Cluster cluster = two_sites();
    for (const char* name : {"x", "y"}) {
        Vm& vm = cluster.vm(name, "h1", 0.1, gib(1));
        vm.facts.requirements.files = {"/var/lib/images/" + std::string(name)};
        vm.facts.requirements.disks = {local_disk(name)};
    }
    cluster.at("h4").accepts_vms = false;
    cluster.at("h3").facts.pool_free["images"] = gib(17);
    order(cluster, "h1", "b");
    cluster.persist(1min);
    const Plan plan = cluster.plan();
    CHECK(plan.moves.size() == 3);  // two with 8 GiB each, and the one in another pool
    REQUIRE(plan.immovable.size() == 1);
    CHECK(plan.immovable[0].reason == Reason::no_target);
    CHECK(has(plan.rejections, Reason::disk_space));
}

TEST_CASE("No more migrations than slots run between two sites at once") {
    Cluster cluster = two_sites();
    cluster.options.migration.between_sites.slots = 1;
    order(cluster, "h1", "b");
    const Plan plan = cluster.plan();
    REQUIRE(plan.moves.size() == 2);
    CHECK(plan.moves[0].wave == 0);
    CHECK(plan.moves[1].wave == 1);
    cluster.under_way("local", "h3");
    CHECK(has(cluster.refusals("shared", "h4"), Reason::limit_sites));
    CHECK(policy::advisory(Reason::limit_sites));
}

TEST_CASE("An operator may name a host of another site, and only advice speaks against it") {
    const Cluster cluster = two_sites();
    const auto refusals = cluster.refusals("local", "h3");
    CHECK(has(refusals, Reason::site));
    for (const Rejection& one : refusals) CHECK(policy::advisory(one.reason));
    CHECK(has(cluster.refusals("local", "h2"), Reason::local_storage));
}

TEST_CASE("VMs come home to their site when the maintenance has ended, with their disks") {
    Cluster cluster = two_sites();
    cluster.options.maintenance.return_home = true;
    cluster.guest("local").host = {"h3"};
    cluster.inventory.homes.push_back({{"id-local"}, {"h1"}, cluster.now - 1min});
    SECTION("asked for") {
        const Plan plan = cluster.plan();
        REQUIRE(move_of(plan, "local"));
        CHECK(move_of(plan, "local")->to.value == "h1");
        CHECK(move_of(plan, "local")->disks.size() == 1);
    }
    SECTION("not asked for") {
        cluster.options.maintenance.return_home = false;
        CHECK(cluster.plan().moves.empty());
        CHECK(has(cluster.refusals("local", "h1"), Reason::site));
    }
}

TEST_CASE("A volume of a pool that is a folder needs the folder to be shared, also for a restart") {
    Cluster cluster = two_sites();
    Vm& guest = cluster.vm("volume", "h1", 1, gib(4));
    guest.facts.requirements.files.clear();
    guest.facts.requirements.pools = {"images"};
    cluster.persist(1min);
    cluster.at("h1").maintenance = true;
    const auto detail = [](const std::vector<Rejection>& rejections) {
        for (const Rejection& rejection : rejections)
            if (rejection.vm.value == "id-volume") return rejection.detail;
        return std::string();
    };
    CHECK(detail(cluster.plan().immovable) == "pool images (/var/lib/images) is not on storage declared shared");
    for (const char* name : {"h1", "h2"}) cluster.at(name).facts.shared_paths.insert("/var/lib/images");
    CHECK(move_of(cluster.plan(), "volume") != nullptr);
    cluster.at("h2").facts.shared_paths.erase("/var/lib/images");
    CHECK(move_of(cluster.plan(), "volume") == nullptr);
    for (const char* name : {"h1", "h2"}) cluster.at(name).facts.pools["images"] = "/dev/san";  // block devices
    CHECK(move_of(cluster.plan(), "volume") != nullptr);
    for (const char* name : {"h1", "h2"}) cluster.at(name).facts.pools["images"] = "";  // rbd
    CHECK(move_of(cluster.plan(), "volume") != nullptr);

    for (const char* name : {"h1", "h2"}) cluster.at(name).facts.pools["images"] = "/var/lib/images";
    cluster.at("h1").maintenance = false;
    cluster.at("h1").lost = true;
    cluster.at("h1").connection = Connection::down;
    const Plan lost = cluster.plan();
    CHECK(std::none_of(lost.restarts.begin(), lost.restarts.end(),
                       [](const Restart& restart) { return restart.vm.value == "id-volume"; }));
    CHECK(has(lost.rejections, "volume", Reason::storage));
    cluster.at("h2").facts.shared_paths.insert("/var/lib/images");
    CHECK_FALSE(has(cluster.plan().immovable, "volume", Reason::no_target));
}

TEST_CASE("A disk that is named as a volume is not copied to another site, which is said") {
    Cluster cluster = two_sites();
    Vm& guest = cluster.vm("volume", "h1", 1, gib(4));
    guest.facts.requirements.files.clear();
    guest.facts.requirements.pools = {"images"};
    VmDisk disk;
    disk.target = "vda";
    disk.type = "volume";
    disk.source = "pool images, volume web.qcow2";
    guest.facts.requirements.disks = {disk};
    cluster.persist(1min);
    order(cluster, "h1", "b");
    const Plan plan = cluster.plan();
    CHECK(move_of(plan, "volume") == nullptr);
    std::string told;
    for (const Rejection& rejection : plan.rejections)
        if (rejection.vm.value == "id-volume" && rejection.target == HostId{"h3"}) told += rejection.detail + ";";
    CHECK(told.find(
              "disk vda (pool images, volume web.qcow2) is not copied: it is named as a volume of a storage pool") !=
          std::string::npos);
}

TEST_CASE("With failover.across_sites VMs of a lost host are started elsewhere if their storage is seen there") {
    Cluster cluster = two_sites();
    cluster.at("h2").accepts_vms = false;
    cluster.at("h1").lost = true;
    cluster.at("h1").connection = Connection::down;
    const auto refused = [&](const char* name, Reason reason) {
        for (const Rejection& rejection : cluster.plan().rejections)
            if (rejection.vm.value == "id-" + std::string(name) && rejection.target == HostId{"h3"} &&
                rejection.reason == reason)
                return rejection.detail;
        return std::string("not refused");
    };
    CHECK(cluster.plan().restarts.empty());
    CHECK(refused("shared", Reason::site) == "site b, and it ran in site a; failover.across_sites is off");
    cluster.options.failover.across_sites = true;
    CHECK(cluster.plan().restarts.empty());  // /srv/vms is another one there
    CHECK(refused("shared", Reason::storage).find("of a lost host none is copied") != std::string::npos);
    for (const char* name : {"h1", "h2", "h3", "h4"}) cluster.at(name).facts.stretched_paths = {"/srv/vms"};
    const Plan plan = cluster.plan();
    REQUIRE(plan.restarts.size() == 1);
    CHECK(plan.restarts[0].vm.value == "id-shared");
    CHECK(cluster.at(plan.restarts[0].to.value).site == "b");
    CHECK(has(plan.rejections, "local", Reason::storage));
    cluster.at("h2").accepts_vms = true;
    for (int i = 0; i < 6; ++i) cluster.vm("v" + std::to_string(i), "h2", 1);  // fuller than h3
    const Plan at_home = cluster.plan();
    REQUIRE(at_home.restarts.size() == 1);
    CHECK(at_home.restarts[0].to.value == "h2");  // its own site first
}

TEST_CASE("Across sites nothing but a lost host's restarts is allowed by failover.across_sites") {
    Cluster cluster = two_sites();
    cluster.options.failover.across_sites = true;
    for (const char* name : {"h1", "h2", "h3", "h4"}) cluster.at(name).facts.stretched_paths = {"/srv/vms"};
    cluster.at("h2").accepts_vms = false;
    cluster.at("h1").maintenance = true;
    const Plan plan = cluster.plan();
    CHECK(plan.moves.empty());
    CHECK(has(plan.rejections, "shared", Reason::site));
}

TEST_CASE("VMs of a lost host are started in their site only, although it was to be left") {
    Cluster cluster = two_sites();
    for (auto& [id, host] : cluster.inventory.hosts) host.facts.stretched_paths = {"/srv/vms"};
    order(cluster, "h1", "b");
    cluster.at("h1").lost = true;
    cluster.at("h1").connection = Connection::down;
    const Plan plan = cluster.plan();
    REQUIRE(plan.restarts.size() == 1);
    CHECK(plan.restarts[0].vm.value == "id-shared");
    CHECK(plan.restarts[0].to.value == "h2");
    CHECK(has(plan.immovable, "local", Reason::local_storage));
}

TEST_CASE("With copy_disks operators' moves and a host that is emptied take disks along within its site") {
    Cluster cluster = two_sites();
    cluster.options.migration.copy_disks = true;
    CHECK_FALSE(has(cluster.refusals("local", "h2"), Reason::local_storage));
    cluster.at("h1").maintenance = true;
    const Plan plan = cluster.plan();
    REQUIRE(plan.moves.size() == 2);
    for (const Move& move : plan.moves) {
        CHECK(move.to.value == "h2");
        CHECK(move.disks ==
              (move.vm.value == "id-local" ? std::vector<std::string>{"vda"} : std::vector<std::string>()));
        CHECK(move.prediction.disk == (move.vm.value == "id-local" ? gib(2) : Bytes{}));
    }
}

TEST_CASE("Within a site, too, a copy needs a pool, room for it, and a disk that can be copied") {
    const auto refused = [](auto change) {
        Cluster cluster = two_sites();
        cluster.options.migration.copy_disks = true;
        change(cluster);
        return cluster.refusals("local", "h2");
    };
    CHECK(has(refused([](Cluster& c) { c.at("h2").facts.pools.erase("images"); }), Reason::storage));
    CHECK(has(refused([](Cluster& c) { c.at("h2").facts.pool_free["images"] = gib(7); }), Reason::disk_space));
    CHECK(has(refused([](Cluster& c) { c.guest("local").facts.requirements.disks[0].has_backing = true; }),
              Reason::local_storage));
    CHECK(has(refused([](Cluster& c) { c.guest("local").facts.requirements.files.insert("/var/lib/boot.img"); }),
              Reason::local_storage));
}

TEST_CASE("Of a host that was lost no disk is copied within its site") {
    Cluster cluster = two_sites();
    cluster.options.migration.copy_disks = true;
    cluster.at("h1").lost = true;
    cluster.at("h1").connection = Connection::down;
    const Plan plan = cluster.plan();
    CHECK(has(plan.immovable, "local", Reason::local_storage));
    for (const Restart& restart : plan.restarts) CHECK(restart.vm.value != "id-local");
}

TEST_CASE("The time of a copy is that of its bytes at the cap between sites") {
    Cluster cluster = two_sites();
    cluster.options.migration.between_sites.bandwidth_mib_per_s = 10;
    const Vm& vm = cluster.guest("local");
    const policy::MigrationOptions& options = cluster.options.migration;
    const Prediction within = policy::predict(vm, {}, options);
    const Prediction between = policy::predict(vm, {}, options, gib(2));
    CHECK(within.disk == Bytes{});
    CHECK(between.disk == gib(2));
    CHECK(between.duration > within.duration + 204s);
    CHECK(between.transferred >= gib(2) + within.transferred);
}

TEST_CASE("No plan takes a VM out of its site but by an order, or home") {
    std::size_t ordered = 0;
    for (std::uint64_t seed = 0; seed < 400; ++seed) {
        Cluster cluster = random_sites(seed);
        cluster.persist(1min);
        const Plan plan = cluster.plan();
        for (const Move& move : plan.moves) {
            const Host &from = cluster.at(move.from.value), &to = cluster.at(move.to.value);
            if (from.site == to.site) {
                CHECK(move.disks.empty());
                continue;
            }
            const std::string* order = policy::ordered_site(from);
            const bool by_order = order != nullptr && *order == to.site;
            ordered += by_order ? 1 : 0;
            if (!by_order && move.trigger != Trigger::return_home)
                FAIL_CHECK("seed " << seed << ": " << move.reason << " from " << from.site << " to " << to.site);
        }
        for (const Restart& restart : plan.restarts)
            if (cluster.at(restart.from.value).site != cluster.at(restart.to.value).site)
                FAIL_CHECK("seed " << seed << ": " << restart.reason);
    }
    CHECK(ordered > 0);
}

TEST_CASE("What if VMs left for another site is a question") {
    const Cluster cluster = two_sites();
    const auto asked = policy::parse_what_if("maintenance h1 to-site b");
    REQUIRE(asked.has_value());
    const auto supposed = policy::suppose(*asked, cluster.inventory, cluster.memory, cluster.now);
    REQUIRE(supposed.has_value());
    CHECK(supposed->assumptions == std::vector<std::string>{"h1 is in maintenance, its VMs leave for site b"});
    const Plan plan = policy::plan(supposed->inventory, supposed->memory, cluster.options, cluster.now);
    CHECK(plan.moves.size() == 2);
    CHECK_FALSE(policy::parse_what_if("maintenance h1 to-site").has_value());
    CHECK_FALSE(policy::parse_what_if("maintenance h1 to-site b c").has_value());
    CHECK_FALSE(policy::parse_what_if("lose h1 to-site b").has_value());
    const auto nowhere = policy::parse_what_if("maintenance h1 to-site c");
    REQUIRE(nowhere.has_value());
    CHECK_FALSE(policy::suppose(*nowhere, cluster.inventory, cluster.memory, cluster.now).has_value());
}
