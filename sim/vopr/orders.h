// What operators ask of the leader in a scenario.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>

#include "daemon/controller.h"
#include "sim/vopr/scenario.h"

namespace ballast::sim::vopr {

/// True for events that are an order to whoever leads.
bool is_order(Event::Kind kind);

/// What an order came to, unless whoever was asked ends before that.
using Answered = std::function<void(const std::string& what, const Result<void>& came_to)>;

/// Requires: it is an order.
boost::asio::awaitable<void> give(daemon::Controller& controller, Event order, Answered answered);

}  // namespace ballast::sim::vopr
