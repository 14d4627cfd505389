#include "collectors/sampler.h"

#include <algorithm>

#include "collectors/pressure.h"

namespace ballast::collectors {

namespace {

constexpr Duration first_looks = std::chrono::seconds{1};

template <class T>
Result<void> without_value(const Result<T>& result) {
    if (!result) return result.error();
    return {};
}

// The kernel's own figures, where the host is this machine.
std::optional<Pressure> local_figures(const SamplerOptions& options, const SamplerListener& listener,
                                      HostReading& reading) {
    if (!options.proc_path) return std::nullopt;
    const auto pressure = read_pressure(*options.proc_path);
    listener.source_read(options.host, "pressure", without_value(pressure));
    const auto swap = read_swap_in(*options.proc_path);
    listener.source_read(options.host, "swap", without_value(swap));
    if (swap) reading.host.swap_in = *swap;
    return pressure ? std::optional(*pressure) : std::nullopt;
}

}  // namespace

boost::asio::awaitable<void> run_sampler(Clock& clock, Hypervisor& hypervisor, SamplerOptions options,
                                         SamplerListener listener) {
    std::optional<HostReading> before;
    Instant next = clock.now();
    for (;;) {
        const bool had_rates = before.has_value();
        auto reading = co_await hypervisor.read(options.host);
        // Still connecting for the first time is no failure.
        if (reading || hypervisor.connection(options.host) != Connection::connecting)
            listener.source_read(options.host, libvirt_source, without_value(reading));
        if (reading) {
            const auto pressure = local_figures(options, listener, *reading);
            Sample sample = sample_from(before, *reading);
            if (pressure) sample.load.pressure = *pressure;
            // The first pass has no rates yet: half of a sample would look like an idle host.
            if (before) listener.sampled(options.host, sample);
            before = std::move(*reading);
        }
        // A host that is just coming up, or one whose rates are not known yet, is looked at again soon.
        const bool soon = !reading || !had_rates;
        const Duration gap = soon ? std::min(options.interval, first_looks) : options.interval;
        next = std::max(next + gap, clock.now());
        co_await clock.sleep_until(next);
    }
}

}  // namespace ballast::collectors
