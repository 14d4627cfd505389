#include "daemon/shutdown_guard.h"

#include <spdlog/spdlog.h>

#include "daemon/leaving.h"

namespace ballast::daemon {

namespace {
constexpr const char* ours = "shutdown";  // who wanted the maintenance
constexpr Duration retry = std::chrono::seconds{30};
constexpr Duration look_every = std::chrono::seconds{1};
// What seems to be stuck has to stay so for two samples of all hosts by default: figures of moves come in late.
constexpr Duration has_to_stand = std::chrono::seconds{20};

std::string joined(const std::vector<std::string>& texts) {
    std::string all;
    for (const std::string& text : texts) all += (all.empty() ? "" : "; ") + text;
    return all;
}
}  // namespace

ShutdownGuard::ShutdownGuard(boost::asio::any_io_executor executor, Clock& clock, Shutdown& shutdown,
                             Controller& controller, HostId own, Duration patience)
    : executor_(std::move(executor)),
      clock_(clock),
      shutdown_(shutdown),
      controller_(controller),
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
        co_await end_maintenance();
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

// After the reboot, or when it was called off.
boost::asio::awaitable<void> ShutdownGuard::end_maintenance() {
    if (controller_.maintenance_by(own_) != ours) co_return;
    HostId host = own_;
    std::string by = ours;
    const auto ended = co_await controller_.set_maintenance(std::move(host), false, std::move(by));
    if (ended)
        spdlog::info("{} is not going down any more: its maintenance is over", own_.value);
    else
        spdlog::warn("the maintenance of {} by its shutdown lasts: {}", own_.value, to_string(ended.error()));
}

void ShutdownGuard::begin() {
    if (std::exchange(going_down_, true)) return;
    boost::asio::co_spawn(executor_, leave(), boost::asio::detached);
}

// In these cases there is nothing to wait for.
std::string ShutdownGuard::nothing_leaves() const {
    if (controller_.paused()) return "Ballast is paused by " + controller_.paused_by();
    const policy::Mode mode = controller_.mode();
    return mode == policy::Mode::automatic ? "" : "the mode is " + to_string(mode);
}

boost::asio::awaitable<void> ShutdownGuard::leave() {
    spdlog::warn(
        "{} is to go down; its VMs leave first, for up to {}: ballastctl maintenance list shows how far they are",
        own_.value, to_string(patience_));
    if (controller_.maintenance_by(own_).empty()) {
        HostId host = own_;
        std::string by = ours;
        const auto begun = co_await controller_.set_maintenance(std::move(host), true, std::move(by));
        if (!begun) spdlog::error("{} goes down without being emptied: {}", own_.value, to_string(begun.error()));
    }
    if (const std::string why = nothing_leaves(); why.empty()) {
        tell_users();
        co_await wait_until_left();
    } else {
        spdlog::warn("{} goes down with its VMs: {}", own_.value, why);
    }
    if (going_down_)
        shutdown_.release();
    else
        co_await end_maintenance();
}

// Whoever ordered it is not told by systemctl that something delays it.
void ShutdownGuard::tell_users() {
    const std::size_t vms = left_on(controller_, own_).size();
    if (vms == 0) return;
    shutdown_.tell_users("Ballast: " + own_.value + " goes down once " + std::to_string(vms) +
                         (vms == 1 ? " virtual machine has" : " virtual machines have") + " left it, after " +
                         to_string(patience_) + " at the latest. ballastctl maintenance list shows how far that is.");
}

boost::asio::awaitable<void> ShutdownGuard::wait_until_left() {
    const Instant deadline = clock_.now() + patience_;
    Instant not_stuck = clock_.now();
    while (going_down_) {
        const auto left = left_on(controller_, own_);
        const auto stuck = stuck_on(controller_, own_);
        const Instant now = clock_.now();
        if (stuck.empty()) not_stuck = now;
        if (left.empty()) {
            spdlog::info("{} is empty and goes down", own_.value);
            co_return;
        }
        if (now - not_stuck >= has_to_stand) {
            spdlog::error("{} goes down although VMs are on it: {}", own_.value, joined(stuck));
            co_return;
        }
        if (now >= deadline) {
            spdlog::error("{} goes down after {}, although VMs are on it: {}", own_.value, to_string(patience_),
                          joined(left));
            co_return;
        }
        co_await clock_.sleep_for(look_every);
    }
}

boost::asio::awaitable<void> ShutdownGuard::call_off() {
    going_down_ = false;
    co_await end_maintenance();
    co_await take_lock();
}

}  // namespace ballast::daemon
