// Wake-on-LAN: the packet a network card of a host that is off waits for.
#pragma once

#include <string>

#include "model/result.h"
#include "power/power_file.h"

namespace ballast::power {

/// From the packet until a BMC has to say that the host is on: cards react within a second, BMCs read every few.
constexpr Duration time_to_wake = std::chrono::seconds{20};

/// Six bytes of ones and sixteen times the MAC [AMD, Magic Packet Technology, 1995].
std::string magic_packet(const std::string& mac);

/// By UDP, three times, as packets may be lost. Success: they left this machine. Error unavailable: they did not.
Result<void> send_magic_packets(const WakeOnLan& wake, unsigned port = 9);  // discard: nobody answers it

}  // namespace ballast::power
