// The Store port on simulated data: one a daemon's life, with its own io_context; the data outlive it, and so does the
// link that tells what goes wrong between the two.
#pragma once

#include <list>

#include "sim/crash_point.h"
#include "sim/store_data.h"
#include "sim/store_link.h"

namespace ballast::sim {

class SimStore : public Store, private StoreClient {
public:
    SimStore(boost::asio::io_context& io, Clock& clock, StoreData& data, CrashPoints& crashes, StoreLink& link);
    /// With a connection that is never disturbed.
    SimStore(boost::asio::io_context& io, Clock& clock, StoreData& data, CrashPoints& crashes)
        : SimStore(io, clock, data, crashes, undisturbed_) {}
    /// After its io_context has run for the last time.
    ~SimStore() override;
    SimStore(const SimStore&) = delete;
    SimStore& operator=(const SimStore&) = delete;

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

    /// To whoever watches: nothing since, and there is nothing new to run.
    std::uint64_t posts() const { return posts_; }

private:
    struct Watched;
    struct Handle;

    /// The way to the store: errors unavailable.
    Task<void> reach();
    /// The way back: error timed_out.
    Task<void> answer();
    /// Nothing is between the store and here.
    bool answers_at_once() const { return link_.reply_takes <= Duration{} && !link_.cut && !link_.deaf; }
    bool loses_reply();
    Revision read_at();
    std::vector<KeyValue> read(const std::string& prefix);
    std::optional<KeyValue> read_one(const std::string& key);

    void tell(Instant now) override;
    std::optional<Instant> next_telling() const override;
    void tell(const std::shared_ptr<Watched>& watched);
    void compact(const std::shared_ptr<Watched>& watched);
    /// Of the history: the next that it wants to hear of and has not, or the end.
    std::size_t next_wanted(const Watched& watched) const;

    boost::asio::io_context& io_;
    Clock& clock_;
    StoreData& data_;
    CrashPoints& crashes_;
    StoreLink& link_;
    StoreLink undisturbed_;
    std::list<std::weak_ptr<Watched>> watches_;
    std::uint64_t posts_ = 0;
    Revision told_ = 0;      // with what was committed from here
    Revision all_told_ = 0;  // every watch has heard of what happened up to here: saves looking through them
};

}  // namespace ballast::sim
