#include "sim/vopr/sentence.h"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "sim/vopr/scenario.h"

namespace ballast::sim::vopr {

namespace {
bool consists_of(std::string_view text, bool (*fits)(char)) {
    return !text.empty() && std::all_of(text.begin(), text.end(), fits);
}
bool is_digit(char c) {
    return std::isdigit(static_cast<unsigned char>(c)) != 0;
}
bool is_of_name(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_';
}
bool is_of_duration(char c) {
    return is_digit(c) || c == '.' || std::islower(static_cast<unsigned char>(c)) != 0;
}
bool is_of_words(char c) {
    return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_' || c == ' ' || c == '-';
}
bool is_number_after(std::string_view text, std::string_view words) {
    return text.starts_with(words) && consists_of(text.substr(words.size()), is_digit);
}
bool is_times(std::string_view text) {
    const bool many = text.ends_with(" times") && consists_of(text.substr(0, text.size() - 6), is_digit);
    return many || text == "never" || text == "once" || text == "twice";
}

bool fits(char place, std::string_view text) {
    switch (place) {
        case 'h':
        case 'o': return text == whoever_leads || consists_of(text, is_of_name);
        case 'v':
        case 'u': return consists_of(text, is_of_name);
        case 'n': return consists_of(text, is_digit);
        case 'l':
        case 'd': return consists_of(text.starts_with('-') ? text.substr(1) : text, is_of_duration);
        case 'q': return text.size() > 2 && text.front() == '"' && text.find('"', 1) == text.size() - 1;
        case 't': return is_times(text);
        case 'r':
            return text == "no" || consists_of(text, is_digit) || is_number_after(text, "at most ") ||
                   is_number_after(text, "at least ");
        default: return consists_of(text, is_of_words) && text.front() != ' ' && text.back() != ' ';
    }
}

// The filled places in reverse.
bool match_rest(std::string_view sentence, std::string_view text, Filled& filled) {
    while (!sentence.empty()) {
        if (sentence.front() == '$') {
            const char place = sentence[1];
            for (std::size_t n = 1; n <= text.size(); ++n) {
                if (!fits(place, text.substr(0, n)) || !match_rest(sentence.substr(2), text.substr(n), filled))
                    continue;
                filled.emplace_back(place, text.substr(0, n));
                return true;
            }
            return false;
        }
        if (sentence.starts_with("(s)")) {
            sentence.remove_prefix(3);
            if (!text.empty() && text.front() == 's') text.remove_prefix(1);
            continue;
        }
        if (text.empty() || text.front() != sentence.front()) return false;
        sentence.remove_prefix(1);
        text.remove_prefix(1);
    }
    return text.empty();
}

const char* name_of(char place) {
    switch (place) {
        case 'h': return "HOST";
        case 'o': return "OTHER";
        case 'v': return "VM";
        case 'u': return "OTHER";
        case 'f': return "FAULT";
        case 'l': return "DURATION";
        case 'd': return "DELAY";
        case 'n': return "N";
        case 't': return "TIMES";
        case 'r': return "NUMBER";
        case 'q': return "\"TEXT\"";
        default: return "WORD";
    }
}
}  // namespace

std::optional<Filled> match(const char* sentence, const std::string& text) {
    Filled filled;
    if (!match_rest(sentence, text, filled)) return std::nullopt;
    std::reverse(filled.begin(), filled.end());
    return filled;
}

std::string with_names(const char* sentence) {
    std::string text;
    for (const char* at = sentence; *at != 0; ++at) {
        if (*at == '$')
            text += name_of(*++at);
        else
            text += *at;
    }
    return text;
}

}  // namespace ballast::sim::vopr
