// Quantities as people write them in a file: `80%`, `2GiB`, `1h30min`, `100MiB/s`. Pure.
// parse_* fail with ErrorCode::invalid and a message that shows how to write it; write_* give the shortest text that
// parses to exactly the same value.
#pragma once

#include <cstdint>
#include <string>

#include "model/result.h"
#include "model/units.h"

namespace ballast::config {

Result<double> parse_ratio(const std::string& text);         // "80%" -> 0.8
Result<Bytes> parse_bytes(const std::string& text);          // "2GiB", "100MB", "4096B"
Result<Duration> parse_duration(const std::string& text);    // "5min", "1h30min", "100ms"
Result<double> parse_rate(const std::string& text);          // "100MiB/s", "1Gbit/s" -> MiB/s
Result<std::uint64_t> parse_count(const std::string& text);  // "4"
Result<double> parse_number(const std::string& text);        // "4", "1.5"
Result<bool> parse_boolean(const std::string& text);         // "true", "false"

std::string write_ratio(double ratio);
std::string write_bytes(Bytes bytes);
std::string write_duration(Duration duration);
std::string write_rate(double mib_per_s);
std::string write_number(double value);
std::string write_boolean(bool value);

}  // namespace ballast::config
