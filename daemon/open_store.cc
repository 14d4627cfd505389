#include "daemon/open_store.h"

#include <cstdlib>
#include <spdlog/spdlog.h>

#include "daemon/store_archive.h"
#include "etcd/etcd_store.h"
#include "store/embedded_store.h"

namespace ballast::daemon {
namespace {

using Opened = Result<std::unique_ptr<Store>>;

constexpr int exit_begin_anew = 75;  // EX_TEMPFAIL: systemd starts it again

void log_note(const std::string& note) {
    spdlog::warn("store: {}", note);
}

// As after a crash: opening it mends what can be mended, and takes up what is under way.
[[noreturn]] void begin_anew(const Error& error) {
    spdlog::critical("store: {}; ballastd begins again, to mend it or to go back to its last good copy",
                     to_string(error));
    spdlog::shutdown();
    std::_Exit(exit_begin_anew);
}

Opened open_embedded(boost::asio::any_io_executor executor, Clock& clock, const std::string& directory) {
    auto store = EmbeddedStore::open(std::move(executor), clock, directory);
    if (!store) return store.error();
    for (const std::string& note : (*store)->notes()) log_note(note);
    (*store)->on_note(log_note);
    (*store)->on_damage(begin_anew);
    return Opened(std::move(*store));
}

EtcdOptions etcd_options(const config::DaemonOptions& daemon) {
    const config::StoreOptions& store = daemon.store;
    EtcdOptions options;
    options.endpoints = store.endpoints;
    options.prefix = store.prefix;
    options.ca_file = store.ca_file;
    options.cert_file = store.cert_file;
    options.key_file = store.key_file;
    options.user = store.user;
    options.password_file = store.password_file;
    options.state_dir = daemon.state_dir;
    options.call_timeout = store.call_timeout;
    return options;
}

}  // namespace

Store::Task<std::unique_ptr<Store>> open_store(boost::asio::any_io_executor executor, Clock& clock,
                                               config::DaemonOptions options) {
    if (options.store.kind == "embedded") co_return open_embedded(std::move(executor), clock, options.state_dir);
    EtcdOptions settings = etcd_options(options);
    auto store = co_await EtcdStore::open(std::move(executor), clock, std::move(settings), &log_note);
    if (!store) co_return store.error();
    co_return Opened(std::move(*store));
}

Store::Task<std::unique_ptr<Store>> open_store_for_use(boost::asio::any_io_executor executor, Clock& clock,
                                                       config::DaemonOptions options) {
    auto store = co_await open_store(std::move(executor), clock, std::move(options));
    if (!store) co_return store.error();
    const auto usable = co_await check_not_closed(**store);
    if (!usable) co_return usable.error();
    co_return std::move(store);
}

std::string name_of_store(const config::DaemonOptions& options) {
    if (options.store.kind == "embedded") return "the embedded store in " + options.state_dir;
    std::string endpoints;
    for (const std::string& one : options.store.endpoints) endpoints += (endpoints.empty() ? "" : ",") + one;
    return "etcd at " + endpoints + " below " + options.store.prefix;
}

}  // namespace ballast::daemon
