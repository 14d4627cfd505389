#include "health/sources.h"

#include "tests/health/tree.h"

using namespace ballast;
using namespace ballast::health;
using test::is_unread;
using test::problem_of;
using test::Tree;

namespace {

using Source = void (*)(const Machine&, Report&);

Report seen(Source look, const Tree& tree) {
    Report report;
    look(tree.machine(), report);
    return report;
}

// Enough of a machine that every source finds what it reads, and nothing is wrong.
void make_well(Tree& tree) {
    tree.put("sys/devices/system/edac/mc/mc0/ue_count", "0\n");
    tree.put("sys/devices/system/edac/mc/mc0/ce_count", "3\n");
    tree.put("proc/meminfo", "MemTotal:       65536 kB\nHardwareCorrupted:     0 kB\n");
    tree.put("proc/interrupts",
             "           CPU0       CPU1\n  0:   44    0  IO-APIC\nMCE:    0    0   Machine check exceptions\n"
             "MCP:  120  119   Machine check polls\n");
    tree.put("sys/class/thermal/thermal_zone0/type", "x86_pkg_temp\n");
    tree.put("sys/class/thermal/thermal_zone0/temp", "52000\n");
    tree.put("sys/class/thermal/thermal_zone0/trip_point_0_type", "critical\n");
    tree.put("sys/class/thermal/thermal_zone0/trip_point_0_temp", "105000\n");
    tree.put("sys/class/hwmon/hwmon0/name", "coretemp\n");
    tree.put("sys/class/hwmon/hwmon0/temp1_input", "61000\n");
    tree.put("sys/class/hwmon/hwmon0/temp1_crit", "100000\n");
    tree.put("proc/pressure/memory",
             "some avg10=1.00 avg60=2.00 avg300=0.50 total=1\nfull avg10=0.00 avg60=0.10 avg300=0 total=1\n");
    tree.put("proc/pressure/io",
             "some avg10=50.00 avg60=80.00 avg300=0.50 total=1\nfull avg10=30.00 avg60=40.10 avg300=0 total=1\n");
    tree.put("sys/block/sda/device/state", "running\n");
    tree.put("sys/class/nvme/nvme0/state", "live\n");
}

void nic(Tree& tree, const std::string& name, const std::string& carrier, const std::string& speed = "10000",
         bool up = true) {
    const std::string path = "sys/class/net/" + name + "/";
    tree.put(path + "flags", up ? "0x1003\n" : "0x1002\n");
    tree.put(path + "device/vendor", "0x8086\n");
    if (up)
        tree.put(path + "carrier", carrier + "\n");
    else
        tree.unreadable(path + "carrier");
    tree.put(path + "carrier_up_count", "1\n");
    tree.put(path + "speed", speed + "\n");
    tree.put(path + "duplex", "full\n");
}

void in_bridge(Tree& tree, const std::string& name, const std::string& bridge) {
    tree.put("sys/class/net/" + bridge + "/bridge/stp_state", "0\n");
    tree.put("sys/class/net/" + bridge + "/flags", "0x1003\n");
    tree.link("sys/class/net/" + name + "/master", "../" + bridge);
}

void in_bond(Tree& tree, const std::string& name, const std::string& status) {
    tree.put("sys/class/net/bond0/bonding/slaves", "eth0 eth1\n");
    tree.put("sys/class/net/bond0/flags", "0x1403\n");
    tree.put("sys/class/net/bond0/carrier", "1\n");
    tree.put("sys/class/net/" + name + "/bonding_slave/mii_status", status + "\n");
    tree.link("sys/class/net/" + name + "/master", "../bond0");
}

}  // namespace

TEST_CASE("A machine that is well has no problem, and everything of it can be read") {
    Tree tree;
    make_well(tree);
    nic(tree, "eth0", "1");
    Report report;
    for (const Source look : {look_at_memory, look_at_machine_checks, look_at_temperature, look_at_network,
                              look_at_storage, look_at_pressure})
        look(tree.machine(), report);
    CHECK(report.problems.empty());
    CHECK(report.unread.empty());
    CHECK(report.counters == std::vector<Counter>{{HealthSource::memory_corrected, "mc0", 3}});
    CHECK(report.speeds == std::vector<LinkSpeed>{{"eth0", 10000}});
}

