// What a daemon serves by TCP beside its control socket: the metrics and the page. One io_context thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "config/daemon_options.h"
#include "daemon/metrics_listener.h"
#include "daemon/page_server.h"

namespace ballast::daemon {

class Listeners {
public:
    /// All that is given has to outlive this. Error: of the metrics' listener. That the page cannot be served is an
    /// error in the log and no more: nothing depends on it.
    Result<void> open(boost::asio::any_io_executor executor, const Clock& clock, const config::DaemonOptions& options,
                      std::function<std::string()> metrics, PageFeed::Answer answer);

private:
    std::unique_ptr<MetricsListener> metrics_;
    std::unique_ptr<PageServer> page_;
};

}  // namespace ballast::daemon
