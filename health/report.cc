#include "health/report.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>

namespace ballast::health {

namespace json = boost::json;

namespace {

constexpr std::size_t most_entries = 100;  // of each kind: whoever has more wrong is not helped by the rest
constexpr std::size_t most_bytes = 200;    // of a text: a line for people

// Length of the UTF-8 character that begins here; 0 when there is none [RFC 3629, section 4; without its finer bounds
// of the second byte, which no terminal is harmed by].
std::size_t character_at(const std::string& text, std::size_t at) {
    const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
    const unsigned first = byte(at);
    if (first < 0x80) return first >= 0x20 && first != 0x7F ? 1 : 0;
    const std::size_t length = first >= 0xC2 && first <= 0xDF   ? 2
                               : (first & 0xF0U) == 0xE0        ? 3
                               : first >= 0xF0 && first <= 0xF4 ? 4
                                                                : 0;
    for (std::size_t i = 1; i < length; ++i)
        if ((byte(at + i) & 0xC0U) != 0x80) return 0;
    return length;
}

template <class T, class Make>
json::array array_of(const std::vector<T>& values, Make make) {
    json::array all;
    for (std::size_t i = 0; i < std::min(values.size(), most_entries); ++i) all.push_back(make(values[i]));
    return all;
}

std::string text_of(const json::object& entry, const char* key) {
    return tidy(std::string(entry.at(key).as_string()));
}

HealthSource source_of(const json::object& entry) {
    const auto source = health_source_from(std::string(entry.at("source").as_string()));
    if (!source) throw std::invalid_argument("a source of health that this version does not know");
    return *source;
}

// Absent is empty: a list that a version does not write.
template <class Use>
void each(const json::object& document, const char* key, Use use) {
    const json::value* list = document.if_contains(key);
    if (list == nullptr) return;
    std::size_t taken = 0;
    for (const json::value& entry : list->as_array())
        if (taken++ < most_entries) use(entry.as_object());
}

std::optional<double> seconds_in(const json::object& document, const char* key) {
    const json::value* time = document.if_contains(key);
    if (time == nullptr) return std::nullopt;
    const double seconds = time->to_number<double>();
    if (!std::isfinite(seconds)) throw std::invalid_argument("a time without end");
    return seconds;
}

Report parsed(const json::object& document) {
    if (document.at("format").as_int64() != report_format) throw std::invalid_argument("another format");
    Report report;
    each(document, "problems",
         [&](const json::object& e) { report.tell(source_of(e), text_of(e, "subject"), text_of(e, "text")); });
    each(document, "counters", [&](const json::object& e) {
        report.counters.push_back({source_of(e), text_of(e, "subject"), e.at("count").to_number<std::uint64_t>()});
    });
    each(document, "speeds", [&](const json::object& e) {
        report.speeds.push_back({text_of(e, "interface"), e.at("mbit_per_s").to_number<std::uint64_t>()});
    });
    each(document, "unread", [&](const json::object& e) {
        report.unread.push_back({source_of(e), text_of(e, "text"), e.contains("subject") ? text_of(e, "subject") : "",
                                 e.contains("broken") && e.at("broken").as_bool()});
    });
    each(document, "energy", [&](const json::object& e) {
        report.energy.push_back({text_of(e, "zone"), e.at("microjoules").to_number<std::uint64_t>(),
                                 e.at("range").to_number<std::uint64_t>()});
    });
    report.uptime_s = seconds_in(document, "uptime_s");
    if (document.contains("boot_id")) report.boot_id = text_of(document, "boot_id");
    report.time_s = seconds_in(document, "time_s");
    return report;
}

}  // namespace

std::string tidy(const std::string& text) {
    std::string clean;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = character_at(text, at);
        if (clean.size() + std::max<std::size_t>(length, 1) > most_bytes) break;
        if (length == 0)
            clean += text[at] == '\t' ? ' ' : '?';
        else
            clean += text.substr(at, length);
        at += std::max<std::size_t>(length, 1);
    }
    return clean;
}

void Report::tell(HealthSource source, const std::string& subject, const std::string& text) {
    const bool known = std::any_of(problems.begin(), problems.end(), [&](const HealthProblem& problem) {
        return problem.source == source && problem.subject == subject;
    });
    if (!known) problems.push_back({source, subject, text});
}

void Report::cannot_read(HealthSource source, const std::string& text) {
    unread.push_back({source, text});
}

void Report::did_not_answer(HealthSource source, const std::string& subject, const std::string& text) {
    unread.push_back({source, text, subject, true});
}

std::string to_json(const Report& report) {
    json::object document{{"format", report_format}};
    document["problems"] = array_of(report.problems, [](const HealthProblem& problem) {
        return json::object{
            {"source", to_string(problem.source)}, {"subject", tidy(problem.subject)}, {"text", tidy(problem.text)}};
    });
    document["counters"] = array_of(report.counters, [](const Counter& counter) {
        return json::object{
            {"source", to_string(counter.source)}, {"subject", tidy(counter.subject)}, {"count", counter.count}};
    });
    document["speeds"] = array_of(report.speeds, [](const LinkSpeed& speed) {
        return json::object{{"interface", tidy(speed.interface)}, {"mbit_per_s", speed.mbit_per_s}};
    });
    document["unread"] = array_of(report.unread, [](const Unread& unread) {
        return json::object{{"source", to_string(unread.source)},
                            {"text", tidy(unread.text)},
                            {"subject", tidy(unread.subject)},
                            {"broken", unread.broken}};
    });
    document["energy"] = array_of(report.energy, [](const EnergyCounter& counter) {
        return json::object{
            {"zone", tidy(counter.zone)}, {"microjoules", counter.microjoules}, {"range", counter.range}};
    });
    if (report.uptime_s) document["uptime_s"] = *report.uptime_s;
    if (!report.boot_id.empty()) document["boot_id"] = tidy(report.boot_id);
    if (report.time_s) document["time_s"] = *report.time_s;
    return json::serialize(document);
}

Result<Report> report_from(const std::string& text) {
    json::error_code failed;
    const json::value document = json::parse(text, failed);
    if (failed) return Error{ErrorCode::invalid, "health report", "no JSON: " + failed.message()};
    try {
        return parsed(document.as_object());
    } catch (const std::exception& wrong) {
        return Error{ErrorCode::invalid, "health report", tidy(std::string("not understood: ") + wrong.what())};
    }
}

}  // namespace ballast::health