TEST_CASE("What is wrong with a machine is found where the kernel tells it") {
    struct Case {
        const char* name;
        Source look;
        HealthSource source;
        const char* words;
        void (*break_it)(Tree&);
    };
    const Case cases[] = {
        {"uncorrected memory errors", look_at_memory, HealthSource::memory_uncorrected,
         "mc0 counts 2 uncorrected errors", [](Tree& t) { t.put("sys/devices/system/edac/mc/mc0/ue_count", "2\n"); }},
        {"pages out of use", look_at_memory, HealthSource::memory_corrected, "8 KiB",
         [](Tree& t) { t.put("proc/meminfo", "HardwareCorrupted:     8 kB\n"); }},
        {"machine checks", look_at_machine_checks, HealthSource::machine_check, "booted: 3",
         [](Tree& t) { t.put("proc/interrupts", "MCE:  1  2  Machine check exceptions\n"); }},
        {"a zone near its critical point", look_at_temperature, HealthSource::temperature, "101 C, its limit is 105 C",
         [](Tree& t) { t.put("sys/class/thermal/thermal_zone0/temp", "101000\n"); }},
        {"a zone beyond its hot point", look_at_temperature, HealthSource::temperature, "90 C",
         [](Tree& t) {
             t.put("sys/class/thermal/thermal_zone0/temp", "90000\n");
             t.put("sys/class/thermal/thermal_zone0/trip_point_1_type", "hot\n");
             t.put("sys/class/thermal/thermal_zone0/trip_point_1_temp", "90000\n");
         }},
        {"a sensor beyond its critical limit", look_at_temperature, HealthSource::temperature,
         "coretemp Core 0 is at 100",
         [](Tree& t) {
             t.put("sys/class/hwmon/hwmon0/temp1_input", "100000\n");
             t.put("sys/class/hwmon/hwmon0/temp1_label", "Core 0\n");
         }},
        {"an offline disk", look_at_storage, HealthSource::storage, "sda is offline",
         [](Tree& t) { t.put("sys/block/sda/device/state", "offline\n"); }},
        {"a dead controller", look_at_storage, HealthSource::storage, "nvme0 is dead",
         [](Tree& t) { t.put("sys/class/nvme/nvme0/state", "dead\n"); }},
        {"a failed session", look_at_storage, HealthSource::storage, "session1 is FAILED",
         [](Tree& t) { t.put("sys/class/iscsi_session/session1/state", "FAILED\n"); }},
        {"a blocked port", look_at_storage, HealthSource::storage, "rport-1:0-2 is Blocked",
         [](Tree& t) {
             t.put("sys/class/fc_remote_ports/rport-1:0-2/roles", "FCP Target\n");
             t.put("sys/class/fc_remote_ports/rport-1:0-2/port_state", "Blocked\n");
         }},
        {"a degraded array", look_at_storage, HealthSource::disk, "md0 has lost disks: 1",
         [](Tree& t) { t.put("sys/block/md0/md/degraded", "1\n"); }},
        {"a stall", look_at_pressure, HealthSource::pressure, "waited for memory during 61%",
         [](Tree& t) {
             t.put("proc/pressure/memory",
                   "some avg10=9 avg60=90 avg300=1 total=1\nfull avg10=1 avg60=61 avg300=1 total=1\n");
         }},
        {"a bridge's lost way out", look_at_network, HealthSource::network, "eth0, the way out of br0, has lost",
         [](Tree& t) {
             nic(t, "eth0", "0");
             in_bridge(t, "eth0", "br0");
         }},
        {"a port's lost carrier", look_at_network, HealthSource::link, "eth0 has lost its carrier",
         [](Tree& t) { nic(t, "eth0", "0"); }},
        {"a team's lost part", look_at_network, HealthSource::link, "eth1, a part of team0",
         [](Tree& t) {
             nic(t, "eth1", "0");
             t.put("sys/class/net/team0/flags", "0x1003\n");
             t.link("sys/class/net/eth1/master", "../team0");
         }},
        {"a bond's lost part", look_at_network, HealthSource::link, "eth1, a part of bond0",
         [](Tree& t) {
             nic(t, "eth1", "0");
             in_bond(t, "eth1", "down");
         }},
        {"a bond's part that does not answer although its carrier is there", look_at_network, HealthSource::link,
         "eth1, a part of bond0, is going down",
         [](Tree& t) {
             nic(t, "eth1", "1");
             in_bond(t, "eth1", "going down");
         }},
        {"half duplex", look_at_network, HealthSource::link, "half duplex",
         [](Tree& t) {
             nic(t, "eth0", "1", "1000");
             t.put("sys/class/net/eth0/duplex", "half\n");
         }},
    };
    for (const Case& one : cases) {
        INFO(one.name);
        Tree tree;
        make_well(tree);
        one.break_it(tree);
        const Report report = seen(one.look, tree);
        REQUIRE(report.problems.size() == 1);
        CHECK(report.problems[0].source == one.source);
        CHECK_THAT(report.problems[0].text, Catch::Contains(one.words));
    }
}

