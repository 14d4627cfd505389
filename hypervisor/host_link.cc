#include "hypervisor/host_link.h"

#include <algorithm>

#include "hypervisor/events.h"

namespace ballast::hypervisor {

namespace {
constexpr unsigned max_abandoned = 8;  // threads left in calls of a hung libvirtd, a host
// Some never return: libvirt does not notice when a host that it connects to dies in the middle of it. One more each
// time, so that the host is found when it is well again.
constexpr Duration one_more_after = std::chrono::minutes{5};
constexpr unsigned most_abandoned = 64;
constexpr unsigned max_workers = 16;  // below libvirtd's 20 workers, so that control calls still get through
constexpr unsigned idle_workers = 2;  // connections kept open for the next migration
constexpr Duration ping_every = std::chrono::seconds{5};

template <class Lanes>
void prune(Lanes& lanes) {
    std::erase_if(lanes, [](const auto& lane) { return lane->lost(); });
    std::size_t idle = 0;
    std::erase_if(lanes, [&](const auto& lane) { return !lane->busy() && ++idle > idle_workers; });
}
}  // namespace

// [libvirt remote URI parameter no_tty]
std::string without_prompt(const std::string& uri) {
    if (uri.find("+ssh://") == std::string::npos || uri.find("no_tty=") != std::string::npos) return uri;
    return uri + (uri.find('?') == std::string::npos ? '?' : '&') + "no_tty=1";
}

HostLink::HostLink(boost::asio::any_io_executor executor, LinkOptions options, Listener listener,
                   std::function<void()> answered)
    : executor_(std::move(executor)),
      options_(std::move(options)),
      listener_(std::move(listener)),
      answered_(std::move(answered)),
      wake_(std::make_shared<boost::asio::steady_timer>(executor_)) {
    options_.uri = without_prompt(options_.uri);
}

Error HostLink::down() const {
    return {ErrorCode::unavailable, options_.id.value, problem_};
}

bool HostLink::may_open() {
    const auto now = std::chrono::steady_clock::now();
    if (*abandoned_ >= most_abandoned) return false;
    if (*abandoned_ >= max_abandoned && now < opened_ + one_more_after) return false;
    opened_ = now;
    return true;
}

HostLink::LanePtr HostLink::renewed(LanePtr& lane, Lane::Opened opened) {
    if (lane && !lane->lost()) return lane;
    if (!may_open()) return nullptr;
    lane = std::make_shared<Lane>(executor_, options_.uri, abandoned_, std::move(opened));
    return lane;
}

HostLink::LanePtr HostLink::control_lane() {
    auto heard = [wake = wake_, listener = listener_](const HypervisorEvent& event) {
        if (event.kind == HypervisorEvent::Kind::disconnected)
            wake->cancel();  // the supervisor looks and says so
        else
            listener(event);
    };
    return renewed(control_, [id = options_.id, executor = executor_, heard](virConnectPtr connection) {
        return subscribe_events(connection, id, executor, heard);
    });
}

HostLink::LanePtr HostLink::statistics_lane() {
    return renewed(statistics_);
}

HostLink::LanePtr HostLink::idle_worker() {
    prune(workers_);
    const auto idle = std::find_if(workers_.begin(), workers_.end(), [](const auto& lane) { return !lane->busy(); });
    if (idle != workers_.end()) return *idle;
    if (workers_.size() >= max_workers || !may_open()) return nullptr;
    return workers_.emplace_back(std::make_shared<Lane>(executor_, options_.uri, abandoned_));
}

boost::asio::awaitable<Result<void>> HostLink::ping() {
    auto lane = control_lane();
    if (!lane) co_return Error{ErrorCode::unavailable, options_.id.value, "too many calls hang in its libvirt"};
    std::function<Result<void>(virConnectPtr)> work =
        [id = options_.id.value](virConnectPtr connection) -> Result<void> {
        const Text name(virConnectGetHostname(connection));  // a real round trip; virConnectIsAlive is not
        if (!name) return last_error(id);
        return {};
    };
    co_return co_await lane->call<void>(std::move(work), options_.call_deadline);
}

void HostLink::came_up() {
    if (connection_ == Connection::up) return;
    connection_ = Connection::up;
    problem_.clear();
    listener_({HypervisorEvent::Kind::connected, options_.id, {}, {}});
}

void HostLink::went_down(std::string why) {
    problem_ = std::move(why);
    if (connection_ == Connection::down) return;
    connection_ = Connection::down;
    listener_({HypervisorEvent::Kind::disconnected, options_.id, {}, problem_});
}

// A call hung: tell everybody now rather than let each of them find out by waiting.
void HostLink::suspect(const std::string& why) {
    went_down(why);
    wake_->cancel();
}

boost::asio::awaitable<void> HostLink::supervise() {
    Duration backoff = options_.retry.first;
    for (;;) {
        auto answer = co_await ping();
        if (answer) {
            answered_();
            came_up();
            backoff = options_.retry.first;
        } else {
            went_down(answer.error().message);
        }
        const bool rests = !answer && is_off_();
        wake_->expires_after(answer ? ping_every : (rests ? options_.retry.resting : backoff));
        if (!answer) backoff = rests ? options_.retry.first : std::min(backoff * 2, options_.retry.last);
        auto token = boost::asio::as_tuple(boost::asio::use_awaitable);
        co_await wake_->async_wait(token);
    }
}

}  // namespace ballast::hypervisor
