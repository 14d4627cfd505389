#include "daemon/findings_json.h"

#include <map>

#include "power/protocol.h"

namespace ballast::daemon {

namespace json = boost::json;

namespace {
// As many as a report has of each kind, and as many checks.
constexpr std::size_t most_problems = 300;

json::array to_json(const std::vector<HealthProblem>& problems) {
    json::array list;
    for (const HealthProblem& problem : problems)
        list.push_back(
            json::object{{"source", to_string(problem.source)}, {"subject", problem.subject}, {"text", problem.text}});
    return list;
}

std::string text_at(const json::object& fields, const char* key) {
    const json::value* found = fields.if_contains(key);
    return found && found->is_string() ? health::tidy(found->get_string().c_str()) : "";
}

std::vector<HealthProblem> problems_from(const json::value* value) {
    std::vector<HealthProblem> problems;
    if (!value || !value->is_array()) return problems;
    for (const json::value& item : value->get_array()) {
        if (!item.is_object() || problems.size() == most_problems) continue;
        const json::object& fields = item.get_object();
        const auto source = health_source_from(text_at(fields, "source"));
        if (source) problems.push_back({*source, text_at(fields, "subject"), text_at(fields, "text")});
    }
    return problems;
}
}  // namespace

json::object to_json(const Findings& findings) {
    json::object out{{"problems", to_json(findings.problems)}};
    out["report"] = json::parse(health::to_json(findings.report));
    if (!findings.power.empty()) out["power"] = power::to_json(findings.power);
    if (!findings.configuration.empty()) out["configuration"] = findings.configuration;
    if (!findings.version.empty()) out["version"] = findings.version;
    if (findings.time_s) out["time_s"] = *findings.time_s;
    return out;
}

Findings findings_from(const json::object& fields) {
    Findings findings;
    findings.problems = problems_from(fields.if_contains("problems"));
    findings.configuration = text_at(fields, "configuration");
    findings.version = text_at(fields, "version");
    if (const json::value* report = fields.if_contains("report"))
        if (auto read = health::report_from(json::serialize(*report))) findings.report = std::move(*read);
    if (const json::value* power = fields.if_contains("power"))
        if (auto read = power::read_hosts(*power)) findings.power = std::move(*read);
    if (const json::value* time = fields.if_contains("time_s"); time && time->is_double())
        findings.time_s = time->get_double();
    return findings;
}

std::vector<HealthProblem> together(const std::vector<std::vector<HealthProblem>>& lists) {
    std::map<std::pair<HealthSource, std::string>, HealthProblem> all;
    for (const auto& list : lists)
        for (const HealthProblem& problem : list) all.emplace(std::pair(problem.source, problem.subject), problem);
    std::vector<HealthProblem> problems;
    for (auto& [key, problem] : all) problems.push_back(std::move(problem));
    return problems;
}

}  // namespace ballast::daemon
