// RAPL's counters on machines made of files.
#include "tests/health/tree.h"

using namespace ballast;
using namespace ballast::test;
using health::EnergyCounter;

namespace {

void zone(Tree& tree, const std::string& id, const std::string& name, const std::string& microjoules) {
    const std::string path = "sys/class/powercap/" + id + "/";
    tree.put(path + "name", name + "\n");
    tree.put(path + "energy_uj", microjoules + "\n");
    tree.put(path + "max_energy_range_uj", "262143328850\n");
}

health::Report looked(const Tree& tree) {
    health::Report report;
    health::look_at_energy(tree.machine(), report);
    return report;
}

}  // namespace

TEST_CASE("Packages, their memory and the platform are counted, their parts and the second way to them are not") {
    Tree tree;
    tree.put("proc/uptime", "1234.50 9000.00\n");
    zone(tree, "intel-rapl:0", "package-0", "1000");
    zone(tree, "intel-rapl:0:0", "core", "400");
    zone(tree, "intel-rapl:0:1", "dram", "200");
    zone(tree, "intel-rapl:1", "package-1", "3000");
    zone(tree, "intel-rapl:2", "psys", "9000");
    zone(tree, "intel-rapl-mmio:0", "package-0", "1000");
    tree.put("sys/class/powercap/intel-rapl/enabled", "1\n");
    const auto report = looked(tree);
    CHECK(report.energy == std::vector<EnergyCounter>{{"package-0", 1000, 262143328850},
                                                      {"package-0/dram", 200, 262143328850},
                                                      {"package-1", 3000, 262143328850},
                                                      {"psys", 9000, 262143328850}});
    CHECK(report.uptime_s == 1234.5);
    CHECK(report.unread.empty());
}

TEST_CASE("Counters that may not be read are told once, and are no problem of the machine") {
    Tree tree;
    zone(tree, "intel-rapl:0", "package-0", "1000");
    std::filesystem::remove(tree.root / "sys/class/powercap/intel-rapl:0/energy_uj");
    tree.unreadable("sys/class/powercap/intel-rapl:0/energy_uj");
    zone(tree, "intel-rapl:1", "package-1", "no number");
    const auto report = looked(tree);
    CHECK(report.energy.empty());
    CHECK(report.problems.empty());
    REQUIRE(report.unread.size() == 1);
    CHECK(report.unread.front().text.find("CVE-2020-8694") != std::string::npos);
}

TEST_CASE("A machine without RAPL has nothing to tell, and that is nothing to tell of") {
    const Tree tree;
    const auto report = looked(tree);
    CHECK(report.energy.empty());
    CHECK(report.unread.empty());
    CHECK_FALSE(report.uptime_s);
}
