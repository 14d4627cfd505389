#include "sim/sim_power.h"

namespace ballast::sim {

namespace {
constexpr Duration call_takes = std::chrono::milliseconds{300};  // fence_ipmilan against a BMC in a quiet network
constexpr Duration call_deadline = std::chrono::seconds{20};

PowerHost can(const HostId& host) {
    return {host, true, true, false, true, call_deadline};
}
}  // namespace

PowerControl::Task<std::vector<PowerHost>> SimPower::hosts() {
    std::vector<PowerHost> all;
    for (const auto& [id, bmc] : bmcs_) all.push_back(can(id));
    co_return all;
}

std::optional<PowerHost> SimPower::host(HostId host) const {
    return bmcs_.contains(host) ? std::optional(can(host)) : std::nullopt;
}

PowerControl::Task<void> SimPower::reach(HostId host) {
    if (crashes_.passes()) co_await crashes_.happens(io_);
    if (!bmcs_.contains(host)) co_return Error{ErrorCode::not_found, host.value, "no BMC is configured"};
    const bool dead = bmcs_.at(host).dead || (from_ && !world_.reaches(*from_));
    co_await clock_.sleep_for(dead ? call_deadline : call_takes);
    if (dead) co_return Error{ErrorCode::unavailable, host.value, "its BMC does not answer"};
    co_return Result<void>();
}

boost::asio::awaitable<void> SimPower::answered() {
    if (crashes_.passes()) co_await crashes_.happens(io_);
}

Power SimPower::power_of(const HostId& host) {
    Bmc& bmc = bmcs_.at(host);
    if (bmc.of_another) return Power::off;
    if (bmc.lies > 0) {
        --bmc.lies;
        return Power::off;
    }
    const bool on = world_.host(host)->powered || world_.now() < bmc.rises;
    return on ? Power::on : Power::off;
}

PowerControl::Task<Power> SimPower::status(HostId host) {
    const auto reached = co_await reach(host);
    if (!reached) co_return reached.error();
    const Power power = power_of(host);
    co_await answered();
    co_return power;
}

PowerControl::Task<void> SimPower::switch_off(HostId host) {
    const auto reached = co_await reach(host);
    if (!reached) co_return reached.error();
    world_.power_off(host);
    bmcs_.at(host).rises = {};
    co_await answered();
    co_return Result<void>();
}

PowerControl::Task<void> SimPower::switch_on(HostId host) {
    const auto reached = co_await reach(host);
    if (!reached) co_return reached.error();
    Bmc& bmc = bmcs_.at(host);
    const bool ignored = bmc.wakes_ignored > 0;
    if (ignored) --bmc.wakes_ignored;
    if (!ignored && power_of(host) == Power::off) {
        bmc.rises = world_.now() + bmc.boot;
        world_.after(bmc.boot, [this_world = &world_, bmcs = &bmcs_, host] {
            if (this_world->now() >= (*bmcs).at(host).rises && (*bmcs).at(host).rises != Instant{})
                this_world->power_on(host);
        });
    }
    co_await answered();
    if (ignored) co_return Error{ErrorCode::unavailable, host.value, "its BMC took the order and still says off"};
    co_return Result<void>();
}

PowerControl::Task<void> SimPower::shut_down_softly(HostId host) {
    const Instant asked = clock_.now();
    const auto reached = co_await reach(host);
    if (!reached) co_return reached.error();
    const Bmc& bmc = bmcs_.at(host);
    // Of one whose sender was paused on the way nobody can say any more that it is right.
    if (world_.going_down && clock_.now() - asked <= call_takes) world_.going_down(host);
    if (!bmc.button_ignored) world_.after(bmc.shutdown, [world = &world_, host] { world->power_off(host); });
    co_await answered();
    co_return Result<void>();
}

PowerControl::Task<std::optional<double>> SimPower::watts(HostId host) {
    const auto reached = co_await reach(host);
    if (!reached) co_return reached.error();
    co_return std::optional<double>(power_of(host) == Power::on ? 100 : 5);
}

}  // namespace ballast::sim
