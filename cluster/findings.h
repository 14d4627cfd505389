// What a member found out about its host and about itself, and nobody can ask from elsewhere: a key of its own in the
// store, put anew when something has changed, and now and then, so that its silence means something. Only a registered
// agent tells. One io_context thread.
#pragma once

#include <boost/asio.hpp>
#include <boost/json.hpp>
#include <functional>
#include <optional>

#include "cluster/follower.h"
#include "model/ids.h"
#include "ports/clock.h"
#include "ports/store.h"

namespace ballast::cluster {

/// Findings are told at least so often.
inline constexpr Duration findings_at_least = std::chrono::seconds{30};

/// The member's side.
class FindingsTeller {
public:
    /// `incarnation`: of the host's registration, while it is certain. `compose` says what there is to tell, right
    /// before it is told.
    FindingsTeller(boost::asio::any_io_executor executor, Clock& clock, Store& store, HostId host,
                   std::function<std::optional<Revision>()> incarnation, std::function<boost::json::object()> compose);

    /// Tells until the executor stops.
    boost::asio::awaitable<void> run();
    /// There is something new: told soon.
    void changed();

private:
    boost::asio::awaitable<bool> tell();

    boost::asio::any_io_executor executor_;
    Clock& clock_;
    Store& store_;
    HostId host_;
    std::function<std::optional<Revision>()> incarnation_;
    std::function<boost::json::object()> compose_;
    bool due_ = true;
    boost::asio::steady_timer wake_;
};

/// What was read of one member's findings.
struct Told {
    boost::json::object findings;
    Instant at{};         // when it was noticed, by our clock
    bool prompt = false;  // as soon as it was told, and not by reading again
};

/// The leader's side.
class FindingsReader {
public:
    /// `heard`: of a host other findings stand in the store than before.
    FindingsReader(Clock& clock, Store& store, std::function<void(const HostId&, const Told&)> heard);

    /// Reads and listens until the executor stops. What cannot be read now is read later.
    boost::asio::awaitable<void> run() { return follower_.run(); }

private:
    void take(const KeyValue& entry, Noticed how);

    Clock& clock_;
    std::function<void(const HostId&, const Told&)> heard_;
    Follower follower_;
};

}  // namespace ballast::cluster
