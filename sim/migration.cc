#include "sim/migration.h"

#include <algorithm>
#include <utility>

namespace ballast::sim {

namespace {
using State = Presence::State;
using Reason = Presence::PauseReason;
using Kind = HypervisorEvent::Kind;

constexpr Duration prepare_takes{200};
constexpr Duration finish_takes{20};
constexpr Duration shortest_pass{100};
constexpr Duration told_every{500};  // how far post-copy is
constexpr Duration silence = std::chrono::seconds{60};
constexpr Duration long_cut = std::chrono::minutes{10};
constexpr Duration abort_ignored = std::chrono::minutes{20};
constexpr Duration arrival_waits = std::chrono::seconds{10};

// As QEMU's: 20 % at first, 10 % more with each pass, at most 99 %.
double throttle(unsigned iteration) {
    return iteration < 2 ? 0 : std::min(0.99, 0.2 + 0.1 * (iteration - 2));
}
}  // namespace

Migration::Migration(World& world, MigrationRequest request, Fault fault, std::function<void(Result<void>)> ended)
    : world_(world),
      request_(std::move(request)),
      fault_(fault),
      ended_(std::move(ended)),
      began_(world.now()),
      max_downtime_(request_.max_downtime) {}

void Migration::later(Duration delay, void (Migration::*step)()) {
    world_.after(delay, [self = weak_from_this(), step, generation = generation_] {
        const auto migration = self.lock();
        if (migration && migration->generation_ == generation && migration->under_way()) (*migration.*step)();
    });
}

Duration Migration::time_for(Bytes amount) const {
    return Duration(static_cast<Duration::rep>(1000.0 * amount.mib() / World::link_mib_per_s));
}

double Migration::dirty_rate() const {
    const bool never = fault_ == Fault::never_converges || fault_ == Fault::never_converges_abort_unanswered;
    if (never) return 2 * World::link_mib_per_s;
    const double rate = source() ? source()->dirty_mib_per_s : 0;
    return request_.auto_converge ? rate * (1 - throttle(iteration_)) : rate;
}

void Migration::begin() {
    source()->job = true;
    source()->progress = {};
    source()->progress.phase = MigrationPhase::starting;
    source()->progress.total = source()->memory;
    later(prepare_takes, &Migration::prepared);
}

void Migration::prepared() {
    const SimHost* host = world_.host(request_.to);
    if (host == nullptr || !host->answers() || world_.separated(request_.from, request_.to))
        return fail("cannot connect to the target");
    if (strike_in_prepare()) return;
    if (target() && target()->active()) return fail("the UUID is active there");
    Domain arrival = *source();
    arrival.persistent = target() != nullptr;
    arrival.autostart = false;
    arrival.state = State::paused;
    arrival.reason = Reason::migration;
    arrival.incomplete = true;
    world_.host(request_.to)->domains[request_.vm] = arrival;
    phase_ = Phase::copying;
    remaining_ = source()->memory;
    later(time_for(remaining_) / 2, &Migration::strike_in_copy);
    copy_pass();
}

void Migration::copy_pass() {
    pass_took_ = std::max(time_for(remaining_), shortest_pass);
    later(pass_took_, &Migration::pass_done);
}

void Migration::pass_done() {
    ++iteration_;
    const double dirtied = dirty_rate() * static_cast<double>(pass_took_.count()) / 1000.0;
    remaining_ = std::min(source()->memory, mib(static_cast<std::uint64_t>(dirtied)));
    MigrationProgress& progress = source()->progress;
    progress.phase = MigrationPhase::copying;
    progress.iteration = iteration_;
    progress.remaining = remaining_;
    progress.elapsed = world_.now() - began_;
    world_.emit(Kind::migration_iteration, request_.from, request_.vm, std::to_string(iteration_));
    if (time_for(remaining_) <= max_downtime_)
        switch_over();
    else
        copy_pass();
}

void Migration::switch_over() {
    ++generation_;
    phase_ = Phase::switching;
    source()->state = State::paused;
    source()->reason = Reason::migration;
    world_.emit(Kind::switchover, request_.from, request_.vm);
    later(time_for(remaining_), &Migration::transferred);
}

void Migration::transferred() {
    target()->incomplete = false;
    if (strike_after_pause()) return;
    phase_ = Phase::finishing;
    later(finish_takes, &Migration::finish);
}

void Migration::start_on_target() {
    target()->state = State::running;
    target()->reason = Reason::none;
    target()->job = false;
    target()->persistent = target()->persistent || request_.persistent;
    world_.emit(Kind::vm_started, request_.to, request_.vm, "arriving");
}

void Migration::finish() {
    if (strike_in_finish()) return;
    start_on_target();
    if (strike_after_start()) return;
    later(finish_takes, &Migration::confirm);
}

void Migration::confirm() {
    if (Domain* const arrived = target()) {  // somebody may have moved it on already
        arrived->completed = source()->progress;
        arrived->completed.phase = MigrationPhase::completed;
        arrived->completed.iteration = iteration_;
        arrived->completed.processed = arrived->memory;
        arrived->completed.downtime = time_for(remaining_) + finish_takes;
    }
    phase_ = Phase::ended;
    source()->job = false;
    if (request_.persistent) source()->persistent = false;
    world_.stop_domain(request_.from, request_.vm, "migrated");
    world_.emit(Kind::job_completed, request_.from, request_.vm);
    answer({});
}

// ---- what clients ask

bool Migration::ignores_abort() const {
    return under_way() && fault_ == Fault::never_converges_abort_unanswered && world_.now() < began_ + abort_ignored;
}

Result<void> Migration::abort() {
    if (phase_ == Phase::post_copy) return Error{ErrorCode::conflict, request_.vm.value, "in post-copy"};
    if (phase_ == Phase::preparing || phase_ == Phase::copying)
        fail("migration job: canceled by client", ErrorCode::cancelled);
    return {};
}

Result<void> Migration::start_post_copy() {
    if (!request_.post_copy || phase_ != Phase::copying || iteration_ == 0)
        return Error{ErrorCode::conflict, request_.vm.value, "not possible now"};
    ++generation_;
    phase_ = Phase::post_copy;
    source()->progress.phase = MigrationPhase::post_copy;
    source()->state = State::paused;
    source()->reason = Reason::post_copy;
    world_.emit(Kind::switchover, request_.from, request_.vm);
    start_on_target();
    target()->reason = Reason::post_copy;
    if (fault_ == Fault::post_copy_cut) later(time_for(remaining_) / 2, &Migration::cut_post_copy);
    send_the_rest();
    later(time_for(remaining_), &Migration::post_copy_done);
    return {};
}

void Migration::send_the_rest() {
    source()->progress.processed += mib(1);
    later(told_every, &Migration::send_the_rest);
}

void Migration::post_copy_done() {
    target()->incomplete = false;
    target()->reason = Reason::none;
    confirm();
}

// The target goes on running what has come, and stands still at the first page that has not; libvirt keeps the
// source's job [libvirt 9.0 qemuMigrationSrcPostcopyFailed, qemuMigrationDstPostcopyFailed].
void Migration::interrupt(Duration for_at_least) {
    phase_ = Phase::ended;
    call_it_failed();
    source()->progress.remaining = remaining_;
    source()->broken_until = world_.now() + for_at_least;
    answer(Error{ErrorCode::internal, request_.vm.value, "post-copy failed"});
}

void Migration::call_it_failed() {
    for (Domain* half : {source(), target()})
        if (half != nullptr && half->active()) half->reason = Reason::post_copy_failed;
}

void Migration::cut_post_copy() {
    interrupt(silence);
}

void Migration::resume_post_copy() {
    later(prepare_takes, &Migration::try_again);
}

void Migration::try_again() {
    const SimHost* host = world_.host(request_.to);
    const bool reached = host != nullptr && host->answers() && !world_.separated(request_.from, request_.to) &&
                         world_.now() >= source()->broken_until;
    const bool halves = source()->reason == Reason::post_copy_failed && target() && target()->incomplete;
    if (!reached || !halves) {
        phase_ = Phase::ended;
        const char* why = halves ? "unable to connect to the target" : "post-copy migration has not failed";
        return answer(Error{ErrorCode::internal, request_.vm.value, why});
    }
    phase_ = Phase::post_copy;
    remaining_ = source()->progress.remaining;
    source()->reason = target()->reason = Reason::post_copy;
    send_the_rest();
    later(time_for(remaining_), &Migration::post_copy_done);
}

// ---- faults

bool Migration::strike_in_prepare() {
    if (fault_ != Fault::target_libvirtd_restarts_in_prepare) return false;
    world_.restart_libvirtd(request_.to);
    return true;
}

void Migration::strike_in_copy() {
    if (std::exchange(struck_, true) || phase_ != Phase::copying) return;
    switch (fault_) {
        case Fault::source_libvirtd_restarts_in_perform: return world_.restart_libvirtd(request_.from);
        case Fault::target_silent:
            world_.cut_off(request_.to);
            world_.after(silence, [world = &world_, id = request_.to] { world->reconnect(id); });
            return lose_target();
        case Fault::target_dies: return world_.power_off(request_.to);
        case Fault::target_qemu_killed_before_pause: return world_.stop_domain(request_.to, request_.vm, "crashed");
        case Fault::source_dies: return world_.power_off(request_.from);
        case Fault::source_cut_off:
            world_.cut_off(request_.from);
            world_.after(long_cut, [world = &world_, id = request_.from] { world->reconnect(id); });
            return world_.after(World::keepalive, [self = shared_from_this()] {
                self->answer(Error{ErrorCode::unavailable, self->request_.from.value, "keepalive time-out"});
            });
        case Fault::contact_lost: return answer(Error{ErrorCode::unavailable, request_.from.value, "connection reset"});
        case Fault::calls_time_out:
            world_.host(request_.from)->calls_time_out_until = world_.now() + silence / 2;
            return;
        case Fault::guest_shuts_down:
            world_.excuse_off(request_.vm);
            return world_.stop_domain(request_.from, request_.vm, "shut down", true);
        case Fault::guest_crashes:
            world_.excuse_off(request_.vm);
            return world_.stop_domain(request_.from, request_.vm, "crashed");
        case Fault::io_error:
            fail("an IO error");
            source()->state = State::paused;
            source()->reason = Reason::io_error;
            return world_.excuse_off(request_.vm);
        case Fault::leftover_definition: target()->persistent = request_.persistent; return fail("error copying");
        default: return;
    }
}

bool Migration::strike_after_pause() {
    switch (fault_) {
        case Fault::source_libvirtd_restarts_after_perform:
            world_.restart_libvirtd(request_.from);
            drop_arrival();
            return true;
        case Fault::source_libvirtd_restarts_arrival_waits:
            world_.restart_libvirtd(request_.from);
            world_.after(arrival_waits, [world = &world_, r = request_] {
                if (Domain* domain = world->domain(r.to, r.vm)) domain->job = false;
            });
            return true;
        case Fault::target_qemu_killed_after_pause:
            world_.stop_domain(request_.to, request_.vm, "crashed");
            return true;
        default: return false;
    }
}

bool Migration::strike_in_finish() {
    if (fault_ != Fault::target_libvirtd_restarts_in_finish) return false;
    const bool killed = world_.chance(0.5);
    world_.restart_libvirtd(request_.to);
    if (killed) drop_arrival();
    return true;
}

bool Migration::strike_after_start() {
    switch (fault_) {
        case Fault::source_libvirtd_restarts_arrival_runs: world_.restart_libvirtd(request_.from); return true;
        case Fault::target_libvirtd_restarts_after_start:
            world_.excuse_twice(request_.vm);
            world_.restart_libvirtd(request_.to);
            return true;
        case Fault::target_silent_in_finish:
            world_.excuse_twice(request_.vm);
            world_.cut_off(request_.to);
            world_.after(silence, [world = &world_, id = request_.to] { world->reconnect(id); });
            lose_target();
            return true;
        case Fault::finish_lost:
            world_.excuse_twice(request_.vm);
            fail("the answer to Finish was lost");
            return true;
        case Fault::target_qemu_killed_after_start:
            world_.excuse_off(request_.vm);
            confirm();
            world_.stop_domain(request_.to, request_.vm, "crashed");
            return true;
        case Fault::source_dies_after_success: world_.power_off(request_.from); return true;
        default: return false;
    }
}

// Nothing is heard of the target: the source finds out by its keepalive.
void Migration::lose_target() {
    ++generation_;
    phase_ = Phase::frozen;
    world_.after(World::keepalive, [self = shared_from_this()] {
        if (self->under_way()) self->fail("the target does not answer");
    });
}

// ---- what happens to the hosts

void Migration::libvirtd_stopped(const HostId& host) {
    if (!under_way()) return;
    const bool concerned = host == request_.from || host == request_.to;
    if (phase_ == Phase::post_copy) {  // QEMU goes on by itself, and libvirt takes it for interrupted
        if (!concerned) return;
        call_it_failed();
        return answer(Error{ErrorCode::unavailable, host.value, "the connection was closed"});
    }
    const bool after_pause = phase_ == Phase::switching || phase_ == Phase::finishing;
    if (host == request_.from) {
        answer(Error{ErrorCode::unavailable, host.value, "the connection was closed"});
        ++generation_;
        if (after_pause)
            leave_source_paused();
        else
            phase_ = Phase::frozen;
    } else if (host == request_.to) {
        if (after_pause && target()) target()->job = false;  // stays as it is; the source finds the connection closed
        fail("the connection to the target was closed");
    }
}

void Migration::libvirtd_back(const HostId& host) {
    if (under_way() && host == request_.from && phase_ == Phase::frozen) fail("cancelled by recovery");
}

void Migration::host_lost(const HostId& host) {
    if (!under_way()) return;
    if (phase_ == Phase::post_copy) {
        phase_ = Phase::ended;
        call_it_failed();
        return answer(Error{ErrorCode::unavailable, host.value, "keepalive time-out"});
    }
    if (host == request_.to) return lose_target();
    ++generation_;
    phase_ = Phase::frozen;
    world_.after(World::keepalive, [self = shared_from_this()] {
        self->phase_ = Phase::ended;
        self->drop_arrival();
        self->answer(Error{ErrorCode::unavailable, self->request_.from.value, "keepalive time-out"});
    });
}

void Migration::separated() {
    if (phase_ == Phase::post_copy) return interrupt({});
    if (!under_way() || phase_ == Phase::preparing || phase_ == Phase::frozen) return;
    if (phase_ == Phase::finishing) {  // the target was told to run it, and the source will not hear that it does
        world_.excuse_twice(request_.vm);
        if (!target()->runs()) start_on_target();
    }
    lose_target();
}

void Migration::domain_stopped(const HostId& host) {
    const bool arrival = host == request_.to && phase_ != Phase::preparing;
    if (under_way() && (arrival || host == request_.from)) fail("the guest's process ended");
}

// ---- ends

void Migration::leave_source_paused() {
    phase_ = Phase::ended;
    if (source()) source()->job = false;
}

void Migration::resume_source() {
    Domain* domain = source();
    if (domain == nullptr) return;
    domain->job = false;
    domain->progress.phase = MigrationPhase::none;
    if (domain->state != State::paused || domain->reason != Reason::migration) return;
    if (target() && target()->runs()) world_.excuse_twice(request_.vm);  // libvirt does not look
    domain->state = State::running;
    domain->reason = Reason::none;
    world_.emit(Kind::vm_changed, request_.from, request_.vm, "lifecycle");
}

void Migration::drop_arrival() {
    Domain* domain = target();
    if (domain != nullptr && domain->state == State::paused) world_.stop_domain(request_.to, request_.vm, "failed");
}

void Migration::fail(const std::string& why, ErrorCode code) {
    const bool arrival_stays = phase_ == Phase::finishing;
    phase_ = Phase::ended;
    resume_source();
    if (!arrival_stays) drop_arrival();
    answer(Error{code, request_.vm.value, why});
}

void Migration::answer(Result<void> result) {
    auto ended = std::exchange(ended_, nullptr);
    world_.returning();
    if (ended && fault_ != Fault::reply_lost) ended(std::move(result));
}

}  // namespace ballast::sim
