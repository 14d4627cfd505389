// What members of different versions may ask of each other (docs/cluster.md, upgrades). A protocol has a number, and
// each daemon speaks some of them; two that have none in common do not work together. Pure.
//
// A number is added when a call or a field of an order is added that an older agent would refuse, and the leader asks
// for it only where RemoteHypervisor::protocol() says so. What only tells something (answers, events) needs no number:
// fields that nobody knows are passed over.
#pragma once

#include <algorithm>
#include <optional>
#include <string>

namespace ballast::cluster {

/// Those that a daemon speaks, all from the oldest to the newest.
struct Protocols {
    int oldest = 1;
    int newest = 1;

    friend bool operator==(const Protocols&, const Protocols&) = default;
};

/// From this one on agents compress what they migrate, and resume it after the network failed in post-copy.
inline constexpr int knows_compression = 2;

/// And from this one on they are told whether a VM that they start ran there last.
inline constexpr int knows_at_home = 3;

/// This version's.
inline constexpr Protocols own_protocols{1, 3};

/// The newest that both speak.
inline std::optional<int> common(const Protocols& a, const Protocols& b) {
    const int newest = std::min(a.newest, b.newest);
    return newest >= std::max(a.oldest, b.oldest) ? std::optional(newest) : std::nullopt;
}

/// "3", "1 to 3".
inline std::string to_string(const Protocols& protocols) {
    const std::string newest = std::to_string(protocols.newest);
    return protocols.oldest == protocols.newest ? newest : std::to_string(protocols.oldest) + " to " + newest;
}

}  // namespace ballast::cluster
