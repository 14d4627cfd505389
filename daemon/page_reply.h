// What the page answers to a request, apart from sockets and logins: its files, or what else has to be asked. Pure.
#pragma once

#include <boost/beast/http.hpp>
#include <string>
#include <string_view>

namespace ballast::daemon {

using PageRequest = boost::beast::http::request<boost::beast::http::empty_body>;

struct PageReply {
    enum class Kind {
        text,  // this one
        live,  // events, from now on
        look,  // what the API says to this target
    };
    Kind kind = Kind::text;
    unsigned status = 200;
    std::string type = "text/plain; charset=utf-8";
    std::string body{};
    std::string allow{}, authenticate{};  // headers; empty: none
    std::string target{};                 // for the API
};

/// `any_name`: it may be asked under any name. Without a login only under an IP address or localhost, so that no
/// page of somebody else's, whose name leads here for a while (DNS rebinding), reads along.
PageReply reply_to(const PageRequest& request, bool any_name);
PageReply plain_reply(unsigned status, std::string text);

/// The name in a Host header, without its port.
std::string host_name(std::string_view header);

/// Name and password of an Authorization header (RFC 7617); empty when it is not of that kind.
struct Login {
    std::string name, password;
};
Login login_from(std::string_view authorization);

}  // namespace ballast::daemon
