// The published policies to compare with: CloudSim's NonPowerAware, Dvfs, and the consolidating ones (overload
// detector, minimum migration time, power-aware best fit), decision by decision, quirks included, so that they give its
// figures. Written anew from its behaviour [tags cloudsim-3.0.3 and cloudsim-3.0].
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "sim/trace/simulation.h"

namespace ballast::sim::trace {

enum class Peer { npa, dvfs, thr, iqr, mad, lr, lrr };
std::optional<Peer> peer_from(const std::string& name);
std::string to_string(Peer peer);

/// Which of CloudSim's rules: those of 3.0 and 3.0.1, or those of 3.0.2 and later. They differ in how a target is
/// chosen and in whether local regression uses its weights.
enum class Release { v3_0_0, v3_0_3 };

struct PeerOptions {
    Peer peer = Peer::lrr;
    std::optional<double> parameter;  // threshold or safety; none: the published one (0.8, 1.5, 2.5, 1.2)
    Release release = Release::v3_0_3;
};
double parameter_of(const PeerOptions& options);

std::unique_ptr<Decider> make_peer(const PeerOptions& options);

}  // namespace ballast::sim::trace
