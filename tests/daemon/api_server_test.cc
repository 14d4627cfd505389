// The socket: who gets in, and what a hostile or slow client can do (nothing).
#include <filesystem>
#include <fstream>
#include <sys/stat.h>

#include "tests/daemon/api_bench.h"

using namespace ballast;
using namespace ballast::test;
using daemon::ApiOptions;
using Who = ApiBench::Who;

TEST_CASE("The admin group may change something and the view group may only look") {
    ApiBench admin(Who::admin);
    CHECK(admin.get("/v1/status").text("/you/role") == "admin");
    CHECK(admin.post("/v1/pause").status == 200);
    ApiBench viewer(Who::viewer);
    CHECK(viewer.get("/v1/status").text("/you/role") == "viewer");
    const Answer refused = viewer.post("/v1/pause");
    CHECK(refused.status == 403);
    CHECK(refused.code() == "forbidden");
    CHECK_FALSE(viewer.controller->paused());
}

TEST_CASE("Every change is refused to viewers") {
    ApiBench bench(Who::viewer);
    bench.begin();
    for (const char* target : {"/v1/maintenance/host1", "/v1/migrate", "/v1/operations/op-1/approve",
                               "/v1/operations/op-1/cancel", "/v1/pause", "/v1/resume", "/v1/mode", "/v1/reload"}) {
        INFO(target);
        CHECK(bench.post(target, R"({"on":true})").status == 403);
    }
}

TEST_CASE("A stranger learns nothing, whatever is asked, and is sent away") {
    ApiBench bench(Who::stranger);
    for (const char* request :
         {"GET /v1/status HTTP/1.1\r\n\r\n", "GET /nothing HTTP/1.1\r\n\r\n", "POST /v1/pause HTTP/1.1\r\n\r\n",
          "nonsense\r\n\r\n", "GET /v1/vms/%ff HTTP/1.1\r\n\r\n"}) {
        INFO(request);
        const Answer answer = bench.raw(request);
        CHECK(answer.status == 403);
        CHECK_FALSE(answer.keep_alive);
    }
}

TEST_CASE("Root is an admin without any group") {
    CHECK(daemon::role_of({1, 0, 7, {}}, {}) == daemon::Role::admin);
    if (::geteuid() != 0) return;  // only root can be root
    ApiBench bench(Who::stranger);
    const Answer answer = bench.run([path = bench.socket()] { return Client(path, false).ask("GET", "/v1/status"); });
    CHECK(answer.text("/you/role") == "admin");
    CHECK(answer.text("/you/user") == "root");
}

TEST_CASE("A role follows from the primary and from supplementary groups") {
    const daemon::RoleGroups groups{100, 200};
    CHECK(daemon::role_of({1, 5, 100, {}}, groups) == daemon::Role::admin);
    CHECK(daemon::role_of({1, 5, 7, {8, 100}}, groups) == daemon::Role::admin);
    CHECK(daemon::role_of({1, 5, 7, {200, 100}}, groups) == daemon::Role::admin);
    CHECK(daemon::role_of({1, 5, 7, {200}}, groups) == daemon::Role::viewer);
    CHECK(daemon::role_of({1, 5, 7, {8}}, groups) == daemon::Role::none);
    CHECK(daemon::role_of({1, 5, 0, {}}, {}) == daemon::Role::none);
}

TEST_CASE("An oversized header or body is refused with 413 and the connection closed") {
    ApiBench bench;
    const std::string long_header = "GET /v1/status HTTP/1.1\r\nX: " + std::string(20000, 'x') + "\r\n\r\n";
    const std::string long_target = "GET /v1/" + std::string(20000, 'x') + " HTTP/1.1\r\n\r\n";
    const std::string long_body = "POST /v1/migrate HTTP/1.1\r\nContent-Length: 65537\r\n\r\n";
    const std::string long_chunk = "POST /v1/migrate HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n10001\r\n" +
                                   std::string(65537, ' ') + "\r\n0\r\n\r\n";
    for (const std::string& request : {long_header, long_target, long_body, long_chunk}) {
        INFO(request.substr(0, 60));
        const Answer answer = bench.raw(request);
        CHECK(answer.status == 413);
        CHECK(answer.code() == "too_large");
        CHECK_FALSE(answer.keep_alive);
    }
}

TEST_CASE("The largest body that is allowed arrives") {
    ApiBench bench;
    CHECK(bench.post("/v1/pause", "{}" + std::string(65534, ' ')).status == 200);
}

