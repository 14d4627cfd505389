#include "store/embedded_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/schema.h"
#include "store/store_core.h"

namespace ballast {

Result<std::unique_ptr<EmbeddedStore>> EmbeddedStore::open(boost::asio::any_io_executor executor, Clock& clock,
                                                           std::string directory, EmbeddedStoreOptions options) {
    ::mkdir(directory.c_str(), 0750);
    const std::string file = directory + "/store.db";
    const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (descriptor < 0) return Error{ErrorCode::unavailable, file, "cannot be opened"};
    ::close(descriptor);
    auto database = store::Database::open(file, SQLITE_OPEN_READWRITE, 10'000);
    if (!database) return database.error();
    if (auto durable = store::set_durability(*database); !durable) return durable.error();
    auto engine = store::Engine::attach(std::move(*database));
    if (!engine) return engine.error();
    auto leases = (*engine)->leases();
    if (!leases) return leases.error();
    return std::make_unique<store::StoreCore>(std::move(executor), clock, std::move(options), std::move(*engine),
                                              std::move(*leases), std::vector<std::string>());
}

}  // namespace ballast
