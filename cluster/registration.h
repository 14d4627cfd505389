// One host's agent as the cluster sees it: its key stands in the store for as long as the agent beats, and only the
// agent whose key it is may begin anything on the host. A host that is being cut off cannot be registered, so that
// whoever cuts it off knows that nothing begins there any more. One io_context thread.
#pragma once

#include <boost/asio.hpp>
#include <functional>
#include <string>

#include "cluster/leased_key.h"
#include "cluster/protocol.h"
#include "model/ids.h"

namespace ballast::cluster {

/// Who registers.
struct AgentIdentity {
    std::string member;   // the name of the daemon, for people
    std::string machine;  // /etc/machine-id: two machines never look after one host
    std::string boot;     // /proc/sys/kernel/random/boot_id
    std::string version{};
    Protocols protocols = own_protocols;
    WallTime since{};  // of this registration

    friend bool operator==(const AgentIdentity&, const AgentIdentity&) = default;
};

std::string to_text(const AgentIdentity& identity);
/// Of any version: what a later one adds is passed over, and what an earlier one did not write has its default. Error
/// corrupt.
Result<AgentIdentity> identity_from(const std::string& text);

/// Why this version does not work with that member; empty: it does.
std::string refusal_of(const AgentIdentity& identity);

/// After an outage of the store, with the default `time_to_live`.
inline constexpr Duration registered_anew_within = std::chrono::seconds{5};
/// Whether most members have registered not long before `now`, as after an outage of the network or of the store, after
/// which it takes another leader `time_to_live` to begin. False when the store does not say.
boost::asio::awaitable<bool> most_registered_lately(Store& store, WallTime now, Duration time_to_live);

class Registration {
public:
    /// `changed` hears of every registration and of its end, with why it is not registered for people.
    Registration(boost::asio::any_io_executor executor, Clock& clock, Store& store, HostId host, AgentIdentity identity,
                 Duration time_to_live, std::function<void(const std::string& problem)> changed);

    /// Registers and stays registered until the executor stops.
    boost::asio::awaitable<void> run();

    /// Its key's create revision while it is certain that it is ours. Changes with every registration.
    std::optional<Revision> incarnation() const { return key_.held(); }
    /// Until when that is certain, unless the next beat is answered.
    std::optional<Instant> certain_until() const { return key_.held() ? std::optional(key_.until()) : std::nullopt; }

private:
    boost::asio::awaitable<Result<Hold>> try_once();
    boost::asio::awaitable<Result<void>> remove_own_leftover();
    void tell(const std::string& problem);

    boost::asio::any_io_executor executor_;
    Clock& clock_;
    Store& store_;
    HostId host_;
    AgentIdentity identity_;
    LeasedKey key_;
    std::function<void(const std::string&)> changed_;
    std::optional<std::string> told_;
};

}  // namespace ballast::cluster
