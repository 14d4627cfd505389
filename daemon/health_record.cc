#include "daemon/health_record.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace ballast::daemon {

namespace {

// As many corrected errors a day as rasdaemon takes before it gives up a page of memory [rasdaemon 0.6.8,
// misc/rasdaemon.env: PAGE_CE_THRESHOLD="50", PAGE_CE_REFRESH_CYCLE="24h"]. Single bits flip now and then in good
// memory too.
constexpr std::uint64_t most_corrected = 50;
constexpr Duration corrected_window = std::chrono::hours{24};
// What preflight tells of as well: NTP keeps hosts within milliseconds.
constexpr double most_skew_s = 1;

double seconds_of(WallTime time) {
    return std::chrono::duration<double>(time.time_since_epoch()).count();
}

std::string seconds_text(double seconds) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f s", std::abs(seconds));
    return text;
}

// The report was written at some time between: what is left of the difference is for certain.
double skew_of(double there, WallTime begun, WallTime ended) {
    const double ahead = there - seconds_of(ended), behind = there - seconds_of(begun);
    return ahead > 0 ? ahead : behind < 0 ? behind : 0;
}

}  // namespace

unsigned looks_needed(HealthSource source) {
    switch (source) {
        case HealthSource::network:
        case HealthSource::link:
        case HealthSource::storage:
        case HealthSource::units:
        case HealthSource::pressure:
        case HealthSource::clock:
        case HealthSource::unread: return 2;
        default: return 1;
    }
}

void HealthRecord::looked(const std::string& origin, const std::vector<std::pair<HealthProblem, unsigned>>& seen,
                          const std::vector<health::Unread>& unread) {
    auto& sightings = origins_[origin];
    const auto is_hidden = [&](const HealthProblem& problem) {
        return std::any_of(unread.begin(), unread.end(), [&](const auto& one) { return one.hides(problem); });
    };
    for (auto& [key, sighting] : sightings)
        if (!is_hidden(sighting.problem)) ++sighting.gone;
    for (const auto& [problem, needed] : seen) {
        Sighting& sighting = sightings[{problem.source, problem.subject}];
        sighting.problem = problem;
        sighting.seen = std::min(sighting.seen + 1, needed);
        sighting.gone = 0;
        sighting.counts = sighting.counts || sighting.seen >= needed;
    }
    for (auto& [key, sighting] : sightings)
        if (sighting.gone > 0) sighting.seen = 0;
    std::erase_if(sightings, [&](const auto& entry) {
        const Sighting& sighting = entry.second;
        return sighting.gone > 0 && (!sighting.counts || sighting.gone >= clear_after_);
    });
}

std::vector<HealthProblem> HealthRecord::problems() const {
    std::map<Key, HealthProblem> all;
    for (const auto& [origin, sightings] : origins_)
        for (const auto& [key, sighting] : sightings)
            if (sighting.counts) all.emplace(key, sighting.problem);
    std::vector<HealthProblem> list;
    for (auto& [key, problem] : all) list.push_back(std::move(problem));
    return list;
}

// Windows follow one another, so that little has to be remembered: a problem stays until a whole window was well.
void HealthTrends::judge_counter(const health::Counter& counter, Instant now, std::vector<HealthProblem>& found) {
    const auto [at, first] = growths_.try_emplace(to_string(counter.source) + "/" + counter.subject);
    Growth& growth = at->second;
    if (first || counter.count < growth.base) growth = {counter.count, now, false};  // counted anew since a boot
    const std::uint64_t grown = counter.count - growth.base;
    const bool too_fast = grown > most_corrected;
    if (too_fast || growth.too_fast)
        found.push_back({counter.source, counter.subject,
                         "memory controller " + counter.subject + " corrects more than " +
                             std::to_string(most_corrected) + " errors a day"});
    if (now - growth.since >= corrected_window) growth = {counter.count, now, too_fast};
}

std::vector<HealthProblem> HealthTrends::judge(const health::Report& report, Instant now, WallTime begun,
                                               WallTime ended) {
    std::vector<HealthProblem> found;
    for (const health::Counter& counter : report.counters) judge_counter(counter, now, found);
    for (const auto& [interface, speed] : report.speeds) {
        std::uint64_t& fastest = fastest_[interface];
        fastest = std::max(fastest, speed);
        if (speed < fastest)
            found.push_back(
                {HealthSource::link, interface,
                 interface + " runs at " + std::to_string(speed) + " Mbit/s, it ran at " + std::to_string(fastest)});
    }
    const double skew = report.time_s ? skew_of(*report.time_s, begun, ended) : 0;
    if (std::abs(skew) > most_skew_s)
        found.push_back(
            {HealthSource::clock, "skew",
             "its clock is " + seconds_text(skew) + (skew > 0 ? " ahead of" : " behind") + " this daemon's"});
    return found;
}

}  // namespace ballast::daemon
