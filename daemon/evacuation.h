// How VMs leave a host that is to go down: asked by whoever guards its shutdown of whoever plans, which may be another
// member of the cluster. One io_context thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/json.hpp>
#include <functional>
#include <string>
#include <vector>

#include "model/ids.h"
#include "model/result.h"

namespace ballast::daemon {

class Controller;

/// How far VMs have left a host.
struct Departure {
    std::string none_leaves;         // why no VM would leave it; empty: they do
    std::vector<std::string> left;   // on it still, by name, those on their way included
    std::vector<std::string> stuck;  // see stuck_on

    friend bool operator==(const Departure&, const Departure&) = default;
};

class Evacuation {
public:
    template <class T>
    using Task = boost::asio::awaitable<Result<T>>;

    virtual ~Evacuation() = default;

    /// The host is to go down: its VMs leave, as for maintenance. Said again it tells how far that is. Errors: the
    /// store's, and timed_out when nobody leads.
    virtual Task<Departure> leave(HostId host) = 0;
    /// It is not going down any more, or is back: ends what leave() began. Errors as above.
    virtual Task<void> stay(HostId host) = 0;
};

/// By the controller of this process.
class OwnEvacuation : public Evacuation {
public:
    explicit OwnEvacuation(Controller& controller) : controller_(controller) {}

    Task<Departure> leave(HostId host) override;
    Task<void> stay(HostId host) override;

private:
    std::string nothing_leaves() const;

    Controller& controller_;
};

/// By the leader, whichever member that is.
class LeadersEvacuation : public Evacuation {
public:
    /// `ask` has the leader answer a request (answer_member).
    using Ask = std::function<boost::asio::awaitable<Result<boost::json::value>>(boost::json::value)>;
    explicit LeadersEvacuation(Ask ask) : ask_(std::move(ask)) {}

    Task<Departure> leave(HostId host) override;
    Task<void> stay(HostId host) override;

private:
    Task<boost::json::value> ask(const char* verb, HostId host);

    Ask ask_;
};

/// A member's request about its own host's shutdown, and none of an operator's.
bool is_about_shutdown(const boost::json::value& request);
/// The leader's answer to it.
boost::asio::awaitable<boost::json::value> answer_member(Evacuation& evacuation, boost::json::value request);

}  // namespace ballast::daemon
