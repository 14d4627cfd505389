// What all viewers of the page are told of: the API's answers to GET /v1/overview and GET /v1/cluster as server-sent
// events, made once for all of them, only while somebody looks, and never in more than a tenth of all time. And single
// looks, one at a time, under the same bound. One io_context thread.
//   event: overview   the answer
//   event: cluster    the answer; only with a daemon on each host
//   event: trouble    the error in place of the first
#pragma once

#include <boost/asio.hpp>
#include <functional>
#include <memory>
#include <string>

#include "daemon/api_http.h"
#include "daemon/api_watch.h"

namespace ballast::daemon {

struct FeedPace {
    Duration interval = std::chrono::seconds{2};
    // Each asking of the leader through the store is two writes to it.
    Duration follower_interval = std::chrono::seconds{10};
    Duration longest = std::chrono::seconds{15};  // between two; the page calls older figures old
    int rests = 9;                                // times as long as it took to make
    std::size_t bytes_per_second = 512 * 1024;    // to each viewer
    std::size_t looks_waiting = 8;
};

class PageFeed {
public:
    using Answer = std::function<boost::asio::awaitable<Reply>(std::string method, std::string target, std::string body,
                                                               Caller caller)>;
    using Text = std::shared_ptr<const std::string>;

    /// `answer` must stay callable while anybody views. `in_cluster`: there is a GET /v1/cluster.
    PageFeed(boost::asio::any_io_executor executor, Answer answer, bool in_cluster, FeedPace pace);
    PageFeed(const PageFeed&) = delete;
    PageFeed& operator=(const PageFeed&) = delete;

    /// Present while somebody views; it makes the events for as long as it and others live.
    using Viewer = std::shared_ptr<void>;
    static Viewer view(const std::shared_ptr<PageFeed>& feed);
    std::size_t viewers() const { return viewers_; }
    /// Asks nothing any more.
    void end() { ended_ = true; }

    /// The newest events; empty before the first. Its number rises with each.
    Text newest() const { return newest_; }
    std::uint64_t number() const { return changes_.revision(); }
    /// Until the number is not `since` any more, or for `patience`.
    boost::asio::awaitable<std::uint64_t> wait(std::uint64_t since, Duration patience) const {
        return changes_.wait(since, patience);
    }

    /// What the API says to GET `target`; 503 when too many ask already.
    static boost::asio::awaitable<Reply> look(std::shared_ptr<PageFeed> feed, std::string target);

private:
    static boost::asio::awaitable<void> make_while_viewed(std::shared_ptr<PageFeed> feed);
    boost::asio::awaitable<std::string> make();
    boost::asio::awaitable<Reply> ask(std::string target);
    Duration pause_after(Duration took, std::size_t size) const;

    boost::asio::any_io_executor executor_;
    Answer answer_;
    const bool in_cluster_;
    const FeedPace pace_;
    ChangeCounter changes_;
    Text newest_;
    std::size_t viewers_ = 0;
    bool making_ = false, ended_ = false;
    bool follows_ = false;                             // another member leads
    std::size_t looks_ = 0, looking_ = 0;              // those that wait as well; those under way, at most one
    std::chrono::steady_clock::time_point free_at_{};  // for the next look
};

}  // namespace ballast::daemon
