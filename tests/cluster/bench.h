// One store, one clock, one io_context: what a leader and its agents have between them. Faults of the store on demand.
#pragma once

#include <boost/asio.hpp>
#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <string>

#include "cluster/calls.h"
#include "cluster/election.h"
#include "cluster/keys.h"
#include "cluster/registration.h"
#include "cluster/term_store.h"
#include "sim/sim_store.h"
#include "tests/sim/show_result.h"
#include "tests/support/virtual_clock.h"

namespace ballast::test {

using namespace std::chrono_literals;

inline const HostId h1{"h1"}, h2{"h2"};

struct ClusterBench {
    static constexpr Duration ttl = 10s;

    template <class T>
    std::shared_ptr<std::optional<T>> begin(boost::asio::awaitable<T> work) {
        auto result = std::make_shared<std::optional<T>>();
        boost::asio::co_spawn(io, std::move(work), [result](std::exception_ptr bug, T value) {
            BALLAST_ASSERT(!bug);
            *result = std::move(value);
        });
        return result;
    }
    void begin(boost::asio::awaitable<void> work) { boost::asio::co_spawn(io, std::move(work), boost::asio::detached); }
    void run_for(Duration time) { clock.run_for(io, time); }
    template <class Condition>
    bool run_until(Condition condition, Duration limit = 10min) {
        const Instant end = clock.now() + limit;
        io.restart();
        io.poll();
        while (!condition() && clock.next_wake() && *clock.next_wake() <= end) clock.run_until(io, *clock.next_wake());
        return condition();
    }
    template <class T>
    T wait(boost::asio::awaitable<T> work) {
        const auto result = begin(std::move(work));
        REQUIRE(run_until([&] { return result->has_value(); }));
        return **result;
    }

    void put(const std::string& key, const std::string& value) {
        Transaction transaction;
        transaction.changes.push_back({Change::Kind::put, key, value, 0});
        REQUIRE(wait(store.commit(std::move(transaction))));
    }
    void erase(const std::string& key) {
        Transaction transaction;
        transaction.changes.push_back({Change::Kind::erase, key, {}, 0});
        REQUIRE(wait(store.commit(std::move(transaction))));
    }
    bool has(const std::string& key) const { return data.entries.contains(key); }
    std::size_t count(const std::string& prefix) const {
        std::size_t found = 0;
        for (const auto& [key, entry] : data.entries) found += key.starts_with(prefix) ? 1 : 0;
        return found;
    }
    Revision created(const std::string& key) const { return data.entries.at(key).create_revision; }

    VirtualClock clock;
    boost::asio::io_context io;
    sim::StoreData data;
    sim::CrashPoints crashes;
    sim::SimStore store{io, clock, data, crashes};
};

}  // namespace ballast::test
