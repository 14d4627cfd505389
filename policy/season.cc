#include "policy/season.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "policy/estimators.h"
#include "policy/policy.h"

namespace ballast::policy {

namespace {

constexpr LocalHour hours_kept = season_hours;
constexpr Duration cadence = std::chrono::minutes{1};
// A look stands for the time since the one before it, but not for an outage.
constexpr Duration longest_look = std::chrono::minutes{10};
constexpr double least_minutes = 30;
constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view unknown = "...";
constexpr std::size_t width = unknown.size();
constexpr double steps_per_core = 100, most_steps = 64 * 64 * 64 - 1;

std::size_t place_of(LocalHour hour) {
    return width * static_cast<std::size_t>((hour % hours_kept + hours_kept) % hours_kept);
}

std::string mean_of(const HourlyDemand& season) {
    if (season.minutes < least_minutes) return std::string(unknown);
    const double mean = std::round(season.core_minutes / season.minutes * steps_per_core);
    const auto steps = static_cast<unsigned>(std::clamp(mean, 0.0, most_steps));
    return {digits[steps / 4096], digits[steps / 64 % 64], digits[steps % 64]};
}

std::optional<double> cores_of(std::string_view text) {
    unsigned steps = 0;
    for (const char c : text) {
        const auto digit = digits.find(c);
        if (digit == std::string_view::npos) return std::nullopt;
        steps = steps * 64 + static_cast<unsigned>(digit);
    }
    return steps / steps_per_core;
}

void close_hour(HourlyDemand& season, LocalHour next) {
    const std::string mean = mean_of(season);
    if (season.hours.empty() && mean == unknown) return;
    season.hours.resize(width * season_hours, unknown.front());
    season.hours.replace(place_of(season.hour), width, mean);
    const LocalHour missed_until = std::min(next, season.hour + hours_kept);
    for (LocalHour hour = season.hour + 1; hour < missed_until; ++hour)
        season.hours.replace(place_of(hour), width, unknown);
}

void add(HourlyDemand& season, double cores, double minutes, LocalHour hour) {
    if (hour != season.hour) {
        if (hour > season.hour) close_hour(season, hour);
        season.hour = hour;
        season.core_minutes = season.minutes = 0;
    }
    season.core_minutes += cores * minutes;
    season.minutes += minutes;
}

// Both maps are in order: one walk instead of a search for each VM.
void learn_all(Memory& memory, const Inventory& inventory, double minutes, LocalHour hour) {
    auto& seasons = memory.seasons.vms;
    auto at = seasons.begin();
    auto known = memory.vms.begin();
    for (const auto& [id, vm] : inventory.vms) {
        while (known != memory.vms.end() && known->first < id) ++known;
        if (known == memory.vms.end()) return;
        const auto host = inventory.hosts.find(vm.host);
        if (known->first != id || !known->second.last_sample || !occupies_host(vm)) continue;
        if (host == inventory.hosts.end() || !is_fresh(host->second)) continue;
        while (at != seasons.end() && at->first < id) ++at;
        if (at == seasons.end() || at->first != id) at = seasons.emplace_hint(at, id, HourlyDemand{{}, hour, 0, 0});
        add(at->second, policy::known(known->second.cpu_demand_cores).value_or(0), minutes, hour);
    }
}

// Nothing when not known.
std::optional<double> demand_in(const HourlyDemand& season, LocalHour hour) {
    const bool kept = hour < season.hour && hour >= season.hour - hours_kept;
    if (!kept || season.hours.size() != width * season_hours) return std::nullopt;
    return cores_of(std::string_view(season.hours).substr(place_of(hour), width));
}

// The least number of `days` that is the share of them; a hair less than a whole number is one.
std::size_t enough_of(std::size_t days, double share) {
    const double count = std::ceil(share * static_cast<double>(days) - 1e-9);
    return static_cast<std::size_t>(std::clamp(count, 1.0, static_cast<double>(days)));
}

struct Habit {
    const HourlyDemand* season = nullptr;
    double now = 0;
};

std::vector<Habit> habits_of(const std::vector<const Vm*>& vms, const Memory& memory) {
    std::vector<Habit> habits;
    for (const Vm* vm : vms) {
        const auto season = memory.seasons.vms.find(vm->id);
        habits.push_back({season == memory.seasons.vms.end() ? nullptr : &season->second, demand_cores(*vm, memory)});
    }
    return habits;
}

double demand_of(const Habit& habit, LocalHour past) {
    const auto demand = habit.season ? demand_in(*habit.season, past) : std::nullopt;
    return demand.value_or(habit.now);
}

// The same hour of a past day.
struct PastHour {
    double cores = 0;
    LocalHour hour = 0;
};

std::vector<PastHour> past_hours(const std::vector<Habit>& habits, LocalHour hour, LocalHour now,
                                 const CalendarDays& holidays) {
    std::vector<PastHour> days;
    const bool off = is_day_off(hour, holidays);
    for (LocalHour past = hour - 24; past >= now - hours_kept; past -= 24) {
        if (past >= now || is_day_off(past, holidays) != off) continue;
        double sum = 0;
        std::size_t known = 0;
        for (const Habit& habit : habits) {
            sum += demand_of(habit, past);
            known += habit.season && demand_in(*habit.season, past);
        }
        if (known > 0 && 2 * known >= habits.size()) days.push_back({sum, past});
    }
    return days;
}

}  // namespace

void learn_season(Memory& memory, const Inventory& inventory, const TimeZone& zone) {
    Seasons& seasons = memory.seasons;
    if (!inventory.wall_time) return;
    const WallTime now = *inventory.wall_time;
    if (seasons.zone != zone.name) seasons = {zone.name, {}, {}};
    const bool set_back = seasons.learned_at && now < *seasons.learned_at;
    if (seasons.learned_at && !set_back && now - *seasons.learned_at < cadence) return;
    // What is seen at the full hour was so in the hour that ends there.
    const LocalHour hour = local_hour(now - Duration{1}, zone);
    const bool new_hour = !seasons.learned_at || local_hour(*seasons.learned_at - Duration{1}, zone) != hour;
    const Duration since = seasons.learned_at && !set_back ? now - *seasons.learned_at : cadence;
    seasons.learned_at = now;
    learn_all(memory, inventory, static_cast<double>(std::min<Duration>(since, longest_look) / Duration{1}) / 60'000,
              hour);
    if (new_hour) std::erase_if(seasons.vms, [&](const auto& entry) { return entry.second.hour < hour - hours_kept; });
}

std::vector<double> past_demand(const std::vector<const Vm*>& vms, const Memory& memory, LocalHour hour, LocalHour now,
                                const CalendarDays& holidays) {
    std::vector<double> days;
    for (const PastHour& past : past_hours(habits_of(vms, memory), hour, now, holidays)) days.push_back(past.cores);
    return days;
}

double not_exceeded(std::vector<double> days, double confidence) {
    std::sort(days.begin(), days.end());
    return days[enough_of(days.size(), confidence) - 1];
}

double reached(std::vector<double> days, double confidence) {
    std::sort(days.begin(), days.end());
    return days[days.size() - enough_of(days.size(), confidence)];
}

std::optional<Expected> expected_demand(const std::vector<const Vm*>& vms, const Memory& memory,
                                        const Inventory& inventory, const TimeZone& zone, double confidence,
                                        Duration ahead, const CalendarDays& holidays) {
    if (!inventory.wall_time || memory.seasons.zone != zone.name) return std::nullopt;
    const auto habits = habits_of(vms, memory);
    const LocalHour now = local_hour(*inventory.wall_time, zone);
    const LocalHour last = local_hour(*inventory.wall_time + std::min(ahead, farthest_ahead), zone);
    std::optional<Expected> most;
    LocalHour like = 0;
    for (LocalHour hour = now; hour <= last; ++hour) {
        auto days = past_hours(habits, hour, now, holidays);
        if (days.empty()) continue;
        std::stable_sort(days.begin(), days.end(),
                         [](const PastHour& a, const PastHour& b) { return a.cores < b.cores; });
        const PastHour& usual = days[enough_of(days.size(), confidence) - 1];
        if (most && usual.cores <= most->cores) continue;
        most = Expected{hour, static_cast<unsigned>(days.size()), usual.cores, {}};
        like = usual.hour;
    }
    if (most)
        for (const Habit& habit : habits) most->by_vm.push_back(demand_of(habit, like));
    return most;
}

std::string hour_text(LocalHour hour) {
    return "between " + clock_time(hour) + " and " + clock_time(hour + 1);
}

std::string days_text(unsigned days, bool off) {
    return off ? (days == 1 ? "day off" : "days off") : days == 1 ? "working day" : "working days";
}

}  // namespace ballast::policy
