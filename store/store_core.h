// How the embedded store is put together; see embedded_store.h. On the io_context's thread, except where it says
// that the worker thread does it.
#pragma once

#include <deque>

#include "store/alarm.h"
#include "store/call.h"
#include "store/disk.h"
#include "store/embedded_store.h"
#include "store/lease_table.h"
#include "store/worker.h"

namespace ballast::store {

class StoreCore : public EmbeddedStore {
public:
    StoreCore(boost::asio::any_io_executor executor, Clock& clock, EmbeddedStoreOptions options,
              std::unique_ptr<Disk> disk, std::vector<StoredLease> leases, std::vector<std::string> notes);
    ~StoreCore() override;

    Task<std::optional<KeyValue>> get(std::string key) override;
    Task<std::vector<KeyValue>> list(std::string prefix) override;
    Task<Commit> commit(Transaction transaction) override;
    Task<Revision> revision() override;
    std::unique_ptr<WatchHandle> watch(std::string prefix, Revision after,
                                       std::function<void(const std::vector<WatchEvent>&)> changed,
                                       std::function<void()> compacted) override;
    Task<LeaseId> grant(Duration time_to_live) override;
    Task<void> keep_alive(LeaseId lease) override;
    Task<void> revoke(LeaseId lease) override;
    std::vector<std::string> notes() const override { return notes_; }
    void on_note(std::function<void(const std::string&)> listener) override { listener_ = std::move(listener); }
    void on_damage(std::function<void(const Error&)> listener) override { damaged_ = std::move(listener); }

private:
    /// A job that does `work` on the worker thread and hands its result to `back` on this one.
    template <class T>
    Worker::Job round_trip(std::function<Result<T>(Engine&)> work, std::function<void(Result<T>&)> back);
    /// Runs `work` on the worker and `then` with its result back here, also when nobody waits for it any more.
    template <class T>
    std::shared_ptr<Call<T>> submit(std::function<Result<T>(Engine&)> work, std::function<void(Result<T>&)> then);

    void publish(Result<Applied>& applied);
    void expire_leases();
    void expired(LeaseId lease, Result<Applied>& applied);
    void time_out_calls();
    void note(const std::string& text);

    // The last good copy: when is decided here, made by the worker between calls.
    void begin_copy_when_due();
    void copy_ended(const Result<void>& result);
    /// On the worker thread. True: there is more to do.
    bool continue_copy();
    void copy_ended_on_worker(Result<void> result);

    void on_alarm();
    void set_alarm();

    boost::asio::any_io_executor executor_;
    Clock& clock_;
    const EmbeddedStoreOptions options_;
    std::vector<std::string> notes_;
    std::function<void(const std::string&)> listener_;
    std::function<void(const Error&)> damaged_ = [](const Error&) {};
    std::unique_ptr<Disk> disk_;  // the worker thread's
    std::shared_ptr<WatchHub> hub_;
    LeaseTable leases_;
    std::deque<std::shared_ptr<PendingCall>> pending_;  // by deadline
    std::shared_ptr<StoreCore*> self_;                  // null once destroyed: for handlers under way
    std::size_t commits_since_copy_ = 0;
    Instant next_copy_;
    bool copying_ = false;
    Alarm alarm_;
    Worker worker_;  // last: its thread uses the disk
};

}  // namespace ballast::store
