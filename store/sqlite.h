// The little of SQLite's C interface the embedded store needs, with owners for its handles.
//
// Errors stick: after the first failure every further call on the connection does nothing and yields no row, until
// take_failure(). A sequence of statements is therefore written straight down and checked once at its end.
// Not thread-safe: one connection belongs to one thread at a time. A Statement must not outlive its Database.
#pragma once

#include <memory>
#include <optional>
#include <sqlite3.h>
#include <string>
#include <string_view>

#include "model/result.h"

namespace ballast::store {

class Database {
public:
    /// `flags` as of sqlite3_open_v2. Waits `busy_timeout_ms` for a lock another process holds on the file.
    static Result<Database> open(const std::string& file, int flags, int busy_timeout_ms = 0);

    /// Runs statements that return nothing of interest.
    void run(const char* sql);
    /// The first column of the first row; 0 when there is none.
    std::int64_t number(const char* sql);
    std::string text(const char* sql);

    bool failed() const { return state_->failure.has_value(); }
    /// The first failure since the last call, which is thereby forgotten.
    std::optional<Error> take_failure();
    void fail(Error error);
    /// Records SQLite's result code as a failure unless it is a success.
    bool check(int code);

    sqlite3* handle() const { return state_->handle.get(); }
    const std::string& file() const { return state_->file; }

private:
    struct Close {
        void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
    };
    struct State {
        std::string file;
        std::unique_ptr<sqlite3, Close> handle;
        std::optional<Error> failure;
    };
    explicit Database(std::unique_ptr<State> state) : state_(std::move(state)) {}

    std::unique_ptr<State> state_;
};

/// no_space, corrupt, unavailable (locked, or an input/output error: the outcome is unknown) or internal.
ErrorCode error_code_of(int sqlite_code, int system_errno);

class Statement {
public:
    Statement(Database& database, const char* sql);

    /// Starts again with these parameters, in order. Integers, or bytes (bound as BLOB, copied).
    template <class... Parameters>
    Statement& with(const Parameters&... parameters) {
        reset();
        int index = 0;
        (bind(++index, parameters), ...);
        return *this;
    }
    /// Advances to the next row; false at the end or after a failure.
    bool row();
    /// Runs to the end and lets go of the locks it held.
    void run();
    void reset();

    std::int64_t integer(int column) const;
    std::string bytes(int column) const;

private:
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
    };
    void bind(int index, std::int64_t value);
    void bind(int index, std::string_view value);

    Database* database_;
    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

}  // namespace ballast::store
