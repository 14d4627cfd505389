// Gumbel noise from a table: subtracting it from the costs of several choices and taking the cheapest draws each choice
// with the probability that annealing asks for (proportional to exp(-cost / temperature)).
#pragma once

#include <vector>

#include "policy/solver/dice.h"

namespace ballast::policy::solver {

class Noise {
public:
    explicit Noise(Dice& dice);

    /// To be called before each series of next(), so that series do not repeat.
    void begin(std::uint64_t random) { at_ = static_cast<std::uint32_t>(random); }
    double next() { return table_[at_++ & (size - 1)]; }

private:
    static constexpr std::uint32_t size = 4096;
    std::vector<double> table_;
    std::uint32_t at_ = 0;
};

/// Natural logarithm of a positive, normal number, to about 1e-9. The library's may differ in the last bit from one
/// processor to the next; this one does not.
double portable_log(double x);

/// exp(x) for |x| <= 10, likewise.
double portable_exp(double x);

}  // namespace ballast::policy::solver
