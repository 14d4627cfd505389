// Lists of names in what people read: a few of them, and how many more there are.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

namespace ballast {

inline std::string names_of(const std::vector<std::string>& names, std::size_t most = 5) {
    std::string text;
    for (std::size_t i = 0; i < std::min(names.size(), most); ++i) text += (i > 0 ? ", " : "") + names[i];
    return names.size() > most ? text + " and " + std::to_string(names.size() - most) + " more" : text;
}

/// With the verb that follows them.
inline std::string names_are(const std::vector<std::string>& names) {
    return names_of(names) + (names.size() == 1 ? " is" : " are");
}

}  // namespace ballast
