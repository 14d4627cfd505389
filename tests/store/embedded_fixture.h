// An embedded store in a directory of its own that can be closed, damaged and opened again.
#pragma once

#include <fstream>
#include <sqlite3.h>
#include <sys/stat.h>

#include "store/checksum.h"
#include "tests/store/store_bench.h"

namespace ballast::test {

namespace files = std::filesystem;

class Embedded {
public:
    explicit Embedded(EmbeddedStoreOptions options = {}) : options_(options) { reopen(); }
    ~Embedded() { close(); }

    std::string directory() const { return root_ / "store"; }
    std::string file(const std::string& name) const { return directory() + "/" + name; }
    EmbeddedStore& store() { return *store_; }
    VirtualClock& clock() { return clock_; }
    boost::asio::io_context& io() { return io_; }
    std::vector<std::string> notes() const { return store_->notes(); }

    void close() {
        store_.reset();
        settle();
    }
    /// Also waits for the last good copy that every start makes.
    void reopen() {
        close();
        const auto before = inode_of_copy();
        store_ = open_another().value();
        BALLAST_ASSERT(run_until([&] { return inode_of_copy() != before; }));
    }
    /// Of the same directory.
    Result<std::unique_ptr<EmbeddedStore>> open_another() {
        return EmbeddedStore::open(io_.get_executor(), clock_, directory(), options_);
    }

    template <class T>
    Result<T> wait(boost::asio::awaitable<Result<T>> call) {
        return ballast::test::wait(io_, std::move(call));
    }
    Result<Commit> commit(std::vector<Change> changes) { return wait(store_->commit(transaction(std::move(changes)))); }
    Revision put(std::string key, std::string value, LeaseId lease = 0) {
        return commit({ballast::test::put(std::move(key), std::move(value), lease)}).value().revision;
    }
    std::optional<std::string> value(std::string key) {
        const auto entry = wait(store_->get(std::move(key))).value();
        return entry ? std::optional(entry->value) : std::nullopt;
    }
    Revision revision() { return wait(store_->revision()).value(); }
    std::vector<KeyValue> everything() { return wait(store_->list("")).value(); }

    template <class Condition>
    bool run_until(Condition condition) {
        return ballast::test::run_until(io_, condition);
    }
    /// Runs what is ready.
    void settle() {
        io_.restart();
        io_.poll();
    }
    /// Gives the worker thread time to get stuck; nothing depends on how far it comes.
    void run_for_real(std::chrono::milliseconds duration) {
        io_.restart();
        io_.run_for(duration);
    }

    /// What another program does to the database; what the store has of it in memory goes on.
    void sql(const std::string& statement) {
        sqlite3* handle = nullptr;
        BALLAST_ASSERT(sqlite3_open(file("store.db").c_str(), &handle) == SQLITE_OK);
        BALLAST_ASSERT(sqlite3_exec(handle, statement.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
        sqlite3_close(handle);
    }
    std::vector<std::string> files_like(const std::string& start) const {
        std::vector<std::string> names;
        for (const auto& entry : files::directory_iterator(directory()))
            if (entry.path().filename().string().starts_with(start)) names.push_back(entry.path().filename());
        return names;
    }

    /// What a kill of the daemon would leave behind, as the directory now to be opened. Requires that no call is under
    /// way.
    void crash() {
        const std::string image = root_ / "image";
        files::copy(directory(), image, files::copy_options::recursive);
        close();
        files::remove_all(directory());
        files::rename(image, directory());
        files::remove(file("store.db-shm"));  // not shared memory of a living process any more
    }
    std::string read(const std::string& name) const {
        std::ifstream in(file(name), std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    void write(const std::string& name, const std::string& content) const {
        std::ofstream(file(name), std::ios::binary | std::ios::trunc) << content;
    }
    void remove(const std::string& name) const { files::remove(file(name)); }

private:
    ino_t inode_of_copy() const {
        struct stat status {};
        return ::stat(file("store.db.good").c_str(), &status) == 0 ? status.st_ino : 0;
    }

    EmbeddedStoreOptions options_;
    TemporaryDirectory root_;
    VirtualClock clock_;
    boost::asio::io_context io_;
    std::unique_ptr<EmbeddedStore> store_;
};

}  // namespace ballast::test
