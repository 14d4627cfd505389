// Times of the week and time zones as people write them. parse_* fail with ErrorCode::invalid and a message that shows
// how to write it.
#pragma once

#include <string>

#include "model/result.h"
#include "policy/options.h"

namespace ballast::config {

/// "mon-fri 22:00-06:00", "sat 08:00-24:00", "22:00-06:00" (every day). Pure.
Result<policy::WeekSpan> parse_week_span(const std::string& text);
std::string write_week_span(const policy::WeekSpan& span);

/// "2026-12-24", or "12-25" for every year. Pure.
Result<policy::CalendarDay> parse_calendar_day(const std::string& text);
std::string write_calendar_day(const policy::CalendarDay& day);

/// "Europe/Berlin", "UTC", or "local" for that of this machine. Reads the system's time zone files.
Result<policy::TimeZone> load_time_zone(const std::string& name);

/// The offsets in a file as tzfile(5) and RFC 8536 describe it, continued by its rule until `until`. Pure; empty when
/// it is none or is damaged.
std::vector<std::pair<std::chrono::sys_seconds, std::chrono::seconds>> zone_offsets(const std::string& file,
                                                                                    std::chrono::year until);

}  // namespace ballast::config
