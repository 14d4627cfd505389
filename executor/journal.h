// Operations in the store: one record an operation, and one guard key a VM, so that two operations on one VM
// cannot both be accepted whatever crashes in between.
//   /ballast/ops/<operation id>   the record (JSON)
//   /ballast/opvm/<vm uuid>       the id of the operation under way on this VM
#pragma once

#include <boost/json.hpp>
#include <string>
#include <vector>

#include "model/operation.h"
#include "ports/store.h"

namespace ballast::executor {

boost::json::object to_json(const Operation& operation);
/// Error corrupt when a field is missing or of the wrong kind.
Result<Operation> operation_from_json(const boost::json::value& value);

class Journal {
public:
    explicit Journal(Store& store) : store_(store) {}

    /// Gives the operation its id and writes it. Error conflict when this VM has an operation under way.
    Store::Task<Operation> accept(Operation draft);
    /// Writes the record; a final state frees the VM as well. Safe to repeat.
    Store::Task<void> write(Operation operation);
    /// Every record, oldest first. A record that cannot be read is an error: nothing is guessed.
    Store::Task<std::vector<Operation>> load();
    /// Drops the oldest final records beyond `keep`.
    Store::Task<void> prune(std::size_t keep);

private:
    Store& store_;
};

}  // namespace ballast::executor
