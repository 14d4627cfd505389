#include "power/protocol.h"

#include <array>
#include <set>

#include "config/names.h"

namespace ballast::power {

namespace json = boost::json;

namespace {

Error bad_request(const std::string& why) {
    return {ErrorCode::invalid, "request", why};
}

Error nonsense(const std::string& what) {
    return {ErrorCode::corrupt, "power broker", "its answer makes no sense: " + what};
}

std::string text_of(const json::object& object, const char* key) {
    const json::value* value = object.if_contains(key);
    return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

ErrorCode code_named(const std::string& name) {
    using Code = ErrorCode;
    static constexpr std::array all = {Code::invalid,   Code::not_found, Code::conflict,  Code::unavailable,
                                       Code::timed_out, Code::refused,   Code::cancelled, Code::corrupt,
                                       Code::no_space,  Code::internal};
    for (const Code code : all)
        if (to_string(code) == name) return code;
    return Code::internal;
}

std::optional<PowerHost> read_host(const json::value& value) {
    const json::object* object = value.if_object();
    if (!object) return std::nullopt;
    const auto flag = [&](const char* key) {
        const json::value* found = object->if_contains(key);
        return found && found->is_bool() && found->get_bool();
    };
    PowerHost host;
    host.id.value = text_of(*object, "name");
    host.switches = flag("switches");
    host.soft = flag("soft");
    host.wakes = flag("wakes");
    host.measures = flag("measures");
    const json::value* longest = object->if_contains("longest_ms");
    if (host.id.empty() || !longest || !longest->is_int64() || longest->get_int64() < 0) return std::nullopt;
    host.longest = Duration{longest->get_int64()};
    return host;
}

}  // namespace

std::string to_line(const Request& request) {
    json::object object = {{"id", request.id}, {"verb", request.verb}};
    if (!request.host.empty()) object["host"] = request.host.value;
    return json::serialize(object) + "\n";
}

Result<Request> read_request(const std::string& line) {
    static const std::set<std::string> verbs = {"hosts", "status", "off", "on", "soft", "watts"};
    boost::system::error_code error;
    const json::value value = json::parse(line, error);
    const json::object* object = value.if_object();
    if (error || !object) return bad_request("a request is one JSON object on one line");
    for (const auto& member : *object)
        if (member.key() != "id" && member.key() != "verb" && member.key() != "host")
            return bad_request("a request has id, verb and host, and nothing else");
    const json::value* id = object->if_contains("id");
    if (!id || !id->is_int64()) return bad_request("id has to be a whole number");
    Request request{id->get_int64(), text_of(*object, "verb"), {text_of(*object, "host")}};
    if (!verbs.contains(request.verb)) return bad_request("verb has to be hosts, status, off, on, soft or watts");
    const bool all_hosts = request.verb == "hosts";
    if (all_hosts ? object->contains("host") : !config::check_name(request.host.value))
        return bad_request(all_hosts ? "hosts is about no single host" : "host has to be a name");
    return request;
}

std::string to_line(std::int64_t id, const Result<json::value>& answer) {
    json::object object = {{"id", id}};
    if (answer) {
        object["result"] = *answer;
    } else {
        const Error& error = answer.error();
        object["error"] = {{"code", to_string(error.code)}, {"subject", error.subject}, {"message", error.message}};
    }
    return json::serialize(object) + "\n";
}

Result<json::value> read_reply(const std::string& line, std::int64_t id) {
    boost::system::error_code failed;
    const json::value value = json::parse(line, failed);
    const json::object* object = value.if_object();
    if (failed || !object) return nonsense("it is no JSON object");
    const json::value* answered = object->if_contains("id");
    const bool ours = answered && answered->is_int64() && answered->get_int64() == id;
    const json::value* error = object->if_contains("error");
    const json::value* result = object->if_contains("result");
    if (error && error->is_object()) {  // of a request it could not read it does not know the id
        const json::object& said = error->get_object();
        return Error{code_named(text_of(said, "code")), text_of(said, "subject"), text_of(said, "message")};
    }
    if (!ours || !result) return nonsense("it answers something else");
    return *result;
}

json::value to_json(const std::vector<PowerHost>& hosts) {
    json::array all;
    for (const PowerHost& host : hosts)
        all.push_back({{"name", host.id.value},
                       {"switches", host.switches},
                       {"soft", host.soft},
                       {"wakes", host.wakes},
                       {"measures", host.measures},
                       {"longest_ms", host.longest.count()}});
    return all;
}

json::value to_json(Power power) {
    return json::value(to_string(power));
}

json::value to_json(const std::optional<double>& watts) {
    return watts ? json::value(*watts) : json::value();
}

Result<std::vector<PowerHost>> read_hosts(const json::value& answer) {
    if (!answer.is_array()) return nonsense("no list of hosts");
    std::vector<PowerHost> all;
    for (const json::value& value : answer.get_array()) {
        auto host = read_host(value);
        if (!host) return nonsense("a host without name or longest_ms");
        all.push_back(std::move(*host));
    }
    return all;
}

Result<Power> read_power(const json::value& answer) {
    if (answer == "off") return Power::off;
    if (answer == "on") return Power::on;
    return nonsense("power is neither off nor on");
}

Result<std::optional<double>> read_watts(const json::value& answer) {
    if (answer.is_null()) return std::optional<double>();
    boost::system::error_code failed;
    const double watts = answer.to_number<double>(failed);
    if (failed) return nonsense("watts are no number");
    return std::optional(watts);
}

}  // namespace ballast::power
