#include "store/sqlite.h"

#include <cerrno>
#include <string_view>

namespace ballast::store {

ErrorCode error_code_of(int sqlite_code, int system_errno) {
    switch (sqlite_code & 0xff) {
        case SQLITE_FULL: return ErrorCode::no_space;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB: return ErrorCode::corrupt;
        case SQLITE_BUSY:
        case SQLITE_LOCKED: return ErrorCode::unavailable;
        case SQLITE_CANTOPEN:
        case SQLITE_IOERR:
            return system_errno == ENOSPC || system_errno == EDQUOT ? ErrorCode::no_space : ErrorCode::unavailable;
        default: return ErrorCode::internal;
    }
}

Result<Database> Database::open(const std::string& file, int flags, int busy_timeout_ms) {
    auto state = std::make_unique<State>();
    state->file = file;
    sqlite3* handle = nullptr;
    const int code = sqlite3_open_v2(file.c_str(), &handle, flags, nullptr);
    state->handle.reset(handle);
    Database database(std::move(state));
    if (!database.check(code)) return *database.take_failure();
    sqlite3_extended_result_codes(handle, 1);
    sqlite3_busy_timeout(handle, busy_timeout_ms);
    return database;
}

bool Database::check(int code) {
    if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE) return true;
    if (failed()) return false;
    const int system_errno = handle() ? sqlite3_system_errno(handle()) : 0;
    const char* message = handle() ? sqlite3_errmsg(handle()) : sqlite3_errstr(code);
    // Of a header with a damaged format number, which SQLite takes for that of a later version
    // [fileformat2.html, 1.3.9].
    const bool damaged = (code & 0xff) == SQLITE_ERROR && std::string_view(message) == "unsupported file format";
    fail({damaged ? ErrorCode::corrupt : error_code_of(code, system_errno), file(), message});
    return false;
}

void Database::fail(Error error) {
    if (!failed()) state_->failure = std::move(error);
}

std::optional<Error> Database::take_failure() {
    return std::exchange(state_->failure, std::nullopt);
}

void Database::run(const char* sql) {
    if (!failed()) check(sqlite3_exec(handle(), sql, nullptr, nullptr, nullptr));
}

std::int64_t Database::number(const char* sql) {
    Statement statement(*this, sql);
    return statement.row() ? statement.integer(0) : 0;
}

std::string Database::text(const char* sql) {
    Statement statement(*this, sql);
    return statement.row() ? statement.bytes(0) : std::string();
}

Statement::Statement(Database& database, const char* sql) : database_(&database) {
    if (database.failed()) return;
    sqlite3_stmt* statement = nullptr;
    database.check(sqlite3_prepare_v3(database.handle(), sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr));
    statement_.reset(statement);
}

bool Statement::row() {
    if (database_->failed()) reset();
    if (database_->failed() || !statement_) return false;
    const int code = sqlite3_step(statement_.get());
    if (code == SQLITE_ROW) return true;
    database_->check(code);
    reset();
    return false;
}

void Statement::run() {
    while (row()) {
    }
}

void Statement::reset() {
    if (!statement_) return;
    sqlite3_reset(statement_.get());  // repeats the error of the last step, which is recorded already
    sqlite3_clear_bindings(statement_.get());
}

void Statement::bind(int index, std::int64_t value) {
    if (!database_->failed()) database_->check(sqlite3_bind_int64(statement_.get(), index, value));
}

void Statement::bind(int index, std::string_view value) {
    if (database_->failed()) return;
    // A null pointer would bind NULL: an empty value is not an absent one.
    const char* data = value.empty() ? "" : value.data();
    database_->check(sqlite3_bind_blob64(statement_.get(), index, data, value.size(), SQLITE_TRANSIENT));
}

std::int64_t Statement::integer(int column) const {
    return sqlite3_column_int64(statement_.get(), column);
}

std::string Statement::bytes(int column) const {
    const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
    return data ? std::string(data, size) : std::string();
}

}  // namespace ballast::store
