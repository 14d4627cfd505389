// The energy account of one host. Watts and watt-hours.
#pragma once

#include <optional>
#include <string>

#include "model/ids.h"
#include "model/units.h"

namespace ballast {

/// Where watts come from, the worst first.
enum class EnergySource {
    table,      // a power table: what such a host is taken to draw
    rapl,       // counters of its processors and their memory, and what the operator says that the rest draws
    rapl_psys,  // a counter of its whole platform
    bmc,        // a sensor of its power supplies, read by IPMI
};
inline constexpr EnergySource all_energy_sources[] = {EnergySource::table, EnergySource::rapl, EnergySource::rapl_psys,
                                                      EnergySource::bmc};
inline std::string to_string(EnergySource source) {
    switch (source) {
        case EnergySource::table: return "table";
        case EnergySource::rapl: return "rapl";
        case EnergySource::rapl_psys: return "rapl_psys";
        case EnergySource::bmc: return "bmc";
    }
    return "table";
}

struct HostEnergy {
    HostId host;
    WallTime since{};             // the account's beginning
    double used_wh = 0;           // drawn since then, on or off
    double saved_wh = 0;          // what it would have drawn idle while it was off, less what it drew
    double idle_watts = 0;        // the least it draws while it is on, as far as known
    std::optional<double> watts;  // at the last look
    EnergySource idle_source = EnergySource::table, source = EnergySource::table;  // of these two
    double rest_watts = 0;  // of `watts`, what RAPL does not count and the operator says
};

}  // namespace ballast
