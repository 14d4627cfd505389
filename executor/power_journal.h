// The power of hosts in the store: one record a host, one lock while it is not to be used, and one mark by which a
// migration to it and its switching off exclude each other.
//   /ballast/power/<host>       the record (JSON); none: Ballast never switched it
//   /ballast/powerlock/<host>   present while the record's state is not `on`
//   /ballast/target/<host>      the last operation accepted with this host as its target (executor/journal.h)
// Accepting an operation requires that the lock is absent and changes the mark; switching off requires that the mark
// is what it was when no operation under way was seen. So of the two only one is accepted, whoever asks.
#pragma once

#include <boost/json.hpp>
#include <map>
#include <string>
#include <vector>

#include "model/power.h"
#include "ports/store.h"

namespace ballast::executor {

std::string power_lock_key(const HostId& host);
std::string target_key(const HostId& host);

boost::json::object to_json(const PowerRecord& record);
/// Error corrupt when a field is missing or of the wrong kind.
Result<PowerRecord> power_record_from_json(const boost::json::value& value);

class PowerJournal {
public:
    explicit PowerJournal(Store& store) : store_(store) {}

    /// Every record, by host. One that cannot be read is an error that names it: nothing is guessed.
    Store::Task<std::vector<PowerRecord>> load();
    /// The mark to hand to lock(), to be read before it is seen that no operation under way has this target.
    Store::Task<Revision> target_mark(HostId host);
    /// Writes the record of a host that is `on` in the store, for a state that is not. Error conflict: an operation was
    /// accepted to it since the mark was read, or somebody else switches it; nothing was written. After any other
    /// error it may have been written, or may be later: write() takes it back.
    Store::Task<void> lock(PowerRecord record, Revision target_mark);
    /// Writes the record and keeps the lock in step with its state. Safe to repeat; a write before it whose answer was
    /// lost takes no effect any more once this one is through.
    /// Error conflict: one of the other guards does not hold, or somebody else writes the record.
    Store::Task<void> write(PowerRecord record, std::vector<Compare> guards = {});

private:
    Store& store_;
    std::map<HostId, Revision> revisions_;  // of the records as last written or read; 0: not there
};

}  // namespace ballast::executor
