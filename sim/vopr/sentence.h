// Sentences with places to be filled in, read back: "$h has no power for $l" finds h2 and 90s in "h2 has no power for
// 90s". A place is $ and a letter that says what fits there; "(s)" is an s or nothing. Pure.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ballast::sim::vopr {

/// The letters of the places with what was found there, in order.
using Filled = std::vector<std::pair<char, std::string>>;

/// $h, $o, $v, $u: a name; $n: digits; $t: "never", "once", "twice" or "N times"; $r: "no", "N", "at most N", "at least
/// N"; $q: anything in double quotes, without these; $w, $f: words of letters; $l, $d: a duration, or "good". Nothing:
/// the text is another sentence.
std::optional<Filled> match(const char* sentence, const std::string& text);

/// For people: "HOST has no power for DURATION".
std::string with_names(const char* sentence);

}  // namespace ballast::sim::vopr
