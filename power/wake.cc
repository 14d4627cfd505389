#include "power/wake.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <cstdlib>

namespace ballast::power {

namespace {
constexpr int packets = 3;
}

std::string magic_packet(const std::string& mac) {
    std::string bytes;
    for (std::size_t at = 0; at + 1 < mac.size(); at += 3)
        bytes += static_cast<char>(std::strtoul(mac.substr(at, 2).c_str(), nullptr, 16));
    std::string packet(6, '\xff');
    for (int i = 0; i < 16; ++i) packet += bytes;
    return packet;
}

// A datagram to a broadcast address waits for nobody.
Result<void> send_magic_packets(const WakeOnLan& wake, unsigned port) {
    using boost::asio::ip::udp;
    boost::asio::io_context io;
    boost::system::error_code error;
    udp::socket socket(io);
    const auto address = boost::asio::ip::make_address_v4(wake.broadcast, error);
    if (!error) socket.open(udp::v4(), error);
    if (!error) socket.set_option(boost::asio::socket_base::broadcast(true), error);
    const udp::endpoint target(address, static_cast<unsigned short>(port));
    const std::string packet = magic_packet(wake.mac);
    for (int i = 0; i < packets && !error; ++i) socket.send_to(boost::asio::buffer(packet), target, 0, error);
    if (error) return Error{ErrorCode::unavailable, wake.broadcast, "Wake-on-LAN: " + error.message()};
    return {};
}

}  // namespace ballast::power
