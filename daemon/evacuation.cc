#include "daemon/evacuation.h"

#include <spdlog/spdlog.h>

#include "cluster/calls.h"
#include "daemon/controller.h"
#include "daemon/leaving.h"

namespace ballast::daemon {

namespace json = boost::json;

namespace {
constexpr const char* ours = "shutdown";  // who wanted the maintenance
constexpr const char* leave_verb = "leave";
constexpr const char* stay_verb = "stay";

json::array to_json(const std::vector<std::string>& texts) {
    json::array list;
    for (const std::string& text : texts) list.emplace_back(text);
    return list;
}

json::value to_json(const Departure& departure) {
    return json::object{
        {"none_leaves", departure.none_leaves}, {"left", to_json(departure.left)}, {"stuck", to_json(departure.stuck)}};
}

std::vector<std::string> texts_from(const json::value& value) {
    std::vector<std::string> texts;
    for (const json::value& text : value.as_array()) texts.emplace_back(text.as_string());
    return texts;
}

Result<Departure> departure_from(const json::value& value) {
    try {
        const json::object& fields = value.as_object();
        Departure departure;
        departure.none_leaves = fields.at("none_leaves").as_string();
        departure.left = texts_from(fields.at("left"));
        departure.stuck = texts_from(fields.at("stuck"));
        return departure;
    } catch (const std::exception& error) {  // Boost.JSON's way to say that something is missing or of the wrong kind
        return Error{ErrorCode::corrupt, "leader", error.what()};
    }
}

std::string text_at(const json::value& request, const char* key) {
    const json::value* found = request.is_object() ? request.get_object().if_contains(key) : nullptr;
    return found && found->is_string() ? found->get_string().c_str() : "";
}
}  // namespace

// In these cases there is nothing to wait for.
std::string OwnEvacuation::nothing_leaves() const {
    if (controller_.paused()) return "Ballast is paused by " + controller_.paused_by();
    const policy::Mode mode = controller_.mode();
    return mode == policy::Mode::automatic ? "" : "the mode is " + to_string(mode);
}

Evacuation::Task<Departure> OwnEvacuation::leave(HostId host) {
    Departure departure;
    departure.none_leaves = nothing_leaves();
    // A host that Ballast itself switches off is empty, and in maintenance it would not be switched on again.
    const auto power = controller_.power_switch().record(host);
    if (power && power->state != PowerState::on) {
        departure.none_leaves = "it is " + to_string(power->state);
    } else if (controller_.maintenance_by(host).empty()) {
        HostId going = host;
        std::string by = ours;
        const auto begun = co_await controller_.set_maintenance(std::move(going), true, std::move(by));
        if (!begun) co_return begun.error();
    }
    departure.left = left_on(controller_, host);
    departure.stuck = stuck_on(controller_, host);
    co_return departure;
}

Evacuation::Task<void> OwnEvacuation::stay(HostId host) {
    if (controller_.maintenance_by(host) != ours) co_return Result<void>();
    HostId staying = host;
    std::string by = ours;
    const auto ended = co_await controller_.set_maintenance(std::move(staying), false, std::move(by));
    if (ended) spdlog::info("{} is not going down any more: its maintenance is over", host.value);
    co_return ended;
}

Evacuation::Task<json::value> LeadersEvacuation::ask(const char* verb, HostId host) {
    json::value request = json::object{{"shutdown", verb}, {"host", host.value}};
    const auto reply = co_await ask_(std::move(request));
    if (!reply) co_return reply.error();
    if (!reply->is_string()) co_return Error{ErrorCode::corrupt, "leader", "its reply is none"};
    const std::string text(reply->get_string());
    co_return cluster::answer_from(text);
}

Evacuation::Task<Departure> LeadersEvacuation::leave(HostId host) {
    const auto told = co_await ask(leave_verb, std::move(host));
    if (!told) co_return told.error();
    co_return departure_from(*told);
}

Evacuation::Task<void> LeadersEvacuation::stay(HostId host) {
    const auto told = co_await ask(stay_verb, std::move(host));
    if (!told) co_return told.error();
    co_return Result<void>();
}

bool is_about_shutdown(const json::value& request) {
    return !text_at(request, "shutdown").empty();
}

boost::asio::awaitable<json::value> answer_member(Evacuation& evacuation, json::value request) {
    const std::string verb = text_at(request, "shutdown");
    HostId host{text_at(request, "host")};
    cluster::Answer answer = Error{ErrorCode::invalid, verb, "the leader knows no such request"};
    if (verb == leave_verb) {
        const auto departure = co_await evacuation.leave(std::move(host));
        answer = departure ? cluster::Answer(to_json(*departure)) : cluster::Answer(departure.error());
    } else if (verb == stay_verb) {
        const auto stayed = co_await evacuation.stay(std::move(host));
        answer = stayed ? cluster::Answer(json::value()) : cluster::Answer(stayed.error());
    }
    co_return json::value(cluster::to_text(answer));
}

}  // namespace ballast::daemon
