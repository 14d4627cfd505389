// /etc/ballast/power.yaml: which agents switch which host, and where their secrets are. Read by the broker alone;
// strict like the other files, all or nothing (docs/power-broker.md). Blocking, short.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/diagnostic.h"
#include "config/load.h"
#include "config/reader.h"
#include "model/ids.h"
#include "model/units.h"

namespace ballast::power {

/// Where a value was written, for problems that are found only later.
struct Parameter {
    std::string value;
    config::Place place;
};

/// One of `file` and `credential` is set. `path` and `value` are what load_power_file found.
struct Secret {
    std::string file;
    std::string credential;  // of systemd, in $CREDENTIALS_DIRECTORY
    config::Place place;
    std::string path;
    std::string value;
};

/// One way to switch a host.
struct Level {
    std::string agent;  // "fence_ipmilan"
    config::Place place;
    std::map<std::string, Parameter> parameters;
    std::map<std::string, Secret> secrets;
    Duration timeout = std::chrono::seconds{20};  // of one run; fence agents themselves wait 20 s for a change of power

    /// Its agent is a front end of ipmitool, which shows its password in the process list unless it is kept from it.
    bool is_ipmi() const;
    /// Longest that switching by this level takes: the order, its verification, and the end of what hangs in each.
    Duration longest() const;
};

struct WakeOnLan {
    std::string mac;                            // "52:54:00:12:34:56"
    std::string broadcast = "255.255.255.255";  // where to; of the host's own network when it is another than ours
};

struct HostPower {
    HostId id;
    std::vector<Level> levels;  // tried in this order
    std::optional<WakeOnLan> wake_on_lan;
    std::string reading = "none";  // "ipmi" | "none": where watts come from
    std::string sensor;            // of the unit Watts, when the BMC has several and no DCMI

    const Level* ipmi_level() const;  // the first one, or nothing
    Duration longest() const;
};

struct PowerFile {
    std::vector<HostPower> hosts;

    const HostPower* find(const HostId& id) const;
};

/// What files and agents are looked for in.
struct Surroundings {
    std::string agents = "/usr/sbin";
    std::optional<std::string> credentials;  // $CREDENTIALS_DIRECTORY
    bool credentials_needed = true;          // false: checked by hand, outside the unit, where there are none
};

/// The text alone: neither agents nor secrets are looked for. Pure.
config::Loaded<PowerFile> check_power_text(const config::Source& source);

/// With the secrets read. Refuses a file, or a secret, whose mode lets others than owner and group read it.
config::Loaded<PowerFile> load_power_file(const std::string& path, const Surroundings& surroundings);

}  // namespace ballast::power
