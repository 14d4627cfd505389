// What a client of the control API or of the page sends: the first line is the target of its request, the second an
// Authorization and the third a Host header, the rest the body.
#include <string>

#include "daemon/api_http.h"
#include "daemon/page_reply.h"
#include "fuzz/fuzz.h"

using namespace ballast;

namespace {

std::string_view take_line(std::string_view& text) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    return line;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto text = fuzz::text_of(data, size);
    const auto line = take_line(text);
    const auto target = daemon::parse_target(line);
    if (target) {
        for (const auto& segment : target->path) BALLAST_ASSERT(boost::json::serialize(segment).size() >= 2);
        for (const auto& [key, value] : target->query) {
            const auto number = daemon::number_parameter(target->query, key, 3, 1000);
            BALLAST_ASSERT(!number || !*number || (**number >= 3 && **number <= 1000));
        }
        BALLAST_ASSERT(static_cast<bool>(daemon::only_parameters(target->query, {})) == target->query.empty());
    }
    const auto login = daemon::login_from(take_line(text));
    BALLAST_ASSERT(login.name.find(':') == std::string::npos);
    const std::string host(take_line(text));
    BALLAST_ASSERT(daemon::host_name(host).size() <= host.size());
    for (const bool any_name : {false, true}) {
        daemon::PageRequest request;
        request.method(boost::beast::http::verb::get);
        request.target(boost::beast::string_view(line.data(), line.size()));
        if (host.find('\r') == std::string::npos) request.set(boost::beast::http::field::host, host);
        const auto reply = daemon::reply_to(request, any_name);
        BALLAST_ASSERT(reply.kind != daemon::PageReply::Kind::text || (reply.status >= 200 && reply.status < 600));
    }
    const auto fields = daemon::parse_body(std::string(text));
    if (!fields) return 0;
    for (const auto& [key, value] : *fields) {
        BALLAST_ASSERT(static_cast<bool>(daemon::text_field(*fields, key)) ==
                       (value.is_string() && !value.get_string().empty()));
        BALLAST_ASSERT(static_cast<bool>(daemon::flag_field(*fields, key)) == value.is_bool());
    }
    return 0;
}
