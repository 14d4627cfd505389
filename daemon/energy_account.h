// What hosts draw and what switching them off saves, by readings or by a power table. Pure.
#pragma once

#include <boost/json.hpp>
#include <map>
#include <vector>

#include "model/energy.h"
#include "model/host.h"
#include "model/result.h"

namespace ballast::daemon {

/// What a host draws by the table: between idle and full in proportion to its CPU use, as SPEC power results do nearly.
struct PowerTable {
    double idle_watts = 0;
    double full_watts = 0;
};
/// Half of policy::assumed_watts() when idle, all of it at full load, where the operator says nothing.
PowerTable assumed_table(const Host& host);

/// What a host draws by one of its sensors.
struct PowerReading {
    double watts = 0;
    EnergySource source = EnergySource::bmc;
    double rest_watts = 0;  // to be added: what the sensor does not count
};

class EnergyAccount {
public:
    /// Goes on with accounts of earlier.
    void resume(std::vector<HostEnergy> accounts);
    /// The host was in this state for this long and drew what the reading says (nothing: by the table). One that went
    /// off meanwhile drew what it draws idle before.
    void note(const Host& host, const PowerTable& table, std::optional<PowerReading> reading, Duration elapsed,
              Instant now, WallTime wall_now);
    const std::map<HostId, HostEnergy>& hosts() const { return hosts_; }

private:
    static void learn_idle(HostEnergy& account);

    std::map<HostId, HostEnergy> hosts_;
};

boost::json::object to_json(const HostEnergy& energy);
/// Error corrupt when a field is missing or of the wrong kind.
Result<HostEnergy> energy_from_json(const boost::json::value& value);

}  // namespace ballast::daemon
