#include "daemon/api_http.h"

#include <algorithm>
#include <charconv>

namespace ballast::daemon {

namespace {

constexpr std::size_t deepest_json = 8;  // our bodies are flat

Error invalid(std::string subject, std::string message) {
    return {ErrorCode::invalid, std::move(subject), std::move(message)};
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

std::optional<std::string> percent_decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        if (i + 2 >= text.size()) return std::nullopt;
        const int high = hex_digit(text[i + 1]), low = hex_digit(text[i + 2]);
        if (high < 0 || low < 0) return std::nullopt;
        out += static_cast<char>(high * 16 + low);
        i += 2;
    }
    return out;
}

// Boost.JSON checks the UTF-8 of what it parses: bytes above 127 need no escapes there.
bool is_utf8(const std::string& text) {
    std::string quoted = "\"";
    for (const char c : text)
        if (static_cast<unsigned char>(c) >= 0x80)
            quoted += c;
        else
            quoted += 'a';
    boost::system::error_code error;
    json::parse(quoted + "\"", error);
    return !error;
}

Result<std::string> decoded(std::string_view part) {
    auto text = percent_decoded(part);
    if (!text || !is_utf8(*text)) return invalid("target", "broken percent-encoding or not UTF-8");
    return std::move(*text);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (;;) {
        const auto end = text.find(separator);
        parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

Result<void> add_parameter(Target& target, std::string_view pair) {
    const auto equals = std::min(pair.find('='), pair.size());
    auto key = decoded(pair.substr(0, equals));
    if (!key) return key.error();
    auto value = decoded(equals < pair.size() ? pair.substr(equals + 1) : std::string_view());
    if (!value) return value.error();
    if (!target.query.emplace(*key, *value).second) return invalid(*key, "given twice");
    return Result<void>();
}

std::string listed(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
    return text.empty() ? "none" : text;
}

}  // namespace

std::string identity(const Caller& caller) {
    return "uid " + std::to_string(caller.peer.uid) + " (" + caller.user + ")";
}

unsigned status_of(ErrorCode code) {
    switch (code) {
        case ErrorCode::invalid: return 400;
        case ErrorCode::not_found: return 404;
        case ErrorCode::conflict:
        case ErrorCode::cancelled: return 409;
        case ErrorCode::refused: return 422;
        case ErrorCode::unavailable: return 503;
        case ErrorCode::timed_out: return 504;
        case ErrorCode::no_space: return 507;
        case ErrorCode::corrupt:
        case ErrorCode::internal: return 500;
    }
    return 500;
}

Reply failure(unsigned status, const std::string& code, const std::string& subject, const std::string& message,
              json::value details) {
    json::object error{{"code", code}, {"subject", subject}, {"message", message}, {"details", std::move(details)}};
    Reply reply;
    reply.status = status;
    reply.body = json::object{{"error", std::move(error)}};
    return reply;
}

Reply failure(const Error& error, json::value details) {
    return failure(status_of(error.code), to_string(error.code), error.subject, error.message, std::move(details));
}

Reply forbidden(const Caller& caller) {
    const std::string why = caller.role == Role::none ? "you may not use this socket: neither root nor in its groups"
                                                      : "only root and the admin group may change something";
    return failure(403, "forbidden", identity(caller), why);
}

Result<Target> parse_target(std::string_view target) {
    if (target.empty() || target.front() != '/') return invalid("target", "a path begins with /");
    const auto question = std::min(target.find('?'), target.size());
    Target out;
    for (const std::string_view part : split(target.substr(1, question - 1), '/')) {
        auto segment = decoded(part);
        if (!segment) return segment.error();
        out.path.push_back(std::move(*segment));
    }
    if (out.path.size() > 1 && out.path.back().empty()) out.path.pop_back();  // "/v1/hosts/" is "/v1/hosts"
    if (question + 1 >= target.size()) return out;
    for (const std::string_view pair : split(target.substr(question + 1), '&'))
        if (const auto added = add_parameter(out, pair); !added) return added.error();
    return out;
}

Result<json::object> parse_body(const std::string& body) {
    if (body.find_first_not_of(" \t\r\n") == std::string::npos) return json::object();
    json::parse_options options;
    options.max_depth = deepest_json;
    json::stream_parser parser({}, options);
    boost::system::error_code error;
    const std::size_t consumed = parser.write_some(body.data(), body.size(), error);
    if (!error && body.find_first_not_of(" \t\r\n", consumed) != std::string::npos) error = json::error::extra_data;
    if (!error) parser.finish(error);
    if (error) return invalid("body", "not JSON: " + error.message() + " at byte " + std::to_string(consumed + 1));
    json::value value = parser.release();
    if (!value.is_object()) return invalid("body", "must be a JSON object");
    return std::move(value.as_object());
}

Result<void> only_keys(const json::object& fields, const std::vector<std::string>& allowed) {
    for (const auto& field : fields) {
        const std::string key(field.key());
        if (std::find(allowed.begin(), allowed.end(), key) == allowed.end())
            return invalid(key, "unknown key; known here: " + listed(allowed));
    }
    return Result<void>();
}

Result<void> only_parameters(const std::map<std::string, std::string>& query, const std::vector<std::string>& allowed) {
    for (const auto& [key, value] : query)
        if (std::find(allowed.begin(), allowed.end(), key) == allowed.end())
            return invalid(key, "unknown parameter; known here: " + listed(allowed));
    return Result<void>();
}

Result<std::string> text_field(const json::object& fields, const std::string& key) {
    const json::value* value = fields.if_contains(key);
    if (!value) return invalid(key, "is missing");
    if (!value->is_string() || value->as_string().empty()) return invalid(key, "must be a text");
    return std::string(value->as_string());
}

Result<bool> flag_field(const json::object& fields, const std::string& key, std::optional<bool> otherwise) {
    const json::value* value = fields.if_contains(key);
    if (!value && otherwise) return *otherwise;
    if (!value) return invalid(key, "is missing");
    if (!value->is_bool()) return invalid(key, "must be true or false");
    return value->as_bool();
}

Result<std::optional<std::uint64_t>> number_parameter(const std::map<std::string, std::string>& query,
                                                      const std::string& key, std::uint64_t least, std::uint64_t most) {
    const auto found = query.find(key);
    if (found == query.end()) return std::optional<std::uint64_t>();
    const std::string& text = found->second;
    std::uint64_t number = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool whole = parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() && !text.empty();
    if (whole && number >= least && number <= most) return std::optional(number);
    return invalid(key, "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most));
}

}  // namespace ballast::daemon
