#include "etcd/etcd_store.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <list>

#include "etcd/line.h"
#include "etcd/schema.h"
#include "etcd/watch.h"
#include "store/rules.h"

namespace ballast {
namespace {

using namespace etcd;

/// Entries a list asks for at a time: at 4 KiB each, what Ballast keeps of a VM, about 1 MiB.
constexpr std::int64_t page = 256;

template <class T>
using Task = Store::Task<T>;

Error cancelled() {
    return {ErrorCode::cancelled, "store", "is closing"};
}

/// etcd knows whole seconds only, and a lease may end late but never early.
std::int64_t seconds_of(Duration time_to_live) {
    return std::chrono::ceil<std::chrono::seconds>(time_to_live).count();
}

std::string name_of(LeaseId lease) {
    return "lease " + std::to_string(lease);
}

/// All there is to the store. Kept alive by every coroutine that uses it, so that the store may be destroyed at any
/// time.
class Core : public std::enable_shared_from_this<Core> {
public:
    Core(boost::asio::any_io_executor executor, Clock& clock, EtcdOptions options, std::unique_ptr<HistoryMark> mark,
         EtcdStore::Note note)
        : options_(std::move(options)),
          keyspace_(options_.prefix),
          completions_(executor),
          connection_(completions_, clock, options_, keyspace_.schema_key(), std::move(mark), std::move(note)),
          writes_(executor),
          renewals_(executor) {}

    void close() {
        for (const auto& watch : watches_) {
            if (const auto open = watch.lock()) open->close();
        }
        completions_.close();
        connection_.close();
        writes_.close();
        renewals_.close();
    }

    /// Leaves the version of our data where there is none yet.
    static Task<void> prepare_schema(std::shared_ptr<Core> core);

    static Task<std::optional<KeyValue>> get(std::shared_ptr<Core> core, std::string key);
    static Task<std::vector<KeyValue>> list(std::shared_ptr<Core> core, std::string prefix);
    static Task<Commit> commit(std::shared_ptr<Core> core, Transaction transaction);
    static Task<Revision> revision(std::shared_ptr<Core> core);
    static Task<StoreSize> size(std::shared_ptr<Core> core);
    static Task<LeaseId> grant(std::shared_ptr<Core> core, Duration time_to_live);
    static Task<void> keep_alive(std::shared_ptr<Core> core, LeaseId lease);
    static Task<void> revoke(std::shared_ptr<Core> core, LeaseId lease);
    std::unique_ptr<WatchHandle> watch(Watch watch);

private:
    /// One of the calls under way.
    class UnderWay {
    public:
        explicit UnderWay(Core& core) : core_(core) { ++core_.calls_under_way_; }
        ~UnderWay() { --core_.calls_under_way_; }
        UnderWay(const UnderWay&) = delete;
        UnderWay& operator=(const UnderWay&) = delete;

        Result<void> allowed() const {
            if (core_.completions_.closed()) return cancelled();
            if (core_.calls_under_way_ <= core_.options_.most_waiting_calls) return {};
            return Error{ErrorCode::unavailable, "store", "too many calls wait for etcd"};
        }

    private:
        Core& core_;
    };

    template <class Kind>
    Task<typename Kind::Response> read(Kind method, typename Kind::Request request, Instant deadline) {
        return connection_.call(method, std::move(request), deadline, Repeat::safe);
    }
    template <class Kind>
    Task<typename Kind::Response> write(Kind method, typename Kind::Request request, Line& line);
    template <class Kind>
    Task<typename Kind::Response> write(Kind method, typename Kind::Request request) {
        return write(method, std::move(request), writes_);
    }

    Task<std::vector<KeyValue>> list_at_one_revision(std::string prefix, Instant deadline);

