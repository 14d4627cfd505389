#include "sim/vopr/shrink.h"

#include <algorithm>

namespace ballast::sim::vopr {

// Zeller's ddmin without its complements' bookkeeping: what is left out first are large parts, in the end single
// events.
Scenario shrink(Scenario scenario, const std::function<bool(const Scenario&)>& breaks, unsigned tries) {
    const auto tried = [&](Scenario smaller) {
        if (tries == 0) return false;
        --tries;
        if (!breaks(smaller)) return false;
        scenario = std::move(smaller);
        return true;
    };
    for (std::size_t part = std::max<std::size_t>(1, scenario.events.size() / 2); tries > 0;) {
        bool any = false;
        for (std::size_t at = 0; at < scenario.events.size() && tries > 0;) {
            Scenario without = scenario;
            const auto first = without.events.begin() + static_cast<std::ptrdiff_t>(at);
            const std::size_t left = without.events.size() - at;
            without.events.erase(first, first + static_cast<std::ptrdiff_t>(std::min(part, left)));
            if (tried(std::move(without)))
                any = true;
            else
                at += part;
        }
        if (part == 1 && !any) break;
        part = std::max<std::size_t>(1, part / 2);
    }
    // Orders need not have faults of their own.
    for (std::size_t i = 0; i < scenario.events.size(); ++i) {
        if (scenario.events[i].fault == Fault::none) continue;
        Scenario without = scenario;
        without.events[i].fault = Fault::none;
        tried(std::move(without));
    }
    return scenario;
}

}  // namespace ballast::sim::vopr
