// Serves the metrics by HTTP/1.1 on the io_context, one request a connection. Written for a port that anybody may
// reach: connections, bytes and time of each are bounded, and idle ones make room for new ones. prometheus-cpp's own
// Exposer was measured and left out: two idle connections hold its two threads, and scrapes, for 30 s.
// One io_context thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "model/result.h"
#include "ports/clock.h"

namespace ballast::daemon {

struct MetricsLimits {
    // A cluster has one or two Prometheus servers; the rest is room for people and for bursts.
    std::size_t connections = 32;
    // For a whole connection; Prometheus gives up after 10 s by default as well.
    Duration patience = std::chrono::seconds{10};
    // The text is made at most this often and shared; and never in more than a tenth of all time, so that a flood of
    // requests cannot hold up the control loop.
    Duration text_kept = std::chrono::seconds{1};
    int text_rests = 9;  // times as long as it took to make
};

class MetricsListener {
public:
    /// Listens on ADDRESS:PORT ("127.0.0.1:9477", "[::1]:9477"; port 0 takes a free one). `text` gives the body of a
    /// scrape and must stay callable until the listener is gone, and so must the clock. Errors: invalid (address),
    /// conflict (the port is in use), refused (not allowed), unavailable (the machine does not have the address),
    /// internal.
    static Result<std::unique_ptr<MetricsListener>> open(boost::asio::any_io_executor executor, const Clock& clock,
                                                         const std::string& address, std::function<std::string()> text,
                                                         MetricsLimits limits = {});
    /// Closes everything; the io_context need not run any more.
    ~MetricsListener();

    std::uint16_t port() const;
    /// Open now, never more than the limit.
    std::size_t connections() const;

private:
    struct State;  // lives as long as the last coroutine that uses it
    explicit MetricsListener(std::shared_ptr<State> state) : state_(std::move(state)) {}

    std::shared_ptr<State> state_;
};

}  // namespace ballast::daemon
