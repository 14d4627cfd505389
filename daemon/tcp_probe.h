// The Probe port by TCP: whatever a kernel answers to a connection, be it that nobody listens, says that the host is
// there. So it tells a dead host from a dead libvirtd.
#pragma once

#include <boost/asio.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/daemon_options.h"
#include "ports/probe.h"

namespace ballast::daemon {

/// Name or address, and port, at which a libvirt URI's host can be asked; nothing for local ones and aliases.
struct ProbeTarget {
    std::string host;
    std::string port;

    friend bool operator==(const ProbeTarget&, const ProbeTarget&) = default;
};
std::optional<ProbeTarget> probe_target(const std::string& uri);

class TcpProbe final : public Probe {
public:
    TcpProbe(boost::asio::any_io_executor executor, const std::vector<config::HostOptions>& hosts);
    /// Finds out all addresses now, for a time when whoever resolves names does not answer: an address is used until
    /// the host does not answer there and another one is found.
    void resolve_all();

    bool reaches(HostId host) const override;
    Task<void> reach(HostId host) override;

private:
    struct Peer {
        ProbeTarget target;
        std::vector<boost::asio::ip::tcp::endpoint> addresses;  // as last resolved; empty: not yet
        std::size_t next = 0;                                   // the one to be asked
        bool resolving = false;
    };
    boost::asio::awaitable<void> resolve(Peer& peer);
    Task<void> connect(Peer& peer);

    boost::asio::any_io_executor executor_;
    std::map<HostId, Peer> peers_;
};

}  // namespace ballast::daemon
