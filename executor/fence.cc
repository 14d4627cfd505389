// Hosts that do not answer any more: cut off, so that it is certain that nothing runs there, and taken in again when
// they come back [safety.md, protocol step 8, invariants 2, 10 and 11].
#include "executor/power_run.h"

namespace ballast::executor {

namespace {
constexpr Duration listen_first =
    std::chrono::seconds{15};  // after a start: longer than any host that is well is silent
constexpr Duration fence_again = std::chrono::seconds{10};  // a BMC that boots answers within a minute
constexpr Duration cut_soon = std::chrono::seconds{1};
constexpr Duration rejoin_again = std::chrono::seconds{2};
constexpr Duration still_called_up = std::chrono::seconds{60};  // longer than the end of a connection goes unnoticed
// A host that dies again so soon after it was brought back would do so for ever.
constexpr Duration too_soon = std::chrono::hours{1};

std::string taken_to_be_off(const std::string& by) {
    return "is taken to be off at the word of " + by + "; its VMs are started elsewhere";
}
}  // namespace

PowerSwitch::Task<void> PowerSwitch::fence(HostId host, std::string reason, std::string by) {
    const RunPtr run = run_of(host);
    if (run->driven || run->record.state != PowerState::on)
        co_return conflict(host, "it is " + to_string(run->record.state) + " already");
    if (answers(host)) co_return conflict(host, "it answers");
    run->driven = true;
    const PowerRecord before = run->record;
    run->record = run->begun(PowerState::fencing, clock_.wall_now(), std::move(reason), std::move(by),
                             run->confirmed_by.empty() ? "is to be cut off" : taken_to_be_off(run->confirmed_by));
    PowerRecord record = run->record;
    auto guards = hooks_.gone ? hooks_.gone(host) : std::vector<Compare>();
    const auto written = co_await journal_.write(std::move(record), std::move(guards));
    if (!written && !contact_lost(written.error())) {
        run->record = before;
        run->driven = false;
        co_return written.error();
    }
    if (!written) run->released_by = "Ballast, as the store did not confirm it";
    changed_(run->record);
    start(run);
    co_return written;
}

PowerSwitch::Task<void> PowerSwitch::confirm_lost(HostId host, std::string by) {
    const RunPtr run = run_of(host);
    if (answers(host)) co_return conflict(host, "it answers: it is not dead");
    if (run->record.state == PowerState::fencing) {
        run->confirmed_by = std::move(by);
        run->record.alarm = false;
        run->record.message = taken_to_be_off(run->confirmed_by);
        run->pause.end();
        co_return Result<void>();
    }
    if (run->driven || run->record.state != PowerState::on)
        co_return conflict(host, "it is " + to_string(run->record.state) + " already");
    run->confirmed_by = by;
    const auto begun = co_await fence(host, "an operator says that it is off", std::move(by));
    if (!begun) run->confirmed_by.clear();
    co_return begun;
}

MayCut PowerSwitch::may_cut(const Run& run) const {
    return run.record.requested_by == "policy" && hooks_.may_cut ? hooks_.may_cut(run.record.host) : MayCut::yes;
}

boost::asio::awaitable<void> PowerSwitch::cut_off(RunPtr run) {
    const HostId host = run->record.host;
    if (!run->confirmed_by.empty()) {
        run->record.requested_by = run->confirmed_by;
        co_await is_lost(run, "is taken to be off: " + run->confirmed_by + " answers for it");
        co_return;
    }
    if (std::exchange(run->recovered, false)) {  // nobody has had the time to hear it
        co_await run->pause.take(clock_, listen_first);
        co_return;
    }
    if (answers(host)) {
        std::string message = run->record.asked ? "answers again; it could not be cut off" : "answers again";
        run->record.alarm = run->record.asked = false;
        co_await settle(run, PowerState::on, std::move(message));
        co_return;
    }
    if (may_cut(*run) == MayCut::soon) {
        co_await run->pause.take(clock_, cut_soon);
        co_return;
    }
    run->record.asked = true;
    PowerRecord record = run->record;
    auto off = co_await journal_.write(std::move(record));  // no action without a journal entry
    if (answers(host) || !run->confirmed_by.empty() || !run->released_by.empty()) co_return;
    if (off && may_cut(*run) != MayCut::yes)
        off = conflict(host, "too many hosts are silent, or an operator holds it back");
    if (off) off = co_await power_.switch_off(host);
    if (off) {
        co_await is_lost(run, "was cut off; its BMC says that it is off");
        co_return;
    }
    if (answers(host) || !run->confirmed_by.empty() || !run->released_by.empty()) co_return;
    co_await raise_alarm(run, "cannot be cut off: " + to_string(off.error()) +
                                  ". Its VMs stay down until you have made sure that it is off: ballastctl fence "
                                  "confirm " +
                                  host.value);
    co_await run->pause.take(clock_, fence_again);
}

boost::asio::awaitable<void> PowerSwitch::is_lost(RunPtr run, std::string message) {
    const WallTime now = clock_.wall_now();
    const bool again = run->record.lost && now - *run->record.lost < too_soon;
    run->record.lost = now;
    run->record.asked = false;
    run->record.alarm = run->record.quarantined = run->record.quarantined || again;
    run->record.attempt = 0;
    if (again) message += "; it was lost within the last hour, too, and stays off until somebody has looked";
    co_await settle(run, PowerState::lost, std::move(message));
}

// ---- Back.

PowerSwitch::Task<void> PowerSwitch::bring_back(HostId host) {
    const RunPtr run = run_of(host);
    const auto known = power_.host(host);
    if (!known || !known->switches) co_return Error{ErrorCode::invalid, host.value, "Ballast knows no BMC of it"};
    if (run->driven || run->record.state != PowerState::lost || run->record.quarantined)
        co_return conflict(host, "it is not to be switched on");
    if (run->record.attempt > 0) co_return conflict(host, "it was switched on already");
    run->driven = true;
    run->record.attempt = 1;
    run->record.message = "is lost; it is switched on again";
    PowerRecord record = run->record;
    const auto written = co_await journal_.write(std::move(record));
    if (!written) {
        run->record.attempt = 0;
        run->driven = false;
        co_return written.error();
    }
    changed_(run->record);
    boost::asio::co_spawn(executor_, order_up(run), expect_no_bug);
    co_return Result<void>();
}

boost::asio::awaitable<void> PowerSwitch::order_up(RunPtr run) {
    const auto on = co_await power_.switch_on(run->record.host);
    if (!on) co_await raise_alarm(run, "is lost, and cannot be switched on again: " + to_string(on.error()));
    Result<void> up = Result<void>();
    if (on) up = co_await await_up(run);
    if (!up) co_await raise_alarm(run, "is lost, and was switched on again, but " + to_string(up.error()));
    rests(run);
}

// Others that are under way from there look at other hosts only; they end first, so that it is clear whose each VM is.
PowerSwitch::Task<std::shared_ptr<const HostId>> PowerSwitch::clean(HostId host) {
    if (in_use_(host)) co_return conflict(host, "VMs of it are still being started elsewhere");
    co_return co_await hooks_.rejoin(host);
}

boost::asio::awaitable<void> PowerSwitch::found_back(RunPtr run) {
    const HostId host = run->record.host;
    const Instant began = clock_.now();
    while (hypervisor_.connection(host) == Connection::up) {
        const auto cleaned = co_await clean(host);  // held until the host is on
        if (cleaned) {
            run->record.alarm = run->record.quarantined;
            co_await settle(run, PowerState::on, "is back");
            break;
        }
        std::string message = "is back, but not in use yet: " + to_string(cleaned.error());
        const bool may_be_gone = contact_lost(cleaned.error()) && clock_.now() - began < still_called_up;
        if (may_be_gone) {
            co_await clock_.sleep_for(rejoin_again);
            continue;
        }
        if (cleaned.error().code == ErrorCode::conflict)
            run->record.message = std::move(message);  // it passes
        else
            co_await raise_alarm(run, std::move(message));
        co_await clock_.sleep_for(rejoin_again);
    }
    run->driven = false;
}

}  // namespace ballast::executor
