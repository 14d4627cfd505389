#include "store/schema.h"

#include "store/checksum.h"

namespace ballast::store {
namespace {

constexpr const char* tables = R"(
CREATE TABLE meta(name BLOB PRIMARY KEY, value INTEGER NOT NULL, checksum INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE entry(key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL, create_revision INTEGER NOT NULL,
                   mod_revision INTEGER NOT NULL, version INTEGER NOT NULL, lease INTEGER NOT NULL,
                   checksum INTEGER NOT NULL);
CREATE INDEX entry_of_lease ON entry(lease) WHERE lease != 0;
CREATE TABLE lease(id INTEGER PRIMARY KEY, time_to_live_ms INTEGER NOT NULL, checksum INTEGER NOT NULL);
)";

void insert_meta(Database& database, std::string_view name, std::int64_t value) {
    Statement insert(database, "INSERT INTO meta VALUES (?, ?, ?)");
    insert.with(name, value, std::int64_t{checksum_of(name, value)}).run();
}

}  // namespace

bool has_tables(Database& database) {
    return database.number("SELECT count(*) FROM sqlite_schema") > 0;
}

Result<void> create_tables(Database& database) {
    database.run("BEGIN IMMEDIATE");
    database.run(tables);
    insert_meta(database, "schema", schema_version);
    insert_meta(database, "revision", 1);  // as etcd's: an empty store is at revision 1
    insert_meta(database, "lease", 0);
    insert_meta(database, "digest", 0);
    database.run("COMMIT");
    auto failure = database.take_failure();
    if (!failure) return {};
    sqlite3_exec(database.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
    return *failure;
}

Result<void> set_durability(Database& database) {
    const std::string mode = database.text("PRAGMA journal_mode=WAL");
    database.run("PRAGMA synchronous=FULL");
    if (auto failure = database.take_failure()) return *failure;
    if (mode != "wal") return Error{ErrorCode::internal, database.file(), "cannot use a write-ahead log here"};
    return {};
}

}  // namespace ballast::store
