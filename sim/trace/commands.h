// What `ballast-sim` does, apart from reading its command line. Each prints to `out` and says what is wrong as an
// error.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>

#include "policy/consolidation/options.h"
#include "sim/trace/peers.h"
#include "sim/trace/stability.h"

namespace ballast::sim::trace {

struct PlanetlabCommand {
    std::string day;  // path of the trace
    std::optional<PeerOptions> peer;
    policy::consolidation::Options options;
    bool honest = false;
    bool json = false;
    bool curve = false;  // over the aggressiveness from 0 to 1 instead of one run
};
Result<void> run(const PlanetlabCommand& command, std::ostream& out);

struct SyntheticCommand {
    SyntheticOptions cluster;
    policy::Options policy;
    bool json = false;
};
void run(const SyntheticCommand& command, std::ostream& out);

}  // namespace ballast::sim::trace
