#include "cli/redact.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <regex>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/whole_file.h"

namespace ballast::cli {

namespace {
constexpr std::size_t least_known = 6;
const std::string removed{redacted};

// A word for a secret within a longer one, "vnc_password" or "X-Auth-Token"; but "password_file" names a file, and
// "tokens" may count some.
const std::string secret_word =
    R"re([\w.-]*(?:pass(?:word|wd|phrase|code)|secret|token|api[_-]?key|private[_-]?key|access[_-]?key|credentials?|authorization|cookie|bindpw|snmp[_-]?community)(?![\w-]*[_-](?:file|path|dir)))re";
const std::string maybe_quote = R"re((?:"|\\"|')?)re";
const std::string assigned = R"re(\s*[:=]\s*)re";

std::regex expression(const std::string& text) {
    return std::regex(text, std::regex::ECMAScript | std::regex::icase | std::regex::optimize);
}

// Most lines have nothing of all this, and expressions are slow.
bool may_hold_secrets(const std::string& line) {
    std::string lower(line);
    std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
    for (const char* sign : {"pass", "secret", "token", "key", "credential", "auth", "cookie", "bindpw", "communit",
                             "://", "bearer", "basic", "digest", "$", "eyj"})
        if (lower.find(sign) != std::string::npos) return true;
    return false;
}

// One line; each expression keeps its first group and, where it has one, the last.
std::string line_without_secrets(std::string line) {
    static const std::vector<std::pair<std::regex, std::string>> rules = {
        // scheme://user:password@host; a user alone as well
        {expression(R"re(([a-z][a-z0-9+.-]*://)[^/\s"'<>@]*(?:@[^/\s"'<>@]*)*@)re"), "$1" + removed + "@"},
        // "key": "value" of JSON, and YAML in quotes
        {expression("(" + maybe_quote + secret_word + maybe_quote + assigned + R"re()"(?:[^"\\]|\\.)*")re"),
         "$1\"" + removed + "\""},
        {expression("(" + maybe_quote + secret_word + maybe_quote + assigned + R"re()'(?:[^']|'')*')re"),
         "$1'" + removed + "'"},
        // the same within a string of JSON
        {expression("(" + maybe_quote + secret_word + maybe_quote + assigned + R"re()\\"(?:[^"\\]|\\[^"])*\\")re"),
         "$1\\\"" + removed + "\\\""},
        // a list or a map in one line
        {expression("(" + maybe_quote + secret_word + "s?" + maybe_quote + assigned + R"re()[\[{][^\]}]*[\]}])re"),
         "$1" + removed},
        // Authorization: Bearer xyz
        {expression(R"re((\b(?:bearer|basic|digest)\s+)[A-Za-z0-9+/._~=-]{4,})re"), "$1" + removed},
        // whatever else stands behind a colon or an equals sign
        {expression("(" + maybe_quote + secret_word + maybe_quote + assigned +
                    R"re()(?!\[removed\]|"|'|\\"|\[|\{|(?:null|true|false|bearer|basic|digest)\b)[^\s,;&}\]"'<>]+)re"),
         "$1" + removed},
        // an option of a command line: --password xyz, also as members of a list
        {expression("(--?" + secret_word + R"re((?:"|')?(?:\s*,\s*|\s+)(?:"|')?)(?!-|\[removed\])[^\s,"'\]]+)re"),
         "$1" + removed},
        // the password is xyz
        {expression("(" + secret_word + R"re(\s+(?:is|was)\s+)(?!\[removed\])[^\s,;]+)re"), "$1" + removed},
        // <password>xyz</password>
        {expression("(<" + secret_word + R"re([^>]*>)[^<]+(</))re"), "$1" + removed + "$2"},
        // crypt(3), as in /etc/shadow, and a JSON web token
        {expression(R"re(\$(?:1|2[aby]|5|6|7|y|gy|argon2[id]{0,2})\$[./A-Za-z0-9$=,+]{8,})re"), removed},
        {expression(R"re(\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]*)re"), removed},
    };
    if (!may_hold_secrets(line)) return line;
    for (const auto& [pattern, instead] : rules) line = std::regex_replace(line, pattern, instead);
    return line;
}

// What one line may hold for std::regex, which recurses, and whose time grows with the square of a word's length;
// longer ones (JSON in one line) are cut where that harms nothing.
constexpr std::size_t piece = 512;

// Behind this comma or space, so that no key is parted from its value, and no option from its.
bool may_cut_behind(const std::string& line, std::size_t at) {
    const char here = line[at];
    if ((here != ',' && here != ' ') || at == 0) return false;
    if (here == ' ' && std::string_view(":=,").find(line[at - 1]) != std::string_view::npos) return false;
    const std::size_t before = line.find_last_of(" ,:=[{", at - 1);
    const std::size_t token = before == std::string::npos ? 0 : before + 1;
    return !may_hold_secrets(line.substr(token, at - token));
}

// Where the piece that begins at `at` ends; nothing: there is no place in all of it.
std::optional<std::size_t> end_of_piece(const std::string& line, std::size_t at) {
    if (line.size() - at <= piece) return line.size();
    for (std::size_t i = at + piece; i > at; --i)
        if (may_cut_behind(line, i - 1)) return i;
    return std::nullopt;
}

std::string long_line_without_secrets(const std::string& line) {
    std::string text;
    for (std::size_t at = 0; at < line.size();) {
        const auto end = end_of_piece(line, at);
        if (end) {
            text += line_without_secrets(line.substr(at, *end - at));
            at = *end;
            continue;
        }
        // So long without a space is no text that anybody reads.
        text += removed;
        at += piece;
        while (at < line.size() && !may_cut_behind(line, at)) ++at;
    }
    return text;
}

std::size_t indent_of(const std::string& line) {
    const auto first = line.find_first_not_of(' ');
    return first == std::string::npos ? line.size() : first;
}

// "password: |", "password: >-" or "password:" alone: the deeper lines below are its value.
bool opens_block(const std::string& line) {
    static const std::regex block =
        expression("^[ -]*" + maybe_quote + secret_word + maybe_quote + R"re(\s*:\s*(?:[|>][0-9+-]*)?\s*(?:#.*)?$)re");
    return line.size() <= piece && may_hold_secrets(line) && std::regex_search(line, block);
}

// "- --password" in YAML, "\"--password\"," in JSON: the next line is its value.
bool ends_with_option(const std::string& line) {
    static const std::regex option = expression("--?" + secret_word + R"re((?:"|')?,?\s*$)re");
    return line.size() <= piece && may_hold_secrets(line) && std::regex_search(line, option);
}

std::string value_removed(const std::string& line) {
    const auto first = line.find_first_not_of(" -");
    return line.substr(0, first == std::string::npos ? line.size() : first) + "\"" + removed + "\"" +
           (line.ends_with(',') ? "," : "");
}

bool contains(const std::string& line, std::string_view part) {
    return line.find(part) != std::string::npos;
}

std::string without_known(std::string text, const std::set<std::string>& known) {
    std::vector<std::string> longest_first(known.begin(), known.end());
    std::sort(longest_first.begin(), longest_first.end(),
              [](const auto& a, const auto& b) { return a.size() > b.size(); });
    for (const std::string& secret : longest_first) {
        if (secret.size() < least_known) continue;
        for (std::size_t at = 0; (at = text.find(secret, at)) != std::string::npos; at += removed.size())
            text.replace(at, secret.size(), removed);
    }
    return text;
}
}  // namespace

std::string without_secrets(const std::string& text, const std::set<std::string>& known) {
    std::string out;
    bool in_key = false, is_value = false;
    std::size_t block = std::string::npos;  // the indent of a key whose value stands in the lines below it
    for (const std::string& line : text_lines(without_known(text, known))) {
        if (in_key) {
            in_key = !(contains(line, "-----END ") && contains(line, "PRIVATE KEY"));
            continue;
        }
        const auto begin = line.find("-----BEGIN ");
        if (begin != std::string::npos && contains(line, "PRIVATE KEY")) {
            // In a log or in JSON all of it may stand in one line.
            const auto end = line.find("-----END ", begin);
            in_key = end == std::string::npos;
            const auto after = in_key ? line.size() : line.find("-----", end + 9);
            out += line_without_secrets(line.substr(0, std::min(begin, piece))) + removed;
            if (!in_key && after != std::string::npos)
                out += long_line_without_secrets(line.substr(std::min(after + 5, line.size())));
            out += "\n";
            continue;
        }
        if (std::exchange(is_value, false)) {
            out += value_removed(line) + "\n";
            continue;
        }
        is_value = ends_with_option(line);
        if (block != std::string::npos && (indent_of(line) > block || indent_of(line) == line.size())) continue;
        block = std::string::npos;
        if (opens_block(line)) {
            block = line.find_first_not_of(" -") == std::string::npos ? indent_of(line) : line.find_first_not_of(" ");
            out += line.substr(0, line.find(':') + 1) + " " + removed + "\n";
            continue;
        }
        out += long_line_without_secrets(line) + "\n";
    }
    if (!text.empty() && !text.ends_with('\n') && out.ends_with('\n')) out.pop_back();
    return out;
}

std::set<std::string> secrets_in(const std::string& text) {
    static const std::regex assignment = expression(maybe_quote + secret_word + maybe_quote + assigned +
                                                    R"re((?:"([^"]+)"|'([^']+)'|([^\s,#}\]\[{"'][^\s,#}\]]*)))re");
    std::set<std::string> found;
    for (const std::string& line : text_lines(text)) {
        if (line.size() > piece) continue;
        for (std::sregex_iterator match(line.begin(), line.end(), assignment), end; match != end; ++match)
            for (std::size_t group = 1; group <= 3; ++group)
                if ((*match)[group].length() >= static_cast<std::ptrdiff_t>(least_known)) found.insert((*match)[group]);
    }
    return found;
}

}  // namespace ballast::cli
