#include "daemon/page_reply.h"

#include <catch2/catch.hpp>

#include "daemon/page_files.h"

using namespace ballast::daemon;

namespace {

PageReply reply(const std::string& target, const std::string& host = "localhost:9478", bool any_name = false,
                boost::beast::http::verb method = boost::beast::http::verb::get) {
    PageRequest request(method, target, 11);
    request.set(boost::beast::http::field::host, host);
    return reply_to(request, any_name);
}

}  // namespace

TEST_CASE("The page's files are served with their types, and nothing else is") {
    CHECK(reply("/").body.find("<title>Ballast</title>") != std::string::npos);
    CHECK(reply("/").type == "text/html; charset=utf-8");
    CHECK(reply("/page.js?v=1").type == "text/javascript; charset=utf-8");
    CHECK(reply("/style.css").type == "text/css; charset=utf-8");
    CHECK(reply("/icon.svg").type == "image/svg+xml");
    for (const char* target :
         {"/nothing", "/../etc/passwd", "/%2e%2e/etc/passwd", "//index.html", "/embed.cmake", "index.html",
          "/v1/store/backup", "/v1/hosts", "/v1/migrate", "/v1/power/host1", "/v1/record", "*", ""})
        CHECK(reply(target).status == 404);
}

TEST_CASE("No file of the page asks for anything from elsewhere, or has code or style in its markup") {
    REQUIRE(page_files().size() >= 5);
    for (const PageFile& file : page_files()) {
        INFO(file.path);
        for (const char* forbidden :
             {"https://", "//cdn", "@import", "innerHTML", "eval(", " onclick=", " onload=", " style=\""})
            CHECK(file.text.find(forbidden) == std::string_view::npos);
        if (!file.path.ends_with(".svg") && !file.path.ends_with(".js"))
            CHECK(file.text.find("http:") == std::string_view::npos);
    }
}

TEST_CASE("Looks that the page needs are asked of the API, by GET alone") {
    for (const char* target : {"/v1/hosts/host1", "/v1/explain/host/host1", "/v1/explain/vm/a%2Fb"}) {
        CHECK(reply(target).kind == PageReply::Kind::look);
        CHECK(reply(target).target == target);
    }
    CHECK(reply("/live").kind == PageReply::Kind::live);
    for (const auto method :
         {boost::beast::http::verb::post, boost::beast::http::verb::delete_, boost::beast::http::verb::put}) {
        const PageReply refused = reply("/v1/hosts/host1", "localhost", false, method);
        CHECK(refused.kind == PageReply::Kind::text);
        CHECK(refused.status == 405);
        CHECK(refused.allow == "GET, HEAD");
    }
}

TEST_CASE("Without a login the page answers under an address or localhost only, as names may lead here for a while") {
    for (const char* own : {"localhost", "localhost:9478", "127.0.0.1:9478", "[::1]:9478", "[::1]", "a.localhost:1"})
        CHECK(reply("/", own).status == 200);
    for (const char* other :
         {"evil.example.org", "evil.example.org:9478", "127.0.0.1.example.org", "", "localhost.example.org", "["})
        CHECK(reply("/", other).status == 421);
    CHECK(reply("/", "ballast.example.org", true).status == 200);
}

TEST_CASE("Name and password come from a basic authorization, and from nothing else") {
    const Login login = login_from("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");  // the example of RFC 7617
    CHECK(login.name == "Aladdin");
    CHECK(login.password == "open sesame");
    CHECK(login_from("basic dTpwOnE=").password == "p:q");
    for (const char* wrong :
         {"", "Basic", "Basic ", "Basic !!!!", "Basic QWxhZGRpbg==", "Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ=="})
        CHECK(login_from(wrong).name.empty());
}
