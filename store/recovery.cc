#include "store/recovery.h"

#include <algorithm>

#include "store/files.h"
#include "store/last_good.h"
#include "store/schema.h"

namespace ballast::store {
namespace {

/// For a lock another program holds on the database, such as sqlite3 on an operator's terminal.
constexpr int busy_timeout_ms = 10'000;

Error corrupt(const StoreFiles& files, std::string message) {
    return {ErrorCode::corrupt, files.database, std::move(message)};
}

void limit_size(Database& database, Bytes largest) {
    const auto page_size = std::max<std::int64_t>(database.number("PRAGMA page_size"), 1);
    const auto pages = std::max<std::int64_t>(static_cast<std::int64_t>(largest.count) / page_size, 1);
    database.run(("PRAGMA max_page_count=" + std::to_string(pages)).c_str());
}

Result<std::unique_ptr<Engine>> open_checked(const StoreFiles& files, Bytes largest, bool may_be_empty) {
    if (auto created = open_or_create(files.database); !created) return created.error();
    auto database = Database::open(files.database, SQLITE_OPEN_READWRITE, busy_timeout_ms);
    if (!database) return database.error();
    const std::string answer = database->text("PRAGMA integrity_check(1)");
    const bool empty = !has_tables(*database);
    limit_size(*database, largest);
    if (auto failure = database->take_failure()) return *failure;
    if (answer != "ok") return corrupt(files, answer);
    if (empty && !may_be_empty) return corrupt(files, "is empty");
    if (auto durable = set_durability(*database); !durable) return durable.error();
    return Engine::attach(std::move(*database));
}

std::string unused_name(const std::string& base) {
    std::string name = base;
    for (int number = 2; exists(name) || exists(name + "-wal"); ++number) name = base + "-" + std::to_string(number);
    return name;
}

Result<std::string> move_aside(const StoreFiles& files, WallTime wall_now) {
    std::string time = to_string(wall_now);
    std::erase(time, ':');  // scp and rsync take it for the end of a host name
    const std::string aside = unused_name(files.database + ".corrupt-" + time);
    // The log first: a log left beside another database would be applied to it.
    if (exists(files.log))
        if (auto moved = rename_file(files.log, aside + "-wal"); !moved) return moved.error();
    if (auto removed = remove_file(files.log_index); !removed) return removed.error();
    if (exists(files.database))
        if (auto moved = rename_file(files.database, aside); !moved) return moved.error();
    return aside;
}

Error nothing_usable(const StoreFiles& files, const std::string& problem, const std::string& copy_problem) {
    return corrupt(files,
                   problem + "; the last good copy is unusable too (" + copy_problem + "). Move " + files.database +
                       "* away, to restore a backup (ballastctl store restore FILE) or to begin with an empty store");
}

Result<Recovered> restore(const StoreFiles& files, const std::string& problem, Bytes largest, WallTime wall_now,
                          std::vector<std::string>& notes) {
    if (!exists(files.copy)) return nothing_usable(files, problem, "there is none");
    if (auto fine = verify(files.copy); !fine) return nothing_usable(files, problem, to_string(fine.error()));
    // The replacement is complete on the disk before anything is moved.
    if (auto copied = copy_file(files.copy, files.restored); !copied) return copied.error();
    auto aside = move_aside(files, wall_now);
    if (!aside) return aside.error();
    if (auto placed = rename_file(files.restored, files.database); !placed) return placed.error();
    auto engine = open_checked(files, largest, false);
    if (!engine) return engine.error();
    notes.push_back("the store's database " + problem + "; the last good copy is used instead, at revision " +
                    std::to_string((*engine)->revision()) + ": later changes are lost. The damaged files are " +
                    *aside + "*");
    return Recovered{std::move(*engine), true};
}

}  // namespace

Result<Recovered> open_or_recover(const StoreFiles& files, Bytes largest_database, WallTime wall_now,
                                  std::vector<std::string>& notes) {
    const bool fresh = !exists(files.copy);
    if (!fresh && !exists(files.database)) return restore(files, "is missing", largest_database, wall_now, notes);
    auto engine = open_checked(files, largest_database, fresh);
    (void)remove_file(files.restored);  // of a recovery that was cut short
    if (engine) return Recovered{std::move(*engine), false};
    if (engine.error().code != ErrorCode::corrupt) return engine.error();
    const std::string problem = "is damaged (" + engine.error().message + ")";
    return restore(files, problem, largest_database, wall_now, notes);
}

}  // namespace ballast::store
