#include "daemon/tcp_probe.h"

#include <boost/asio/experimental/awaitable_operators.hpp>

namespace ballast::daemon {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {
constexpr std::chrono::seconds answer_within{1};
constexpr unsigned short ssh_port = 22;
constexpr auto no_throw = asio::as_tuple(asio::use_awaitable);

// libvirt's and ssh's [libvirt, Remote support; IANA].
std::string default_port(const std::string& transport) {
    if (transport == "ssh" || transport == "libssh" || transport == "libssh2") return "22";
    return transport == "tcp" ? "16509" : "16514";
}

// The kernel of the host itself says so: no router does.
bool is_answer(const boost::system::error_code& result) {
    return !result || result == asio::error::connection_refused;
}

bool lacks_room(const boost::system::error_code& error) {
    namespace errc = boost::system::errc;
    return error == errc::too_many_files_open || error == errc::too_many_files_open_in_system ||
           error == errc::no_buffer_space || error == errc::not_enough_memory;
}

// A machine without IPv6 has none for such an address: who is there cannot be told.
bool has_sockets_for(const asio::any_io_executor& executor, const tcp::endpoint& address) {
    tcp::socket socket(executor);
    boost::system::error_code none;
    socket.open(address.protocol(), none);
    return !none || lacks_room(none);
}
}  // namespace

std::optional<ProbeTarget> probe_target(const std::string& uri) {
    const auto scheme_end = uri.find("://");
    if (scheme_end == std::string::npos) return std::nullopt;
    const std::string scheme = uri.substr(0, scheme_end);
    const auto plus = scheme.find('+');
    const std::string transport = plus == std::string::npos ? "tls" : scheme.substr(plus + 1);
    if (transport == "unix" || transport == "ext") return std::nullopt;
    std::string authority = uri.substr(scheme_end + 3);
    authority = authority.substr(0, authority.find_first_of("/?"));
    authority = authority.substr(authority.find('@') == std::string::npos ? 0 : authority.find('@') + 1);
    if (authority.empty()) return std::nullopt;
    const bool bracketed = authority.front() == '[';
    const auto host_end = bracketed ? authority.find(']') : authority.find(':');
    const std::string host = authority.substr(bracketed ? 1 : 0, host_end - (bracketed ? 1 : 0));
    const auto colon = authority.find(':', bracketed ? host_end : 0);
    const std::string port = colon == std::string::npos ? "" : authority.substr(colon + 1);
    return ProbeTarget{host, port.empty() ? default_port(transport) : port};
}

TcpProbe::TcpProbe(asio::any_io_executor executor, const std::vector<config::HostOptions>& hosts)
    : executor_(std::move(executor)) {
    for (const config::HostOptions& host : hosts)
        if (auto target = probe_target(host.uri)) peers_[host.id].target = std::move(*target);
}

void TcpProbe::resolve_all() {
    for (auto& [host, peer] : peers_)
        if (!peer.resolving) asio::co_spawn(executor_, resolve(peer), asio::detached);
}

bool TcpProbe::reaches(HostId host) const {
    const auto peer = peers_.find(host);
    return peer != peers_.end() && !peer->second.addresses.empty();
}

// The resolver waits in a thread of its own for as long as it likes: an address that was known before is good enough
// meanwhile.
asio::awaitable<void> TcpProbe::resolve(Peer& peer) {
    peer.resolving = true;
    tcp::resolver resolver(executor_);
    auto [failed, found] = co_await resolver.async_resolve(peer.target.host, peer.target.port, no_throw);
    if (!failed && !found.empty()) {
        peer.addresses.clear();  // left so, it is not seen in this way
        for (const auto& one : found) {
            if (!has_sockets_for(executor_, one.endpoint())) continue;
            peer.addresses.push_back(one.endpoint());
            // A libvirtd that hangs leaves its port's queue to fill up; that of ssh, or nobody's, answers then.
            if (one.endpoint().port() != ssh_port) peer.addresses.emplace_back(one.endpoint().address(), ssh_port);
        }
    }
    peer.resolving = false;
}

Probe::Task<void> TcpProbe::reach(HostId host) {
    const auto known = peers_.find(host);
    if (known == peers_.end()) co_return Error{ErrorCode::unavailable, host.value, "there is no other way to see it"};
    Peer& peer = known->second;
    if (peer.addresses.empty() && !peer.resolving) asio::co_spawn(executor_, resolve(peer), asio::detached);
    auto result = co_await connect(peer);
    // It may have moved to another address.
    if (!result && !peer.resolving) asio::co_spawn(executor_, resolve(peer), asio::detached);
    co_return result;
}

// One address and port a look, the next one after a failure: a second is too short for two.
Probe::Task<void> TcpProbe::connect(Peer& peer) {
    using namespace asio::experimental::awaitable_operators;
    if (peer.addresses.empty()) co_return Error{ErrorCode::unavailable, peer.target.host, "its address is not known"};
    const tcp::endpoint address = peer.addresses[peer.next % peer.addresses.size()];
    asio::steady_timer deadline(executor_, answer_within);
    tcp::socket socket(executor_);
    boost::system::error_code none_left;
    socket.open(address.protocol(), none_left);
    if (lacks_room(none_left)) co_return Error{ErrorCode::no_space, peer.target.host, none_left.message()};
    if (none_left) {
        ++peer.next;
        co_return Error{ErrorCode::timed_out, peer.target.host, none_left.message()};
    }
    auto first = co_await (socket.async_connect(address, no_throw) || deadline.async_wait(no_throw));
    if (first.index() == 0 && is_answer(std::get<0>(std::get<0>(first)))) co_return Result<void>();
    ++peer.next;
    co_return Error{ErrorCode::timed_out, peer.target.host, "nothing answers"};
}

}  // namespace ballast::daemon
