// Samples one host at a fixed cadence, whatever the other hosts do: each host has its own coroutine.
// One io_context thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <optional>
#include <string>

#include "collectors/rates.h"
#include "ports/clock.h"
#include "ports/hypervisor.h"

namespace ballast::collectors {

struct SamplerOptions {
    HostId host;
    Duration interval = std::chrono::seconds{10};
    std::optional<std::string> proc_path;  // set where the host is this machine
};

/// The source without which there is no sample.
inline constexpr const char* libvirt_source = "libvirt";

/// What a sampler tells: a sample, or which source failed ("libvirt", "pressure", "swap") and why.
struct SamplerListener {
    std::function<void(const HostId&, const Sample&)> sampled;
    /// The last sample told what was still the case then, by and large. Samplers never say so: those that are told do.
    std::function<void(const HostId&, Instant)> unchanged{};
    std::function<void(const HostId&, const std::string& source, const Result<void>&)> source_read;
};

/// Runs until the executor stops. The next pass starts an interval after the last one started, or at once when that
/// one took longer; passes never overlap.
boost::asio::awaitable<void> run_sampler(Clock& clock, Hypervisor& hypervisor, SamplerOptions options,
                                         SamplerListener listener);

}  // namespace ballast::collectors