TEST_CASE("Malformed HTTP is answered with 400") {
    ApiBench bench;
    for (const char* request : {"nonsense\r\n\r\n", "GET  /v1/status HTTP/1.1\r\n\r\n", "GET /v1/status HTTP/9\r\n\r\n",
                                "GET /v1/status HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
                                "GET /v1/status HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                                "\x16\x03\x01\r\n\r\n"}) {
        INFO(request);
        const Answer answer = bench.raw(request);
        CHECK(answer.status == 400);
        CHECK(answer.code() == "invalid");
    }
}

TEST_CASE("Bad JSON is answered with 400 and its position, and the connection stays usable") {
    ApiBench bench;
    const auto answers = bench.run([path = bench.socket()] {
        Client client(path);
        const Answer bad = client.ask("POST", "/v1/mode", "{\"mode\": }");
        return std::pair(bad, client.ask("GET", "/v1/status"));
    });
    CHECK(answers.first.status == 400);
    CHECK(answers.first.message().find("at byte 10") != std::string::npos);
    CHECK(answers.second.status == 200);
}

TEST_CASE("A request that does not arrive in time is dropped without a word") {
    ApiBench bench(Who::admin, [](ApiOptions& options) { options.read_patience = 50ms; });
    CHECK(bench.raw("GET /v1/sta").status == 0);
    CHECK(bench.raw("").status == 0);
    CHECK(bench.raw("POST /v1/pause HTTP/1.1\r\nContent-Length: 5\r\n\r\n{").status == 0);
    CHECK_FALSE(bench.controller->paused());
    CHECK(bench.get("/v1/status").status == 200);
}

TEST_CASE("A client that drips bytes does not prolong its time") {
    ApiBench bench(Who::admin, [](ApiOptions& options) { options.read_patience = 100ms; });
    const auto took = bench.run([path = bench.socket()] {
        Client client(path);
        const auto begin = std::chrono::steady_clock::now();
        const std::string request = "GET /v1/status HTTP/1.1\r\nX: " + std::string(4000, 'x');
        for (const char c : request) client.send(std::string(1, c)), ::usleep(1000);
        client.receive();
        return std::chrono::steady_clock::now() - begin;
    });
    CHECK(took < 30s);
    CHECK(bench.get("/v1/status").status == 200);
}

TEST_CASE("One connection too many is told so, and a closed one makes room") {
    ApiBench bench(Who::admin, [](ApiOptions& options) { options.admin_connections = 3; });
    const auto answers = bench.run([path = bench.socket()] {
        std::vector<std::unique_ptr<Client>> clients;
        for (int i = 0; i < 3; ++i) {
            clients.push_back(std::make_unique<Client>(path));
            clients.back()->ask("GET", "/v1/status");
        }
        const Answer one_too_many = Client(path).receive();
        const Answer still_served = clients.front()->ask("GET", "/v1/status");
        clients.clear();
        Answer afterwards;
        for (int i = 0; i < 1000 && afterwards.status != 200; ++i) afterwards = Client(path).ask("GET", "/v1/status");
        return std::vector{one_too_many, still_served, afterwards};
    });
    CHECK(answers[0].status == 503);
    CHECK(answers[0].code() == "unavailable");
    CHECK(answers[1].status == 200);
    CHECK(answers[2].status == 200);
}

TEST_CASE("Strangers that hold connections keep nobody else out") {
    ApiBench bench(Who::stranger, [](ApiOptions& options) { options.other_connections = 2; });
    CHECK(ApiOptions{}.other_connections < ApiOptions{}.admin_connections);
    if (::geteuid() != 0) return;  // it takes two users
    const Answer answer = bench.run([path = bench.socket()] {
        std::vector<std::unique_ptr<Client>> idle;
        Client admin(path, false);
        for (int i = 0; i < 70; ++i) idle.push_back(std::make_unique<Client>(path));
        return admin.ask("GET", "/v1/status");
    });
    CHECK(answer.status == 200);
}

TEST_CASE("The default shares add up to 64 connections") {
    const ApiOptions options;
    CHECK(options.admin_connections + options.viewer_connections + options.other_connections == 64);
}

TEST_CASE("Requests sent in one go are answered in order on one connection") {
    ApiBench bench;
    const auto answers = bench.run([path = bench.socket()] {
        Client client(path);
        client.send("GET /v1/hosts HTTP/1.1\r\n\r\nGET /v1/vms HTTP/1.1\r\n\r\nGET /v1/nothing HTTP/1.0\r\n\r\n");
        const Answer first = client.receive(), second = client.receive(), third = client.receive();
        return std::vector{first, second, third, client.receive()};
    });
    CHECK(answers[0].body.as_object().contains("hosts"));
    CHECK(answers[1].body.as_object().contains("vms"));
    CHECK(answers[2].status == 404);
    CHECK(answers[3].status == 0);
}

TEST_CASE("The socket is open to all and its directory is made") {
    ApiBench bench;
    struct stat found {};
    REQUIRE(::stat(bench.socket().c_str(), &found) == 0);
    CHECK(S_ISSOCK(found.st_mode));
    CHECK((found.st_mode & 0777) == 0666);
}

TEST_CASE("The file of a dead daemon is replaced and that of a living one is not") {
    ApiBench bench;
    const auto executor = bench.io.get_executor();
    const auto taken = service::listen_on(executor, bench.socket());
    REQUIRE(!taken);
    CHECK(taken.error().code == ErrorCode::conflict);
    const std::string stale = bench.socket() + "2";
    CHECK(service::listen_on(executor, stale).has_value());  // and closed at once, as by a crash
    REQUIRE(std::filesystem::exists(stale));
    CHECK(service::listen_on(executor, stale).has_value());
}

TEST_CASE("What is not a socket is never removed, and a long path is refused") {
    ApiBench bench;
    const std::string file = bench.socket() + ".txt";
    std::ofstream(file) << "precious";
    CHECK(service::listen_on(bench.io.get_executor(), file).error().code == ErrorCode::refused);
    CHECK(std::filesystem::file_size(file) == 8);
    CHECK(service::listen_on(bench.io.get_executor(), "/" + std::string(200, 'x')).error().code == ErrorCode::invalid);
}

TEST_CASE("A server that ends removes its own file only") {
    ApiBench bench;
    bench.server.reset();
    CHECK_FALSE(std::filesystem::exists(bench.socket()));
}
