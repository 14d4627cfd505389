#include "daemon/api_look.h"

#include <algorithm>
#include <cctype>

#include "config/render.h"
#include "daemon/power_overlay.h"
#include "interchange/views_power.h"
#include "interchange/views_rolling.h"

namespace ballast::daemon {

namespace {

constexpr std::uint64_t history_default = 50, history_most = 500;
constexpr std::size_t overview_history = 30;  // what somebody scrolls through; the rest is asked for

Reply ok(json::object body) {
    Reply reply;
    reply.body = std::move(body);
    return reply;
}

std::string lower_case(std::string text) {
    for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return text;
}

std::string uuids(const std::vector<VmId>& vms) {
    std::string text;
    for (const VmId& vm : vms) text += (text.empty() ? "" : ", ") + vm.value;
    return text;
}

std::vector<VmId> named(const Inventory& inventory, const std::string& name, bool running_only) {
    std::vector<VmId> found;
    for (const auto& [id, vm] : inventory.vms)
        if (vm.facts.name == name && (!running_only || vm.state == VmState::running)) found.push_back(id);
    return found;
}

Error no_such_host(const std::string& name) {
    return {ErrorCode::not_found, name, "no such host is configured"};
}

void add(json::object& to, const json::object& from) {
    for (const auto& field : from) to[field.key()] = field.value();
}

}  // namespace

Result<VmId> find_vm(const Inventory& inventory, const std::string& name_or_uuid) {
    const VmId by_uuid{lower_case(name_or_uuid)};
    if (inventory.vms.contains(by_uuid)) return by_uuid;
    auto found = named(inventory, name_or_uuid, false);
    if (found.size() > 1) {
        // A definition left behind on another host does not make a name ambiguous.
        const auto running = named(inventory, name_or_uuid, true);
        if (running.size() == 1) return running.front();
        return Error{ErrorCode::conflict, name_or_uuid, "several VMs have this name, use the UUID: " + uuids(found)};
    }
    if (found.empty()) return Error{ErrorCode::not_found, name_or_uuid, "no such VM is on the configured hosts"};
    return found.front();
}

views::Seen ApiLook::look() const {
    return {controller_.inventory(), controller_.memory(),        controller_.policy(),        controller_.last_cycle(),
            controller_.cycles(),    controller_.active(),        controller_.ended(),         clock_.now(),
            clock_.wall_now(),       controller_.power_records(), controller_.broker_problem()};
}

views::ModeState ApiLook::mode_state() const {
    return {controller_.mode(), controller_.policy().mode, controller_.mode_is_overridden(), controller_.paused_by()};
}

Reply ApiLook::mode() const {
    return ok(views::mode(mode_state()));
}

Reply ApiLook::status(const ApiRequest& request) const {
    return ok(status_of_all(request));
}

json::object ApiLook::status_of_all(const ApiRequest& request) const {
    json::object you{
        {"uid", request.caller.peer.uid}, {"user", request.caller.user}, {"role", to_string(request.caller.role)}};
    json::object out{{"version", BALLAST_VERSION}, {"you", std::move(you)}, {"revision", changes_.revision()}};
    add(out, views::mode(mode_state()));
    add(out, views::cluster(look()));
    out["rolling"] = rolling_ == nullptr ? json::value() : views::rolling(rolling_->run());
    return out;
}

json::object ApiLook::overview(const ApiRequest& request) const {
    const auto seen = look();
    const Cycle& last = seen.last_cycle;
    json::array power;
    for (const PowerRecord& record : seen.power) power.push_back(power_of(record));
    return {{"at", ballast::to_string(seen.wall_now)},
            {"status", status_of_all(request)},
            {"hosts", views::hosts(seen)},
            {"plan", last.id.empty() ? json::value() : json::value(views::decisions(last.plan, last.vm_names))},
            {"operations", operations(overview_history)},
            {"power", std::move(power)}};
}

Reply ApiLook::hosts(const ApiRequest&) const {
    json::object out;
    out["hosts"] = views::hosts(look());
    return ok(std::move(out));
}

Reply ApiLook::host(const ApiRequest& request) const {
    const auto seen = look();
    const auto host = seen.inventory.hosts.find({request.parameters.front()});
    if (host == seen.inventory.hosts.end()) return failure(no_such_host(request.parameters.front()));
    return ok(views::host_detail(seen, host->second));
}

Reply ApiLook::vms(const ApiRequest&) const {
    json::object out;
    out["vms"] = views::vms(look());
    return ok(std::move(out));
}

Reply ApiLook::vm(const ApiRequest& request) const {
    const auto seen = look();
    const auto id = find_vm(seen.inventory, request.parameters.front());
    if (!id) return failure(id.error());
    const bool movable = views::movable_vms(seen).contains(*id);
    return ok(views::vm_detail(seen, seen.inventory.vms.at(*id), movable));
}

Reply ApiLook::plan(const ApiRequest& request) const {
    if (const auto what = request.query.find("what_if"); what != request.query.end()) return plan_if(what->second);
    const bool acts = controller_.mode() == policy::Mode::automatic && !controller_.paused();
    const auto names = views::names_in(controller_.inventory());
    return ok({{"mode", policy::to_string(controller_.mode())},
               {"paused", controller_.paused()},
               {"acts", acts},
               {"plan", views::plan(controller_.dry_run(), names)}});
}

Reply ApiLook::plan_if(const std::string& what) const {
    auto out = views::plan_if(what, look());
    if (!out) return failure(out.error());
    (*out)["mode"] = policy::to_string(controller_.mode());
    return ok(std::move(*out));
}

Reply ApiLook::capacity(const ApiRequest&) const {
    return ok(views::capacity(look(), policy::questions_at_once));
}

Reply ApiLook::record(const ApiRequest&) const {
    const interchange::Record record = controller_.record();
    if (record.cycle.empty()) return failure({ErrorCode::not_found, "record", "there was no planning cycle yet"});
    return ok(interchange::as_json(record));
}

Reply ApiLook::explain_vm(const ApiRequest& request) const {
    const auto seen = look();
    const auto id = find_vm(seen.inventory, request.parameters.front());
    if (!id) return failure(id.error());
    return ok(views::explain_vm(seen, seen.inventory.vms.at(*id), controller_.dry_run()));
}

Reply ApiLook::explain_host(const ApiRequest& request) const {
    const auto seen = look();
    const auto host = seen.inventory.hosts.find({request.parameters.front()});
    if (host == seen.inventory.hosts.end()) return failure(no_such_host(request.parameters.front()));
    return ok(views::explain_host(seen, host->second, controller_.dry_run()));
}

Reply ApiLook::explain_cycle(const ApiRequest& request) const {
    const std::string& id = request.parameters.front();
    const Cycle& last = controller_.last_cycle();
    if (!last.id.empty() && (id == "last" || id == last.id)) return ok(views::cycle(last));
    for (const Cycle& cycle : controller_.cycles())
        if (cycle.id == id) return ok(views::cycle(cycle));
    const char* why = last.id.empty() ? "there was no planning cycle yet"
                                      : "not kept: only the latest cycles that wanted something are, and the last one";
    return failure({ErrorCode::not_found, id, why});
}

Reply ApiLook::power(const ApiRequest&) const {
    const auto seen = look();
    json::array hosts;
    for (const auto& [id, host] : seen.inventory.hosts) hosts.push_back(power_of(power_record(id)));
    return ok({{"problem", seen.broker_problem}, {"hosts", std::move(hosts)}});
}

Reply ApiLook::power(const HostId& host) const {
    return ok(power_of(power_record(host)));
}

PowerRecord ApiLook::power_record(const HostId& host) const {
    PowerRecord fresh;
    fresh.host = host;
    return controller_.power_record(host).value_or(fresh);
}

json::object ApiLook::power_of(const PowerRecord& record) const {
    views::PowerMeans means;
    means.own = controller_.is_own(record.host);
    means.bmc = controller_.power().host(record.host).has_value();
    means.switchable = can_be_switched(controller_.power(), record.host);
    means.proven = is_proven(record, controller_.options().power, clock_.wall_now());
    return views::power(record, means);
}

Reply ApiLook::history(const ApiRequest& request) const {
    const auto limit = number_parameter(request.query, "limit", 1, history_most);
    if (!limit) return failure(limit.error());
    return ok(operations(limit->value_or(history_default)));
}

json::object ApiLook::operations(std::size_t limit) const {
    const auto& all = controller_.ended();
    const auto count = static_cast<std::ptrdiff_t>(std::min(limit, all.size()));
    const std::vector<Operation> ended(all.rbegin(), all.rbegin() + count);
    return {{"active", views::operations(controller_.active(), clock_.wall_now())},
            {"ended", views::operations(ended, clock_.wall_now())},
            {"ended_total", all.size()}};
}

Reply ApiLook::operation(const ApiRequest& request) const {
    return operation(OperationId{request.parameters.front()});
}

Reply ApiLook::operation(const OperationId& id) const {
    for (const Operation& op : controller_.active())
        if (op.id == id) return ok(views::operation(op, clock_.wall_now()));
    for (const Operation& op : controller_.ended())
        if (op.id == id) return ok(views::operation(op, clock_.wall_now()));
    return failure({ErrorCode::not_found, id.value, "no such operation is under way or among the latest ended ones"});
}

std::vector<Rejection> ApiLook::refusals(const Inventory& inventory, const VmId& vm, const HostId& to) const {
    return policy::refusals(inventory, controller_.memory(), controller_.policy(), vm, to, clock_.now());
}

Reply ApiLook::policy(const ApiRequest&) const {
    json::object out = views::mode(mode_state());
    out["yaml"] = config::to_yaml(controller_.policy());
    return ok(std::move(out));
}

}  // namespace ballast::daemon
