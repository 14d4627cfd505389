#include "daemon/page_users.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>

#include "tests/page/served.h"

using namespace ballast;
using namespace ballast::daemon;
using Verdict = PageUsers::Verdict;

namespace {

struct Users {
    test::Folder folder;
    std::string file = folder.path + "/users";
    std::unique_ptr<PageUsers> users;

    explicit Users(const std::string& text) {
        folder.write("users", text, 0600);
        auto opened = PageUsers::open(file);
        REQUIRE(opened.has_value());
        users = std::move(*opened);
    }
    Verdict verdict(const std::string& name, const std::string& password) {
        boost::asio::io_context io;
        std::optional<Verdict> said;
        boost::asio::co_spawn(io, users->verdict({name, password}), [&](std::exception_ptr bug, Verdict verdict) {
            if (!bug) said = verdict;
        });
        io.run();
        REQUIRE(said);
        return *said;
    }
};

}  // namespace

TEST_CASE("Who has a name and its password is let in, whatever kind of hash it is") {
    Users users("# people\nanna:" + std::string(test::hash_of_open_sesame) + "\n\nboris:" + test::hash_of_swordfish +
                "\n");
    CHECK(users.verdict("anna", "open sesame") == Verdict::welcome);
    CHECK(users.verdict("anna", "open sesame") == Verdict::welcome);  // known by now
    CHECK(users.verdict("boris", "swordfish") == Verdict::welcome);
    CHECK(users.verdict("anna", "swordfish") == Verdict::unknown);
    CHECK(users.verdict("anna", "") == Verdict::unknown);
    CHECK(users.verdict("carla", "open sesame") == Verdict::unknown);
    CHECK(users.verdict("", "") == Verdict::unknown);
    CHECK(users.verdict("anna", std::string("open sesame\0x", 13)) == Verdict::unknown);
    CHECK(users.verdict("anna", std::string(100'000, 'x')) == Verdict::unknown);
}

TEST_CASE("A changed file counts at once, and one that cannot be read any more lets nobody in") {
    Users users("anna:" + std::string(test::hash_of_open_sesame) + "\n");
    CHECK(users.verdict("anna", "open sesame") == Verdict::welcome);
    users.folder.write("users", "anna:" + std::string(test::hash_of_swordfish) + "\n", 0600);
    CHECK(users.verdict("anna", "open sesame") == Verdict::unknown);
    CHECK(users.verdict("anna", "swordfish") == Verdict::welcome);
    users.folder.write("users", "anna\n", 0600);
    CHECK(users.verdict("anna", "swordfish") == Verdict::unknown);
    std::filesystem::remove(users.file);
    CHECK(users.verdict("anna", "swordfish") == Verdict::unknown);
    users.folder.write("users", "anna:" + std::string(test::hash_of_swordfish) + "\n", 0600);
    CHECK(users.verdict("anna", "swordfish") == Verdict::welcome);
}

TEST_CASE("A file of users that is wrong is an error that names the line") {
    const std::string good = test::hash_of_open_sesame;
    for (const auto& [text, place, why] :
         std::vector<std::array<std::string, 3>>{{"anna\n", "users:1", "NAME:HASH"},
                                                 {"# one\n:" + good + "\n", "users:2", "NAME:HASH"},
                                                 {"anna:secret\n", "users:1", "mkpasswd"},
                                                 {"anna:" + good + "\nanna:" + good + "\n", "users:2", "already"},
                                                 {"anna:abJnggxhB/yWI\n", "users:1", "in use today"},  // DES
                                                 {"# nobody\n", "users", "nobody"}}) {
        const auto parsed = parse_page_users("users", text);
        REQUIRE_FALSE(parsed.has_value());
        CHECK(parsed.error().subject == place);
        CHECK_THAT(parsed.error().message, Catch::Contains(why));
    }
}

TEST_CASE("A file of users that others can read is refused") {
    test::Folder folder;
    folder.write("users", "anna:" + std::string(test::hash_of_open_sesame) + "\n", 0644);
    const auto opened = PageUsers::open(folder.path + "/users");
    REQUIRE_FALSE(opened.has_value());
    CHECK_THAT(opened.error().message, Catch::Contains("chmod o-rwx"));
    CHECK_FALSE(PageUsers::open(folder.path + "/nothing").has_value());
    CHECK_FALSE(PageUsers::open(folder.path).has_value());
}