    const EtcdOptions options_;
    const Keyspace keyspace_;
    Completions completions_;
    Connection connection_;
    Line writes_, renewals_;
    std::size_t calls_under_way_ = 0;
    std::list<std::weak_ptr<Watch>> watches_;
};

// One after the other: etcd answers what it is sent at the same time in any order.
template <class Kind>
Task<typename Kind::Response> Core::write(Kind method, typename Kind::Request request, Line& line) {
    const Instant deadline = connection_.deadline();
    Line::Place place(line);
    const bool my_turn = co_await place.turn(options_.call_timeout);
    if (completions_.closed()) co_return cancelled();
    if (!my_turn) co_return Error{ErrorCode::timed_out, "store", "those before it took too long; it did not happen"};
    co_return co_await connection_.call(method, std::move(request), deadline, Repeat::never);
}

Task<std::optional<KeyValue>> Core::get(std::shared_ptr<Core> core, std::string key) {
    if (auto fine = store::check_key(key); !fine) co_return fine.error();
    const UnderWay call(*core);
    if (auto allowed = call.allowed(); !allowed) co_return allowed.error();
    auto request = read_key(core->keyspace_.stored(key));
    auto response = co_await core->read(range_method, std::move(request), core->connection_.deadline());
    if (!response) co_return response.error();
    if (response->kvs().empty()) co_return std::optional<KeyValue>();
    co_return std::optional(entry_of(core->keyspace_, *response->mutable_kvs(0)));
}

Task<std::vector<KeyValue>> Core::list(std::shared_ptr<Core> core, std::string prefix) {
    const UnderWay call(*core);
    if (auto allowed = call.allowed(); !allowed) co_return allowed.error();
    const Instant deadline = core->connection_.deadline();
    for (;;) {
        auto listed = co_await core->list_at_one_revision(prefix, deadline);
        // `conflict`: the revision it was reading at was compacted meanwhile.
        if (listed || listed.error().code != ErrorCode::conflict) co_return listed;
        if (core->connection_.left_until(deadline) <= Duration::zero())
            co_return Error{ErrorCode::timed_out, prefix, "etcd compacts faster than it can be read"};
    }
}

Task<std::vector<KeyValue>> Core::list_at_one_revision(std::string prefix, Instant deadline) {
    std::vector<KeyValue> entries;
    api::RangeRequest request = read_key(keyspace_.stored(prefix));
    request.set_range_end(end_of(request.key()));
    request.set_limit(page);
    for (;;) {
        auto response = co_await read(range_method, request, deadline);
        if (!response) co_return response.error();
        for (auto& entry : *response->mutable_kvs()) entries.push_back(entry_of(keyspace_, entry));
        if (!response->more()) co_return entries;
        if (request.revision() == 0) request.set_revision(response->header().revision());
        request.set_key(keyspace_.stored(entries.back().key) + '\0');  // the next possible key
    }
}

// Whether it only puts a leased key anew while that is the one that it was: this may happen before what was begun
// earlier, and must not wait behind it, or a long line would end leases.
bool renews(const Transaction& transaction) {
    if (transaction.guards.size() != 1 || transaction.changes.size() != 1) return false;
    const Compare& guard = transaction.guards.front();
    const Change& change = transaction.changes.front();
    return guard.kind == Compare::Kind::create_revision_is && guard.revision != 0 && change.kind == Change::Kind::put &&
           change.lease != 0 && change.key == guard.key;
}

Task<Commit> Core::commit(std::shared_ptr<Core> core, Transaction transaction) {
    if (auto fine = store::check_transaction(transaction); !fine) co_return fine.error();
    const UnderWay call(*core);
    if (auto allowed = call.allowed(); !allowed) co_return allowed.error();
    auto request = etcd::write(core->keyspace_, transaction);
    Line& line = renews(transaction) ? core->renewals_ : core->writes_;
    auto response = co_await core->write(txn_method, std::move(request), line);
    if (!response) co_return response.error();
    co_return Commit{response->succeeded(), response->header().revision()};
}

Task<Revision> Core::revision(std::shared_ptr<Core> core) {
    const UnderWay call(*core);
    if (auto allowed = call.allowed(); !allowed) co_return allowed.error();
    auto request = read_key(core->keyspace_.schema_key());
    auto response = co_await core->read(range_method, std::move(request), core->connection_.deadline());
    if (!response) co_return response.error();
    co_return response->header().revision();
}

Task<StoreSize> Core::size(std::shared_ptr<Core> core) {
    const UnderWay call(*core);
    if (auto allowed = call.allowed(); !allowed) co_return allowed.error();
    api::StatusRequest request;
    auto response = co_await core->read(status_method, std::move(request), core->connection_.deadline());
    if (!response) co_return response.error();
    const auto bytes = [](std::int64_t count) { return Bytes{static_cast<std::uint64_t>(count)}; };
    co_return StoreSize{bytes(response->db_size()), bytes(response->db_size_in_use())};
}

Task<LeaseId> Core::grant(std::shared_ptr<Core> core, Duration time_to_live) {
    if (auto fine = store::check_time_to_live(time_to_live); !fine) co_return fine.error();
    const UnderWay call(*core);
    if (auto allowed = call.allowed(); !allowed) co_return allowed.error();
    api::LeaseGrantRequest request;
    request.set_ttl(seconds_of(time_to_live));
    auto response = co_await core->write(lease_grant_method, std::move(request));
    if (!response) co_return response.error();
    co_return response->id();
}

// Leases are kept by etcd's leader, and a member that has lost the others may take itself for that and renew what is
// over. So the same member has to answer a linearizable read afterwards, which it cannot without the others.
Task<void> Core::keep_alive(std::shared_ptr<Core> core, LeaseId lease) {
    const UnderWay call(*core);
    if (auto allowed = call.allowed(); !allowed) co_return allowed.error();
    const Instant deadline = core->connection_.deadline();
    api::LeaseKeepAliveRequest request;
    request.set_id(lease);
    for (;;) {
        auto renewed = co_await core->read(lease_keep_alive_method, request, deadline);
        if (!renewed) co_return renewed.error();
        if (renewed->ttl() <= 0) co_return Error{ErrorCode::not_found, name_of(lease), "is over"};
        auto probe = read_key(core->keyspace_.schema_key());
        auto confirmed = co_await core->read(range_method, std::move(probe), deadline);
        if (!confirmed) co_return confirmed.error();
        if (confirmed->header().member_id() == renewed->header().member_id()) co_return Result<void>();
    }
}

Task<void> Core::revoke(std::shared_ptr<Core> core, LeaseId lease) {
    const UnderWay call(*core);
    if (auto allowed = call.allowed(); !allowed) co_return allowed.error();
    api::LeaseRevokeRequest request;
    request.set_id(lease);
    auto response = co_await core->write(lease_revoke_method, std::move(request));
    if (!response) co_return response.error();
    co_return Result<void>();
}

class Handle : public WatchHandle {
public:
    explicit Handle(std::shared_ptr<Watch> watch) : watch_(std::move(watch)) {}
    ~Handle() override { watch_->close(); }

private:
    std::shared_ptr<Watch> watch_;
};

std::unique_ptr<WatchHandle> Core::watch(Watch watch) {
    auto shared = std::make_shared<Watch>(std::move(watch));
    watches_.remove_if([](const auto& known) { return known.expired(); });
    watches_.push_back(shared);
    boost::asio::co_spawn(completions_.executor(),
                          follow(shared_from_this(), completions_, connection_, keyspace_, shared),
                          boost::asio::detached);
    return std::make_unique<Handle>(std::move(shared));
}

Task<void> Core::prepare_schema(std::shared_ptr<Core> core) {
    auto request = read_key(core->keyspace_.schema_key());
    // Whatever is there was checked when the member was found.
    auto stored = co_await core->read(range_method, std::move(request), core->connection_.deadline());
    if (!stored) co_return stored.error();
    if (!stored->kvs().empty()) co_return Result<void>();
    api::TxnRequest create;
    auto& guard = *create.add_compare();
    guard.set_key(core->keyspace_.schema_key());
    guard.set_target(api::Compare::CREATE);
    guard.set_create_revision(0);
    auto& put = *create.add_success()->mutable_request_put();
    put.set_key(core->keyspace_.schema_key());
    put.set_value(std::to_string(schema_version));
    auto created = co_await core->write(txn_method, std::move(create));
    if (!created) co_return created.error();
    co_return Result<void>();
}

/// What the daemon holds. Every call keeps the core, not this.
class Front : public EtcdStore {
public:
    explicit Front(std::shared_ptr<Core> core) : core_(std::move(core)) {}
    ~Front() override { core_->close(); }

