#include "store/last_good.h"

#include "store/files.h"
#include "store/schema.h"

namespace ballast::store {
namespace {

/// 256 KiB: a slice delays a waiting call by about a millisecond.
constexpr int pages_per_slice = 64;

}  // namespace

Result<void> verify(const std::string& file) {
    auto database = Database::open(file, SQLITE_OPEN_READONLY);
    if (!database) return database.error();
    const std::string answer = database->text("PRAGMA integrity_check(1)");
    if (auto failure = database->take_failure()) return *failure;
    if (answer != "ok") return Error{ErrorCode::corrupt, file, answer};
    if (!has_tables(*database)) return Error{ErrorCode::corrupt, file, "is empty"};
    auto engine = Engine::attach(std::move(*database));
    if (!engine) return engine.error();
    return {};
}

LastGoodCopy::LastGoodCopy(std::string file) : file_(std::move(file)), new_file_(file_ + ".new") {}

LastGoodCopy::~LastGoodCopy() {
    give_up();
}

void LastGoodCopy::give_up() {
    backup_.reset();
    target_.reset();
    (void)remove_file(new_file_);
}

Result<void> LastGoodCopy::begin(Database& source) {
    give_up();
    if (auto created = open_or_create(new_file_); !created) return created.error();
    auto target = Database::open(new_file_, SQLITE_OPEN_READWRITE);
    if (!target) return target.error();
    // Nothing needs to survive until the whole copy is forced to the disk.
    target->run("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF");
    if (auto failure = target->take_failure()) return *failure;
    target_ = std::move(*target);
    backup_.reset(sqlite3_backup_init(target_->handle(), "main", source.handle(), "main"));
    if (backup_) return {};
    target_->check(sqlite3_errcode(target_->handle()));
    const auto failure = target_->take_failure();
    give_up();
    return failure.value_or(Error{ErrorCode::internal, file_, "cannot begin a copy"});
}

Result<LastGoodCopy::Progress> LastGoodCopy::slice() {
    const int code = sqlite3_backup_step(backup_.get(), pages_per_slice);
    if (code == SQLITE_OK) return Progress::more;
    if (code == SQLITE_DONE) {
        auto placed = put_in_place();
        give_up();
        if (!placed) return placed.error();
        return Progress::done;
    }
    target_->check(code);
    const auto failure = target_->take_failure();
    give_up();
    return failure.value_or(Error{ErrorCode::internal, file_, "cannot be copied"});
}

Result<void> LastGoodCopy::put_in_place() {
    backup_.reset();
    // The copied header asks for a write-ahead log; a copy is to be one file, readable as it is.
    target_->run("PRAGMA journal_mode=DELETE");
    if (auto failure = target_->take_failure()) return *failure;
    target_.reset();
    if (auto fine = verify(new_file_); !fine) return fine;
    if (auto synced = sync_file(new_file_); !synced) return synced;
    return rename_file(new_file_, file_);
}

Result<void> LastGoodCopy::make(Database& source) {
    if (auto begun = begin(source); !begun) return begun;
    for (;;) {
        auto progress = slice();
        if (!progress) return progress.error();
        if (*progress == Progress::done) return {};
    }
}

}  // namespace ballast::store
