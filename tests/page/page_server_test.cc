#include "daemon/page_server.h"

#include <cstdlib>
#include <list>

#include "tests/page/served.h"

using namespace ballast;
using namespace ballast::test;
using daemon::PageLimits;
using daemon::PageServer;

namespace {

constexpr auto live = "GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n";

config::PageOptions with_login(Folder& folder) {
    folder.write("users", std::string("anna:") + hash_of_open_sesame + "\n", 0600);
    const std::string made =
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost "
        "-keyout " +
        folder.path + "/key.pem -out " + folder.path + "/cert.pem >/dev/null 2>&1";
    REQUIRE(std::system(made.c_str()) == 0);
    std::filesystem::permissions(folder.path + "/key.pem", std::filesystem::perms::owner_read);
    config::PageOptions options;
    options.cert_file = folder.path + "/cert.pem";
    options.key_file = folder.path + "/key.pem";
    options.users_file = folder.path + "/users";
    return options;
}

// By TLS, without looking at the certificate.
unsigned status_by_tls(std::uint16_t port, const std::string& authorization) {
    boost::asio::io_context io;
    boost::asio::ssl::context context(boost::asio::ssl::context::tls_client);
    boost::beast::ssl_stream<Tcp::socket> stream(io, context);
    stream.next_layer().connect({boost::asio::ip::address_v4::loopback(), port});
    stream.handshake(boost::asio::ssl::stream_base::client);
    const std::string request = "GET / HTTP/1.1\r\nHost: ballast.example.org\r\n" + authorization + "\r\n";
    boost::asio::write(stream, boost::asio::buffer(request));
    boost::beast::flat_buffer buffer;
    Response response;
    boost::beast::http::read(stream, buffer, response);
    return response.result_int();
}

}  // namespace

TEST_CASE("The page comes with headers that allow nothing from elsewhere") {
    Served served;
    const Response page = served.get("/");
    CHECK(page.result_int() == 200);
    CHECK(page["Content-Security-Policy"].starts_with("default-src 'none'; script-src 'self'"));
    CHECK(page["Content-Security-Policy"].find("unsafe") == std::string_view::npos);
    CHECK(page["Content-Security-Policy"].find("frame-ancestors 'none'") != std::string_view::npos);
    CHECK(page["X-Content-Type-Options"] == "nosniff");
    CHECK(page["Referrer-Policy"] == "no-referrer");
    CHECK(page["Cross-Origin-Resource-Policy"] == "same-origin");
    CHECK(page[boost::beast::http::field::cache_control] == "no-store");
    CHECK(served.asked.empty());
}

TEST_CASE("A connection serves one request after the other, and HEAD has no body") {
    Served served;
    const auto statuses = served.run([port = served.server->port()] {
        Browser browser(port);
        std::vector<unsigned> all;
        for (const char* target : {"/", "/page.js", "/nothing", "/v1/hosts/host1"})
            all.push_back(browser.get(target).result_int());
        browser.send(
            "HEAD /style.css HTTP/1.1\r\nHost: localhost\r\n\r\nGET /icon.svg HTTP/1.1\r\nHost: localhost\r\n\r\n");
        const std::string both = browser.until("</svg>");
        all.push_back(both.find(":root") == std::string::npos && both.find("<svg") != std::string::npos ? 1 : 0);
        return all;
    });
    CHECK(statuses == std::vector<unsigned>{200, 200, 404, 200, 1});
    CHECK(served.asked == std::vector<std::string>{"GET /v1/hosts/host1"});
    CHECK(served.roles == std::set<daemon::Role>{daemon::Role::viewer});
}

TEST_CASE("What changes something is refused, whatever it asks for") {
    Served served;
    for (const char* method : {"POST", "PUT", "DELETE", "PATCH"}) {
        const auto answer = served.run([method, port = served.server->port()] {
            Browser browser(port);
            browser.send(std::string(method) + " /v1/hosts/host1 HTTP/1.1\r\nHost: localhost\r\n\r\n");
            return browser.receive();
        });
        CHECK(answer.result_int() == 405);
    }
    CHECK(served.asked.empty());
}

