// A daemon's executor on simulated hosts, an in-memory store and virtual time. The daemon can die at any point and be
// started again; hosts and store live on.
#pragma once

#include <algorithm>
#include <boost/asio.hpp>
#include <catch2/catch.hpp>
#include <memory>
#include <random>
#include <set>
#include <string>

#include "executor/executor.h"
#include "sim/sim_hypervisor.h"
#include "sim/sim_store.h"
#include "tests/sim/show_result.h"
#include "tests/support/virtual_clock.h"

namespace ballast::test {

using namespace std::chrono_literals;
using executor::Executor;
using executor::Settings;

/// Each VM at most once, slots and deadlines: what must hold after every step. Throws the broken one as text.
class Lab {
public:
    explicit Lab(std::uint64_t seed = 0) : world(clock, seed) {
        for (const char* name : {"h1", "h2", "h3"}) world.add_host({name});
        settings.downtime_steps = {100ms, 150ms, 200ms, 300ms, 400ms, 500ms};
        boot();
    }
    ~Lab() { die(); }

    // The daemon's life.
    void boot(std::uint64_t crash_at = 0) {
        crashes.arm(crash_at);
        recovering = false;
        booted = clock.now();
        io = std::make_unique<boost::asio::io_context>();
        hypervisor = std::make_unique<sim::SimHypervisor>(*io, clock, world, crashes);
        store = std::make_unique<sim::SimStore>(*io, clock, data, crashes, link);
        executor = std::make_unique<Executor>(io->get_executor(), clock, *hypervisor, *store,
                                              [this](const Operation& op) { told.push_back(op); });
        executor->configure(settings);
        executor->ask_power([this](const HostId& host) { return power_of ? power_of(host) : PowerState::on; });
    }
    void die() {
        executor.reset();
        io.reset();
        store.reset();
        hypervisor.reset();
    }
    /// Dies and starts again; the journal is read as soon as the store can be.
    void reboot(std::uint64_t crash_at = 0) {
        die();
        boot(crash_at);
        recover();
    }
    void recover() {
        recovering = true;
        spawn(load_and_recover(), &recovered);
    }

    // Time. Runs what is ready, then goes on to the next moment at which anything happens.
    bool step(Instant limit) {
        run_ready();
        std::optional<Instant> next = world.next_event();
        if (clock.next_wake() && (!next || *clock.next_wake() < *next)) next = clock.next_wake();
        if (!next || *next > limit) return false;
        clock.advance_to(std::max(*next, clock.now()));
        world.run_due();
        run_ready();
        ++steps;
        if (check) check();
        return true;
    }
    void run_for(Duration duration) {
        const Instant end = clock.now() + duration;
        while (!crashes.dead() && step(end)) {
        }
        if (!crashes.dead()) clock.advance_to(end);
    }
    template <class Condition>
    bool run_until(Condition condition, Duration limit = 2h) {
        const Instant end = clock.now() + limit;
        while (!condition() && !crashes.dead() && step(end)) {
        }
        return condition();
    }
    bool settle(Duration limit = 2h) {
        return run_until([this] { return (!recovering || recovered) && executor->active().empty(); }, limit);
    }

    // Asking.
    template <class T>
    std::shared_ptr<std::optional<Result<T>>> ask(boost::asio::awaitable<Result<T>> call) {
        auto answer = std::make_shared<std::optional<Result<T>>>();
        boost::asio::co_spawn(*io, std::move(call), [answer](std::exception_ptr bug, Result<T> result) {
            BALLAST_ASSERT(!bug);
            *answer = std::move(result);
        });
        return answer;
    }
    template <class T>
    Result<T> wait(boost::asio::awaitable<Result<T>> call) {
        const auto answer = ask(std::move(call));
        REQUIRE(run_until([&] { return answer->has_value(); }));
        return **answer;
    }
    Operation draft(const char* vm, const char* from, const char* to, Trigger trigger = Trigger::overload) const {
        Operation op;
        op.vm = {vm};
        op.vm_name = vm;
        op.from = {from};
        op.to = {to};
        op.trigger = trigger;
        op.requested_by = "test";
        return op;
    }
    /// Submits h1 -> h2 and waits until it has ended.
    Operation move(const char* vm, Trigger trigger = Trigger::overload, Duration limit = 2h) {
        const auto id = wait(executor->submit(draft(vm, "h1", "h2", trigger), false));
        REQUIRE(id);
        REQUIRE(settle(limit));
        return record(*id);
    }
    /// An operation under way comes from or goes to the host.
    bool in_use(const HostId& host) const {
        const auto active = executor->active();
        return std::any_of(active.begin(), active.end(),
                           [&](const Operation& op) { return op.from == host || op.to == host; });
    }
    Operation under_way() const {
        const auto active = executor->active();
        REQUIRE(active.size() == 1);
        return active.front();
    }
    bool in_state(OperationState state) const {
        const auto active = executor->active();
        return active.size() == 1 && active.front().state == state;
    }

    // Looking behind the scenes.
    std::vector<Operation> records() const {
        std::vector<Operation> operations;
        for (const auto& [key, entry] : data.entries)
            if (key.starts_with("/ballast/ops/"))
                operations.push_back(executor::operation_from_json(boost::json::parse(entry.value)).value());
        return operations;
    }
    Operation record(const OperationId& id) const {
        for (const Operation& op : records())
            if (op.id == id) return op;
        FAIL("no record of " << id.value);
        return {};
    }
    std::size_t guards() const {
        return static_cast<std::size_t>(std::count_if(data.entries.begin(), data.entries.end(), [](const auto& entry) {
            return entry.first.starts_with("/ballast/opvm/");
        }));
    }
    std::string where(const char* vm) const {
        std::string hosts;
        for (const HostId& id : world.running_on({vm})) hosts += (hosts.empty() ? "" : " ") + id.value;
        return hosts;
    }
    void vm(const char* id, sim::VmSpec spec = {}) { world.add_vm({"h1"}, {id}, spec); }
    sim::Domain* domain(const char* host, const char* vm) { return world.domain({host}, {vm}); }

    VirtualClock clock;
    sim::World world;
    sim::StoreData data;
    sim::StoreLink link;  // of whichever daemon runs
    sim::CrashPoints crashes;
    Settings settings;
    std::vector<Operation> told;
    std::optional<Result<void>> recovered;  // what the last recover() returned
    bool recovering = false;
    Instant booted{};
    std::function<void()> check;
    std::function<PowerState(const HostId&)> power_of;  // empty: all are on
    std::uint64_t steps = 0;
    std::unique_ptr<boost::asio::io_context> io;
    std::unique_ptr<sim::SimHypervisor> hypervisor;
    std::unique_ptr<sim::SimStore> store;
    std::unique_ptr<Executor> executor;

private:
    boost::asio::awaitable<Result<void>> load_and_recover() {
        const auto vms = co_await executor->load_vms();
        if (!vms) co_return vms.error();
        co_return co_await executor->recover();
    }
    void run_ready() {
        if (crashes.dead()) return;
        io->restart();
        io->poll();
    }
    void spawn(boost::asio::awaitable<Result<void>> call, std::optional<Result<void>>* into) {
        into->reset();
        boost::asio::co_spawn(*io, std::move(call), [into](std::exception_ptr bug, Result<void> result) {
            BALLAST_ASSERT(!bug);
            *into = std::move(result);
        });
    }
};

}  // namespace ballast::test
