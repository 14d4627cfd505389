// Which host owns each VM, and what it is started from elsewhere when that host is lost.
//   /ballast/vms/<vm uuid>   the record (JSON)
// What is merely seen is written as soon as the store takes it. Starting a VM elsewhere changes its owner in the same
// transaction that accepts the operation (executor/journal.h), which compares the record: of two that want to start it
// one is accepted, whoever they are.
#pragma once

#include <boost/json.hpp>
#include <functional>
#include <map>
#include <set>
#include <vector>

#include "model/vm_record.h"
#include "ports/clock.h"
#include "ports/store.h"

namespace ballast::executor {

std::string vm_record_key(const VmId& vm);

boost::json::object to_json(const VmRecord& record);
/// Error corrupt when a field is missing or of the wrong kind.
Result<VmRecord> vm_record_from_json(const boost::json::value& value);

class VmRecords {
public:
    template <class T>
    using Task = boost::asio::awaitable<Result<T>>;

    VmRecords(boost::asio::any_io_executor executor, Clock& clock, Store& store)
        : executor_(std::move(executor)), clock_(clock), store_(store) {}
    VmRecords(const VmRecords&) = delete;
    VmRecords& operator=(const VmRecords&) = delete;

    /// Every record. One that cannot be read is an error that names it: nothing is guessed. Call once, first.
    Task<void> load();

    const std::map<VmId, VmRecord>& all() const { return records_; }
    const VmRecord* find(const VmId& vm) const;
    /// Those that belong to this host.
    const std::set<VmId>& of_host(const HostId& host) const;

    /// What was seen: takes effect here at once, and in the store as soon as it can be written. Its generation is made
    /// that of the record in the store, and one more when `host` is another than there.
    void set(VmRecord record);
    /// It was shut down. Its record goes, or stays as one that has ended until the hosts it left are cleaned.
    void forget(const VmId& vm);

    /// The part of a transaction by which the VM's owner becomes `to`, if its record is as known here; hand the result
    /// to claimed() once it is committed, or call reload() when it may be.
    struct Claim {
        VmRecord record;
        Compare guard;
        Change change;
    };
    /// Requires: it has a record.
    Claim claim(const VmId& vm, const HostId& to) const;
    void claimed(const Claim& claim, Revision revision);
    /// As the store has it.
    Task<void> reload(VmId vm);
    /// Returns when all that was set before is in the store.
    Task<void> written();
    bool is_written() const { return unwritten_.empty() && !writing_; }

private:
    /// As last read or written.
    struct Stored {
        Revision revision = 0;
        HostId host;
        std::uint64_t generation = 0;
    };
    void put(VmRecord record);
    void drop(const VmId& vm);
    void erase(const VmId& vm);
    void start_writing();
    boost::asio::awaitable<void> write_all();
    Transaction next_batch(std::map<VmId, Stored>& taken);
    std::uint64_t next_generation(const VmRecord& record) const;
    boost::asio::awaitable<void> learn_stored(VmId vm);
    Compare guard_of(const VmId& vm) const;

    boost::asio::any_io_executor executor_;
    Clock& clock_;
    Store& store_;
    std::map<VmId, VmRecord> records_;
    std::map<HostId, std::set<VmId>> by_host_;
    std::map<VmId, Stored> stored_;  // none: not in the store
    std::set<VmId> unwritten_, being_written_;
    bool writing_ = false;
};

}  // namespace ballast::executor
