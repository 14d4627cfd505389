// What several looks at one host say together: a problem counts once it was seen often enough in a row, and is over
// once it was gone often enough. A value; pure.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "health/report.h"
#include "model/units.h"

namespace ballast::daemon {

/// Looks in a row that have to see a problem of the built-in sources before it counts: two of those that may be over in
/// a moment, such as a link that comes back or services that restart.
unsigned looks_needed(HealthSource source);

class HealthRecord {
public:
    /// Looks in a row in which a problem has to be gone.
    explicit HealthRecord(unsigned clear_after) : clear_after_(clear_after) {}

    /// One look saw this, and nothing else that it looks for. `origin` tells looks for different things apart; each
    /// problem comes with the looks it needs. What was `unread` may be as before: problems of it neither end nor begin.
    void looked(const std::string& origin, const std::vector<std::pair<HealthProblem, unsigned>>& seen,
                const std::vector<health::Unread>& unread = {});
    /// The problems that count, by source and subject, each once.
    std::vector<HealthProblem> problems() const;

private:
    using Key = std::pair<HealthSource, std::string>;
    struct Sighting {
        HealthProblem problem;
        unsigned seen = 0, gone = 0;
        bool counts = false;
    };

    unsigned clear_after_;
    std::map<std::string, std::map<Key, Sighting>> origins_;
};

/// What single looks do not tell: how fast counts grow, whether links were faster, whether the clock is that of this
/// machine. Remembers since the daemon's start.
class HealthTrends {
public:
    /// The look was begun and had ended at these times of this machine's wall clock.
    std::vector<HealthProblem> judge(const health::Report& report, Instant now, WallTime begun, WallTime ended);

private:
    struct Growth {
        std::uint64_t base = 0;
        Instant since;
        bool too_fast = false;  // in the window before
    };

    void judge_counter(const health::Counter& counter, Instant now, std::vector<HealthProblem>& found);

    std::map<std::string, Growth> growths_;
    std::map<std::string, std::uint64_t> fastest_;
};

}  // namespace ballast::daemon
