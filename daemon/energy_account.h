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
    /// off meanwhile drew what it draws idle before. A reading counts for what idling costs only when the host was on
    /// for long enough before it and has been sampled since: what a BMC says of a host that dies or goes off is not
    /// that.
    void note(const Host& host, const PowerTable& table, std::optional<PowerReading> reading, Duration elapsed,
              Instant now, WallTime wall_now);
    const std::map<HostId, HostEnergy>& hosts() const { return hosts_; }

private:
    /// A reading that counts for what idling costs as soon as the host is seen to have been at work when it was taken.
    struct Pending {
        double watts = 0;
        EnergySource source = EnergySource::table;
        bool is_quiet = false;  // the host had little to do
        Instant at{};
    };
    /// The least of many looks at a quiet host.
    struct Quiet {
        unsigned looks = 0;
        double least_watts = 0;
    };
    void weigh_idle(HostEnergy& account, const Host& host, const std::optional<PowerReading>& reading, Duration elapsed,
                    Instant now);
    void learn_idle(HostEnergy& account, const Pending& reading);

    std::map<HostId, HostEnergy> hosts_;
    std::map<HostId, Pending> pending_;
    std::map<HostId, Quiet> quiet_;
};

boost::json::object to_json(const HostEnergy& energy);
/// Error corrupt when a field is missing or of the wrong kind.
Result<HostEnergy> energy_from_json(const boost::json::value& value);

}  // namespace ballast::daemon
