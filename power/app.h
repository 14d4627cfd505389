// ballast-powerd, wired: the file, the socket, signals.
#pragma once

#include <string>

namespace ballast::power {

/// Exit statuses: 0 all is well, 1 it cannot run or something does not answer, 2 the file is wrong.
int run(const std::string& file, const std::string& socket);
int check(const std::string& file);
/// Asks each level of a host for its status, and for its watts, and prints what works.
int probe(const std::string& file, const std::string& host);

}  // namespace ballast::power
