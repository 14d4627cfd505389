#include "cli/table.h"

#include <catch2/catch.hpp>

#include "cli/unicode.h"
#include "tests/cli/samples.h"

using namespace ballast::cli;

namespace ballast::cli {
int lines_wider_than(int width, const std::string& text) {
    int count = 0;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) count += display_width(line) > width;
    return count;
}
}  // namespace ballast::cli

namespace {
Table people() {
    Table table({{"Name"}, {"Age", Column::Align::right}, {"Town", Column::Align::left, 1}});
    table.add({"Ann", "7", "Köln"});
    table.add({"Bartholomew", "71", "München"});
    return table;
}
}  // namespace

TEST_CASE("A table looks like virsh's: indented by one space, over a dashed rule, three spaces between columns") {
    CHECK(people().render({}) ==
          " Name          Age   Town\n"
          "-----------------------------\n"
          " Ann             7   Köln\n"
          " Bartholomew    71   München\n");
}

TEST_CASE("Without headers only the rows are left") {
    Style style;
    style.headers = false;
    CHECK(people().render(style) == " Ann            7   Köln\n Bartholomew   71   München\n");
}

TEST_CASE("Wide characters keep the columns aligned") {
    Table table({{"Name"}, {"Age"}});
    table.add({"日本", "1"});
    table.add({"abcd", "2"});
    CHECK(table.render({}).ends_with(" 日本   1\n abcd   2\n"));
}

TEST_CASE("A note stands beside its row where all notes fit, and below the rows where they do not") {
    Table table({{"VM"}});
    table.set_note_title("Why");
    table.add({"web1"}, "because it has to");
    table.add({"db1"}, "because of it");
    CHECK(table.render(style_of_width(80)) ==
          " VM     Why\n--------------------------\n web1   because it has to\n db1    because of it\n");
    CHECK(table.render(style_of_width(24)) == " VM\n------\n web1\n     because it has to\n db1\n     because of it\n");
}

TEST_CASE("Too wide a table drops the columns it may, then shortens cells, then cuts the widest") {
    CHECK(people().render(style_of_width(22)) ==
          " Name          Age\n-------------------\n Ann             7\n Bartholomew    71\n");
    CHECK(people().render(style_of_width(16)) ==
          " Name       Age\n----------------\n Ann          7\n Barthol…    71\n");
    Table loads({{"Host"}, {"Load"}});
    loads.add({"h1", {"#####..... 50 %", "50 %"}});
    CHECK(loads.render(style_of_width(80)).find("#####") != std::string::npos);
    CHECK(loads.render(style_of_width(20)) == " Host   Load\n-------------\n h1     50 %\n");
}

TEST_CASE("A table without a width is never shortened, so that grep finds everything") {
    Table table({{"VM"}, {"Extra", Column::Align::left, 9}});
    table.add({std::string(300, 'x'), "extra"});
    CHECK(table.render({}).find(std::string(300, 'x') + "   extra") != std::string::npos);
}

TEST_CASE("A column in which nothing stands is left out") {
    Table table({{"VM"}, {"Operation"}, {"Host"}});
    table.add({"web1", "", "host1"});
    CHECK(table.render({}) == " VM     Host\n--------------\n web1   host1\n");
}
