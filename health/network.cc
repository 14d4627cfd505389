// Network interfaces [Linux Documentation/ABI/testing/sysfs-class-net, Documentation/networking/bonding.rst]. Only what
// is up for the administrator and once had a carrier since it came up can have lost it: a port that nobody uses has
// not.
#include <sstream>

#include "health/sources.h"

namespace ballast::health {

namespace {

constexpr std::int64_t up = 1;               // IFF_UP [linux/if.h]
constexpr std::int64_t fast_ethernet = 100;  // Mbit/s: from here on half duplex is a failed negotiation [IEEE 802.3]

struct Interface {
    std::string name, path;  // path ends with a slash
    bool is_bond = false, is_physical = false;
};

bool is_up(const Machine& machine, const Interface& one) {
    const std::string flags = machine.line(one.path + "flags").value_or("0");
    return (std::strtoll(flags.c_str(), nullptr, 16) & up) != 0;
}

// A card, a bond of cards, or what stands on one, such as a VLAN: not a guest's tap and not a bridge.
bool leads_out(const Machine& machine, const Interface& one) {
    if (one.is_physical || one.is_bond) return true;
    if (machine.exists(one.path + "bridge")) return false;
    for (const std::string& file : machine.names(one.path))
        if (file.starts_with("lower_")) return true;
    return false;
}

// Reading the carrier of an interface that is down fails, so this comes after is_up().
bool has_lost_carrier(const Machine& machine, const Interface& one) {
    return machine.number(one.path + "carrier") == 0 && machine.number(one.path + "carrier_up_count").value_or(0) > 0;
}

void tell_of_carrier(const Machine& machine, const Interface& one, Report& report) {
    const std::string master = machine.link_name(one.path + "master");
    // Of bonds, teams and Open vSwitch, another port may go on: only a bridge's is its way out for certain.
    const bool in_bridge = !master.empty() && machine.exists("sys/class/net/" + master + "/bridge");
    if (!master.empty() && !in_bridge)
        report.tell(HealthSource::link, one.name, one.name + ", a part of " + master + ", has lost its carrier");
    else if (in_bridge)
        report.tell(HealthSource::network, one.name,
                    one.name + ", the way out of " + master + ", has lost its carrier");
    else
        report.tell(HealthSource::link, one.name, one.name + " has lost its carrier");
}

void look_at_bond(const Machine& machine, const Interface& bond, Report& report) {
    std::istringstream slaves(machine.line(bond.path + "bonding/slaves").value_or(""));
    for (std::string slave; slaves >> slave;) {
        const auto status = machine.line("sys/class/net/" + slave + "/bonding_slave/mii_status");
        if (status && *status != "up")
            report.tell(HealthSource::link, slave, slave + ", a part of " + bond.name + ", is " + *status);
    }
}

void look_at_speed(const Machine& machine, const Interface& one, Report& report) {
    const auto speed = machine.number(one.path + "speed");  // -1 or an error: not known
    if (machine.number(one.path + "carrier") != 1 || !speed || *speed <= 0) return;
    report.speeds.push_back({one.name, static_cast<std::uint64_t>(*speed)});
    if (machine.line(one.path + "duplex") == "half" && *speed >= fast_ethernet)
        report.tell(HealthSource::link, one.name, one.name + " runs in half duplex");
}

}  // namespace

void look_at_network(const Machine& machine, Report& report) {
    const auto names = machine.names("sys/class/net");
    if (names.empty()) return report.cannot_read(HealthSource::network, "sys/class/net cannot be read");
    for (const std::string& name : names) {
        Interface one{name, "sys/class/net/" + name + "/"};
        one.is_bond = machine.exists(one.path + "bonding");
        one.is_physical = machine.exists(one.path + "device");
        if (!is_up(machine, one) || !leads_out(machine, one)) continue;
        if (has_lost_carrier(machine, one)) tell_of_carrier(machine, one, report);
        if (one.is_bond) look_at_bond(machine, one, report);
        if (one.is_physical) look_at_speed(machine, one, report);
    }
}

}  // namespace ballast::health
