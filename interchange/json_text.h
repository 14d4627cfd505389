// JSON read strictly and without loss: every value knows where it stands in the text, a number keeps its digits (so
// that a double comes back bit by bit), and a key given twice is an error. RFC 8259 and nothing beyond it. Pure; any
// thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/result.h"

namespace ballast::interchange {

struct Member;

struct Node {
    enum class Kind { null, boolean, number, text, array, object };
    Kind kind = Kind::null;
    std::size_t offset = 0;  // of its first byte in the document
    bool flag = false;       // of a boolean
    std::string text;        // a text without its escapes; a number's digits as they stand
    std::vector<Node> items;
    std::vector<Member> members;  // in the order of the text; keys differ
};

struct Member {
    std::string key;
    std::size_t offset = 0;  // of the key
    Node value;
};

/// "a number", "an object".
std::string name_of(Node::Kind kind);

/// "12:34", counted from 1; columns are bytes. Requires offset <= text.size().
std::string place_in(std::string_view text, std::size_t offset);

/// Error invalid: the subject is the place ("12:34") and the message says what was expected there.
Result<Node> parse_json(std::string_view text);

}  // namespace ballast::interchange
