// What one look at one machine found, and its JSON: what `ballast-health` prints and the daemon reads. Values; pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/health.h"
#include "model/result.h"

namespace ballast::health {

inline constexpr int report_format = 1;

/// A count that only grows while the machine is up: what matters is how fast.
struct Counter {
    HealthSource source = HealthSource::memory_corrected;
    std::string subject;
    std::uint64_t count = 0;

    friend bool operator==(const Counter&, const Counter&) = default;
};

/// How fast a link is now: what matters is whether it was faster.
struct LinkSpeed {
    std::string interface;
    std::uint64_t mbit_per_s = 0;

    friend bool operator==(const LinkSpeed&, const LinkSpeed&) = default;
};

/// One of RAPL's counters: what this part of the machine has used since the counter last began anew.
struct EnergyCounter {
    std::string zone;  // "psys", "package-0", "package-0/dram"
    std::uint64_t microjoules = 0;
    std::uint64_t range = 0;  // it begins anew once it has reached this; 0: not known

    friend bool operator==(const EnergyCounter&, const EnergyCounter&) = default;
};

/// What could not be looked at, and why.
struct Unread {
    HealthSource source = HealthSource::unread;
    std::string text;
    std::string subject{};  // of that source; empty: all of it
    bool broken = false;  // it can be asked as a rule, but did not answer: not merely that there is no such thing here

    bool hides(const HealthProblem& problem) const {
        return source == problem.source && (subject.empty() || subject == problem.subject);
    }

    friend bool operator==(const Unread&, const Unread&) = default;
};

struct Report {
    std::vector<HealthProblem> problems;
    std::vector<Counter> counters;
    std::vector<LinkSpeed> speeds;
    std::vector<Unread> unread;
    std::vector<EnergyCounter> energy;
    std::optional<double> uptime_s;  // since its boot, when `energy` was read
    std::string boot_id;             // what its system calls this boot [random(4), boot_id]; empty: not told
    std::optional<double> time_s;    // the machine's clock when it was written, seconds since 1970

    /// Once for each source and subject: the first one found stays.
    void tell(HealthSource source, const std::string& subject, const std::string& text);
    void cannot_read(HealthSource source, const std::string& text);
    void did_not_answer(HealthSource source, const std::string& subject, const std::string& text);
};

/// One line of at most 200 bytes, for people: valid UTF-8 without control characters, whatever the text was.
std::string tidy(const std::string& text);

/// At most 100 entries of each kind, every text tidy.
std::string to_json(const Report& report);
/// Error invalid: it is no report of this format. What it holds is bounded and tidy, whoever wrote it.
Result<Report> report_from(const std::string& json);

}  // namespace ballast::health
