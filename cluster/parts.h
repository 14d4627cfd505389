// A text that no value of the store would hold, in parts that each fit into one. Each is deflated [RFC 1951] by itself,
// as what is long here is JSON, a tenth of it by then, and says how long it was. Pure.
#pragma once

#include <string>
#include <string_view>

#include "model/result.h"

namespace ballast::cluster {

/// Of the text, in bytes: even what cannot be deflated fits into a value then [ports/store.h].
inline constexpr std::size_t largest_part = 900 * 1000;

/// Requires: not longer than largest_part.
std::string deflated(std::string_view part);
/// Error corrupt: it is no such part.
Result<std::string> inflated(std::string_view deflated);

}  // namespace ballast::cluster
