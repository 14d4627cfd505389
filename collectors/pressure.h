// Pressure stall information and swapping of the host this daemon runs on, from /proc (the path is configurable,
// because containers may see another kernel's). Source: Linux Documentation/accounting/psi.rst.
#pragma once

#include <optional>
#include <string>

#include "model/host.h"
#include "model/result.h"

namespace ballast::collectors {

/// avg10 of the "some" or "full" line of a pressure file, as a ratio 0-1; nothing when the line is missing or odd.
std::optional<double> pressure_avg10(const std::string& text, const std::string& line);

/// Reads PROC/pressure/{cpu,memory,io}. Error unavailable when none of them can be read (a kernel without PSI).
Result<Pressure> read_pressure(const std::string& proc_path);

/// Cumulative bytes swapped in, from PROC/vmstat's pswpin. Error unavailable or corrupt.
Result<Bytes> read_swap_in(const std::string& proc_path);

}  // namespace ballast::collectors