TEST_CASE("What only looks wrong is left alone") {
    struct Case {
        const char* name;
        void (*make)(Tree&);
    };
    const Case cases[] = {
        {"a port that nobody uses is down", [](Tree& t) { nic(t, "eth0", "0", "-1", false); }},
        {"a port that never had a carrier",
         [](Tree& t) {
             nic(t, "eth0", "0", "-1");
             t.put("sys/class/net/eth0/carrier_up_count", "0\n");
         }},
        {"a guest's tap on a bridge whose guest is off",
         [](Tree& t) {
             t.put("sys/class/net/vnet0/flags", "0x1003\n");
             t.put("sys/class/net/vnet0/carrier", "0\n");
             t.put("sys/class/net/vnet0/carrier_up_count", "1\n");
             in_bridge(t, "vnet0", "br0");
         }},
        {"an NVMe disk, whose controller is live and never running",
         [](Tree& t) {
             t.put("sys/block/nvme0n1/device/state", "live\n");
             t.put("sys/class/nvme/nvme0/state", "live\n");
         }},
        {"a bridge without guests",
         [](Tree& t) {
             t.put("sys/class/net/virbr0/bridge/stp_state", "1\n");
             t.put("sys/class/net/virbr0/flags", "0x1003\n");
             t.put("sys/class/net/virbr0/carrier", "0\n");
             t.put("sys/class/net/virbr0/carrier_up_count", "4\n");
             t.put("sys/class/net/virbr0/lower_vnet0/flags", "0x1003\n");
         }},
        {"a limit that firmware left unset",
         [](Tree& t) {
             t.put("sys/class/hwmon/hwmon0/temp1_crit", "0\n");
             t.put("sys/class/thermal/thermal_zone0/trip_point_0_temp", "-274000\n");
         }},
        {"a sensor that says it is broken",
         [](Tree& t) {
             t.put("sys/class/hwmon/hwmon0/temp1_input", "127000\n");
             t.put("sys/class/hwmon/hwmon0/temp1_fault", "1\n");
         }},
        {"a remote port that is no target",
         [](Tree& t) {
             t.put("sys/class/fc_remote_ports/rport-1:0-0/roles", "Fabric Port\n");
             t.put("sys/class/fc_remote_ports/rport-1:0-0/port_state", "Not Present\n");
         }},
    };
    for (const Case& one : cases) {
        INFO(one.name);
        Tree tree;
        make_well(tree);
        nic(tree, "eth9", "1");
        one.make(tree);
        Report report;
        for (const Source look : {look_at_memory, look_at_machine_checks, look_at_temperature, look_at_network,
                                  look_at_storage, look_at_pressure})
            look(tree.machine(), report);
        CHECK(report.problems.empty());
    }
}

TEST_CASE("What is not there or cannot be read is told, and is no problem") {
    Tree nothing;
    Report report;
    look_at_all(nothing.machine(), report);
    CHECK(report.problems.empty());
    for (const HealthSource source : {HealthSource::memory_uncorrected, HealthSource::memory_corrected,
                                      HealthSource::machine_check, HealthSource::temperature, HealthSource::network,
                                      HealthSource::pressure, HealthSource::units, HealthSource::clock}) {
        INFO(to_string(source));
        CHECK(is_unread(report, source));
    }

    Tree tree;
    make_well(tree);
    for (const char* path : {"sys/devices/system/edac/mc/mc1/ue_count", "sys/class/hwmon/hwmon0/temp2_input",
                             "sys/class/thermal/thermal_zone1/temp", "sys/block/sdb/device/state"})
        tree.unreadable(path);
    CHECK(is_unread(seen(look_at_memory, tree), HealthSource::memory_uncorrected));
    CHECK(seen(look_at_temperature, tree).problems.empty());
    CHECK(seen(look_at_storage, tree).problems.empty());
}

TEST_CASE("Garbage in every file harms nobody") {
    for (const std::string& garbage : {std::string("\0\xff\xfe\n", 4), std::string("-9999999999999999999999\n"),
                                       std::string("0x\n"), std::string(100000, 'A'), std::string("\n\n\n")}) {
        Tree tree;
        make_well(tree);
        nic(tree, "eth0", "1");
        in_bond(tree, "eth0", "up");
        for (const auto& entry : std::filesystem::recursive_directory_iterator(tree.root))
            if (entry.is_regular_file()) std::ofstream(entry.path(), std::ios::binary) << garbage;
        Report report;
        look_at_all(tree.machine(), report);
        for (const HealthProblem& problem : report.problems)
            CHECK((problem.source == HealthSource::storage || problem.source == HealthSource::link));
        CHECK(report_from(to_json(report)).has_value());
    }
}

TEST_CASE("Failed units are named, some of them, and a clock that nobody keeps is told") {
    Report report;
    tell_of_units({}, report);
    tell_of_clock(true, report);
    CHECK(report.problems.empty());
    tell_of_units({"a.service", "b.service", "c.mount", "d.timer", "e.service", "f.service", "g.service"}, report);
    tell_of_clock(false, report);
    CHECK(problem_of(report, HealthSource::units)->text ==
          "failed units: a.service, b.service, c.mount, d.timer, e.service and 2 more");
    CHECK_THAT(problem_of(report, HealthSource::clock)->text, Catch::Contains("NTP"));
}
