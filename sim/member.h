// One daemon of a simulated cluster as its driver (sim/sim_cluster.h) sees it, and what the daemon is given.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "sim/sim_hypervisor.h"
#include "sim/sim_store.h"
#include "sim/virtual_clock.h"

namespace ballast::sim {

/// Whatever a process consists of. Destroyed when its io_context will not run again but still exists; its coroutines
/// under way are dropped with that, afterwards.
class MemberProcess {
public:
    virtual ~MemberProcess() = default;
};

/// Time passes for all hosts alike, but each has a wall clock of its own.
class MemberClock : public Clock {
public:
    explicit MemberClock(VirtualClock& shared) : shared_(shared) {}

    Instant now() const override { return shared_.now(); }
    WallTime wall_now() const override { return shared_.wall_now() + ahead_; }
    boost::asio::awaitable<void> sleep_until(Instant when) override { return shared_.sleep_until(when, woken_); }
    void step_wall_clock(Duration by) { ahead_ += by; }

    /// A sleep has ended since it was asked last; perhaps of a process that is gone.
    bool has_woken() { return std::exchange(woken_, false); }

private:
    VirtualClock& shared_;
    Duration ahead_{};
    bool woken_ = false;
};

/// One process's life: from its start until it is killed, ends itself, or its host loses power.
class MemberContext {
public:
    MemberContext(HostId host, std::string boot_id, MemberClock& clock, World& world, StoreData& data, StoreLink& link,
                  CrashPoints& crashes)
        : host_(std::move(host)),
          boot_id_(std::move(boot_id)),
          clock_(clock),
          crashes_(crashes),
          io_(std::make_unique<boost::asio::io_context>(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE)),  // one thread: no locks
          store_(*io_, clock, data, crashes, link),
          hypervisor_(*io_, clock, world, crashes, host_) {}
    /// Coroutines under way use the store and the hypervisor until they are dropped.
    ~MemberContext() { io_.reset(); }
    MemberContext(const MemberContext&) = delete;
    MemberContext& operator=(const MemberContext&) = delete;

    const HostId& host() const { return host_; }
    /// Another one after each boot of the host, the same for all processes in between.
    const std::string& boot_id() const { return boot_id_; }
    boost::asio::io_context& io() { return *io_; }
    Clock& clock() { return clock_; }
    SimStore& store() { return store_; }
    /// As seen from the host.
    SimHypervisor& hypervisor() { return hypervisor_; }
    CrashPoints& crashes() { return crashes_; }

    /// The process ends itself: nothing of it runs after the handler under way. It is started again a second later.
    void exit() {
        leaving_ = true;
        io_->stop();
    }
    bool leaving() const { return leaving_; }
    /// How often the store and the hosts had something to say to it.
    std::uint64_t heard() const { return store_.posts() + hypervisor_.posts(); }

private:
    const HostId host_;
    const std::string boot_id_;
    MemberClock& clock_;
    CrashPoints& crashes_;
    std::unique_ptr<boost::asio::io_context> io_;
    SimStore store_;
    SimHypervisor hypervisor_;
    bool leaving_ = false;
};

/// Starts a process. What the context refers to lives longer than what is returned.
using MemberFactory = std::function<std::unique_ptr<MemberProcess>(MemberContext&)>;

}  // namespace ballast::sim
