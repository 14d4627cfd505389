// The etcd store on a real etcd, in a fresh keyspace each time.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <tuple>

#include "etcd/etcd_store.h"
#include "service/real_clock.h"
#include "tests/etcd/etcd_process.h"
#include "tests/store/store_bench.h"

namespace ballast::test {

/// One for all tests that leave it well.
inline Etcd& shared_etcd() {
    static Etcd etcd;
    return etcd;
}

/// Stores on the same io_context, each with a state directory of its own.
class EtcdClient {
public:
    EtcdClient(boost::asio::io_context& io, EtcdOptions options) : io_(io), options_(std::move(options)) {
        if (options_.state_dir.empty()) options_.state_dir = directory_.path();
    }

    Result<void> open() {
        store_.reset();
        auto note = [this](const std::string& text) { notes.push_back(text); };
        auto opened = wait(io_, EtcdStore::open(io_.get_executor(), clock_, options_, note));
        if (!opened) return opened.error();
        store_ = std::move(*opened);
        return {};
    }
    void close() { store_.reset(); }
    Store& operator*() { return *store_; }
    EtcdStore* operator->() { return store_.get(); }
    EtcdOptions& options() { return options_; }

    Words notes;

private:
    boost::asio::io_context& io_;
    TemporaryDirectory directory_;
    RealClock clock_;
    EtcdOptions options_;
    std::unique_ptr<EtcdStore> store_;
};

inline EtcdOptions options_for(const Etcd& etcd, std::string prefix = "/ballast") {
    EtcdOptions options;
    options.endpoints = etcd.endpoints();
    options.prefix = std::move(prefix);
    return options;
}

inline std::string fresh_prefix() {
    static int number = 0;
    return "/test" + std::to_string(++number);
}

class EtcdBench : public StoreBench {
public:
    EtcdBench() : EtcdBench(options_for(shared_etcd(), fresh_prefix())) {}
    explicit EtcdBench(EtcdOptions options) : client_(io(), std::move(options)) { client_.open().value(); }

    Store& store() override { return *client_; }
    EtcdClient& client() { return client_; }
    void pass(Duration duration) override {
        const auto at_work = boost::asio::make_work_guard(io());
        io().restart();
        io().run_for(duration);
    }
    /// Of the shortest that etcd takes it makes 1 s; a stall of this machine must not end it.
    Duration short_lease() const override { return std::chrono::seconds(2); }
    /// etcd keeps the revision it compacts at: there has to be one that does not matter.
    void forget_history() override {
        change({put("~", "")});
        shared_etcd().ctl("compact " + std::to_string(change({erase("~")})));
    }

private:
    EtcdClient client_;
};

using StoreBenches = std::tuple<EtcdBench>;

}  // namespace ballast::test
