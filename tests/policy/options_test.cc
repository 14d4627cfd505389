#include "policy/options.h"

#include <catch2/catch.hpp>

using namespace ballast;
using namespace ballast::policy;

TEST_CASE("A pattern names a VM by its name, its UUID, or with * and ?") {
    struct Row {
        const char* pattern;
        const char* name;
        bool named;
    };
    const Row row = GENERATE(values<Row>({
        {"web1", "web1", true},    {"web1", "web11", false},
        {"web?", "web1", true},    {"web?", "web", false},
        {"web*", "web", true},     {"web*", "web-front", true},
        {"*db", "proddb", true},   {"*db", "proddb2", false},
        {"*", "", true},           {"", "", true},
        {"", "a", false},          {"a*b*c", "a-b-c", true},
        {"a*b*c", "a-c-b", false}, {"**a", "a", true},
        {"??", "a", false},        {"Web1", "web1", false},
        {"a[1]", "a1", false},     {"u-u-i-d", "other", true},
        {"u-*", "other", true},
    }));
    INFO(row.pattern << " and " << row.name);
    CHECK(matches(row.pattern, row.name, VmId{"u-u-i-d"}) == row.named);
}

TEST_CASE("A pattern of many stars is decided quickly") {
    const std::string pattern = "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b";
    CHECK_FALSE(matches(pattern, std::string(2000, 'a'), VmId{"x"}));
}

TEST_CASE("Modes have stable names") {
    for (const Mode mode : {Mode::observe, Mode::confirm, Mode::automatic}) CHECK(mode_from(to_string(mode)) == mode);
    CHECK_FALSE(mode_from("Automatic"));
    CHECK_FALSE(mode_from(""));
}
