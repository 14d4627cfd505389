// Everything between the daemon and one host's libvirt: a control lane (events, presence, progress, abort), a
// statistics lane, and one lane per blocking migration; plus a supervisor that keeps them connected with backoff.
// All members are called on the io_context's thread.
#pragma once

#include <boost/asio.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hypervisor/lane.h"
#include "model/host.h"
#include "ports/hypervisor.h"

namespace ballast::hypervisor {

/// How long the supervisor waits before it tries again to connect: twice as long after each failure.
struct Retry {
    Duration first = std::chrono::seconds{1};
    Duration last = std::chrono::seconds{15};
    Duration resting = std::chrono::minutes{1};  // of a host that is known to be off
};

/// How one host is reached.
struct LinkOptions {
    HostId id;
    std::string uri;       // from here
    std::string peer_uri;  // from the other hosts, for peer-to-peer migration
    Duration call_deadline = std::chrono::seconds{10};
    std::vector<std::string> shared_paths;     // with the hosts of its site
    std::vector<std::string> stretched_paths;  // with those of all sites
    std::string site;
    double cpu_share = 1;  // of the host's CPUs that guests may use
    Retry retry{};
};

/// A password prompt would hang for ever: makes libvirt's ssh fail instead of asking.
std::string without_prompt(const std::string& uri);

using Listener = std::function<void(const HypervisorEvent&)>;

class HostLink {
public:
    /// `answered` hears of every call that succeeded.
    HostLink(
        boost::asio::any_io_executor executor, LinkOptions options, Listener listener,
        std::function<void()> answered = [] {});

    /// Runs until the executor stops: connects, watches, reconnects. Spawn it once.
    boost::asio::awaitable<void> supervise();

    /// Asked while the host does not answer: it is known to be off, so that somebody has to switch it on first. Call
    /// look_now() when that is over. Call this before supervise().
    void rest_while(std::function<bool()> off) { is_off_ = std::move(off); }

    /// The supervisor looks at once, and not when it is due.
    void look_now() { wake_->cancel(); }

    const LinkOptions& options() const { return options_; }
    Connection connection() const { return connection_; }
    const std::string& problem() const { return problem_; }

    enum class Kind { control, statistics };

    /// Errors: unavailable at once while the host is down; timed_out after the call deadline.
    template <class T>
    boost::asio::awaitable<Result<T>> call(Kind kind, std::function<Result<T>(virConnectPtr)> work) {
        if (connection_ != Connection::up) co_return down();
        auto lane = kind == Kind::control ? control_lane() : statistics_lane();
        if (!lane) co_return Error{ErrorCode::unavailable, options_.id.value, "too many calls hang in its libvirt"};
        auto result = co_await lane->call<T>(std::move(work), options_.call_deadline);
        if (result) answered_();
        if (!result && result.error().code == ErrorCode::timed_out) suspect(result.error().message);
        co_return result;
    }

    /// In a lane of its own for as long as it takes, up to `deadline`.
    template <class T>
    boost::asio::awaitable<Result<T>> blocking_call(std::function<Result<T>(virConnectPtr)> work, Duration deadline) {
        if (connection_ != Connection::up) co_return down();
        auto lane = idle_worker();
        if (!lane) co_return Error{ErrorCode::unavailable, options_.id.value, "all its migration workers are busy"};
        co_return co_await lane->call<T>(std::move(work), deadline);
    }

private:
    using LanePtr = std::shared_ptr<Lane>;

    Error down() const;
    LanePtr control_lane();
    LanePtr statistics_lane();
    LanePtr idle_worker();
    LanePtr renewed(LanePtr& lane, Lane::Opened opened = {});
    bool may_open();
    boost::asio::awaitable<Result<void>> ping();
    void came_up();
    void went_down(std::string why);
    void suspect(const std::string& why);

    boost::asio::any_io_executor executor_;
    LinkOptions options_;
    Listener listener_;
    std::function<void()> answered_;
    std::function<bool()> is_off_ = [] { return false; };
    Connection connection_ = Connection::connecting;
    std::string problem_ = "not connected yet";
    AbandonedCount abandoned_ = std::make_shared<std::atomic<unsigned>>(0);
    std::chrono::steady_clock::time_point opened_{};  // the last lane
    LanePtr control_;
    LanePtr statistics_;
    std::vector<LanePtr> workers_;
    std::shared_ptr<boost::asio::steady_timer> wake_;  // cancelled to end the supervisor's pause
};

}  // namespace ballast::hypervisor
