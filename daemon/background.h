// What is written on the side: in a thread of its own, one job at a time, so that nobody waits for a disk.
#pragma once

#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <utility>

#include "model/result.h"

namespace ballast::daemon {

class Background {
public:
    using Job = std::function<Result<void>()>;
    using Failed = std::function<void(const Error&)>;  // called in that thread, once until a job succeeds again

    explicit Background(Failed failed) : failed_(std::move(failed)) {}
    ~Background() { finish(); }
    Background(const Background&) = delete;
    Background& operator=(const Background&) = delete;

    /// A job is still under way.
    bool busy() const { return busy_; }
    /// Requires: not busy(), and finish() was not called.
    void start(Job job) {
        busy_ = true;
        boost::asio::post(thread_, [this, job = std::move(job)] {
            run(job);
            busy_ = false;
        });
    }
    /// Waits for the job under way; there will be none after it.
    void finish() { thread_.join(); }
    /// In the caller's thread. Requires: finish() was called.
    void run(const Job& job) {
        const auto done = job();
        if (!done && !failing_ && failed_) failed_(done.error());
        failing_ = !done;
    }

private:
    Failed failed_;
    bool failing_ = false;
    std::atomic<bool> busy_ = false;
    boost::asio::thread_pool thread_{1};
};

}  // namespace ballast::daemon
