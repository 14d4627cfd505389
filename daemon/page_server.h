// The page for browsers (docs/page.md): serves its files, live events and single looks by HTTP/1.1, with TLS and a
// login where they are configured. It changes nothing. Written for a port that anybody may reach: connections, viewers,
// bytes and time of each are bounded, and idle connections make room for new ones. One io_context thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <memory>

#include "config/page_options.h"
#include "daemon/page_feed.h"

namespace ballast::daemon {

struct PageLimits {
    // A browser opens up to six; viewers keep one each for as long as they look.
    std::size_t connections = 128;
    std::size_t viewers = 48;
    Duration patience = std::chrono::seconds{10};  // for a TLS handshake, a request, between two, and for writing
    // To a viewer that nothing new is made for: shorter than what proxies bear.
    Duration sign_of_life = std::chrono::seconds{20};
    FeedPace pace{};
};

class PageServer {
public:
    /// `answer` is the control API's and must stay callable until the server is gone. Errors: invalid (the address, a
    /// certificate, the users), and those of listen_by_tcp.
    static Result<std::unique_ptr<PageServer>> open(boost::asio::any_io_executor executor,
                                                    const config::PageOptions& options, bool in_cluster,
                                                    PageFeed::Answer answer, PageLimits limits = {});
    /// Closes everything; the io_context need not run any more.
    ~PageServer();

    std::uint16_t port() const;
    /// Open now, never more than the limits.
    std::size_t connections() const;
    std::size_t viewers() const;

private:
    struct State;  // lives as long as the last coroutine that uses it
    explicit PageServer(std::shared_ptr<State> state) : state_(std::move(state)) {}

    std::shared_ptr<State> state_;
};

}  // namespace ballast::daemon
