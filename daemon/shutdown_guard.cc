#include "daemon/shutdown_guard.h"

#include <spdlog/spdlog.h>
#include <utility>

namespace ballast::daemon {

namespace {
constexpr Duration retry = std::chrono::seconds{30};
constexpr Duration look_every = std::chrono::seconds{1};
// What seems to be stuck has to stay so for two samples of all hosts by default: figures of moves come in late.
constexpr Duration has_to_stand = std::chrono::seconds{20};
// Nobody plans, or cannot be asked: far longer than an election takes.
constexpr Duration longest_silence = std::chrono::minutes{1};
// What was asked before and not answered may still be acted on: it is said again when that is over.
constexpr unsigned stays_told = 3;

std::string joined(const std::vector<std::string>& texts) {
    std::string all;
    for (const std::string& text : texts) all += (all.empty() ? "" : "; ") + text;
    return all;
}
}  // namespace

ShutdownGuard::ShutdownGuard(boost::asio::any_io_executor executor, Clock& clock, Shutdown& shutdown,
                             Evacuation& evacuation, HostId own, Duration patience)
    : executor_(std::move(executor)),
      clock_(clock),
      shutdown_(shutdown),
      evacuation_(evacuation),
      own_(std::move(own)),
      patience_(patience) {
    shutdown_.lost = [this] {
        connected_ = false;
        spdlog::warn("logind: the connection has ended; a shutdown does not wait until it is back");
    };
    shutdown_.preparing = [this](bool begins) {
        if (begins)
            begin();
        else
            boost::asio::co_spawn(executor_, call_off(), boost::asio::detached);
    };
}

boost::asio::awaitable<void> ShutdownGuard::run() {
    for (;;) {
        if (!connected_) co_await connect();
        if (!going_down_) co_await end_maintenance();
        co_await clock_.sleep_for(retry);
    }
}

boost::asio::awaitable<void> ShutdownGuard::connect() {
    const auto connection = co_await shutdown_.connect();
    connected_ = connection.has_value();
    if (!connected_) {
        if (!std::exchange(told_, true))
            spdlog::warn("{}: a shutdown of {} does not wait for its VMs", to_string(connection.error()), own_.value);
        co_return;
    }
    told_ = false;
    co_await check_patience();
    co_await take_lock();
    const auto preparing = co_await shutdown_.is_preparing();
    if (!preparing) co_return;
    if (*preparing)
        begin();
    else
        stays_to_tell_ = stays_told;
}

boost::asio::awaitable<void> ShutdownGuard::check_patience() {
    const auto longest = co_await shutdown_.longest_delay();
    if (longest && *longest < patience_)
        spdlog::warn(
            "logind delays a shutdown for at most {}, less than maintenance.shutdown_wait ({}): VMs may not "
            "have left by then. InhibitDelayMaxSec= in /etc/systemd/logind.conf.d/*.conf sets it",
            to_string(*longest), to_string(patience_));
}

boost::asio::awaitable<void> ShutdownGuard::take_lock() {
    std::string why = "virtual machines leave this host first, for up to " + to_string(patience_);
    const auto taken = co_await shutdown_.delay(std::move(why));
    if (!taken) spdlog::warn("a shutdown of {} does not wait for its VMs: {}", own_.value, to_string(taken.error()));
}

// After the reboot, or when it was called off; until it is certain.
boost::asio::awaitable<void> ShutdownGuard::end_maintenance() {
    if (stays_to_tell_ == 0) co_return;
    HostId host = own_;
    const auto ended = co_await evacuation_.stay(std::move(host));
    if (ended && stays_to_tell_ > 0)
        --stays_to_tell_;
    else if (!ended)
        spdlog::warn("that {} is not going down could not be told, and maintenance that a shutdown began lasts: {}",
                     own_.value, to_string(ended.error()));
}

void ShutdownGuard::begin() {
    if (std::exchange(going_down_, true)) return;
    stays_to_tell_ = 0;
    users_told_ = false;
    not_stuck_ = heard_ = clock_.now();
    deadline_ = clock_.now() + patience_;
    if (!std::exchange(leaving_, true)) boost::asio::co_spawn(executor_, leave(), boost::asio::detached);
}

boost::asio::awaitable<void> ShutdownGuard::leave() {
    spdlog::warn(
        "{} is to go down; its VMs leave first, for up to {}: ballastctl maintenance list shows how far they are",
        own_.value, to_string(patience_));
    while (going_down_) {
        HostId host = own_;
        const auto departure = co_await evacuation_.leave(std::move(host));
        if (!going_down_ || may_go(departure)) break;
        co_await clock_.sleep_for(look_every);
    }
    leaving_ = false;
    if (going_down_)
        shutdown_.release();
    else
        co_await call_off();
}

bool ShutdownGuard::may_go(const Result<Departure>& departure) {
    const Instant now = clock_.now();
    if (departure) heard_ = now;
    if (!departure && now - heard_ >= longest_silence) {
        spdlog::error("{} goes down without being emptied: {}", own_.value, to_string(departure.error()));
        return true;
    }
    if (departure && departure->left.empty()) {
        spdlog::info("{} is empty and goes down", own_.value);
        return true;
    }
    if (departure && !departure->none_leaves.empty()) {
        spdlog::warn("{} goes down with its VMs: {}", own_.value, departure->none_leaves);
        return true;
    }
    if (departure) tell_users(*departure);
    if (!departure || departure->stuck.empty()) not_stuck_ = now;
    if (now - not_stuck_ >= has_to_stand) {
        spdlog::error("{} goes down although VMs are on it: {}", own_.value, joined(departure->stuck));
        return true;
    }
    if (now < deadline_) return false;
    spdlog::error("{} goes down after {}, although VMs are on it: {}", own_.value, to_string(patience_),
                  departure ? joined(departure->left) : to_string(departure.error()));
    return true;
}

// Whoever ordered it is not told by systemctl that something delays it.
void ShutdownGuard::tell_users(const Departure& departure) {
    if (std::exchange(users_told_, true)) return;
    const std::size_t vms = departure.left.size();
    shutdown_.tell_users("Ballast: " + own_.value + " goes down once " + std::to_string(vms) +
                         (vms == 1 ? " virtual machine has" : " virtual machines have") + " left it, after " +
                         to_string(patience_) + " at the latest. ballastctl maintenance list shows how far that is.");
}

boost::asio::awaitable<void> ShutdownGuard::call_off() {
    going_down_ = false;
    stays_to_tell_ = stays_told;
    co_await end_maintenance();
    co_await take_lock();
}

}  // namespace ballast::daemon
