// Figures of the API as people read them. What is not known reads as "-". Pure, but for the local time zone.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cli/json_read.h"
#include "cli/phrase.h"
#include "model/units.h"

namespace ballast::cli {

/// "4.2 s" from a field in milliseconds.
std::string duration(const value& from, std::string_view key);
/// "1.5 GiB" from a field in bytes.
std::string bytes(const value& from, std::string_view key);
/// "93 %" from a ratio.
std::string percent_of(const value& from, std::string_view key);
/// A plain number with at most this many decimals.
std::string decimal(const value& from, std::string_view key, int decimals);
/// "1 VM", "3 VMs".
std::string counted(std::int64_t count, std::string_view one, std::string_view many);
std::int64_t whole(const value& from, std::string_view key);

/// "2026-11-22 10:15" in local time from RFC 3339; the text itself when it is something else.
std::string local_time(const std::string& rfc3339);

/// How long ago that was by this machine's clock; nothing when it is no time, or lies ahead.
std::optional<Duration> seconds_since(const std::string& rfc3339);

/// "host1 → host2", with "->" in ASCII.
std::string arrow(const Style& style);

/// "█████▌░░░░" for a ratio; more than 1 is full.
std::string bar(double ratio, int width, const Style& style);

/// Load as a bar with its percentage behind it, green, yellow from 80 % (the shipped limit for CPU) and red from 95 %.
Phrase load_bar(std::optional<double> ratio, const Style& style);
Phrase load_percent(std::optional<double> ratio);

/// The colour of a host's, VM's or operation's state.
Tone tone_of_state(std::string_view state);
/// An operation's state in plain words: "rolled_back" -> "rolled back".
Phrase state_phrase(const std::string& state);

}  // namespace ballast::cli
