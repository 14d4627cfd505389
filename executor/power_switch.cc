#include "executor/power_switch.h"

#include <utility>

#include "executor/power_run.h"

namespace ballast::executor {

namespace {
constexpr Duration journal_retry = std::chrono::seconds{5};
constexpr Duration look_every = std::chrono::seconds{2};    // a BMC answers in some 0.3 s
constexpr Duration answer_every = std::chrono::seconds{1};  // of a host that boots
constexpr Duration stuck_look_every = std::chrono::seconds{30};
constexpr Duration between_tries = std::chrono::seconds{10};
constexpr unsigned off_in_a_row = 2;  // a BMC may say off once while it is busy

}  // namespace

PowerSwitch::PowerSwitch(boost::asio::any_io_executor executor, Clock& clock, Hypervisor& hypervisor,
                         PowerControl& power, Store& store, std::function<bool(const HostId&)> in_use,
                         std::function<void(const PowerRecord&)> changed)
    : executor_(std::move(executor)),
      clock_(clock),
      hypervisor_(hypervisor),
      power_(power),
      journal_(store),
      in_use_(std::move(in_use)),
      changed_(std::move(changed)) {
    hypervisor_.on_event([this, alive = std::weak_ptr<int>(alive_)](const HypervisorEvent& event) {
        if (!alive.expired()) heard(event);
    });
}

PowerSwitch::~PowerSwitch() = default;

PowerSwitch::RunPtr PowerSwitch::run_of(const HostId& host) {
    RunPtr& run = runs_[host];
    if (!run) {
        PowerRecord fresh;
        fresh.host = host;
        fresh.since = clock_.wall_now();
        run = std::make_shared<Run>(executor_, std::move(fresh));
    }
    return run;
}

std::vector<PowerRecord> PowerSwitch::records() const {
    std::vector<PowerRecord> all;
    for (const auto& [host, run] : runs_) all.push_back(run->record);
    return all;
}

std::optional<PowerRecord> PowerSwitch::record(const HostId& host) const {
    const auto found = runs_.find(host);
    return found == runs_.end() ? std::nullopt : std::optional(found->second->record);
}

PowerSwitch::Task<void> PowerSwitch::recover() {
    const auto records = co_await journal_.load();
    if (!records) co_return records.error();
    for (const PowerRecord& record : *records) {
        const auto run = runs_[record.host] = std::make_shared<Run>(executor_, record);
        run->began = clock_.now();
        run->recovered = record.asked || record.state == PowerState::fencing;
        if (run->record.attempt > 0) --run->record.attempt;  // the one that was interrupted
        if (is_switching(record.state)) start(run);
        const bool down = record.state == PowerState::off || record.state == PowerState::lost;
        if (down && hypervisor_.connection(record.host) == Connection::up) notice_on(run);
    }
    co_return Result<void>();
}

PowerSwitch::Task<void> PowerSwitch::switch_off(HostId host, bool drill, std::string reason, std::string by) {
    const auto known = power_.host(host);
    if (!known || !known->switches || !known->soft)
        co_return Error{ErrorCode::invalid, host.value,
                        "Ballast knows no BMC of it that can ask its system to go down"};
    const RunPtr run = run_of(host);
    if (run->driven || run->record.state != PowerState::on)
        co_return conflict(host, "it is " + to_string(run->record.state) + " already");
    run->driven = true;
    const PowerRecord before = run->record;
    const auto mark = co_await journal_.target_mark(host);
    Result<void> locked = mark ? Result<void>() : mark.error();
    if (locked && in_use_(host)) locked = conflict(host, "a migration from or to it is under way");
    if (locked) {
        run->record = run->begun(PowerState::switching_off, clock_.wall_now(), std::move(reason), std::move(by),
                                 "is to be switched off");
        run->record.drill = drill;
        PowerRecord record = run->record;
        locked = co_await journal_.lock(std::move(record), *mark);
        if (!locked && locked.error().code != ErrorCode::conflict) {  // it may be on record, or come there late
            run->released_by = "Ballast, as the store did not confirm it";
            start(run);
            co_return locked.error();
        }
    }
    if (!locked) {
        run->record = before;
        run->driven = false;
        co_return locked.error();
    }
    changed_(run->record);
    start(run);
    co_return Result<void>();
}

PowerSwitch::Task<void> PowerSwitch::switch_on(HostId host, std::string reason, std::string by) {
    const RunPtr run = run_of(host);
    if (run->driven)
        co_return conflict(host, "it is " + to_string(run->record.state) + ", and something is under way with it");
    if (run->record.state == PowerState::lost) {  // whoever orders this has looked; once for each loss was before that
        const PowerRecord lost = run->record;
        run->record.alarm = run->record.quarantined = false;
        run->record.attempt = 0;
        const auto begun = co_await bring_back(host);
        if (!begun) run->record = lost;
        co_return begun;
    }
    run->driven = true;
    if (run->record.state == PowerState::on) {
        const auto power = co_await power_.status(host);
        const bool off = power && *power == Power::off && !answers(host);
        if (!off) {
            run->driven = false;
            if (!power) co_return power.error();
            co_return conflict(host, answers(host) ? "it is on" : "its BMC says that it is on");
        }
    }
    PowerRecord record = run->begun(PowerState::switching_on, clock_.wall_now(), std::move(reason), std::move(by),
                                    "is to be switched on");
    record.quarantined = false;
    const auto written = co_await journal_.write(record);
    if (!written) {  // off is what it is: should the record yet come there, the next start switches it on
        run->driven = false;
        co_return written.error();
    }
    run->record = std::move(record);
    changed_(run->record);
    start(run);
    co_return Result<void>();
}

PowerSwitch::Task<void> PowerSwitch::release(HostId host, std::string by) {
    const auto found = runs_.find(host);
    if (found == runs_.end() || !(found->second->record.alarm || found->second->record.quarantined))
        co_return Error{ErrorCode::not_found, host.value, "its power has neither an alarm nor a quarantine to release"};
    const RunPtr run = found->second;
    if (run->driven && !is_switching(run->record.state)) {  // written with its next state
        run->record.alarm = run->record.quarantined = false;
        run->record.message = "released by " + by;
        changed_(run->record);
        co_return Result<void>();
    }
    if (run->driven) {  // whoever is at it sees to it
        run->record.alarm = run->record.quarantined = false;
        run->record.message = "is released by " + by;
        run->released_by = std::move(by);
        run->pause.end();
        co_return Result<void>();
    }
    run->driven = true;
    PowerRecord record = run->record;
    record.alarm = record.quarantined = false;
    record.message = "released by " + by;
    const auto written = co_await journal_.write(record);
    if (written) run->record = std::move(record);
    rests(run);
    if (!written) co_return written.error();
    changed_(run->record);
    co_return Result<void>();
}

void PowerSwitch::start(const RunPtr& run) {
    run->driven = true;
    boost::asio::co_spawn(executor_, drive(run), expect_no_bug);
}

boost::asio::awaitable<void> PowerSwitch::drive(RunPtr run) {
    while (is_switching(run->record.state)) {
        if (!run->released_by.empty() && run->confirmed_by.empty())
            co_await stays_on(run, "released by " + run->released_by, false);
        else if (run->record.state == PowerState::fencing)
            co_await cut_off(run);
        else if (run->record.state == PowerState::switching_off)
            co_await go_down(run);
        else
            co_await come_up(run);
    }
    run->released_by.clear();
    run->confirmed_by.clear();
    rests(run);
}

// Nobody is at it any more: that it came back meanwhile was not heard.
void PowerSwitch::rests(const RunPtr& run) {
    run->driven = false;
    const bool up = hypervisor_.connection(run->record.host) == Connection::up;
    if (run->record.state == PowerState::lost && up) notice_on(run);
    // One that did not come in time, whose BMC cannot be asked.
    if (run->record.state == PowerState::off && run->record.quarantined && up) {
        run->driven = true;
        boost::asio::co_spawn(executor_, found_up(run), expect_no_bug);
    }
}

boost::asio::awaitable<void> PowerSwitch::found_up(RunPtr run) {
    const bool up = co_await is_up(run->record.host);
    if (up) co_return co_await found_on(run);
    run->driven = false;
}

// ---- Off.

boost::asio::awaitable<void> PowerSwitch::go_down(RunPtr run) {
    if (!run->record.asked) {
        const auto idle = co_await check_idle(run->record.host);
        if (!run->released_by.empty()) co_return;
        if (!idle) {
            std::string message = "not switched off: " + to_string(idle.error());
            co_await stays_on(run, std::move(message), idle.error().code == ErrorCode::invalid);
            co_return;
        }
        run->record.asked = true;
        run->record.message = "was asked to go down";
        PowerRecord record = run->record;
        const auto written = co_await journal_.write(std::move(record));  // no action without a journal entry
        if (!written) {
            std::string message = "not switched off: " + to_string(written.error());
            co_await stays_on(run, std::move(message), false);
            co_return;
        }
        if (!run->released_by.empty()) co_return;
        run->began = clock_.now();
        const auto asked = co_await power_.shut_down_softly(run->record.host);
        if (!asked && !contact_lost(asked.error())) {
            std::string message = "not switched off: " + to_string(asked.error());
            co_await stays_on(run, std::move(message), false);
            co_return;
        }
    }
    co_await await_off(run);
}

// Error invalid: what its BMC says cannot be, so that a person has to look.
PowerSwitch::Task<void> PowerSwitch::check_idle(HostId host) {
    const auto power = co_await power_.status(host);
    if (!power) co_return power.error();
    const auto reading = co_await hypervisor_.read(host);
    if (!reading) co_return reading.error();
    if (!reading->vms.empty()) {
        const std::size_t others = reading->vms.size() - 1;
        co_return conflict(host, reading->vms.front().name +
                                     (others > 0 ? " and " + std::to_string(others) + " more" : "") +
                                     (others > 0 ? " are" : " is") + " on it");
    }
    if (*power == Power::off)
        co_return Error{ErrorCode::invalid, host.value,
                        "its BMC says that it is off while its hypervisor answers: is it the BMC of another machine?"};
    co_return Result<void>();
}

boost::asio::awaitable<void> PowerSwitch::await_off(RunPtr run) {
    const HostId host = run->record.host;
    unsigned off = 0;
    while (run->released_by.empty()) {
        const auto power = co_await power_.status(host);
        off = power && *power == Power::off ? off + 1 : 0;
        if (off == off_in_a_row) {
            co_await is_off(run);
            co_return;
        }
        const bool late = clock_.now() - run->began > settings_.shutdown_timeout;
        if (late || run->recovered) {
            const auto answer = co_await hypervisor_.read(host);
            if (answer && std::exchange(run->recovered, false)) {  // a second press of its button does no harm
                run->record.asked = false;
                co_return;
            }
            if (answer) {
                co_await stays_on(run,
                                  "did not go down within " + to_string(settings_.shutdown_timeout) +
                                      "; it answers: something in it keeps it up",
                                  true);
                co_return;
            }
        }
        if (late) {
            const std::string said = power ? "its BMC says " + to_string(*power) : to_string(power.error());
            co_await raise_alarm(run, "was asked to go down " + to_string(settings_.shutdown_timeout) +
                                          " ago and is not known to be off: " + said);
        }
        co_await run->pause.take(clock_, late ? stuck_look_every : look_every);
    }
}

// What went wrong is told, and the host is not asked again until somebody releases it.
boost::asio::awaitable<void> PowerSwitch::stays_on(RunPtr run, std::string message, bool alarm) {
    run->record.alarm = run->record.quarantined = alarm;
    run->record.asked = run->record.drill = false;
    co_await settle(run, PowerState::on, std::move(message));
}

boost::asio::awaitable<void> PowerSwitch::is_off(RunPtr run) {
    run->record.shutdown = clock_.now() - run->began;
    run->record.alarm = run->record.asked = false;
    run->began = clock_.now();
    const bool again = run->record.drill;
    run->record.attempt = 0;
    if (!again) run->record.went_off = clock_.wall_now();
    if (again) run->record.reason = "a wake drill: it went off, and is switched on again";
    co_await settle(run, again ? PowerState::switching_on : PowerState::off, again ? "is to be switched on" : "is off");
}

// ---- On.

boost::asio::awaitable<void> PowerSwitch::come_up(RunPtr run) {
    std::string failure = "it did not come";
    run->began = clock_.now();
    while (run->record.attempt < settings_.wake_tries) {
        ++run->record.attempt;
        run->record.message = "is switched on, try " + std::to_string(run->record.attempt) + " of " +
                              std::to_string(settings_.wake_tries);
        PowerRecord record = run->record;
        const auto written = co_await journal_.write(std::move(record));
        if (written) {
            changed_(run->record);
            const auto ordered = co_await power_.switch_on(run->record.host);
            auto up = ordered;
            if (up) {
                up = co_await await_up(run);
            } else {
                const bool answers = co_await is_up(run->record.host);  // whatever its BMC says
                if (answers) up = Result<void>();
            }
            if (up) {
                if (ordered) run->record.boot = clock_.now() - run->began;
                if (ordered) run->record.proven = clock_.wall_now();
                if (!run->record.drill) run->record.came_back = clock_.wall_now();
                run->record.drill = run->record.alarm = false;
                co_await settle(run, PowerState::on, "is on again");
                co_return;
            }
            failure = to_string(up.error());
        }
        if (!written) --run->record.attempt;
        if (run->released_by.empty()) co_await run->pause.take(clock_, between_tries);
        if (!run->released_by.empty()) co_return;
    }
    co_await did_not_come(run, std::move(failure));
}

PowerSwitch::Task<void> PowerSwitch::await_up(RunPtr run) {
    const HostId host = run->record.host;
    const Instant deadline = clock_.now() + settings_.boot_timeout;
    while (run->released_by.empty()) {
        hypervisor_.reconnect(host);
        const auto reading = co_await hypervisor_.read(host);
        if (reading) co_return Result<void>();
        if (clock_.now() >= deadline)
            co_return Error{
                ErrorCode::timed_out, host.value,
                "its hypervisor did not answer within " + to_string(settings_.boot_timeout) + " of being switched on"};
        co_await run->pause.take(clock_, answer_every);
    }
    co_return Error{ErrorCode::cancelled, host.value, "released"};
}

boost::asio::awaitable<bool> PowerSwitch::is_up(HostId host) {
    hypervisor_.reconnect(host);
    const auto reading = co_await hypervisor_.read(host);
    co_return reading.has_value();
}

// One that is on may yet come by itself: it counts as a host that is down then, not as one that could be woken.
boost::asio::awaitable<void> PowerSwitch::did_not_come(RunPtr run, std::string message) {
    const auto power = co_await power_.status(run->record.host);
    run->record.alarm = run->record.quarantined = true;
    run->record.drill = false;
    co_await settle(run, power && *power == Power::on ? PowerState::on : PowerState::off,
                    "did not come in " + std::to_string(settings_.wake_tries) + " tries: " + message);
}

// ---- For both.

// The world has already changed: the record follows as soon as the store takes it, and others see it then.
boost::asio::awaitable<void> PowerSwitch::settle(RunPtr run, PowerState state, std::string message) {
    PowerRecord settled = run->record;
    settled.state = state;
    settled.since = clock_.wall_now();
    settled.message = std::move(message);
    for (;;) {
        const auto written = co_await journal_.write(settled);
        if (written) break;
        co_await clock_.sleep_for(journal_retry);
    }
    run->record = std::move(settled);
    changed_(run->record);
}

boost::asio::awaitable<void> PowerSwitch::raise_alarm(RunPtr run, std::string message) {
    if (run->record.alarm && run->record.message == message) co_return;
    run->record.alarm = true;
    run->record.message = std::move(message);
    changed_(run->record);
    PowerRecord record = run->record;
    co_await journal_.write(std::move(record));  // should this be lost, only a crash forgets it
}

// Somebody else switched it on, or a lost one is back.
void PowerSwitch::heard(const HypervisorEvent& event) {
    if (event.kind != HypervisorEvent::Kind::connected) return;
    const auto found = runs_.find(event.host);
    if (found == runs_.end() || found->second->driven) return;
    const PowerState state = found->second->record.state;
    if (state == PowerState::off || state == PowerState::lost) notice_on(found->second);
}

void PowerSwitch::notice_on(const RunPtr& run) {
    run->driven = true;
    const bool lost = run->record.state == PowerState::lost;
    boost::asio::co_spawn(executor_, lost ? found_back(run) : found_on(run), expect_no_bug);
}

boost::asio::awaitable<void> PowerSwitch::found_on(RunPtr run) {
    run->record.requested_by = "somebody else";
    run->record.reason = "it was found on";
    run->record.came_back = clock_.wall_now();
    co_await settle(run, PowerState::on, "was switched on by somebody else");
    run->driven = false;
}

}  // namespace ballast::executor
