#include "store/store_core.h"

#include <boost/asio/post.hpp>

#include "store/rules.h"

namespace ballast::store {
namespace {

/// How long a lease whose keys could not be erased (disk full, say) waits for the next try.
constexpr Duration lease_retry = std::chrono::seconds(1);

Error cancelled() {
    return {ErrorCode::cancelled, "store", "is closing"};
}
Error too_many() {
    return {ErrorCode::unavailable, "store", "too many calls wait for the disk"};
}
Error late() {
    return {ErrorCode::timed_out, "store", "the disk did not answer in time; the outcome is unknown"};
}

}  // namespace

StoreCore::StoreCore(boost::asio::any_io_executor executor, Clock& clock, EmbeddedStoreOptions options,
                     std::unique_ptr<Disk> disk, std::vector<StoredLease> leases, std::vector<std::string> notes)
    : executor_(executor),
      clock_(clock),
      options_(std::move(options)),
      notes_(std::move(notes)),
      disk_(std::move(disk)),
      hub_(std::make_shared<WatchHub>(executor, options_.history, disk_->engine().revision())),
      self_(std::make_shared<StoreCore*>(this)),
      next_copy_(clock.now() + options_.copy_interval),
      alarm_(executor, clock, [this] { on_alarm(); }),
      worker_(options_.most_waiting_calls, [this] { return continue_copy(); }) {
    for (const auto& lease : leases) leases_.add(lease.id, lease.time_to_live, clock_.now());
    if (!disk_->copied_at_open()) {
        commits_since_copy_ = 1;
        next_copy_ = clock_.now();
        begin_copy_when_due();
    }
    set_alarm();
}

StoreCore::~StoreCore() {
    *self_ = nullptr;
    hub_->close();
    for (const auto& call : pending_) call->fail(cancelled());
}

template <class T>
Worker::Job StoreCore::round_trip(std::function<Result<T>(Engine&)> work, std::function<void(Result<T>&)> back) {
    return [self = self_, disk = disk_.get(), executor = executor_, work, back] {
        const auto result = std::make_shared<Result<T>>(work(disk->engine()));
        disk->note_revision();
        boost::asio::post(executor, [self, back, result] {
            if (!*self) return;
            if (!*result && result->error().code == ErrorCode::corrupt) (*self)->damaged_(result->error());
            if (*self) back(*result);
        });
    };
}

template <class T>
std::shared_ptr<Call<T>> StoreCore::submit(std::function<Result<T>(Engine&)> work,
                                           std::function<void(Result<T>&)> then) {
    auto call = std::make_shared<Call<T>>(executor_, clock_.now() + options_.call_timeout);
    const auto job = round_trip<T>(std::move(work), [call, then](Result<T>& result) {
        if (then) then(result);
        call->finish(std::move(result));
    });
    const bool taken = worker_.post([call, job] {
        if (!call->abandoned()) job();
    });
    if (!taken) call->fail(too_many());
    while (!pending_.empty() && pending_.front()->finished()) pending_.pop_front();
    pending_.push_back(call);
    set_alarm();
    return call;
}

Store::Task<std::optional<KeyValue>> StoreCore::get(std::string key) {
    if (auto fine = check_key(key); !fine) co_return fine.error();
    expire_leases();
    auto call = submit<std::optional<KeyValue>>([key](Engine& engine) { return engine.get(key); }, nullptr);
    co_return co_await call->outcome(call);
}

Store::Task<std::vector<KeyValue>> StoreCore::list(std::string prefix) {
    expire_leases();
    auto call = submit<std::vector<KeyValue>>([prefix](Engine& engine) { return engine.list(prefix); }, nullptr);
    co_return co_await call->outcome(call);
}

Store::Task<Commit> StoreCore::commit(Transaction transaction) {
    if (auto fine = check_transaction(transaction); !fine) co_return fine.error();
    // A lease that is over guards nothing any more, also when this process has slept past its end.
    expire_leases();
    auto shared = std::make_shared<Transaction>(std::move(transaction));
    auto call = submit<Applied>([shared](Engine& engine) { return engine.commit(*shared); },
                                [this](Result<Applied>& applied) { publish(applied); });
    auto applied = co_await call->outcome(call);
    if (!applied) co_return applied.error();
    co_return applied->commit;
}

Store::Task<Revision> StoreCore::revision() {
    expire_leases();
    auto call = submit<Revision>([](Engine& engine) { return Result<Revision>(engine.revision()); }, nullptr);
    co_return co_await call->outcome(call);
}

std::unique_ptr<WatchHandle> StoreCore::watch(std::string prefix, Revision after,
                                              std::function<void(const std::vector<WatchEvent>&)> changed,
                                              std::function<void()> compacted) {
    return hub_->watch(std::move(prefix), after, std::move(changed), std::move(compacted));
}

Store::Task<LeaseId> StoreCore::grant(Duration time_to_live) {
    if (auto fine = check_time_to_live(time_to_live); !fine) co_return fine.error();
    auto call = submit<LeaseId>([time_to_live](Engine& engine) { return engine.grant(time_to_live); },
                                [this, time_to_live](Result<LeaseId>& lease) {
                                    if (lease) leases_.add(*lease, time_to_live, clock_.now());
                                    set_alarm();
                                });
    co_return co_await call->outcome(call);
}

Store::Task<void> StoreCore::keep_alive(LeaseId lease) {
    expire_leases();
    if (leases_.renew(lease, clock_.now())) co_return Result<void>();
    // Behind the erasure of its keys in the worker's queue: "not found" is said only when they are gone.
    auto call = submit<std::optional<Duration>>([lease](Engine& engine) { return engine.lease(lease); }, nullptr);
    auto found = co_await call->outcome(call);
    if (!found) co_return found.error();
    const std::string name = "lease " + std::to_string(lease);
    if (*found) co_return Error{ErrorCode::unavailable, name, "is over, but its keys could not be erased yet"};
    co_return Error{ErrorCode::not_found, name, "is over"};
}

Store::Task<void> StoreCore::revoke(LeaseId lease) {
    auto call = submit<Applied>([lease](Engine& engine) { return engine.revoke(lease); },
                                [this, lease](Result<Applied>& applied) {
                                    if (applied) leases_.remove(lease);
                                    publish(applied);
                                });
    auto applied = co_await call->outcome(call);
    if (!applied) co_return applied.error();
    co_return Result<void>();
}

void StoreCore::publish(Result<Applied>& applied) {
    if (!applied || applied->events.empty()) return;
    hub_->publish(applied->commit.revision, std::move(applied->events));
    ++commits_since_copy_;
    begin_copy_when_due();
}

void StoreCore::expire_leases() {
    for (const LeaseId lease : leases_.take_due(clock_.now())) {
        const auto erase = [lease](Engine& engine) { return engine.revoke(lease); };
        // Before every call that is made from now on, however many wait: none may rely on the lease any more.
        worker_.post_always(round_trip<Applied>(erase, [this, lease](Result<Applied>& done) { expired(lease, done); }));
    }
}

void StoreCore::expired(LeaseId lease, Result<Applied>& applied) {
    publish(applied);
    if (applied || applied.error().code == ErrorCode::not_found) return leases_.remove(lease);
    leases_.try_again(lease, clock_.now() + lease_retry);
    note("an ended lease cannot be erased yet: " + to_string(applied.error()));
    set_alarm();
}

void StoreCore::note(const std::string& text) {
    if (listener_) listener_(text);
}

void StoreCore::begin_copy_when_due() {
    const bool due =
        commits_since_copy_ >= options_.copy_after_commits || (commits_since_copy_ > 0 && next_copy_ <= clock_.now());
    if (!due || copying_) return;
    copying_ = true;
    worker_.post_always([this] {
        if (auto begun = disk_->begin_copy(); !begun) copy_ended_on_worker(begun.error());
    });
    commits_since_copy_ = 0;
    next_copy_ = clock_.now() + options_.copy_interval;
}

bool StoreCore::continue_copy() {
    if (!disk_->copying()) return false;
    auto progress = disk_->copy_slice();
    if (progress && *progress == LastGoodCopy::Progress::more) return true;
    copy_ended_on_worker(progress ? Result<void>() : Result<void>(progress.error()));
    return false;
}

void StoreCore::copy_ended_on_worker(Result<void> result) {
    boost::asio::post(executor_, [self = self_, result = std::move(result)] {
        if (*self) (*self)->copy_ended(result);
    });
}

void StoreCore::copy_ended(const Result<void>& result) {
    copying_ = false;
    if (result) return set_alarm();
    ++commits_since_copy_;  // still to be copied, at the next interval
    note("the last good copy could not be renewed: " + to_string(result.error()));
    set_alarm();
}

void StoreCore::time_out_calls() {
    const Instant now = clock_.now();
    while (!pending_.empty() && (pending_.front()->finished() || pending_.front()->deadline() <= now)) {
        pending_.front()->fail(late());
        pending_.pop_front();
    }
}

void StoreCore::on_alarm() {
    expire_leases();
    time_out_calls();
    begin_copy_when_due();
    set_alarm();
}

void StoreCore::set_alarm() {
    if (const auto due = leases_.next_due()) alarm_.ring_by(*due);
    if (!pending_.empty()) alarm_.ring_by(pending_.front()->deadline());
    if (commits_since_copy_ > 0 && !copying_) alarm_.ring_by(next_copy_);
}

}  // namespace ballast::store
