// Operations in the store: one record an operation, and one guard key a VM, so that two operations on one VM
// cannot both be accepted whatever crashes in between.
//   /ballast/ops/<operation id>   the record (JSON)
//   /ballast/opvm/<vm uuid>       the id of the operation under way on this VM
// Every write compares the record's revision: a write whose answer was lost and which takes effect late changes
// nothing once a later one is through. Other tasks on the same io_context may interleave; one writer a record.
#pragma once

#include <boost/json.hpp>
#include <map>
#include <string>
#include <vector>

#include "model/operation.h"
#include "ports/store.h"

namespace ballast::executor {

boost::json::object to_json(const Operation& operation);
/// Error corrupt when a field is missing or of the wrong kind.
Result<Operation> operation_from_json(const boost::json::value& value);

/// What the executor must still know after a crash, beyond what people see of an operation.
struct Notes {
    std::string cancelled_by;           // not empty: was asked to end
    bool ran_on_target = false;         // seen running there, and not on the source: the source's copy is of the past
    bool ran_on_both = false;           // seen running on both hosts: ends as failed, with an alarm
    bool stopped_source = false;        // we stopped the source's paused copy ourselves
    bool post_copy = false;             // the switch to post-copy was, or was about to be, asked for
    std::vector<std::string> images{};  // created on the target by this operation: removed when it fails
    std::vector<std::string> copied{};  // the images on the source of the disks that are copied along
    bool keep_images = false;           // the guest may have run from those on the target: nobody removes them

    friend bool operator==(const Notes&, const Notes&) = default;
};

struct Record {
    Operation op;
    Notes notes;
};
boost::json::object to_json(const Record& record);
Result<Record> record_from_json(const boost::json::value& value);

/// `certain` false: the store did not answer. The operation may be on record or may yet come there: withdraw it.
struct Acceptance {
    Operation op;
    bool certain = true;
    Revision revision = 0;  // of the transaction
};

class Journal {
public:
    explicit Journal(Store& store) : store_(store) {}

    /// Gives the operation its id and writes it, in one transaction with `together`. Error conflict when this VM has an
    /// operation under way, the target's power is off or being switched (executor/power_journal.h), or a guard of
    /// `together` does not hold.
    Store::Task<Acceptance> accept(Operation draft, Transaction together = {});
    /// Writes the record; a final state frees the VM as well. Safe to repeat. After an error it may have been
    /// written all the same. Ending an operation whose acceptance never took effect writes nothing when another one
    /// has its id by now.
    Store::Task<void> write(Record record);
    /// Every record, oldest first. A record that cannot be read is an error that names it: nothing is guessed.
    Store::Task<std::vector<Operation>> load();
    Store::Task<std::vector<Record>> load_records();
    /// Drops the oldest final records beyond `keep`.
    Store::Task<void> prune(std::size_t keep);

private:
    enum class Found { as_written, older, of_another };
    struct Position {
        Revision revision = 0;  // of the record as last written or read; 0: not there
        bool holds_vm = true;
    };
    Transaction transaction_for(const Record& record, const std::string& text, const Position& at) const;
    Store::Task<Found> read_back(const Record& record, const std::string& text, Position& at);

    Store& store_;
    Revision last_id_ = 0;  // of the ids that are in the store, too: it may be another store than they were given in
    std::map<OperationId, Position> positions_;  // of operations that have not ended
};

}  // namespace ballast::executor
