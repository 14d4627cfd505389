#include "daemon/page_reply.h"

#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <optional>

#include "daemon/page_files.h"

namespace ballast::daemon {

namespace http = boost::beast::http;

namespace {

const char* type_of(std::string_view path) {
    if (path.ends_with(".js")) return "text/javascript; charset=utf-8";
    if (path.ends_with(".css")) return "text/css; charset=utf-8";
    if (path.ends_with(".svg")) return "image/svg+xml";
    return "text/html; charset=utf-8";
}

const PageFile* file_at(std::string_view path) {
    if (path == "/") path = "/index.html";
    for (const PageFile& file : page_files())
        if (file.path == path) return &file;
    return nullptr;
}

// Looks that cost little or are asked for one at a time; all of them are GET requests.
bool may_be_asked(std::string_view target) {
    for (const std::string_view beginning : {"/v1/hosts/", "/v1/explain/host/", "/v1/explain/vm/"})
        if (target.starts_with(beginning)) return true;
    return false;
}

bool is_own_name(const std::string& name) {
    boost::system::error_code error;
    boost::asio::ip::make_address(name, error);
    return !error || name == "localhost" || name.ends_with(".localhost");
}

std::optional<unsigned> base64_digit(char c) {
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const auto at = digits.find(c);
    return at == std::string_view::npos ? std::nullopt : std::optional(static_cast<unsigned>(at));
}

std::optional<std::string> from_base64(std::string_view text) {
    while (text.ends_with('=')) text.remove_suffix(1);
    std::string out;
    std::uint32_t bits = 0;
    int have = 0;
    for (const char c : text) {
        const auto digit = base64_digit(c);
        if (!digit) return std::nullopt;
        bits = (bits << 6 | *digit) & 0xffff;
        have += 6;
        if (have < 8) continue;
        have -= 8;
        out += static_cast<char>(bits >> have & 0xff);
    }
    return out;
}

}  // namespace

PageReply plain_reply(unsigned status, std::string text) {
    PageReply reply;
    reply.status = status;
    reply.body = std::move(text) + "\n";
    return reply;
}

std::string host_name(std::string_view header) {
    if (header.starts_with('[')) return std::string(header.substr(1, std::min(header.find(']'), header.size()) - 1));
    return std::string(header.substr(0, header.find(':')));
}

PageReply reply_to(const PageRequest& request, bool any_name) {
    const std::string target(request.target());
    if (request.method() != http::verb::get && request.method() != http::verb::head) {
        PageReply reply = plain_reply(405, "The page changes nothing: only GET and HEAD.");
        reply.allow = "GET, HEAD";
        return reply;
    }
    const auto host = request[http::field::host];
    if (!any_name && !is_own_name(host_name({host.data(), host.size()})))
        return plain_reply(421, "Without a login the page answers under an IP address or localhost only.");
    PageReply reply;
    reply.target = target;
    if (target == "/live" && request.method() == http::verb::get) {
        reply.kind = PageReply::Kind::live;
    } else if (may_be_asked(target)) {
        reply.kind = PageReply::Kind::look;
    } else if (const PageFile* file = file_at(target.substr(0, target.find('?')))) {
        reply.type = type_of(file->path == "/" ? "/index.html" : file->path);
        reply.body = file->text;
    } else {
        reply = plain_reply(404, "There is no such page.");
    }
    return reply;
}

Login login_from(std::string_view authorization) {
    constexpr std::string_view basic = "basic ";
    if (authorization.size() < basic.size()) return {};
    for (std::size_t i = 0; i < basic.size(); ++i)
        if ((authorization[i] | 0x20) != (basic[i] | 0x20)) return {};
    const auto decoded = from_base64(authorization.substr(basic.size()));
    const auto colon = decoded ? decoded->find(':') : std::string::npos;
    if (colon == std::string::npos) return {};
    return {decoded->substr(0, colon), decoded->substr(colon + 1)};
}

}  // namespace ballast::daemon
