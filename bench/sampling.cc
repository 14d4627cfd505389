// One sampling pass over a host, as the daemon makes it, repeated: what does it cost in CPU time?
//   bench_sampling URI PASSES     prints {"vms": N, "passes": N, "cpu_s": S} for the passes alone, connecting left out
#include <cstdio>
#include <cstdlib>
#include <sys/resource.h>

#include "hypervisor/event_loop.h"
#include "hypervisor/reading.h"

namespace {

double cpu_seconds() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: %s URI PASSES\n", argv[0]);
        return 2;
    }
    const int passes = std::atoi(argv[2]);
    ballast::hypervisor::start_event_loop();
    const ballast::hypervisor::ConnectHandle connection(virConnectOpen(argv[1]));
    if (!connection) {
        std::fprintf(stderr, "%s\n", to_string(ballast::hypervisor::last_error(argv[1])).c_str());
        return 1;
    }
    std::size_t vms = 0;
    const double before = cpu_seconds();
    for (int i = 0; i < passes; ++i) {
        const auto reading = ballast::hypervisor::read_host(connection.get(), argv[1], {});
        if (!reading) {
            std::fprintf(stderr, "%s\n", to_string(reading.error()).c_str());
            return 1;
        }
        vms = reading->vms.size();
    }
    std::printf("{\"vms\": %zu, \"passes\": %d, \"cpu_s\": %.6f}\n", vms, passes, cpu_seconds() - before);
}
