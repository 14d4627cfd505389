// The VMs of the benches.
#pragma once

namespace ballast::test {

inline constexpr const char* web = "11111111-1111-1111-1111-111111111111";
inline constexpr const char* db = "22222222-2222-2222-2222-222222222222";

}  // namespace ballast::test
