#include "hypervisor/lane.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <pthread.h>
#include <signal.h>
#include <thread>

namespace ballast::hypervisor {

namespace {
// Five probes, five seconds apart: a silent peer is given up after 25 s, libvirtd's own default.
constexpr int keepalive_interval_s = 5;
constexpr unsigned keepalive_count = 5;

thread_local std::shared_ptr<std::atomic<bool>> running_call;
}  // namespace

bool given_up() {
    return running_call && *running_call;
}

Error nobody_waits(const std::string& subject) {
    return {ErrorCode::cancelled, subject, "nobody waits for it any more"};
}

Lane::Running::Running(GivenUp call) {
    running_call = std::move(call);
}

Lane::Running::~Running() {
    running_call.reset();
}

bool Lane::is_alive(virConnectPtr connection) {
    return virConnectIsAlive(connection) == 1;
}

struct Lane::Shared {
    std::string uri;
    Opened opened;
    AbandonedCount abandoned;
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<Job> jobs;
    bool leaving = false;
    bool working = false;

    struct Open {
        ConnectHandle connection;
        std::shared_ptr<void> kept;

        void close() {
            kept.reset();
            connection.reset();
        }
    };

    Result<Open> open() const {
        Open fresh{ConnectHandle(virConnectOpen(uri.c_str())), nullptr};
        if (!fresh.connection) return last_error(uri);
        virConnectSetKeepAlive(fresh.connection.get(), keepalive_interval_s, keepalive_count);
        if (opened) {
            auto ready = opened(fresh.connection.get());
            if (!ready) return ready.error();
            fresh.kept = std::move(*ready);
        }
        return fresh;
    }

    std::optional<Job> next() {
        std::unique_lock lock(mutex);
        working = false;
        changed.wait(lock, [this] { return leaving || !jobs.empty(); });
        if (leaving) return std::nullopt;
        Job job = std::move(jobs.front());
        jobs.pop_front();
        working = true;
        return job;
    }

    void run() {
        pthread_setname_np(pthread_self(), "libvirt-lane");
        Open current;
        while (auto job = next()) {
            if (current.connection && !is_alive(current.connection.get())) current.close();
            if (current.connection) {
                (*job)(current.connection.get());
                continue;
            }
            auto fresh = open();
            if (fresh) current = std::move(*fresh);
            (*job)(fresh ? Result<virConnectPtr>(current.connection.get()) : Result<virConnectPtr>(fresh.error()));
        }
        current.close();
        std::lock_guard lock(mutex);
        if (counted) --*abandoned;
    }

    bool counted = false;  // left behind in the middle of a call
};

Lane::Lane(boost::asio::any_io_executor executor, std::string uri, AbandonedCount abandoned, Opened opened)
    : executor_(std::move(executor)), uri_(std::move(uri)), shared_(std::make_shared<Shared>()), abandoned_(abandoned) {
    shared_->uri = uri_;
    shared_->opened = std::move(opened);
    shared_->abandoned = std::move(abandoned);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);  // signals are the io_context's
    std::thread([shared = shared_] { shared->run(); }).detach();
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Lane::~Lane() {
    leave();
}

void Lane::enqueue(Job job) {
    std::lock_guard lock(shared_->mutex);
    shared_->jobs.push_back(std::move(job));
    shared_->changed.notify_one();
}

void Lane::leave() {
    if (lost_) return;
    lost_ = true;
    std::deque<Job> unserved;
    {
        std::lock_guard lock(shared_->mutex);
        shared_->leaving = true;
        unserved.swap(shared_->jobs);
        if (shared_->working) {
            shared_->counted = true;
            ++*abandoned_;
        }
        shared_->changed.notify_one();
    }
    for (Job& job : unserved) job(Error{ErrorCode::unavailable, uri_, "an earlier call has not returned"});
}

}  // namespace ballast::hypervisor
