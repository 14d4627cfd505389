#include "model/rolling.h"

#include "model/result.h"

namespace ballast {

namespace {

constexpr std::pair<RollingState, const char*> states[] = {
    {RollingState::running, "running"}, {RollingState::stopped, "stopped"}, {RollingState::done, "done"}};
constexpr std::pair<RollingStep, const char*> steps[] = {
    {RollingStep::checking, "checking"},   {RollingStep::emptying, "emptying"},   {RollingStep::command, "command"},
    {RollingStep::rebooting, "rebooting"}, {RollingStep::answering, "answering"}, {RollingStep::settling, "settling"}};
constexpr std::pair<Reboot, const char*> reboots[] = {
    {Reboot::none, "none"}, {Reboot::power, "power"}, {Reboot::command, "command"}};

template <class E, std::size_t n>
std::string name_in(const std::pair<E, const char*> (&names)[n], E value) {
    for (const auto& [known, name] : names)
        if (known == value) return name;
    assertion_failed("a name for every value", __FILE__, __LINE__);
}

template <class E, std::size_t n>
std::optional<E> value_in(const std::pair<E, const char*> (&names)[n], const std::string& name) {
    for (const auto& [value, known] : names)
        if (name == known) return value;
    return std::nullopt;
}

RollingStep after(const RollingRun& run) {
    const bool by_power = run.reboot == Reboot::power;
    switch (run.step) {
        case RollingStep::checking: return RollingStep::emptying;
        case RollingStep::emptying: return run.command.empty() ? RollingStep::rebooting : RollingStep::command;
        case RollingStep::command: return by_power ? RollingStep::rebooting : RollingStep::answering;
        case RollingStep::rebooting: return RollingStep::answering;
        case RollingStep::answering: return RollingStep::settling;
        case RollingStep::settling: return RollingStep::checking;
    }
    return RollingStep::checking;
}

}  // namespace

std::string to_string(RollingState state) {
    return name_in(states, state);
}
std::string to_string(RollingStep step) {
    return name_in(steps, step);
}
std::string to_string(Reboot reboot) {
    return name_in(reboots, reboot);
}
std::optional<RollingState> rolling_state_from(const std::string& name) {
    return value_in(states, name);
}
std::optional<RollingStep> rolling_step_from(const std::string& name) {
    return value_in(steps, name);
}
std::optional<Reboot> reboot_from(const std::string& name) {
    return value_in(reboots, name);
}

void advance(RollingRun& run, WallTime now) {
    BALLAST_ASSERT(run.state == RollingState::running && run.at < run.hosts.size());
    if (run.step == RollingStep::settling) ++run.at;
    run.step = after(run);
    run.since = now;
    run.message.clear();
    if (run.step == RollingStep::checking || run.step == RollingStep::command) run.went_down = false;
    if (run.at < run.hosts.size()) return;
    run.state = RollingState::done;
    run.ended = now;
    run.message = "all hosts are done";
}

}  // namespace ballast
