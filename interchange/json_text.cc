#include "interchange/json_text.h"

#include <algorithm>
#include <optional>
#include <set>

namespace ballast::interchange {

namespace {

// Deeper than any document of ours by far, and far from the end of the stack.
constexpr int deepest = 64;

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

int hex_of(char c) {
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

void append_utf8(std::string& out, unsigned code) {
    const auto tail = [&](unsigned shift) { out += static_cast<char>(0x80 | ((code >> shift) & 0x3f)); };
    if (code < 0x80) {
        out += static_cast<char>(code);
    } else if (code < 0x800) {
        out += static_cast<char>(0xc0 | (code >> 6));
        tail(0);
    } else if (code < 0x10000) {
        out += static_cast<char>(0xe0 | (code >> 12));
        tail(6), tail(0);
    } else {
        out += static_cast<char>(0xf0 | (code >> 18));
        tail(12), tail(6), tail(0);
    }
}

// Bytes of the UTF-8 character that begins here; 0 when there is none [RFC 3629, 4].
std::size_t utf8_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
    const unsigned first = byte(0);
    if (first < 0x80) return 1;
    const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4) return 0;
    for (std::size_t i = 1; i < length; ++i)
        if ((byte(i) & 0xc0) != 0x80) return 0;
    const bool overlong = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xf0 && byte(1) < 0x90);
    const bool beyond = (first == 0xed && byte(1) > 0x9f) || (first == 0xf4 && byte(1) > 0x8f);
    return overlong || beyond ? 0 : length;
}

/// Recursive descent. The first problem ends it: everything returns false from there on.
class Parser {
public:
    explicit Parser(std::string_view text) : text_(text) {}

    Result<Node> run() {
        Node root;
        skip_space();
        if (!value(root, 0)) return problem();
        skip_space();
        if (at_ < text_.size()) (void)fail("expected the end of the document, found " + found());
        if (!message_.empty()) return problem();
        return root;
    }

private:
    Error problem() const { return {ErrorCode::invalid, place_in(text_, problem_at_), message_}; }

    bool fail(std::string message) { return fail_at(at_, std::move(message)); }
    bool fail_at(std::size_t offset, std::string message) {
        problem_at_ = offset;
        message_ = std::move(message);
        return false;
    }

    // What stands here, for people: never raw control characters.
    std::string found() const {
        if (at_ >= text_.size()) return "the end";
        std::string word;
        for (std::size_t i = at_; i < text_.size() && word.size() < 12; ++i) {
            const char c = text_[i];
            if (c <= ' ' || c > '~' || (i > at_ && std::string_view(",:[]{}\"").find(c) != std::string_view::npos))
                break;
            word += c;
        }
        return word.empty() ? "an unprintable character" : "`" + word + "`";
    }

