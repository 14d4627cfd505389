#include "daemon/api_change.h"

#include <algorithm>

#include "interchange/views_power.h"
#include "interchange/views_rolling.h"

namespace ballast::daemon {

namespace {

Reply ok(json::object body) {
    Reply reply;
    reply.body = std::move(body);
    return reply;
}

Reply not_built(const std::string& what) {
    return failure(501, "not_implemented", what, "this daemon was started without it");
}

// What a body may hold where nothing is asked.
Result<void> no_fields(const ApiRequest& request) {
    return only_keys(request.fields, {});
}

struct MigrateOrder {
    VmId vm;
    HostId to;
    bool force = false;
};

Result<MigrateOrder> migrate_order(const ApiRequest& request, const Inventory& inventory) {
    if (const auto known = only_keys(request.fields, {"vm", "to", "force"}); !known) return known.error();
    const auto vm = text_field(request.fields, "vm");
    if (!vm) return vm.error();
    const auto to = text_field(request.fields, "to");
    if (!to) return to.error();
    const auto force = flag_field(request.fields, "force", false);
    if (!force) return force.error();
    const auto id = find_vm(inventory, *vm);
    if (!id) return id.error();
    return MigrateOrder{*id, HostId{*to}, *force};
}

struct MaintenanceOrder {
    bool on = false;
    std::string to_site;
};

Result<MaintenanceOrder> maintenance_order(const ApiRequest& request) {
    if (const auto known = only_keys(request.fields, {"on", "to_site"}); !known) return known.error();
    const auto on = flag_field(request.fields, "on");
    if (!on) return on.error();
    if (!request.fields.contains("to_site")) return MaintenanceOrder{*on, {}};
    if (!*on) return Error{ErrorCode::invalid, "to_site", "goes with on: true only"};
    const auto to_site = text_field(request.fields, "to_site");
    if (!to_site) return to_site.error();
    return MaintenanceOrder{*on, *to_site};
}

struct PowerOrder {
    std::string action;
    bool force = false;
};

Result<PowerOrder> power_order(const ApiRequest& request) {
    if (const auto known = only_keys(request.fields, {"action", "force"}); !known) return known.error();
    const auto action = text_field(request.fields, "action");
    if (!action) return action.error();
    const auto force = flag_field(request.fields, "force", false);
    if (!force) return force.error();
    for (const char* known : {"on", "off", "drill", "release", "fence", "confirm_off"})
        if (*action == known) return PowerOrder{*action, *force};
    return Error{ErrorCode::invalid, "action", "must be on, off, drill, release, fence or confirm_off"};
}

struct RollingOrder {
    std::string action;
    RollingWish wish;
    bool skip = false;
};

Result<std::vector<HostId>> hosts_field(const json::object& fields) {
    std::vector<HostId> hosts;
    const json::value* value = fields.if_contains("hosts");
    if (value == nullptr) return hosts;
    const json::array* names = value->if_array();
    if (names == nullptr) return Error{ErrorCode::invalid, "hosts", "must be a list of names"};
    for (const json::value& name : *names) {
        if (!name.is_string() || name.as_string().empty())
            return Error{ErrorCode::invalid, "hosts", "must be a list of names"};
        hosts.push_back({std::string(name.as_string())});
    }
    return hosts;
}

Result<std::string> optional_text(const json::object& fields, const std::string& key) {
    return fields.contains(key) ? text_field(fields, key) : Result<std::string>(std::string());
}

Result<RollingWish> rolling_wish(const json::object& fields) {
    RollingWish wish;
    const auto group = optional_text(fields, "group");
    if (!group) return group.error();
    wish.group = *group;
    auto hosts = hosts_field(fields);
    if (!hosts) return hosts.error();
    wish.hosts = std::move(*hosts);
    const auto command = optional_text(fields, "command");
    if (!command) return command.error();
    wish.command = *command;
    const auto reboot = optional_text(fields, "reboot");
    if (!reboot) return reboot.error();
    if (!reboot->empty()) wish.reboot = reboot_from(*reboot);
    if (!reboot->empty() && !wish.reboot) return Error{ErrorCode::invalid, "reboot", "must be none, power or command"};
    return wish;
}

Result<RollingOrder> rolling_order(const ApiRequest& request) {
    const auto action = text_field(request.fields, "action");
    if (!action) return action.error();
    RollingOrder order{*action, {}, false};
    if (*action == "start") {
        const auto known = only_keys(request.fields, {"action", "group", "hosts", "command", "reboot"});
        if (!known) return known.error();
        auto wish = rolling_wish(request.fields);
        if (!wish) return wish.error();
        order.wish = std::move(*wish);
        return order;
    }
    if (*action != "resume" && *action != "stop")
        return Error{ErrorCode::invalid, "action", "must be start, resume or stop"};
    const bool resumes = *action == "resume";
    const auto known = only_keys(
        request.fields, resumes ? std::vector<std::string>{"action", "skip"} : std::vector<std::string>{"action"});
    if (!known) return known.error();
    const auto skip = flag_field(request.fields, "skip", false);
    if (!skip) return skip.error();
    order.skip = *skip;
    return order;
}

// Outer: an error. Inner: nothing for "back to the policy's".
Result<std::optional<policy::Mode>> mode_order(const ApiRequest& request) {
    if (const auto known = only_keys(request.fields, {"mode"}); !known) return known.error();
    const json::value* value = request.fields.if_contains("mode");
    if (value && value->is_null()) return std::optional<policy::Mode>();
    const auto name = text_field(request.fields, "mode");
    if (!name) return name.error();
    const auto mode = policy::mode_from(*name);
    if (!mode) return Error{ErrorCode::invalid, "mode", "must be observe, confirm, automatic or null"};
    return mode;
}

}  // namespace

ApiChange::Answer ApiChange::maintenance(ApiRequest request) {
    const auto order = maintenance_order(request);
    if (!order) co_return failure(order.error());
    HostId host{request.parameters.front()};
    const std::string name = host.value;
    std::string by = identity(request.caller);
    std::string to_site = order->to_site;
    const auto set =
        co_await controller_.set_maintenance(std::move(host), order->on, std::move(by), std::move(to_site));
    if (!set) co_return failure(set.error());
    json::object body;
    body["host"] = name;
    body["maintenance"] = order->on;
    body["to_site"] = order->to_site;
    body["returning"] = order->on || !controller_.policy().maintenance.return_home ? 0 : away_from(name);
    co_return ok(std::move(body));
}

std::size_t ApiChange::away_from(const std::string& host) const {
    const Inventory seen = controller_.inventory();
    return static_cast<std::size_t>(
        std::count_if(seen.homes.begin(), seen.homes.end(), [&](const Home& home) { return home.host.value == host; }));
}

// Accepted: what becomes of it, /v1/power tells.
ApiChange::Answer ApiChange::power(ApiRequest request) {
    const auto order = power_order(request);
    if (!order) co_return failure(order.error());
    const HostId host{request.parameters.front()};
    HostId asked = host;
    std::string by = identity(request.caller);
    Result<void> begun = Result<void>();
    if (order->action == "on")
        begun = co_await controller_.switch_on(std::move(asked), std::move(by));
    else if (order->action == "fence")
        begun = co_await controller_.fence(std::move(asked), std::move(by));
    else if (order->action == "confirm_off")
        begun = co_await controller_.confirm_lost(std::move(asked), std::move(by));
    else if (order->action == "release")
        begun = co_await controller_.release_power(std::move(asked), std::move(by));
    else
        begun =
            co_await controller_.switch_off(std::move(asked), order->action == "drill", order->force, std::move(by));
    if (!begun) co_return failure(begun.error());
    Reply reply = look_.power(host);
    if (reply.status == 200 && order->action != "release") reply.status = 202;
    co_return reply;
}

ApiChange::Answer ApiChange::rolling_state(ApiRequest) {
    if (hooks_.rolling == nullptr) co_return not_built("rolling");
    json::object body;
    body["rolling"] = views::rolling(hooks_.rolling->run());
    co_return ok(std::move(body));
}

// Accepted: what becomes of it, GET tells.
ApiChange::Answer ApiChange::rolling(ApiRequest request) {
    if (hooks_.rolling == nullptr) co_return not_built("rolling");
    auto order = rolling_order(request);
    if (!order) co_return failure(order.error());
    std::string by = identity(request.caller);
    Result<void> done = Result<void>();
    if (order->action == "start")
        done = co_await hooks_.rolling->start(std::move(order->wish), std::move(by));
    else if (order->action == "resume")
        done = co_await hooks_.rolling->resume(order->skip, std::move(by));
    else
        done = co_await hooks_.rolling->stop(std::move(by));
    if (!done) co_return failure(done.error());
    json::object body;
    body["rolling"] = views::rolling(hooks_.rolling->run());
    Reply reply = ok(std::move(body));
    reply.status = 202;
    co_return reply;
}

ApiChange::Answer ApiChange::overview(ApiRequest request) {
    json::object all = look_.overview(request);
    all["energy"] = hooks_.energy ? json::value(views::energy(hooks_.energy())) : json::value();
    co_return ok(std::move(all));
}

ApiChange::Answer ApiChange::energy(ApiRequest) {
    if (!hooks_.energy) co_return not_built("energy");
    co_return ok(views::energy(hooks_.energy()));
}

ApiChange::Answer ApiChange::migrate(ApiRequest request) {
    const auto order = migrate_order(request, controller_.inventory());
    if (!order) co_return failure(order.error());
    VmId vm = order->vm;
    HostId to = order->to;
    std::string by = identity(request.caller);
    const auto id = co_await controller_.migrate(std::move(vm), std::move(to), order->force, std::move(by));
    if (!id) co_return refused_migration(id.error(), order->vm, order->to);
    Reply reply = look_.operation(*id);
    if (reply.status == 200) reply.status = 202;
    co_return reply;
}

// The reasons once more, as data.
Reply ApiChange::refused_migration(const Error& error, const VmId& vm, const HostId& to) const {
    if (error.code != ErrorCode::refused) return failure(error);
    const Inventory inventory = controller_.inventory();
    const auto refusals = look_.refusals(inventory, vm, to);
    json::object details;
    details["refusals"] = views::rejections(refusals, views::names_in(inventory));
    return failure(error, std::move(details));
}

ApiChange::Answer ApiChange::approve(ApiRequest request) {
    if (const auto none = no_fields(request); !none) co_return failure(none.error());
    const OperationId id{request.parameters.front()};
    OperationId asked = id;
    std::string by = identity(request.caller);
    const auto approved = co_await controller_.approve(std::move(asked), std::move(by));
    if (!approved) co_return failure(approved.error());
    co_return look_.operation(id);
}

ApiChange::Answer ApiChange::cancel(ApiRequest request) {
    if (const auto none = no_fields(request); !none) co_return failure(none.error());
    const OperationId id{request.parameters.front()};
    OperationId asked = id;
    std::string by = identity(request.caller);
    const auto cancelled = co_await controller_.cancel(std::move(asked), std::move(by));
    if (!cancelled) co_return failure(cancelled.error());
    co_return look_.operation(id);
}

ApiChange::Answer ApiChange::forget(ApiRequest request) {
    if (const auto none = no_fields(request); !none) co_return failure(none.error());
    std::string vm = request.parameters.front();
    std::string by = identity(request.caller);
    const auto forgotten = co_await controller_.forget_vm(std::move(vm), std::move(by));
    if (!forgotten) co_return failure(forgotten.error());
    json::object body;
    body["vm"] = forgotten->vm.value;
    body["name"] = forgotten->name;
    body["host"] = forgotten->host.value;
    co_return ok(std::move(body));
}

ApiChange::Answer ApiChange::pause(ApiRequest request) {
    return set_paused(std::move(request), true);
}

ApiChange::Answer ApiChange::resume(ApiRequest request) {
    return set_paused(std::move(request), false);
}

ApiChange::Answer ApiChange::set_paused(ApiRequest request, bool paused) {
    if (const auto none = no_fields(request); !none) co_return failure(none.error());
    std::string by = identity(request.caller);
    const auto set = co_await controller_.set_paused(paused, std::move(by));
    if (!set) co_return failure(set.error());
    co_return look_.mode();
}

ApiChange::Answer ApiChange::mode(ApiRequest request) {
    const auto order = mode_order(request);
    if (!order) co_return failure(order.error());
    std::optional<policy::Mode> wanted = *order;
    std::string by = identity(request.caller);
    const auto set = co_await controller_.set_mode(wanted, std::move(by));
    if (!set) co_return failure(set.error());
    co_return look_.mode();
}

ApiChange::Answer ApiChange::reload(ApiRequest request) {
    if (const auto none = no_fields(request); !none) co_return failure(none.error());
    if (!hooks_.reload) co_return not_built("reload");
    const auto reloaded = hooks_.reload();
    if (!reloaded) {
        Error error = reloaded.error();
        if (error.code == ErrorCode::invalid)
            error.code = ErrorCode::refused;  // the request is fine, the files are not
        co_return failure(error);
    }
    json::object body;
    body["message"] = *reloaded;
    co_return ok(std::move(body));
}

ApiChange::Answer ApiChange::watch(ApiRequest request) {
    const auto since = number_parameter(request.query, "since", 0, std::numeric_limits<std::int64_t>::max());
    if (!since) co_return failure(since.error());
    std::uint64_t revision = changes_.revision();
    const std::uint64_t known = since->value_or(0);
    if (since->has_value()) revision = co_await changes_.wait(known, watch_patience_);
    json::object body;
    body["revision"] = revision;
    body["changed"] = revision != known;
    co_return ok(std::move(body));
}

ApiChange::Answer ApiChange::preflight(ApiRequest request) {
    if (!hooks_.preflight) co_return not_built("preflight");
    std::optional<HostId> host;
    if (const auto asked = request.query.find("host"); asked != request.query.end()) host = HostId{asked->second};
    if (host && !controller_.inventory().hosts.contains(*host))
        co_return failure({ErrorCode::not_found, host->value, "no such host is configured"});
    auto report = co_await hooks_.preflight(host);
    if (!report) co_return failure(report.error());
    Reply reply;
    reply.body = std::move(*report);
    co_return reply;
}

ApiChange::Answer ApiChange::backup(ApiRequest request) {
    if (request.caller.role != Role::admin) co_return forbidden(request.caller);
    if (!hooks_.backup) co_return not_built("backup");
    auto backup = co_await hooks_.backup();
    if (!backup) co_return failure(backup.error());
    Reply reply;
    reply.body = std::move(*backup);
    co_return reply;
}

}  // namespace ballast::daemon
