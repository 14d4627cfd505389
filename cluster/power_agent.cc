#include "cluster/power_agent.h"

namespace ballast::cluster {

namespace json = boost::json;

namespace {
// What was claimed earlier than this may be of a term that is over by now: a process may have been held up in between.
constexpr Duration claim_is_fresh = std::chrono::seconds{5};

HostId host_in(const Call& call) {
    const json::value* host = call.arguments.if_contains("host");
    return {host && host->is_string() ? host->get_string().c_str() : ""};
}

Error unknown(const Call& call) {
    return {ErrorCode::invalid, call.method, "this agent knows no such call: is it of an older version?"};
}
}  // namespace

boost::asio::awaitable<Answer> PowerAgent::handle(Call call, Claim claim) {
    HostId host = host_in(call);
    if (call.changes) {
        auto done = co_await order(std::move(call), std::move(claim), std::move(host));
        co_return done;
    }
    auto told = co_await read(std::move(call), std::move(host));
    co_return told;
}

boost::asio::awaitable<Answer> PowerAgent::read(Call call, HostId host) {
    if (call.method == "power_status") {
        const auto power = co_await broker_.status(std::move(host));
        co_return power ? Answer(json::value(to_string(*power))) : Answer(power.error());
    }
    if (call.method == "power_watts") {
        const auto watts = co_await broker_.watts(std::move(host));
        if (!watts) co_return watts.error();
        co_return *watts ? Answer(json::value(**watts)) : Answer(json::value());
    }
    co_return unknown(call);
}

boost::asio::awaitable<Answer> PowerAgent::order(Call call, Claim claim, HostId host) {
    using Order = PowerControl::Task<void> (PowerControl::*)(HostId);
    Order what = nullptr;
    if (call.method == "power_off") what = &PowerControl::switch_off;
    if (call.method == "power_on") what = &PowerControl::switch_on;
    if (call.method == "power_soft") what = &PowerControl::shut_down_softly;
    if (!what) co_return unknown(call);
    const Instant asked = clock_.now();
    std::vector<Compare> nothing_else;  // the call has the guards of its own (SharedPower)
    const bool claimed = co_await claim(std::move(nothing_else));
    if (!claimed || clock_.now() - asked > claim_is_fresh)
        co_return Error{ErrorCode::unavailable, host.value, "not ordered: the leader or what it wants has changed"};
    const auto done = co_await (broker_.*what)(std::move(host));
    co_return done ? Answer(json::value()) : Answer(done.error());
}

}  // namespace ballast::cluster
