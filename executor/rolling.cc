#include "executor/rolling.h"

#include <algorithm>

#include "executor/run.h"

namespace ballast::executor {

namespace {
constexpr Duration journal_retry = std::chrono::seconds{5};
constexpr Duration look_every = std::chrono::seconds{1};
// What speaks against a step has to stand for some samples of all hosts (10 s each by default) with nothing under way:
// figures of moves that have just ended come in late.
constexpr Duration has_to_stand = std::chrono::seconds{60};

std::string joined(const std::vector<std::string>& texts) {
    std::string all;
    for (const std::string& text : texts) all += (all.empty() ? "" : "; ") + text;
    return all;
}

std::string last_line(const std::string& output) {
    const auto end = output.find_last_not_of(" \n\r\t");
    if (end == std::string::npos) return "";
    const auto begin = output.find_last_of('\n', end);
    return ": " + output.substr(begin == std::string::npos ? 0 : begin + 1, end - (begin + 1) + 1);
}
}  // namespace

Rolling::Rolling(boost::asio::any_io_executor executor, Clock& clock, Hypervisor& hypervisor, PowerSwitch& power,
                 Store& store, RollingSurroundings& surroundings, std::function<void(const RollingRun&)> changed)
    : executor_(std::move(executor)),
      clock_(clock),
      hypervisor_(hypervisor),
      power_(power),
      journal_(store),
      around_(surroundings),
      changed_(std::move(changed)) {}

Error Rolling::failed(std::string message) const {
    return {ErrorCode::refused, host().value, std::move(message)};
}
Error Rolling::stopped() const {
    return {ErrorCode::cancelled, host().value, "stopped by " + run_->stop_by};
}

// ---- The verbs.

Rolling::Task<void> Rolling::recover() {
    auto run = co_await journal_.load();
    if (!run) co_return run.error();
    run_ = std::move(*run);
    interrupted_ = true;
    if (runs()) boost::asio::co_spawn(executor_, drive(), expect_no_bug);
    co_return Result<void>();
}

Rolling::Task<void> Rolling::start(RollingRun wanted) {
    BALLAST_ASSERT(!wanted.hosts.empty());
    if (runs()) co_return Error{ErrorCode::conflict, host().value, "a rolling run is under way and has got to it"};
    const HostId& first = wanted.hosts.front();
    if (const std::string objection = around_.objection(first); !objection.empty())
        co_return Error{ErrorCode::refused, first.value, objection};
    wanted.started = clock_.wall_now();
    co_return co_await begin(std::move(wanted));
}

Rolling::Task<void> Rolling::resume(bool skip, std::string by) {
    if (!run_ || run_->state != RollingState::stopped)
        co_return Error{ErrorCode::conflict, "rolling-reboot", "there is none that has stopped"};
    RollingRun again = *run_;
    again.requested_by = std::move(by);
    // Whoever resumes it has looked: what a daemon that was away could not see is taken for granted.
    if (again.step == RollingStep::answering) again.went_down = true;
    if (skip) again.step = RollingStep::settling;
    co_return co_await begin(std::move(again));
}

Rolling::Task<void> Rolling::begin(RollingRun wanted) {
    while (writing_) co_await clock_.sleep_for(look_every);
    if (runs()) co_return Error{ErrorCode::conflict, host().value, "a rolling run is under way and has got to it"};
    wanted.state = RollingState::running;
    wanted.since = clock_.wall_now();
    wanted.ended.reset();
    wanted.stop_by.clear();
    wanted.message.clear();
    run_ = std::move(wanted);
    interrupted_ = false;
    writing_ = true;
    RollingRun record = *run_;
    const auto written = co_await journal_.write(std::move(record));
    writing_ = false;
    if (!written) {  // it may be on record, or come there late: it has to be taken back
        boost::asio::co_spawn(executor_, end("not begun: " + to_string(written.error())), expect_no_bug);
        co_return written.error();
    }
    changed_(*run_);
    boost::asio::co_spawn(executor_, drive(), expect_no_bug);
    co_return Result<void>();
}

Rolling::Task<void> Rolling::stop(std::string by) {
    if (!runs()) co_return Error{ErrorCode::conflict, "rolling-reboot", "none is under way"};
    run_->stop_by = std::move(by);
    co_await keep();
    co_return Result<void>();
}

// ---- The run.

boost::asio::awaitable<void> Rolling::drive() {
    while (runs()) {
        Result<void> taken = run_->stop_by.empty() ? Result<void>() : Result<void>(stopped());
        if (taken) taken = co_await take_step();
        interrupted_ = false;
        if (!taken) {
            co_await end(taken.error().message);
            co_return;
        }
        advance(*run_, clock_.wall_now());
        co_await keep();  // no action without a journal entry
        changed_(*run_);
    }
}

Rolling::Task<void> Rolling::take_step() {
    const auto known = hypervisor_.hosts();
    const bool gone = std::find(known.begin(), known.end(), host()) == known.end();
    if (gone && run_->step != RollingStep::settling) return fail("is not configured any more");
    switch (run_->step) {
        case RollingStep::checking: return check();
        case RollingStep::emptying: return empty();
        case RollingStep::command: return command();
        case RollingStep::rebooting: return reboot();
        case RollingStep::answering: return await_answer();
        case RollingStep::settling: return settle();
    }
    return settle();
}

Rolling::Task<void> Rolling::fail(std::string message) {
    co_return failed(std::move(message));
}

// Returns when the store has what is the case; one write at a time, and the last one has the newest.
boost::asio::awaitable<void> Rolling::keep() {
    while (writing_) co_await clock_.sleep_for(look_every);
    writing_ = true;
    for (;;) {
        RollingRun record = *run_;
        const auto written = co_await journal_.write(record);
        if (written && record == *run_) break;
        if (!written) co_await clock_.sleep_for(journal_retry);
    }
    writing_ = false;
}

boost::asio::awaitable<void> Rolling::end(std::string message) {
    run_->state = RollingState::stopped;
    run_->ended = clock_.wall_now();
    run_->message = std::move(message);
    co_await keep();
    changed_(*run_);
}

// Moves that are under way, such as those that come home after the host before, may have to end first.
Rolling::Task<void> Rolling::check() {
    const Instant deadline = clock_.now() + settings_.settle_timeout;
    Instant at_rest = clock_.now();
    for (;;) {
        if (!run_->stop_by.empty()) co_return stopped();
        const std::string by = around_.maintenance_by(host());
        if (!by.empty() && by != around_.ours()) co_return failed("is in maintenance already, by " + by);
        const std::string objection = around_.objection(host());
        if (objection.empty()) co_return Result<void>();
        const Instant now = clock_.now();
        if (around_.is_busy()) at_rest = now;
        if (now - at_rest >= has_to_stand || now >= deadline)
            co_return failed("the cluster cannot do without it: " + objection);
        co_await clock_.sleep_for(look_every);
    }
}

Rolling::Task<bool> Rolling::is_empty() {
    const auto reading = co_await hypervisor_.read(host());
    if (!reading) co_return reading.error();
    co_return reading->vms.empty();
}

Rolling::Task<void> Rolling::empty() {
    const std::string by = around_.maintenance_by(host());
    if (!by.empty() && by != around_.ours()) co_return failed("is in maintenance by " + by + " by now");
    const auto entered = co_await around_.set_maintenance(host(), true);
    if (!entered) co_return entered.error();
    const Instant deadline = clock_.now() + settings_.empty_timeout;
    Instant not_stuck = clock_.now();
    for (;;) {
        if (!run_->stop_by.empty()) co_return stopped();
        if (around_.maintenance_by(host()) != around_.ours()) co_return failed("somebody else ended its maintenance");
        const auto empty = co_await is_empty();
        if (empty && *empty && !around_.is_in_use(host())) co_return Result<void>();
        const Instant now = clock_.now();
        const auto stuck = around_.stuck(host());
        if (stuck.empty()) not_stuck = now;
        if (now - not_stuck >= has_to_stand) co_return failed(joined(stuck));
        if (now >= deadline)
            co_return failed("is not empty after " + to_string(settings_.empty_timeout) +
                             (empty ? "" : ": " + to_string(empty.error())));
        co_await clock_.sleep_for(look_every);
    }
}

// It is not known how far a command has come whose daemon ended: a person has to look before it runs again.
Rolling::Task<void> Rolling::command() {
    if (interrupted_)
        co_return failed("ballastd ended while the command " + run_->command +
                         " ran: see how far it came; resume runs it again");
    const auto emptied = co_await empty();
    if (!emptied) co_return emptied.error();
    command_begun_ = clock_.now();
    std::string name = run_->command;
    HostId on = host();
    const auto ended = co_await around_.run_command(std::move(name), std::move(on));
    if (!ended) co_return failed("the command " + run_->command + " did not run: " + ended.error().message);
    run_->output = ended->output;
    if (!ended->in_time) co_return failed("the command " + run_->command + " took too long and was killed");
    if (ended->exit_status != 0)
        co_return failed("the command " + run_->command + " failed with exit status " +
                         std::to_string(ended->exit_status) + last_line(ended->output));
    co_return Result<void>();
}

// The switch has a journal of its own: what it says of the time since this step began is what became of it.
Rolling::Task<void> Rolling::reboot() {
    const auto before = power_.record(host());
    bool asked = before && before->since >= run_->since;
    Result<void> emptied = Result<void>();
    if (!asked) emptied = co_await empty();
    if (!emptied) co_return emptied.error();
    for (;;) {
        const auto record = power_.record(host());
        if (record && record->state == PowerState::on && record->proven && *record->proven >= run_->since)
            co_return Result<void>();
        if (asked && record && !is_switching(record->state)) co_return failed("was not rebooted: " + record->message);
        if (!asked) {
            HostId which = host();
            std::string by = run_->requested_by;
            const auto begun = co_await power_.switch_off(std::move(which), true, "rolling-reboot", std::move(by));
            if (!begun) co_return failed("was not rebooted: " + begun.error().message);
            asked = true;
        }
        co_await clock_.sleep_for(look_every);
    }
}

Rolling::Task<void> Rolling::await_answer() {
    const bool has_to_go_down = run_->reboot == Reboot::command;
    const Instant begin = clock_.now();
    bool kept = run_->went_down;
    for (;;) {
        if (!run_->stop_by.empty()) co_return stopped();
        run_->went_down = run_->went_down || around_.has_rebooted(host(), command_begun_);
        if (run_->went_down && !kept) {
            co_await keep();
            kept = true;
        }
        hypervisor_.reconnect(host());
        const auto reading = co_await hypervisor_.read(host());
        const bool answers = reading && hypervisor_.connection(host()) == Connection::up;
        if (answers && (!has_to_go_down || run_->went_down) && around_.is_measured(host(), begin))
            co_return Result<void>();
        if (clock_.now() - begin >= settings_.answer_timeout) {
            if (answers && has_to_go_down && !run_->went_down)
                co_return failed("answers, but was not rebooted by the command " + run_->command);
            co_return failed("does not answer after " + to_string(settings_.answer_timeout) +
                             (reading ? "" : ": " + to_string(reading.error())));
        }
        co_await clock_.sleep_for(look_every);
    }
}

// Those that do not come home in time come later: the next check sees whether there is room for that.
Rolling::Task<void> Rolling::settle() {
    if (around_.maintenance_by(host()) == around_.ours()) {  // else somebody else wants it kept
        HostId back = host();
        const auto left = co_await around_.set_maintenance(std::move(back), false);
        if (!left) co_return left.error();
    }
    const Instant begin = clock_.now();
    while (!around_.is_settled(host(), begin) && clock_.now() - begin < settings_.settle_timeout) {
        if (!run_->stop_by.empty()) co_return stopped();
        co_await clock_.sleep_for(look_every);
    }
    co_return Result<void>();
}

}  // namespace ballast::executor
