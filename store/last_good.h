// The last good copy of the database: made from the running database in slices, checked in full, and only then put
// in the place of the one before. Used by the thread that owns the Engine.
#pragma once

#include <memory>

#include "store/engine.h"

namespace ballast::store {

/// Opens a database that must exist and checks it in full: SQLite's structure, every row, the whole. Only read.
Result<void> verify(const std::string& file);

class LastGoodCopy {
public:
    enum class Progress { more, done };

    /// The copy lives in `file`; while it is made, in `file`.new.
    explicit LastGoodCopy(std::string file);
    ~LastGoodCopy();

    const std::string& file() const { return file_; }
    bool running() const { return backup_ != nullptr; }

    /// Commits in between are part of the copy. The source must outlive it or the end of the copy.
    Result<void> begin(Database& source);
    /// After `done` or an error nothing runs any more; an error leaves the copy before.
    Result<Progress> slice();
    /// begin() and all slices.
    Result<void> make(Database& source);

private:
    struct Finish {
        void operator()(sqlite3_backup* backup) const { sqlite3_backup_finish(backup); }
    };
    Result<void> put_in_place();
    void give_up();

    const std::string file_;
    const std::string new_file_;
    std::optional<Database> target_;
    std::unique_ptr<sqlite3_backup, Finish> backup_;  // after target_: ends before it
};

}  // namespace ballast::store
