#include "store/worker.h"

namespace ballast::store {

Worker::Worker(std::size_t most_waiting, std::function<bool()> idle)
    : most_waiting_(most_waiting), idle_(std::move(idle)), thread_([this] { run(); }) {}

Worker::~Worker() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_one();
    thread_.join();
}

bool Worker::post(Job job) {
    {
        const std::lock_guard lock(mutex_);
        if (waiting_.size() >= most_waiting_) return false;
        waiting_.push_back(std::move(job));
    }
    changed_.notify_one();
    return true;
}

void Worker::post_always(Job job) {
    {
        const std::lock_guard lock(mutex_);
        waiting_.push_back(std::move(job));
    }
    changed_.notify_one();
}

void Worker::run() {
    Job job;
    for (bool more_idle_work = false; next(job, more_idle_work);) {
        if (job) job();
        job = nullptr;
        more_idle_work = idle_();
    }
}

bool Worker::next(Job& job, bool more_idle_work) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stopping_ || more_idle_work || !waiting_.empty(); });
    if (stopping_) return false;
    if (waiting_.empty()) return true;
    job = std::move(waiting_.front());
    waiting_.pop_front();
    return true;
}

}  // namespace ballast::store
