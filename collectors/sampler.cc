#include "collectors/sampler.h"

#include "collectors/pressure.h"

namespace ballast::collectors {

namespace {

template <class T>
Result<void> without_value(const Result<T>& result) {
    if (!result) return result.error();
    return {};
}

// The kernel's own figures, where the host is this machine.
std::optional<Pressure> local_figures(const SamplerOptions& options, const SamplerListener& listener, HostReading& reading) {
    if (!options.proc_path) return std::nullopt;
    const auto pressure = read_pressure(*options.proc_path);
    listener.source_read(options.host, "pressure", without_value(pressure));
    const auto swap = read_swap_in(*options.proc_path);
    listener.source_read(options.host, "swap", without_value(swap));
    if (swap) reading.host.swap_in = *swap;
    return pressure ? std::optional(*pressure) : std::nullopt;
}

}  // namespace

boost::asio::awaitable<void> run_sampler(Clock& clock, Hypervisor& hypervisor, SamplerOptions options, SamplerListener listener) {
    std::optional<HostReading> before;
    Instant next = clock.now();
    for (;;) {
        auto reading = co_await hypervisor.read(options.host);
        listener.source_read(options.host, "libvirt", without_value(reading));
        if (reading) {
            const auto pressure = local_figures(options, listener, *reading);
            Sample sample = sample_from(before, *reading);
            if (pressure) sample.load.pressure = *pressure;
            // The first pass has no rates yet: half of a sample would look like an idle host.
            if (before) listener.sampled(options.host, sample);
            before = std::move(*reading);
        }
        next = std::max(next + options.interval, clock.now());
        co_await clock.sleep_until(next);
    }
}

}  // namespace ballast::collectors
