// How hard consolidation tries. One knob for operators; the rest are constants with their reasons.
#pragma once

#include <cstddef>

namespace ballast::policy::consolidation {

struct Options {
    /// 0 keeps much in reserve and moves little, 1 packs tightly and moves often. It sets how many standard deviations
    /// of a host's demand stay free above its expected demand: 4 - 2.5 * aggressiveness.
    double aggressiveness = 0.62;

    /// A VM is not moved again within this, unless its host is overloaded.
    double cooldown_s = 3600;

    /// Hosts that cost up to this share more to empty than the cheapest one are emptied in turns; 0: always the
    /// cheapest.
    double rotation_cost = 0;

    double margin() const { return 4 - 2.5 * aggressiveness; }
};

// Chosen on the seven public PlanetLab days together (docs/simulator.md has the figures); none of them matters much
// alone.

/// Past decisions that an estimate looks at: two hours at one every five minutes.
inline constexpr std::size_t window = 24;
/// An estimate from n measurements counts them n to this against what is usual in the cluster.
inline constexpr double usual_level_weight = 0.5;
inline constexpr double usual_variance_weight = 30;
/// Usual variance of a VM's demand: this times its size times its level, as of a VM that is either idle or busy
/// (p (1 - p) size^2 = (1 - p) size * level) but mostly in between.
inline constexpr double usual_variance = 0.04;
/// What a move costs besides its own CPU: its host and its target run worse for as long as it takes, which counts as
/// this share of the host's CPU; and it takes as long as so many MiB more, to begin and to end.
inline constexpr double host_share_disturbed = 0.06;
inline constexpr double memory_of_any_move = 64;
/// Relief may fill a target up to half of the usual margin: it has to go somewhere.
inline constexpr double relief_margin_share = 0.5;
/// A target that receives already is worth this share of a host's CPU: several moves to one target disturb it once.
inline constexpr double receiver_bonus = 0.08;
/// Moves out of one overloaded host at a time.
inline constexpr std::size_t relief_moves = 5;
/// The margin below which, on average over all hosts, another one is switched on; as a share of the margin.
inline constexpr double opening_margin_share = 0.83;
/// VMs that a newly opened host takes over at most.
inline constexpr int opening_moves = 12;
/// Hosts that are emptied in turns differ by at most so many VMs.
inline constexpr std::size_t rotation_moves = 1;
/// A host is emptied when it has at most so many VMs, and so many more for each percent of free CPU in the cluster.
inline constexpr double emptying_moves = 10;
inline constexpr double emptying_moves_per_percent = 1;

}  // namespace ballast::policy::consolidation
