// A hash of contents that is good enough to stand for them. The same on any machine of one byte order.
#pragma once

#include <compare>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace ballast::policy {

/// 128 bits of an ordinary hash: two contents that differ agree by chance less often than once in 10^30.
struct Fingerprint {
    std::uint64_t high = 0, low = 0;
    friend auto operator<=>(const Fingerprint&, const Fingerprint&) = default;
};

class WordHash {
public:
    Fingerprint value() const { return {high_, low_}; }

    void word(std::uint64_t w) {
        // Two lanes of multiply and shift with the constants of SplitMix64 (Steele, Lea, Flood, 2014).
        high_ = (high_ ^ w) * 0xbf58476d1ce4e5b9;
        high_ ^= high_ >> 29;
        low_ = (low_ + w + 0x9e3779b97f4a7c15) * 0x94d049bb133111eb;
        low_ ^= low_ >> 32;
    }
    /// Bytes may go in twice: add the size where texts of different sizes have to differ.
    void words(std::string_view text) {
        const char* const end = text.data() + text.size();
        for (const char* at = text.data(); end - at >= 8; at += 8) word(read<std::uint64_t>(at));
        if (text.size() % 8 == 0) return;
        if (text.size() > 8)
            word(read<std::uint64_t>(end - 8));
        else if (text.size() >= 4)
            word(std::uint64_t{read<std::uint32_t>(text.data())} << 32 | read<std::uint32_t>(end - 4));
        else
            for (const char byte : text) word(static_cast<unsigned char>(byte));
    }

private:
    template <class T>
    static T read(const char* from) {
        T value;
        std::memcpy(&value, from, sizeof value);
        return value;
    }

    std::uint64_t high_ = 1, low_ = 2;
};

}  // namespace ballast::policy
