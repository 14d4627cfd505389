#include <catch2/catch.hpp>

#include "cli/phrase.h"
#include "cli/structured.h"
#include "cli/unicode.h"

using namespace ballast::cli;
namespace json = boost::json;

TEST_CASE("Nothing that steers a terminal survives being made printable") {
    CHECK(printable("\x1b[2Jx") == "\\x1b[2Jx");
    CHECK(printable("a\nb\tc\rd") == "a\\nb\\tc\\x0dd");
    CHECK(printable("\xc2\x9b"
                    "31m") == "\\u009b31m");      // CSI as a C1 control
    CHECK(printable("a\u202eb") == "a\\u202eb");  // right-to-left override
    CHECK(printable("zero\u200bwidth") == "zero\\u200bwidth");
    CHECK(printable("\xff\xc3(") == "\\xff\\xc3(");                           // not UTF-8
    CHECK(printable("\xc0\xaf\xed\xa0\x80") == "\\xc0\\xaf\\xed\\xa0\\x80");  // overlong, surrogate
    CHECK(printable(std::string("\0", 1)) == "\\x00");
}

TEST_CASE("Every single byte and every control code point comes out without controls") {
    for (int byte = 0; byte < 256; ++byte) {
        const std::string out = printable(std::string(1, static_cast<char>(byte)));
        for (const unsigned char c : out) CHECK((c >= 0x20 && c != 0x7f));
    }
}

TEST_CASE("Ordinary text in any language stays as it is") {
    for (const char* text : {"web-1.example.org", "Größe", "日本語", "🚀 db", "e\u0301"}) CHECK(printable(text) == text);
}

TEST_CASE("Widths count columns of a terminal, not bytes") {
    CHECK(display_width("host1") == 5);
    CHECK(display_width("Größe") == 5);
    CHECK(display_width("日本") == 4);
    CHECK(display_width("e\u0301") == 1);
    CHECK(display_width("🚀") == 2);
}

TEST_CASE("Colours appear only when the style has them") {
    const Phrase phrase = Phrase("a").add("b", Tone::bad);
    Style style;
    CHECK(phrase.render(style) == "ab");
    style.colour = true;
    CHECK(phrase.render(style) == "a\x1b[1;31mb\x1b[0m");
}

TEST_CASE("A cut phrase keeps within its width and shows that it was cut") {
    CHECK(Phrase("abcdef").truncated_to(4, true).text() == "abc…");
    CHECK(Phrase("abcdef").truncated_to(4, false).text() == "ab..");
    CHECK(Phrase("日本語").truncated_to(4, true).text() == "日…");
    CHECK(Phrase("abcd").truncated_to(4, true).text() == "abcd");
}

TEST_CASE("Wrapping breaks at spaces, cuts words that are too long, and loses nothing") {
    const auto lines = Phrase("one two").add(" three", Tone::bad).wrapped(7);
    REQUIRE(lines.size() == 2);
    CHECK(lines[0].text() == "one two");
    CHECK(lines[1].text() == "three");
    const auto cut = Phrase("abcdefgh ij").wrapped(3);
    std::string all;
    for (const Phrase& line : cut) {
        CHECK(line.width() <= 3);
        all += line.text();
    }
    CHECK(all == "abcdefghij");
}

TEST_CASE("A word is not torn where its colour changes") {
    const auto lines = Phrase("it runs on ").add("host", Tone::strong).add("1, there").wrapped(12);
    CHECK(lines[0].text() == "it runs on");
    CHECK(lines[1].text() == "host1, there");
}

TEST_CASE("A percentage is not torn from its number") {
    const auto lines = Phrase("limit of 80 % here").wrapped(11);
    CHECK(lines[0].text() == "limit of");
    CHECK(lines[1].text() == "80 % here");
}

TEST_CASE("JSON is indented, keeps its order and escapes what could steer a terminal") {
    const json::value value = json::parse(R"({"b":[1,2.5,{}],"a":"x\u001b[2J\u009b\u202e\"\\","n":null})");
    CHECK(to_pretty_json(value) ==
          "{\n  \"b\": [\n    1,\n    2.5,\n    {}\n  ],\n  \"a\": \"x\\u001b[2J\\u009b\\u202e\\\"\\\\\",\n  \"n\": "
          "null\n}\n");
    CHECK(json::parse(to_pretty_json(value)) == value);
}

TEST_CASE("YAML quotes every string that could be read as something else") {
    const json::value value = json::parse(
        R"({"name":"web1","yes":"yes","number":"10","empty":"","colon":"a: b","list":[{"x":1,"why":[]},"z"],"f":0.93,"none":null})");
    CHECK(to_yaml(value) ==
          "name: web1\n\"yes\": \"yes\"\nnumber: \"10\"\nempty: \"\"\ncolon: \"a: b\"\nlist:\n  - x: 1\n    why: []\n  "
          "- z\nf: 0.93\nnone: null\n");
}
