// What every harness is: a function that takes any bytes and returns, and that aborts when a promise is broken.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "model/result.h"

/// libFuzzer's entry point, and replay.cc's. Returns 0.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace ballast::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

/// What comes before the first line that is "%%", and what comes after it: for harnesses that take two texts.
inline std::pair<std::string_view, std::string_view> halves(std::string_view text) {
    constexpr std::string_view divider = "%%\n";
    const auto at = text.find(divider);
    if (at == std::string_view::npos) return {text, {}};
    return {text.substr(0, at), text.substr(at + divider.size())};
}

}  // namespace ballast::fuzz
