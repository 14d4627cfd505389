#include "daemon/page_feed.h"

#include <algorithm>

namespace ballast::daemon {

namespace asio = boost::asio;
using Steady = std::chrono::steady_clock;

namespace {

// Whoever looks through the page is nobody of this machine, and may do nothing but look.
constexpr uid_t nobody = 65534;

constexpr Duration turn_looked_for = std::chrono::milliseconds{20};

/// One more while it lives.
struct Counted {
    std::size_t& count;
    explicit Counted(std::size_t& of) : count(of) { ++count; }
    ~Counted() { --count; }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
};

Caller viewer() {
    Caller caller;
    caller.peer.uid = nobody;
    caller.role = Role::viewer;
    caller.user = "page";
    return caller;
}

std::string event(const std::string& name, const json::value& data) {
    return "event: " + name + "\ndata: " + json::serialize(data) + "\n\n";
}

Duration since(Steady::time_point begin) {
    return std::chrono::duration_cast<Duration>(Steady::now() - begin);
}

asio::awaitable<void> sleep_for(Duration time) {
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer timer(executor, time);
    auto token = asio::as_tuple(asio::use_awaitable);
    co_await timer.async_wait(token);
}

}  // namespace

PageFeed::PageFeed(asio::any_io_executor executor, Answer answer, bool in_cluster, FeedPace pace)
    : executor_(std::move(executor)), answer_(std::move(answer)), in_cluster_(in_cluster), pace_(pace) {}

PageFeed::Viewer PageFeed::view(const std::shared_ptr<PageFeed>& feed) {
    ++feed->viewers_;
    if (!feed->making_) {
        feed->making_ = true;
        asio::co_spawn(feed->executor_, make_while_viewed(feed), asio::detached);
    }
    return Viewer(nullptr, [feed](void*) { --feed->viewers_; });
}

Duration PageFeed::pause_after(Duration took, std::size_t size) const {
    const Duration least = follows_ ? pace_.follower_interval : pace_.interval;
    const auto sent = Duration{static_cast<Duration::rep>(size * 1000 / pace_.bytes_per_second)};
    return std::min(std::max({least, pace_.rests * took, sent}), std::max(pace_.longest, least));
}

asio::awaitable<void> PageFeed::make_while_viewed(std::shared_ptr<PageFeed> feed) {
    while (feed->viewers_ > 0 && !feed->ended_) {
        const auto begin = Steady::now();
        auto text = co_await feed->make();
        const Duration pause = feed->pause_after(since(begin), text.size());
        feed->newest_ = std::make_shared<const std::string>(std::move(text));
        feed->changes_.bump();
        co_await sleep_for(pause);
    }
    feed->newest_ = nullptr;  // old by the time the next one comes
    feed->making_ = false;
}

asio::awaitable<std::string> PageFeed::make() {
    std::string text;
    if (in_cluster_) {
        const Reply cluster = co_await ask("/v1/cluster");
        const json::object* fields = cluster.body.if_object();
        const bool known = cluster.status == 200 && fields && fields->contains("member") && fields->contains("leader");
        follows_ = known && fields->at("member") != fields->at("leader");
        text = event("cluster", cluster.status == 200 ? cluster.body : json::value());
    }
    const Reply overview = co_await ask("/v1/overview");
    text += event(overview.status == 200 ? "overview" : "trouble", overview.body);
    co_return text;
}

asio::awaitable<Reply> PageFeed::ask(std::string target) {
    Caller caller = viewer();
    std::string method = "GET", body;
    auto reply = co_await answer_(std::move(method), std::move(target), std::move(body), std::move(caller));
    co_return reply;
}

asio::awaitable<Reply> PageFeed::look(std::shared_ptr<PageFeed> feed, std::string target) {
    if (feed->looks_ >= feed->pace_.looks_waiting)
        co_return failure(503, "unavailable", "page", "too many ask at once; try again");
    const Counted place(feed->looks_);
    for (;;) {
        const auto now = Steady::now();
        if (!feed->looking_ && now >= feed->free_at_) break;
        const Duration left = std::chrono::duration_cast<Duration>(feed->free_at_ - now) + Duration{1};
        co_await sleep_for(std::max(left, turn_looked_for));
    }
    const auto begin = Steady::now();
    const Counted turn(feed->looking_);
    auto reply = co_await feed->ask(std::move(target));
    feed->free_at_ = Steady::now() + std::min(feed->pace_.rests * since(begin), feed->pace_.longest);
    co_return reply;
}

}  // namespace ballast::daemon
