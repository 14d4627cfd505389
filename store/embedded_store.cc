#include "store/embedded_store.h"

#include "store/store_core.h"

namespace ballast {

Result<std::unique_ptr<EmbeddedStore>> EmbeddedStore::open(boost::asio::any_io_executor executor, Clock& clock,
                                                           std::string directory, EmbeddedStoreOptions options) {
    std::vector<std::string> notes;
    auto disk = store::Disk::open(directory, options.largest_database, clock.wall_now(), notes);
    if (!disk) return disk.error();
    auto leases = (*disk)->engine().leases();
    if (!leases) return leases.error();
    return std::make_unique<store::StoreCore>(std::move(executor), clock, std::move(options), std::move(*disk),
                                              std::move(*leases), std::move(notes));
}

}  // namespace ballast
