#include "policy/solver/noise.h"

#include <bit>

namespace ballast::policy::solver {

// x = m * 2^e with m in [1, 2); ln m = 2 artanh((m - 1) / (m + 1)), whose series' argument is at most 1/3.
double portable_log(double x) {
    constexpr double ln2 = 0.69314718055994530942;
    const auto bits = std::bit_cast<std::uint64_t>(x);
    const auto exponent = static_cast<int>(bits >> 52) - 1023;
    const auto m = std::bit_cast<double>((bits & 0xfffffffffffff) | 0x3ff0000000000000);
    const double z = (m - 1) / (m + 1), z2 = z * z;
    double series = 0;
    for (int n = 17; n >= 1; n -= 2) series = series * z2 + 1.0 / n;
    return ln2 * exponent + 2 * z * series;
}

// exp(x) = exp(x / 64)^64 with Taylor's series for the root.
double portable_exp(double x) {
    const double part = x / 64;
    double root = 1;
    for (int n = 8; n >= 1; --n) root = 1 + root * part / n;
    for (int i = 0; i < 6; ++i) root *= root;
    return root;
}

Noise::Noise(Dice& dice) {
    table_.resize(size);
    for (double& value : table_) value = -portable_log(-portable_log(dice.unit()));
}

}  // namespace ballast::policy::solver
