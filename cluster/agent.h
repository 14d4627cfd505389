// An agent: carries out on its own host what the leader asks for (calls.h), and tells it what the hypervisor says. It
// decides nothing. One io_context thread.
//
// Of one VM, whatever changes it and whatever looks at it are done one after the other, so that a look never shows a VM
// as not running while its start is still under way. A migration is the exception, as it takes long: from before its
// call is claimed until it has returned, a look says that a migration is under way.
#pragma once

#include <boost/asio.hpp>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "cluster/calls.h"
#include "cluster/registration.h"
#include "ports/hypervisor.h"

namespace ballast::cluster {

/// One coroutine at a time a VM, in the order in which they came. One io_context thread.
class Turns {
public:
    explicit Turns(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}
    ~Turns() { *self_ = nullptr; }
    Turns(const Turns&) = delete;
    Turns& operator=(const Turns&) = delete;

    /// Ends the turn when destroyed.
    class Turn {
    public:
        Turn(std::shared_ptr<Turns*> owner, VmId vm) : owner_(std::move(owner)), vm_(std::move(vm)) {}
        Turn(Turn&& other) noexcept = default;
        Turn& operator=(Turn&&) = delete;
        ~Turn() {
            if (owner_ && *owner_) (*owner_)->next(vm_);
        }

    private:
        std::shared_ptr<Turns*> owner_;
        VmId vm_;
    };
    boost::asio::awaitable<Turn> take(VmId vm);

private:
    void next(const VmId& vm);

    using Waiting = std::deque<std::shared_ptr<boost::asio::steady_timer>>;
    boost::asio::any_io_executor executor_;
    std::shared_ptr<Turns*> self_ = std::make_shared<Turns*>(this);
    std::map<VmId, Waiting> waiting_;  // present: it is somebody's turn
};

class Agent {
public:
    /// `hypervisor` reaches this host. `changed`: see Registration.
    Agent(boost::asio::any_io_executor executor, Clock& clock, Hypervisor& hypervisor, Store& store, HostId host,
          AgentIdentity identity, Duration time_to_live, std::function<void(const std::string& problem)> changed);

    /// Calls of methods that begin so are this one's to handle. Before start().
    void serve(std::string prefix, Handler handler) { others_[std::move(prefix)] = std::move(handler); }
    /// Registers and serves until the executor stops.
    void start();

    std::optional<Revision> incarnation() const { return registration_.incarnation(); }
    std::optional<Instant> certain_until() const { return registration_.certain_until(); }

private:
    boost::asio::awaitable<Answer> handle(Call call, Claim claim);
    boost::asio::awaitable<Answer> look(Call call);
    boost::asio::awaitable<Answer> look_at_vm(Call call, VmId vm);
    boost::asio::awaitable<Answer> change(Call call, Claim claim);
    boost::asio::awaitable<Answer> migrate(Call call, Claim claim);
    boost::asio::awaitable<Result<void>> perform(Call call);
    boost::asio::awaitable<void> tell_events();
    void heard(const HypervisorEvent& event);

    boost::asio::any_io_executor executor_;
    Clock& clock_;
    Hypervisor& hypervisor_;
    Store& store_;
    HostId host_;
    Registration registration_;
    Callee callee_;
    Turns turns_;
    std::map<std::string, Handler> others_;  // by what their methods begin with
    std::set<VmId> migrating_;
    std::deque<std::pair<std::uint64_t, HypervisorEvent>> events_;  // the last ones, by number
    std::uint64_t last_event_ = 0;
    Revision session_ = 0;  // this process's first incarnation: its events are numbered through
    bool telling_ = false;
    std::shared_ptr<int> alive_ = std::make_shared<int>();  // the hypervisor may outlive its listener
};

}  // namespace ballast::cluster
