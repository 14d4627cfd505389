// One thread that runs jobs in the order they were given, so that a slow disk stalls calls and not the daemon.
// Constructed, used and destroyed on the io_context's thread; jobs run on its own.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace ballast::store {

class Worker {
public:
    using Job = std::function<void()>;

    /// `idle` is called after every job and whenever nothing waits, as long as it returns true: work that may be
    /// done in slices between jobs.
    Worker(std::size_t most_waiting, std::function<bool()> idle);
    /// Lets the running job end, drops those that wait, and joins.
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    /// False: too many wait already, and the job is not taken.
    bool post(Job job);
    /// Taken in any case, for jobs whose number has a bound of its own.
    void post_always(Job job);

private:
    void run();
    /// Empty: nothing waits but a slice of idle work is due. Nothing at all: the end.
    bool next(Job& job, bool more_idle_work);

    const std::size_t most_waiting_;
    const std::function<bool()> idle_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Job> waiting_;
    bool stopping_ = false;
    std::thread thread_;  // last: it uses all of the above
};

}  // namespace ballast::store
