// What each VM wanted in each hour of the last two weeks, and what follows for the hours to come: on working days
// people do much the same at the same time, and on weekends and holidays less. Kept by VM and summed over whoever is
// meant: so a host's forecast is right at once after a move, and what VMs do at the same time is added up as it
// happened, day by day. Values; pure functions.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/inventory.h"
#include "policy/civil_time.h"

namespace ballast::policy {

struct Memory;

/// Two weeks: ten working days and four days of weekend.
inline constexpr std::size_t season_hours = std::size_t{14} * 24;
/// Fewer past days of a kind than this are no habit.
inline constexpr unsigned least_days = 3;
/// Farther ahead nothing is asked for: half a day covers a night.
inline constexpr Duration farthest_ahead = std::chrono::hours{12};

struct HourlyDemand {
    /// Mean demand of hour h in hundredths of a CPU, three base-64 digits (A-Z a-z 0-9 + /, the highest first) at 3 *
    /// (h % season_hours); "..." where it is not known. Empty before the first hour that is known. A text because that
    /// is what it is in records and in the daemon's file: a number for each hour would take a hundred times as much to
    /// read as the 1 KiB that a VM has here.
    std::string hours;
    LocalHour hour = 0;  // the one that fills now; those before it are known as far as they are
    double core_minutes = 0, minutes = 0;
};

/// All VMs, the vanished too for as long as one of their hours counts: a VM that is started for the day has habits.
struct Seasons {
    std::string zone;  // by whose clocks; other hours are not comparable
    std::optional<WallTime> learned_at;
    std::map<VmId, HourlyDemand> vms;
};

/// Adds the smoothed demand of every VM on a host that reports, once a minute. An hour that was watched for less than
/// half of it stays unknown, and so does one that the clocks skip; of one that they repeat the second half counts.
/// Without a wall time nothing is learnt.
void learn_season(Memory& memory, const Inventory& inventory, const TimeZone& zone);

/// CPUs these VMs wanted together in the same hour of the past days of the same kind (working day, day off) as that
/// of `hour`, the newest first. Days on which fewer than half of them were known are left out; on the others whoever
/// was not known counts with what it wants now. Requires: hour >= `now`, which is the present one.
std::vector<double> past_demand(const std::vector<const Vm*>& vms, const Memory& memory, LocalHour hour, LocalHour now,
                                const CalendarDays& holidays = {});

/// The least demand that was not exceeded, and the most that was reached, on the share `confidence` (0-1) of the days
/// or more. Requires: at least one day.
double not_exceeded(std::vector<double> days, double confidence);
double reached(std::vector<double> days, double confidence);

/// What is to be expected in an hour.
struct Expected {
    LocalHour hour = 0;
    unsigned days = 0;          // past days from which that follows
    double cores = 0;           // of all together
    std::vector<double> by_vm;  // as they were on one of those days: they add up to `cores`
};

/// CPUs that these VMs (of a host, of the cluster, or any others) did not exceed together on the share `confidence` of
/// the past days, in that hour between now and `ahead` from now in which it is most; the one that has begun counts. One
/// day is enough: it is asked for before hosts are switched off, where trust in a day that does not come back costs
/// power and mistrust costs performance. Hours that are not known of any day are left out; nothing when none is. The
/// inventory's time of day is now; nothing without one. Requires: 0 <= confidence <= 1;
/// of `ahead` at most farthest_ahead counts.
std::optional<Expected> expected_demand(const std::vector<const Vm*>& vms, const Memory& memory,
                                        const Inventory& inventory, const TimeZone& zone, double confidence,
                                        Duration ahead, const CalendarDays& holidays = {});

/// "between 08:00 and 09:00".
std::string hour_text(LocalHour hour);
/// "working days", "day off".
std::string days_text(unsigned days, bool off);

}  // namespace ballast::policy
