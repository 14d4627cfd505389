#include "sim/vopr/orders.h"

namespace ballast::sim::vopr {

namespace {
using Kind = Event::Kind;
using Done = boost::asio::awaitable<Result<void>>;

const std::string by = "operator";

Result<void> only_whether(const auto& result) {
    if (!result) return result.error();
    return Result<void>();
}

Done migrate(daemon::Controller& controller, Event order, bool force) {
    std::string who = by;
    const auto begun = co_await controller.migrate(order.vm, order.host, force, std::move(who));
    co_return only_whether(begun);
}

Done forget(daemon::Controller& controller, VmId vm) {
    std::string who = by;
    const auto done = co_await controller.forget_vm(vm.value, std::move(who));
    co_return only_whether(done);
}

Done decide(daemon::Controller& controller, VmId vm, bool approves) {
    OperationId meant;
    for (const Operation& op : controller.active())
        if (op.vm == vm) meant = op.id;
    std::string who = by;
    if (approves) co_return co_await controller.approve(std::move(meant), std::move(who));
    co_return co_await controller.cancel(std::move(meant), std::move(who));
}

Done host_order(daemon::Controller& controller, Event order) {
    HostId host = order.host;
    std::string who = by;
    switch (order.kind) {
        case Kind::maintenance:
        case Kind::maintenance_begins:
            co_return co_await controller.set_maintenance(std::move(host), true, std::move(who));
        case Kind::maintenance_ends:
            co_return co_await controller.set_maintenance(std::move(host), false, std::move(who));
        case Kind::confirm_lost: co_return co_await controller.confirm_lost(std::move(host), std::move(who));
        case Kind::switch_off:
            co_return co_await controller.switch_off(std::move(host), false, order.count % 2 == 1, std::move(who));
        case Kind::switch_on: co_return co_await controller.switch_on(std::move(host), std::move(who));
        case Kind::fence: co_return co_await controller.fence(std::move(host), std::move(who));
        default: co_return co_await controller.release_power(std::move(host), std::move(who));
    }
}

Done setting(daemon::Controller& controller, Event order) {
    std::string who = by;
    if (order.kind != Kind::mode) co_return co_await controller.set_paused(order.kind == Kind::hold, std::move(who));
    auto mode = policy::mode_from(order.word);
    co_return co_await controller.set_mode(mode, std::move(who));
}

Done carry_out(daemon::Controller& controller, Event order) {
    switch (order.kind) {
        case Kind::migrate: return migrate(controller, std::move(order), true);
        case Kind::ask: return migrate(controller, std::move(order), false);
        case Kind::cancel: return decide(controller, order.vm, false);
        case Kind::approve: return decide(controller, order.vm, true);
        case Kind::forget: return forget(controller, order.vm);
        case Kind::hold:
        case Kind::go_on:
        case Kind::mode: return setting(controller, std::move(order));
        default: return host_order(controller, std::move(order));
    }
}
}  // namespace

bool is_order(Kind kind) {
    switch (kind) {
        case Kind::migrate:
        case Kind::ask:
        case Kind::cancel:
        case Kind::approve:
        case Kind::forget:
        case Kind::hold:
        case Kind::go_on:
        case Kind::mode:
        case Kind::maintenance:
        case Kind::maintenance_begins:
        case Kind::maintenance_ends:
        case Kind::confirm_lost:
        case Kind::switch_off:
        case Kind::switch_on:
        case Kind::fence:
        case Kind::release: return true;
        default: return false;
    }
}

boost::asio::awaitable<void> give(daemon::Controller& controller, Event order, Answered answered) {
    const std::string what = to_string(order);
    const auto came_to = co_await carry_out(controller, std::move(order));
    if (answered) answered(what, came_to);
}

}  // namespace ballast::sim::vopr
