// What the VMs of a simulated day want: one row a VM, one sample every five minutes, as percent of the VM's own CPU.
// The format is that of the CoMon/PlanetLab traces that CloudSim made popular, a day in one CSV file (gzip or plain):
// name,288 integers of 0-100.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/result.h"

namespace ballast::sim::trace {

inline constexpr std::size_t samples_per_day = 288;
inline constexpr double sample_interval_s = 300;

struct VmTrace {
    std::string name;
    std::array<std::uint8_t, samples_per_day> percent{};

    /// Demand at `time_s` as a ratio of the VM's CPU: linear between samples, the last one held until the end of the
    /// day. Requires: 0 <= time_s <= 86400.
    double at(double time_s) const;
};

struct Workload {
    std::vector<VmTrace> vms;
};

/// Every problem names `origin` and the line.
Result<Workload> parse_workload(std::string_view text, const std::string& origin);
/// Reads a file, compressed or not. At most 64 MiB of text: a day of 10,000 VMs has 10.
Result<Workload> load_workload(const std::string& path);

}  // namespace ballast::sim::trace
