// What the shared suite (suite_*_test.cc) needs of a store to test it. Each implementation brings a class derived from
// StoreBench, default-constructible into a fresh, empty store, and is listed in StoreBenches (store_benches.h).
#pragma once

#include "tests/store/store_fixture.h"

namespace ballast::test {

class StoreBench {
public:
    virtual ~StoreBench() = default;

    virtual Store& store() = 0;
    /// Lets time pass for leases: by a virtual clock, or in earnest where the server has its own.
    virtual void pass(Duration duration) = 0;
    /// In whole seconds; where time passes in earnest as short as the server takes them.
    virtual Duration short_lease() const { return std::chrono::seconds(5); }
    /// Makes the store forget what led to its present state, as far as watches are concerned.
    virtual void forget_history() = 0;

    boost::asio::io_context& io() { return io_; }

    template <class T>
    Result<T> wait(boost::asio::awaitable<Result<T>> call) {
        return ballast::test::wait(io_, std::move(call));
    }
    Result<Commit> commit(Transaction transaction) { return wait(store().commit(std::move(transaction))); }
    /// Without guards, and it must succeed. Returns the store's revision after it.
    Revision change(std::vector<Change> changes) {
        const auto committed = commit(transaction(std::move(changes))).value();
        BALLAST_ASSERT(committed.committed);
        return committed.revision;
    }
    std::optional<KeyValue> get(std::string key) { return wait(store().get(std::move(key))).value(); }
    std::vector<KeyValue> list(std::string prefix) { return wait(store().list(std::move(prefix))).value(); }
    Revision revision() { return wait(store().revision()).value(); }
    std::vector<std::string> keys(std::string prefix) {
        std::vector<std::string> keys;
        for (const auto& entry : list(std::move(prefix))) keys.push_back(entry.key);
        return keys;
    }
    template <class Condition>
    bool run_until(Condition condition) {
        return ballast::test::run_until(io_, condition);
    }
    /// The code of a call that must fail.
    template <class T>
    ErrorCode error(boost::asio::awaitable<Result<T>> call) {
        return wait(std::move(call)).error().code;
    }

private:
    boost::asio::io_context io_;
};

/// A watch that remembers what it was told.
struct Recorder {
    std::vector<WatchEvent> events;
    std::size_t calls = 0;
    bool compacted = false;
    std::unique_ptr<WatchHandle> handle;

    void watch(Store& store, std::string prefix, Revision after) {
        handle = store.watch(
            std::move(prefix), after,
            [this](const std::vector<WatchEvent>& batch) {
                ++calls;
                events.insert(events.end(), batch.begin(), batch.end());
            },
            [this] { compacted = true; });
    }
    std::vector<std::string> lines() const {
        std::vector<std::string> lines;
        for (const auto& event : events)
            lines.push_back(event.kind == WatchEvent::Kind::put ? event.entry.key + "=" + event.entry.value
                                                                : event.entry.key + " erased");
        return lines;
    }
};

using Lines = std::vector<std::string>;

}  // namespace ballast::test
