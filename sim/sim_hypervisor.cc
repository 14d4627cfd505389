#include "sim/sim_hypervisor.h"

#include <algorithm>

namespace ballast::sim {

namespace {
constexpr Duration call_takes{5};
constexpr unsigned vcpus_at_most = 8;                         // of a VM that wants CPUs, whatever it wants just now
constexpr Duration call_deadline = std::chrono::seconds{10};  // the adapter's default

Error no_answer(const HostId& host) {
    return {ErrorCode::timed_out, host.value, "no answer within 10 s"};
}
}  // namespace

/// A migration call its coroutine waits for. The World keeps it; the timer goes with the coroutine.
struct SimHypervisor::Call {
    std::optional<Result<void>> result;
    std::weak_ptr<boost::asio::steady_timer> waiting;

    void end(Result<void> with) {
        if (result) return;
        result = std::move(with);
        if (const auto timer = waiting.lock()) timer->cancel();
    }
};

SimHypervisor::SimHypervisor(boost::asio::io_context& io, Clock& clock, World& world, CrashPoints& crashes,
                             std::optional<HostId> on)
    : io_(io),
      clock_(clock),
      world_(world),
      crashes_(crashes),
      on_(std::move(on)),
      listeners_(std::make_shared<std::vector<std::function<void(const HypervisorEvent&)>>>()) {
    const auto hear = [this](const HypervisorEvent& event) {
        ++posts_;
        boost::asio::post(io_, [listeners = listeners_, event] {
            for (const auto& listener : *listeners) listener(event);
        });
    };
    connected_ = world_.listen(hear, on_);
}

SimHypervisor::~SimHypervisor() {
    world_.forget(connected_);
}

std::vector<HostId> SimHypervisor::hosts() const {
    return on_ ? std::vector{*on_} : world_.hosts();
}

SimHost* SimHypervisor::known(const HostId& host) const {
    return on_ && host != *on_ ? nullptr : world_.host(host);
}

Connection SimHypervisor::connection(HostId host) const {
    const SimHost* const at = known(host);
    return at != nullptr && !seen_down(*at) ? Connection::up : Connection::down;
}

std::string SimHypervisor::problem(HostId host) const {
    return connection(host) == Connection::up ? "" : "no connection";
}

void SimHypervisor::on_event(std::function<void(const HypervisorEvent&)> listener) {
    listeners_->push_back(std::move(listener));
}

Hypervisor::Task<void> SimHypervisor::reach(HostId host) {
    if (crashes_.passes()) co_await crashes_.happens(io_);
    co_await clock_.sleep_for(call_takes);
    const SimHost* const at = known(host);
    if (at == nullptr) co_return Error{ErrorCode::not_found, host.value, "no such host is configured"};
    if (answers(*at) && clock_.now() >= at->calls_time_out_until) answered_[host] = clock_.now();
    if (answers(*at)) co_return Result<void>();
    if (on_ || at->seen_down || !at->libvirtd) co_return Error{ErrorCode::unavailable, host.value, "not connected"};
    co_await clock_.sleep_for(call_deadline);
    co_return no_answer(host);
}

boost::asio::awaitable<bool> SimHypervisor::answer_is_lost(HostId host) {
    if (crashes_.passes()) co_await crashes_.happens(io_);
    const SimHost* const at = world_.host(host);
    if (clock_.now() >= at->calls_time_out_until) co_return false;
    co_await clock_.sleep_for(call_deadline);
    co_return true;
}

Hypervisor::Task<void> SimHypervisor::change(HostId host, std::function<Result<void>()> act) {
    const auto reached = co_await reach(host);
    if (!reached) co_return reached.error();
    const bool in_vain = clock_.now() < world_.host(host)->calls_time_out_until && world_.chance(0.5);
    auto result = in_vain ? Result<void>() : act();
    const bool lost = co_await answer_is_lost(host);
    if (lost) co_return no_answer(host);
    co_return result;
}

Hypervisor::Task<HostFacts> SimHypervisor::facts(HostId host) {
    const auto reached = co_await reach(host);
    if (!reached) co_return reached.error();
    HostFacts facts;
    facts.hostname = host.value;
    facts.memory_total = world_.host(host)->memory;
    facts.cpus = World::cpus_per_host;
    co_return facts;
}

Hypervisor::Task<HostReading> SimHypervisor::read(HostId host) {
    const auto reached = co_await reach(host);
    if (!reached) co_return reached.error();
    HostReading reading;
    reading.at = answered_[host] = clock_.now();
    SimHost& at = *world_.host(host);
    world_.count_cpu(at);
    const Duration up = clock_.now() - at.booted;
    const auto counted = static_cast<std::uint64_t>(static_cast<double>(up.count()) * 1e6 * World::cpus_per_host);
    const std::uint64_t busy = std::min(counted, counted / 4 + at.guests_ns);
    reading.host.cpu_busy_ns = busy;
    reading.host.cpu_idle_ns = counted - busy;
    for (const auto& [id, domain] : at.domains) {
        if (!domain.active()) continue;
        VmCounters& vm = reading.vms.emplace_back();
        vm.id = id;
        vm.name = domain.name;
        vm.state = domain.runs() ? VmState::running : VmState::paused;
        if (domain.cpus > 0 || domain.cpu_ns > 0) vm.cpu_time_ns = domain.cpu_ns;
    }
    co_return reading;
}

Hypervisor::Task<VmFacts> SimHypervisor::vm_facts(HostId host, VmId vm) {
    const auto reached = co_await reach(host);
    if (!reached) co_return reached.error();
    const bool lost = co_await answer_is_lost(host);
    if (lost) co_return no_answer(host);
    const Domain* const domain = world_.domain(host, vm);
    if (domain == nullptr) co_return Error{ErrorCode::not_found, vm.value, "Domain not found"};
    VmFacts facts;
    facts.name = domain->name;
    facts.memory = domain->memory;
    facts.persistent = domain->persistent;
    facts.autostart = domain->autostart;
    facts.wishes.post_copy = domain->allows_post_copy;
    if (domain->cpus > 0) facts.vcpus = vcpus_at_most;
    facts.requirements.disks = domain->disks;
    co_return facts;
}

Hypervisor::Task<Presence> SimHypervisor::presence(HostId host, VmId vm) {
    const auto reached = co_await reach(host);
    if (!reached) co_return reached.error();
    Presence presence;
    if (const Domain* const domain = world_.domain(host, vm)) {
        presence.state = domain->state;
        presence.pause_reason = domain->reason;
        presence.persistent = domain->persistent;
        presence.migration_under_way = domain->job;
        presence.shut_down_by_guest = domain->shut_down_by_guest;
        presence.end_unknown = domain->end_unknown;
    }
    const bool lost = co_await answer_is_lost(host);
    if (lost) co_return no_answer(host);
    co_return presence;
}

std::optional<Instant> SimHypervisor::answered_at(HostId host) const {
    const auto found = answered_.find(host);
    return found == answered_.end() ? std::nullopt : std::optional(found->second);
}

Hypervisor::Task<std::string> SimHypervisor::definition(HostId host, VmId vm) {
    const auto reached = co_await reach(host);
    if (!reached) co_return reached.error();
    const Domain* const domain = world_.domain(host, vm);
    if (domain == nullptr) co_return Error{ErrorCode::not_found, vm.value, "Domain not found"};
    co_return domain->name;
}

Result<VmFacts> SimHypervisor::facts_of(const std::string& definition) const {
    if (definition.empty()) return Error{ErrorCode::invalid, "definition", "it is empty"};
    VmFacts facts;
    facts.name = definition;
    if (const VmSpec* const spec = world_.spec(definition)) {
        facts.memory = spec->memory;
        facts.persistent = spec->persistent;
        facts.wishes.post_copy = spec->allows_post_copy;
        if (spec->cpus > 0) facts.vcpus = vcpus_at_most;
        facts.requirements.disks = spec->disks;
    }
    return facts;
}

Hypervisor::Task<void> SimHypervisor::start(StartRequest request) {
    const auto on = request.on;
    const auto reached = co_await reach(on);
    if (!reached) co_return reached.error();
    co_await clock_.sleep_for(world_.host(on)->starts_take);
    if (!answers(*world_.host(on))) co_return no_answer(on);
    auto started = world_.start(on, request.vm, request.persistent);
    const bool lost = co_await answer_is_lost(on);
    if (lost) co_return no_answer(on);
    co_return started;
}

Hypervisor::Task<void> SimHypervisor::create_image(HostId host, DiskCopy disk) {
    std::function<Result<void>()> act = [this, host, disk]() -> Result<void> {
        if (world_.host(host)->images.insert(disk.file).second) return {};
        return Error{ErrorCode::conflict, disk.file, "exists there already"};
    };
    return change(std::move(host), std::move(act));
}

Hypervisor::Task<void> SimHypervisor::remove_image(HostId host, std::string file) {
    std::function<Result<void>()> act = [this, host, file]() -> Result<void> {
        world_.host(host)->images.erase(file);
        return {};
    };
    return change(std::move(host), std::move(act));
}

Hypervisor::Task<void> SimHypervisor::can_accept(MigrationRequest request, std::string) {
    const auto reached = co_await reach(request.to);
    if (!reached) co_return reached.error();
    auto result = world_.can_accept(request);
    const bool lost = co_await answer_is_lost(request.to);
    if (lost) co_return no_answer(request.to);
    co_return result;
}

Hypervisor::Task<void> SimHypervisor::migrate(MigrationRequest request) {
    const auto reached = co_await reach(request.from);
    if (!reached) co_return reached.error();
    auto call = std::make_shared<Call>();
    auto timer = std::make_shared<boost::asio::steady_timer>(io_, boost::asio::steady_timer::time_point::max());
    call->waiting = timer;
    world_.after(request.give_up_after, [call, host = request.from] {
        call->end(Error{ErrorCode::timed_out, host.value, "the call did not return"});
    });
    world_.migrate(request, [call](Result<void> result) { call->end(std::move(result)); });
    if (crashes_.passes()) co_await crashes_.happens(io_);
    auto token = boost::asio::as_tuple(boost::asio::use_awaitable);
    while (!call->result) co_await timer->async_wait(token);
    co_return *call->result;
}

Hypervisor::Task<MigrationProgress> SimHypervisor::progress(HostId host, VmId vm) {
    const auto reached = co_await reach(host);
    if (!reached) co_return reached.error();
    const bool lost = co_await answer_is_lost(host);
    if (lost) co_return no_answer(host);
    const Domain* const domain = world_.domain(host, vm);
    if (domain == nullptr) co_return Error{ErrorCode::not_found, vm.value, "Domain not found"};
    co_return domain->job ? domain->progress : MigrationProgress{};
}

Hypervisor::Task<MigrationProgress> SimHypervisor::completed(HostId host, VmId vm) {
    const auto reached = co_await reach(host);
    if (!reached) co_return reached.error();
    const Domain* const domain = world_.domain(host, vm);
    if (domain == nullptr) co_return Error{ErrorCode::not_found, vm.value, "Domain not found"};
    co_return domain->completed;
}

Hypervisor::Task<void> SimHypervisor::abort_migration(HostId source, VmId vm) {
    std::function<Result<void>()> act = [this, source, vm] { return world_.abort(source, vm); };
    const bool unanswered = world_.ignores_abort(vm);
    if (unanswered) {
        co_await clock_.sleep_for(call_deadline);
        co_return no_answer(source);
    }
    co_return co_await change(std::move(source), std::move(act));
}

Hypervisor::Task<void> SimHypervisor::set_max_downtime(HostId source, VmId vm, Duration downtime) {
    std::function<Result<void>()> act = [this, source, vm, downtime] {
        return world_.set_max_downtime(source, vm, downtime);
    };
    return change(std::move(source), std::move(act));
}

Hypervisor::Task<void> SimHypervisor::start_post_copy(HostId source, VmId vm) {
    std::function<Result<void>()> act = [this, source, vm] { return world_.start_post_copy(source, vm); };
    return change(std::move(source), std::move(act));
}

Hypervisor::Task<void> SimHypervisor::resume(HostId host, VmId vm) {
    std::function<Result<void>()> act = [this, host, vm] { return world_.resume(host, vm); };
    return change(std::move(host), std::move(act));
}

Hypervisor::Task<void> SimHypervisor::destroy(HostId host, VmId vm) {
    std::function<Result<void>()> act = [this, host, vm] { return world_.destroy(host, vm); };
    return change(std::move(host), std::move(act));
}

Hypervisor::Task<void> SimHypervisor::undefine(HostId host, VmId vm) {
    std::function<Result<void>()> act = [this, host, vm] { return world_.undefine(host, vm); };
    return change(std::move(host), std::move(act));
}

Hypervisor::Task<void> SimHypervisor::set_autostart(HostId host, VmId vm, bool autostart) {
    std::function<Result<void>()> act = [this, host, vm, autostart]() -> Result<void> {
        Domain* const domain = world_.domain(host, vm);
        if (domain == nullptr) return Error{ErrorCode::not_found, vm.value, "Domain not found"};
        if (std::exchange(domain->autostart, autostart) != autostart)
            world_.emit(HypervisorEvent::Kind::vm_changed, host, vm, "autostart");
        return {};
    };
    return change(std::move(host), std::move(act));
}

}  // namespace ballast::sim
