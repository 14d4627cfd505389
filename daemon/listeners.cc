#include "daemon/listeners.h"

#include <spdlog/spdlog.h>

namespace ballast::daemon {

Result<void> Listeners::open(boost::asio::any_io_executor executor, const Clock& clock,
                             const config::DaemonOptions& options, std::function<std::string()> metrics,
                             PageFeed::Answer answer) {
    if (!options.metrics_listen.empty()) {
        auto listener = MetricsListener::open(executor, clock, options.metrics_listen, std::move(metrics));
        if (!listener) return listener.error();
        metrics_ = std::move(*listener);
    }
    if (options.page.listen.empty()) return {};
    auto page = PageServer::open(executor, options.page, options.cluster.enabled, std::move(answer));
    if (page)
        page_ = std::move(*page);
    else
        spdlog::error("the page is not served: {}", to_string(page.error()));
    return {};
}

}  // namespace ballast::daemon
