// Power cuts: at every step of SQLite's writing, what would be on the disk if the power failed just then is kept as an
// image, and each image must open with every acknowledged commit in it. Writes since the last fsync may each have
// reached the disk, or not, or in part.
#include <atomic>
#include <cstring>
#include <fstream>
#include <map>
#include <random>
#include <sqlite3.h>

#include "store/disk.h"
#include "tests/store/store_fixture.h"

using namespace ballast;
using namespace ballast::test;

namespace {

namespace files = std::filesystem;

std::string read(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

struct Write {
    std::size_t offset = 0;
    std::string bytes;
    bool truncates = false;  // to `offset`
};

struct Image {
    std::map<std::string, std::string> files;
    int acknowledged = 0;
    std::string when;
};

/// A disk with a volatile cache, as seen by SQLite through the VFS below. On the thread that writes.
class Disk {
public:
    Disk(std::string directory, unsigned seed) : directory_(std::move(directory)), random_(seed) {}

    bool concerns(const std::string& file) const {
        return file == directory_ + "/store.db" || file == directory_ + "/store.db-wal";
    }
    void opened(const std::string& file) {
        if (!durable_.contains(file)) durable_[file] = read(file);
    }
    void written(const std::string& file, Write write) {
        pending_[file].push_back(std::move(write));
        if (random_() % 4 == 0) cut("after a write to " + files::path(file).filename().string());
    }
    void synced(const std::string& file) {
        cut("before an fsync of " + files::path(file).filename().string());
        for (const auto& write : pending_[file]) apply(write, durable_[file]);
        pending_.erase(file);
        cut("after an fsync of " + files::path(file).filename().string());
    }
    void removed(const std::string& file) {
        cut("before the removal of " + files::path(file).filename().string());
        durable_.erase(file);
        pending_.erase(file);
    }

    std::atomic<int> acknowledged = 0;
    std::vector<Image> images;

private:
    static void apply(const Write& write, std::string& content) {
        if (write.truncates) return content.resize(write.offset);
        content.resize(std::max(content.size(), write.offset + write.bytes.size()));
        content.replace(write.offset, write.bytes.size(), write.bytes);
    }
    void cut(std::string when) {
        Image image{{}, acknowledged, std::move(when)};
        for (const auto* name : {"store.db.good", "store.mark"})
            if (files::exists(directory_ + "/" + name)) image.files[name] = read(directory_ + "/" + name);
        for (auto [file, content] : durable_) {
            for (const auto& write : pending_[file]) apply_perhaps(write, content);
            image.files[files::path(file).filename()] = std::move(content);
        }
        images.push_back(std::move(image));
    }
    void apply_perhaps(Write write, std::string& content) {
        const auto chance = random_() % 3;
        if (chance == 0) return;
        // Disks write sectors of 512 bytes whole.
        if (chance == 1 && !write.truncates) write.bytes.resize(random_() % (write.bytes.size() / 512 + 1) * 512);
        if (!write.bytes.empty() || write.truncates) apply(write, content);
    }

    const std::string directory_;
    std::mt19937 random_;
    std::map<std::string, std::string> durable_;
    std::map<std::string, std::vector<Write>> pending_;
};

Disk* disk = nullptr;  // SQLite's callbacks have no other way to it
sqlite3_vfs* real_vfs = nullptr;

struct File {
    sqlite3_file base;
    const char* name;  // null: not of interest
    sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

File* own(sqlite3_file* file) {
    return reinterpret_cast<File*>(file);
}
sqlite3_file* real(sqlite3_file* file) {
    return own(file)->real();
}

int on_write(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
    const int code = real(file)->pMethods->xWrite(real(file), data, size, offset);
    const auto* bytes = static_cast<const char*>(data);
    if (own(file)->name)
        disk->written(own(file)->name, {static_cast<std::size_t>(offset), std::string(bytes, bytes + size), false});
    return code;
}

int on_truncate(sqlite3_file* file, sqlite3_int64 size) {
    const int code = real(file)->pMethods->xTruncate(real(file), size);
    if (own(file)->name) disk->written(own(file)->name, {static_cast<std::size_t>(size), {}, true});
    return code;
}

int on_sync(sqlite3_file* file, int flags) {
    if (own(file)->name) disk->synced(own(file)->name);
    return real(file)->pMethods->xSync(real(file), flags);
}

/// Passes a method on to the real file.
template <auto method>
struct Pass;
template <class... Arguments, int (*sqlite3_io_methods::*method)(sqlite3_file*, Arguments...)>
struct Pass<method> {
    static int call(sqlite3_file* file, Arguments... arguments) {
        return (real(file)->pMethods->*method)(real(file), arguments...);
    }
};

void on_barrier(sqlite3_file* file) {
    real(file)->pMethods->xShmBarrier(real(file));
}

using Methods = sqlite3_io_methods;
const Methods methods = {
    2,
    Pass<&Methods::xClose>::call,
    Pass<&Methods::xRead>::call,
    on_write,
    on_truncate,
    on_sync,
    Pass<&Methods::xFileSize>::call,
    Pass<&Methods::xLock>::call,
    Pass<&Methods::xUnlock>::call,
    Pass<&Methods::xCheckReservedLock>::call,
    Pass<&Methods::xFileControl>::call,
    Pass<&Methods::xSectorSize>::call,
    Pass<&Methods::xDeviceCharacteristics>::call,
    Pass<&Methods::xShmMap>::call,
    Pass<&Methods::xShmLock>::call,
    on_barrier,
    Pass<&Methods::xShmUnmap>::call,
    nullptr,
    nullptr,
};

int on_open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
    own(file)->name = name && disk && disk->concerns(name) ? name : nullptr;
    const int code = real_vfs->xOpen(real_vfs, name, real(file), flags, out_flags);
    file->pMethods = real(file)->pMethods ? &methods : nullptr;
    if (own(file)->name) disk->opened(name);
    return code;
}

int on_delete(sqlite3_vfs*, const char* name, int sync_directory) {
    if (disk && disk->concerns(name)) disk->removed(name);
    return real_vfs->xDelete(real_vfs, name, sync_directory);
}

/// All of SQLite goes through the VFS while this lives.
class Recording {
public:
    explicit Recording(Disk& to) {
        disk = &to;
        real_vfs = sqlite3_vfs_find(nullptr);
        vfs_ = *real_vfs;
        vfs_.zName = "power-cut";
        vfs_.szOsFile = static_cast<int>(sizeof(File)) + real_vfs->szOsFile;
        vfs_.xOpen = on_open;
        vfs_.xDelete = on_delete;
        sqlite3_vfs_register(&vfs_, 1);
    }
    ~Recording() {
        sqlite3_vfs_unregister(&vfs_);
        sqlite3_vfs_register(real_vfs, 1);
        disk = nullptr;
    }
    Recording(const Recording&) = delete;
    Recording& operator=(const Recording&) = delete;

private:
    sqlite3_vfs vfs_{};
};

/// The n-th commit of the run: a counter, a large value that moves around, and now and then an erasure.
Transaction nth(int n) {
    std::vector<Change> changes = {
        put("/count", std::to_string(n)),
        put("/large/" + std::to_string(n % 7), std::string(5000, static_cast<char>('a' + n % 26)))};
    if (n % 5 == 0) changes.push_back(erase_prefix("/old/"));
    if (n % 5 == 3) changes.push_back(put("/old/" + std::to_string(n), "x"));
    return transaction(std::move(changes));
}

void check(const Image& image) {
    const TemporaryDirectory directory;
    for (const auto& [name, content] : image.files) std::ofstream(directory / name, std::ios::binary) << content;
    std::vector<std::string> notes;
    auto opened = store::Disk::open(directory.path(), gib(1), {}, notes);
    INFO(image.when << ", " << image.acknowledged << " commits acknowledged");
    if (opened.has_error()) FAIL(to_string(opened.error()));
    if (!notes.empty()) FAIL(notes[0]);
    const auto count = (*opened)->engine().get("/count").value();
    const int found = count ? std::stoi(count->value) : 0;
    CHECK(found >= image.acknowledged);
    CHECK(found <= image.acknowledged + 1);
}

}  // namespace

TEST_CASE("A power cut at any moment loses no acknowledged commit and leaves no half of one") {
    const TemporaryDirectory directory;
    const auto seed = std::random_device()();
    INFO("seed " << seed);
    Disk cache(directory.path(), seed);
    {
        const Recording recording(cache);
        VirtualClock clock;
        for (int round = 0; round < 3; ++round) {
            boost::asio::io_context io;
            auto store = EmbeddedStore::open(io.get_executor(), clock, directory.path()).value();
            for (int i = 0; i < 8; ++i) {
                wait(io, store->commit(nth(cache.acknowledged + 1))).value();
                ++cache.acknowledged;
            }
        }
    }
    CHECK(cache.images.size() > 100);
    for (const auto& image : cache.images) check(image);
}
