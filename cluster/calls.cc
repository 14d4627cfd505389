#include "cluster/calls.h"

namespace ballast::cluster {

namespace json = boost::json;

std::string to_text(const Call& call) {
    json::object out{{"method", call.method}, {"arguments", call.arguments}, {"term", call.term}};
    if (call.changes) out["changes"] = true;
    if (call.claimed_by != 0) out["claimed_by"] = call.claimed_by;
    if (call.only_while)
        out["only_while"] = json::object{{"key", call.only_while->key}, {"value", call.only_while->value}};
    return json::serialize(out);
}

Result<Call> call_from(const std::string& text) {
    try {
        const json::value value = json::parse(text);
        const json::object& fields = value.as_object();
        Call call;
        call.method = fields.at("method").as_string().c_str();
        call.arguments = fields.at("arguments").as_object();
        call.term = fields.at("term").to_number<Revision>();
        if (const auto* changes = fields.if_contains("changes")) call.changes = changes->as_bool();
        if (const auto* by = fields.if_contains("claimed_by")) call.claimed_by = by->to_number<Revision>();
        if (const auto* condition = fields.if_contains("only_while"))
            call.only_while = {condition->at("key").as_string().c_str(), condition->at("value").as_string().c_str()};
        return call;
    } catch (const std::exception& error) {  // Boost.JSON reports what is missing or of the wrong kind by exceptions
        return Error{ErrorCode::corrupt, "call", error.what()};
    }
}

std::string to_text(const Answer& answer) {
    if (answer) return json::serialize(json::object{{"value", *answer}});
    const Error& error = answer.error();
    return json::serialize(
        json::object{{"error", to_string(error.code)}, {"subject", error.subject}, {"message", error.message}});
}

std::optional<ErrorCode> error_code_from(const std::string& name) {
    for (int i = 0; i <= static_cast<int>(ErrorCode::internal); ++i)
        if (to_string(static_cast<ErrorCode>(i)) == name) return static_cast<ErrorCode>(i);
    return std::nullopt;
}

namespace {

Answer read_answer_text(const std::string& text) {
    const json::value parsed = json::parse(text);
    const json::object& fields = parsed.as_object();
    if (const json::value* value = fields.if_contains("value")) return *value;
    const auto code = error_code_from(fields.at("error").as_string().c_str());
    return Error{code.value_or(ErrorCode::internal), fields.at("subject").as_string().c_str(),
                 fields.at("message").as_string().c_str()};
}

}  // namespace

Answer answer_from(const std::string& text) {
    try {
        return read_answer_text(text);
    } catch (const std::exception& error) {
        return Error{ErrorCode::corrupt, "answer", error.what()};
    }
}

}  // namespace ballast::cluster
