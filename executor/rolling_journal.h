// The record of the rolling run in the store, /ballast/rolling: the one under way, or the last one.
#pragma once

#include <boost/json.hpp>
#include <optional>

#include "model/rolling.h"
#include "ports/store.h"

namespace ballast::executor {

boost::json::object to_json(const RollingRun& run);
/// Error corrupt when a field is missing or of the wrong kind.
Result<RollingRun> rolling_run_from_json(const boost::json::value& value);

class RollingJournal {
public:
    explicit RollingJournal(Store& store) : store_(store) {}

    /// Nothing: there never was one. One that cannot be read is an error: nothing is guessed.
    Store::Task<std::optional<RollingRun>> load();
    /// Safe to repeat; a write before it whose answer was lost takes no effect any more once this one is through. One
    /// at a time. After an error it may have been written all the same.
    Store::Task<void> write(RollingRun run);

private:
    Store& store_;
    Revision revision_ = 0;  // of the record as last written or read; 0: not there
};

}  // namespace ballast::executor
