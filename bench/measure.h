// CPU and memory of this process, for the benches.
#pragma once

#include <sys/resource.h>

namespace ballast::bench {

inline rusage usage() {
    rusage result{};
    getrusage(RUSAGE_SELF, &result);
    return result;
}

inline double cpu_seconds() {
    const auto seconds = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
    };
    const rusage now = usage();
    return seconds(now.ru_utime) + seconds(now.ru_stime);
}

inline double peak_mib() {
    return static_cast<double>(usage().ru_maxrss) / 1024;
}

}  // namespace ballast::bench