TEST_CASE("What is no small HTTP request without a body is closed without a word") {
    Served served;
    const auto closed = [&](const std::string& bytes) {
        return served.run([bytes, port = served.server->port()] {
            Browser browser(port);
            browser.send(bytes);
            return browser.until("no such text");
        });
    };
    CHECK(closed("\x16\x03\x01 not HTTP\r\n\r\n").empty());
    CHECK(closed("GET / HTTP/1.1\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n").empty());
    CHECK(closed("GET /" + std::string(20'000, 'x') + " HTTP/1.1\r\n\r\n").empty());
    CHECK(closed("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello").empty());
    CHECK(served.get("/").result_int() == 200);
}

TEST_CASE("A slow request is given up") {
    PageLimits limits = quick_limits();
    limits.patience = 50ms;
    Served served(limits);
    const std::string heard = served.run([port = served.server->port()] {
        Browser browser(port);
        browser.send("GET / HT");
        return browser.until("no such text");
    });
    CHECK(heard.empty());
    CHECK(served.until([&] { return served.server->connections() == 0; }));
}

TEST_CASE("Viewers are told of the facts again and again, which are made once for all of them") {
    Served served;
    const auto heard = served.run([port = served.server->port()] {
        Browser one(port), other(port);
        one.send(live);
        other.send(live);
        return std::pair(one.until("\"times\":3}"), other.until("\"times\":3}"));
    });
    for (const std::string& events : {heard.first, heard.second}) {
        CHECK(events.find("Content-Type: text/event-stream") != std::string::npos);
        CHECK(events.find("event: overview\ndata: {\"asked\":\"/v1/overview\"") != std::string::npos);
    }
    CHECK(served.until([&] { return served.server->viewers() == 0; }));
    // Nobody looks: nothing is asked any more but what was under way.
    const auto asked = served.asked.size();
    served.run([] { std::this_thread::sleep_for(100ms); });
    CHECK(served.asked.size() <= asked + 1);
}

TEST_CASE("In a cluster the members are told of as well, and an error comes as trouble") {
    Served served(quick_limits(), {}, true);
    served.status = 503;
    const std::string heard = served.run([port = served.server->port()] {
        Browser browser(port);
        browser.send(live);
        return browser.until("event: trouble");
    });
    CHECK(heard.find("event: cluster\ndata: null") != std::string::npos);
    CHECK(heard.find("event: overview") == std::string::npos);
    CHECK(served.asked.at(0) == "GET /v1/cluster");
}

TEST_CASE("A viewer whom nothing is made for hears that the daemon is still there") {
    PageLimits limits = quick_limits();
    limits.pace.interval = 1h;
    limits.pace.longest = 1h;
    limits.sign_of_life = 20ms;
    Served served(limits);
    const std::string heard = served.run([port = served.server->port()] {
        Browser browser(port);
        browser.send(live);
        return browser.until("}\n\n: still here");
    });
    CHECK(heard.find("\"times\":1}") != std::string::npos);
    CHECK(served.asked.size() == 1);
}

TEST_CASE("There are no more viewers than the limit, and they do not keep others from the page") {
    PageLimits limits = quick_limits();
    limits.viewers = 2;
    limits.connections = 4;
    Served served(limits);
    std::list<Browser> viewers;
    for (int i = 0; i < 2; ++i) {
        viewers.emplace_back(served.server->port());
        viewers.back().send(live);
    }
    REQUIRE(served.until([&] { return served.server->viewers() == 2; }));
    CHECK(served.get("/live").result_int() == 503);
    std::list<Browser> idle;
    for (std::size_t i = 1; i <= 20; ++i) {
        idle.emplace_back(served.server->port());
        REQUIRE(served.until([&] { return served.server->connections() == std::min<std::size_t>(2 + i, 4); }));
    }
    CHECK(served.server->connections() == 4);
    CHECK(served.get("/").result_int() == 200);
    CHECK(served.server->viewers() == 2);
}

TEST_CASE("Looks go one after the other, and too many at once are refused") {
    PageLimits limits = quick_limits();
    limits.pace.looks_waiting = 2;
    limits.pace.rests = 0;
    Served served(limits);
    served.takes = 100ms;
    const auto statuses = served.run([port = served.server->port()] {
        std::vector<std::future<unsigned>> all;
        for (int i = 0; i < 6; ++i)
            all.push_back(
                std::async(std::launch::async, [port] { return Browser(port).get("/v1/hosts/host1").result_int(); }));
        std::vector<unsigned> said;
        for (auto& one : all) said.push_back(one.get());
        return said;
    });
    CHECK(std::count(statuses.begin(), statuses.end(), 200) >= 2);
    CHECK(std::count(statuses.begin(), statuses.end(), 503) >= 1);
    CHECK(std::count(statuses.begin(), statuses.end(), 200) + std::count(statuses.begin(), statuses.end(), 503) == 6);
}

TEST_CASE("With a login nothing is shown to anybody without, and the page answers under any name") {
    Folder folder;
    Served served(quick_limits(), with_login(folder));
    const auto status = [&](const std::string& authorization) {
        return served.run([=, port = served.server->port()] { return status_by_tls(port, authorization); });
    };
    CHECK(status("") == 401);
    CHECK(status("Authorization: Basic YW5uYTp3cm9uZw==\r\n") == 401);          // anna:wrong
    CHECK(status("Authorization: Basic YW5uYTpvcGVuIHNlc2FtZQ==\r\n") == 200);  // anna:open sesame
    // Who speaks no TLS hears nothing but TLS's alert.
    const std::string plain = served.run([port = served.server->port()] {
        Browser browser(port);
        browser.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        return browser.until("HTTP/1.1");
    });
    CHECK(plain.find("HTTP") == std::string::npos);
}

TEST_CASE("A certificate, key or file of users that cannot be used is one clear error") {
    Folder folder;
    boost::asio::io_context io;
    const config::PageOptions good = with_login(folder);
    const auto error = [&](config::PageOptions options) {
        options.listen = "127.0.0.1:0";
        const auto opened = PageServer::open(io.get_executor(), options, false, {});
        REQUIRE_FALSE(opened.has_value());
        return opened.error();
    };
    config::PageOptions bad = good;
    bad.cert_file = folder.path + "/nothing";
    CHECK(error(bad).subject == bad.cert_file);
    bad = good;
    bad.key_file = good.cert_file;
    CHECK(error(bad).subject == bad.key_file);
    std::filesystem::permissions(good.key_file, std::filesystem::perms(0644));
    CHECK_THAT(error(good).message, Catch::Contains("open to others"));
    std::filesystem::permissions(good.key_file, std::filesystem::perms(0600));
    bad = good;
    bad.users_file = folder.path + "/nobody";
    CHECK(error(bad).subject == bad.users_file);
    Served first;
    config::PageOptions taken;
    taken.listen = "127.0.0.1:" + std::to_string(first.server->port());
    CHECK(PageServer::open(io.get_executor(), taken, false, {}).error().code == ErrorCode::conflict);
}

TEST_CASE("A server that goes while somebody views closes every connection") {
    Served served;
    Browser viewer(served.server->port());
    viewer.send(live);
    REQUIRE(served.until([&] { return served.server->viewers() == 1; }));
    served.server.reset();
    const std::string rest = served.run([&] { return viewer.until("no such text"); });
    CHECK(rest.find("event: overview") != std::string::npos);
}
