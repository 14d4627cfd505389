// One worker thread with one libvirt connection of its own. A call that blocks past its deadline is abandoned
// together with its lane: the thread ends when libvirt lets it go, and a fresh lane takes its place, so that a
// hung libvirtd holds up nobody else.
//
// All members are called on the io_context's thread.
#pragma once

#include <atomic>
#include <boost/asio.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "hypervisor/handles.h"
#include "model/units.h"

namespace ballast::hypervisor {

/// How many lanes were left behind with a call that has not returned yet; shared by the lanes of a host.
using AbandonedCount = std::shared_ptr<std::atomic<unsigned>>;

/// In a lane's thread: nobody waits any more for what runs there. It may not begin to change anything: whoever asked
/// for it has decided without it.
bool given_up();
/// What is told instead of doing it; nobody hears it.
Error nobody_waits(const std::string& subject);

class Lane {
public:
    using Job = std::function<void(Result<virConnectPtr>)>;

    /// Runs in the lane's thread on every new connection; an error closes it again. What it returns (it may be empty)
    /// goes before the connection is closed.
    using Opened = std::function<Result<std::shared_ptr<void>>(virConnectPtr)>;

    Lane(boost::asio::any_io_executor executor, std::string uri, AbandonedCount abandoned, Opened opened = {});
    ~Lane();  // leaves: see leave()
    Lane(const Lane&) = delete;
    Lane& operator=(const Lane&) = delete;

    /// Runs `work` in the lane's thread. Errors: what `work` returns; unavailable when no connection can be had;
    /// timed_out after `deadline` (what was begun may still happen: the lane is then lost, see lost()). Whatever fails
    /// on a connection that is dead afterwards is unavailable: libvirt has no code of its own for that.
    template <class T>
    boost::asio::awaitable<Result<T>> call(std::function<Result<T>(virConnectPtr)> work, Duration deadline);

    /// True after a call timed out: nothing more can be run here.
    bool lost() const { return lost_; }
    bool busy() const { return pending_ > 0; }

private:
    using GivenUp = std::shared_ptr<std::atomic<bool>>;

    struct Shared;
    template <class T>
    struct Slot;
    /// For as long as it lives, given_up() of this thread tells of one call.
    class Running {
    public:
        explicit Running(GivenUp call);
        ~Running();
        Running(const Running&) = delete;
        Running& operator=(const Running&) = delete;
    };

    static bool is_alive(virConnectPtr connection);

    void enqueue(Job job);
    void leave();

    boost::asio::any_io_executor executor_;
    std::string uri_;
    std::shared_ptr<Shared> shared_;
    AbandonedCount abandoned_;
    unsigned pending_ = 0;
    bool lost_ = false;
};

template <class T>
struct Lane::Slot {
    explicit Slot(const boost::asio::any_io_executor& executor) : ended(executor) {}
    boost::asio::steady_timer ended;
    std::optional<Result<T>> result;
    GivenUp given_up = std::make_shared<std::atomic<bool>>(false);
};

template <class T>
boost::asio::awaitable<Result<T>> Lane::call(std::function<Result<T>(virConnectPtr)> work, Duration deadline) {
    if (lost_) co_return Error{ErrorCode::unavailable, uri_, "an earlier call has not returned yet"};
    auto slot = std::make_shared<Slot<T>>(executor_);
    slot->ended.expires_after(deadline);
    enqueue([slot, work = std::move(work), executor = executor_](Result<virConnectPtr> connection) {
        if (*slot->given_up) return;
        const Running running(slot->given_up);
        auto result = connection ? work(*connection) : Result<T>(connection.error());
        if (!result && connection && !is_alive(*connection))
            result = Error{ErrorCode::unavailable, result.error().subject, result.error().message};
        boost::asio::post(executor, [slot, result = std::move(result)]() mutable {
            slot->result = std::move(result);
            slot->ended.cancel();
        });
    });
    ++pending_;
    auto token = boost::asio::as_tuple(boost::asio::use_awaitable);
    const auto [interrupted] = co_await slot->ended.async_wait(token);
    --pending_;
    if (!slot->result) *slot->given_up = true;
    if (slot->result) co_return std::move(*slot->result);
    if (interrupted) co_return Error{ErrorCode::cancelled, uri_, "nobody waits for the answer any more"};
    leave();
    co_return Error{ErrorCode::timed_out, uri_, "no answer within " + to_string(deadline)};
}

}  // namespace ballast::hypervisor