    Task<std::optional<KeyValue>> get(std::string key) override { return Core::get(core_, std::move(key)); }
    Task<std::vector<KeyValue>> list(std::string prefix) override { return Core::list(core_, std::move(prefix)); }
    Task<Commit> commit(Transaction transaction) override { return Core::commit(core_, std::move(transaction)); }
    Task<Revision> revision() override { return Core::revision(core_); }
    std::unique_ptr<WatchHandle> watch(std::string prefix, Revision after,
                                       std::function<void(const std::vector<WatchEvent>&)> changed,
                                       std::function<void()> compacted) override {
        return core_->watch({std::move(prefix), after, std::move(changed), std::move(compacted)});
    }
    Task<StoreSize> size() override { return Core::size(core_); }
    Task<LeaseId> grant(Duration time_to_live) override { return Core::grant(core_, time_to_live); }
    Task<void> keep_alive(LeaseId lease) override { return Core::keep_alive(core_, lease); }
    Task<void> revoke(LeaseId lease) override { return Core::revoke(core_, lease); }

private:
    std::shared_ptr<Core> core_;
};

}  // namespace

Store::Task<std::unique_ptr<EtcdStore>> EtcdStore::open(boost::asio::any_io_executor executor, Clock& clock,
                                                        EtcdOptions options, Note note) {
    auto mark = HistoryMark::open(options.state_dir);
    if (!mark) co_return mark.error();
    auto core = std::make_shared<Core>(executor, clock, std::move(options), std::move(*mark), std::move(note));
    auto store = std::make_unique<Front>(core);
    auto prepared = co_await Core::prepare_schema(core);
    if (!prepared) co_return prepared.error();
    co_return std::unique_ptr<EtcdStore>(std::move(store));
}

}  // namespace ballast