    char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
    bool take(char c) {
        if (at_ >= text_.size() || text_[at_] != c) return false;
        ++at_;
        return true;
    }
    bool take_word(std::string_view word) {
        if (text_.substr(at_, word.size()) != word) return false;
        at_ += word.size();
        return true;
    }
    void skip_space() {
        while (at_ < text_.size() &&
               (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r'))
            ++at_;
    }

    bool value(Node& out, int depth) {
        out.offset = at_;
        if (depth > deepest) return fail("nested too deeply");
        switch (peek()) {
            case '{': return object(out, depth);
            case '[': return array(out, depth);
            case '"': out.kind = Node::Kind::text; return string(out.text);
            case 't': return word(out, Node::Kind::boolean, "true");
            case 'f': return word(out, Node::Kind::boolean, "false");
            case 'n': return word(out, Node::Kind::null, "null");
            default: return number(out);
        }
    }

    bool word(Node& out, Node::Kind kind, std::string_view expected) {
        out.kind = kind;
        out.flag = expected == "true";
        return take_word(expected) || fail("expected a value, found " + found());
    }

    bool digits() {
        if (!is_digit(peek())) return false;
        while (is_digit(peek())) ++at_;
        return true;
    }

    bool number(Node& out) {
        out.kind = Node::Kind::number;
        const std::size_t begin = at_;
        const bool negative = take('-');
        if (!is_digit(peek())) {
            at_ = begin;
            return fail((negative ? "expected a number, found " : "expected a value, found ") + found());
        }
        if (!take('0')) digits();
        const bool whole = !take('.') || digits();
        const bool exponent = take('e') || take('E');
        if (exponent && !take('+')) take('-');
        const bool complete = whole && (!exponent || digits());
        if (!complete || is_digit(peek())) return fail_at(begin, "this is not how JSON writes a number");
        out.text = text_.substr(begin, at_ - begin);
        return true;
    }

    bool string(std::string& out) {
        const std::size_t begin = at_++;
        while (at_ < text_.size()) {
            if (take('"')) return true;
            if (static_cast<unsigned char>(peek()) < 0x20)
                return fail("a control character in a text has to be escaped");
            if (peek() == '\\') {
                if (!escape(out)) return false;
                continue;
            }
            const std::size_t length = utf8_length(text_.substr(at_));
            if (length == 0) return fail("this is not UTF-8");
            out += text_.substr(at_, length);
            at_ += length;
        }
        return fail_at(begin, "this text does not end");
    }

    bool escape(std::string& out) {
        const std::size_t begin = at_++;
        static constexpr std::string_view letters = "\"\\/bfnrt", meant = "\"\\/\b\f\n\r\t";
        if (const auto which = letters.find(peek()); at_ < text_.size() && which != std::string_view::npos) {
            out += meant[which];
            ++at_;
            return true;
        }
        const auto code = take('u') ? code_point() : std::nullopt;
        if (!code) return fail_at(begin, "this is not how JSON escapes a character");
        append_utf8(out, *code);
        return true;
    }

    std::optional<unsigned> unit() {
        unsigned code = 0;
        for (int i = 0; i < 4; ++i, ++at_) {
            const int digit = hex_of(peek());
            if (digit < 0) return std::nullopt;
            code = code * 16 + static_cast<unsigned>(digit);
        }
        return code;
    }

    std::optional<unsigned> code_point() {
        const auto high = unit();
        if (!high || *high < 0xd800 || *high > 0xdfff) return high;
        if (*high > 0xdbff || !take_word("\\u")) return std::nullopt;
        const auto low = unit();
        if (!low || *low < 0xdc00 || *low > 0xdfff) return std::nullopt;
        return 0x10000 + ((*high - 0xd800) << 10) + (*low - 0xdc00);
    }

    bool array(Node& out, int depth) {
        out.kind = Node::Kind::array;
        ++at_;
        skip_space();
        if (take(']')) return true;
        for (;;) {
            skip_space();
            if (!value(out.items.emplace_back(), depth + 1)) return false;
            skip_space();
            if (take(']')) return true;
            if (!take(',')) return fail("expected `,` or `]`, found " + found());
        }
    }

    bool object(Node& out, int depth) {
        out.kind = Node::Kind::object;
        ++at_;
        skip_space();
        if (take('}')) return true;
        std::set<std::string> seen;
        for (;;) {
            skip_space();
            if (!member(out.members.emplace_back(), seen, depth)) return false;
            skip_space();
            if (take('}')) return true;
            if (!take(',')) return fail("expected `,` or `}`, found " + found());
        }
    }

    bool member(Member& out, std::set<std::string>& seen, int depth) {
        out.offset = at_;
        if (peek() != '"') return fail("expected a key in quotes, found " + found());
        if (!string(out.key)) return false;
        if (!seen.insert(out.key).second) return fail_at(out.offset, "this key is given twice");
        skip_space();
        if (!take(':')) return fail("expected `:`, found " + found());
        skip_space();
        return value(out.value, depth + 1);
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::size_t problem_at_ = 0;
    std::string message_;
};

}  // namespace

std::string name_of(Node::Kind kind) {
    switch (kind) {
        case Node::Kind::null: return "null";
        case Node::Kind::boolean: return "true or false";
        case Node::Kind::number: return "a number";
        case Node::Kind::text: return "a text";
        case Node::Kind::array: return "a list";
        case Node::Kind::object: return "an object";
    }
    return "null";
}

std::string place_in(std::string_view text, std::size_t offset) {
    const std::string_view before = text.substr(0, offset);
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    const auto line_begin = before.rfind('\n');
    const std::size_t column = line_begin == std::string_view::npos ? offset + 1 : offset - line_begin;
    return std::to_string(line) + ":" + std::to_string(column);
}

Result<Node> parse_json(std::string_view text) {
    return Parser(text).run();
}

}  // namespace ballast::interchange
