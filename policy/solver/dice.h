// Numbers that look random and are the same on every machine: no library function whose last bit depends on the
// processor is used.
#pragma once

#include <cstdint>

namespace ballast::policy::solver {

/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
class Dice {
public:
    explicit Dice(std::uint64_t seed) : state_(seed) {}

    std::uint64_t next() {
        state_ += 0x9e3779b97f4a7c15;
        std::uint64_t z = state_;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }

    /// 0 to sides - 1; requires sides > 0.
    std::uint32_t below(std::size_t sides) {
        return static_cast<std::uint32_t>(((next() >> 32) * static_cast<std::uint64_t>(sides)) >> 32);
    }

    /// Above 0 and below 1.
    double unit() { return (static_cast<double>(next() >> 11) + 0.5) * 0x1p-53; }

    bool chance(double probability) { return unit() < probability; }

private:
    std::uint64_t state_;
};

}  // namespace ballast::policy::solver
