// Opens the database of a directory, and when it is damaged or gone puts the last good copy in its place. Nothing is
// ever deleted: what was damaged is moved aside. Safe to be cut short at any point and begun again. Any thread.
#pragma once

#include "store/engine.h"

namespace ballast::store {

struct StoreFiles {
    explicit StoreFiles(const std::string& directory)
        : database(directory + "/store.db"),
          log(database + "-wal"),
          log_index(database + "-shm"),
          copy(database + ".good"),
          restored(database + ".new") {}

    std::string database;
    std::string log;
    std::string log_index;
    std::string copy;
    std::string restored;  // a copy on its way to become the database
};

struct Recovered {
    std::unique_ptr<Engine> engine;
    bool restored = false;  // from the copy: everything since that was made is lost
};

/// corrupt: damaged, and there is no usable copy; the message says what to do. Other errors as of EmbeddedStore::open.
Result<Recovered> open_or_recover(const StoreFiles& files, Bytes largest_database, WallTime wall_now,
                                  std::vector<std::string>& notes);

}  // namespace ballast::store
