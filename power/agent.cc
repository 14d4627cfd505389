#include "power/agent.h"

#include <algorithm>
#include <boost/algorithm/string.hpp>
#include <sstream>

#include "config/text.h"
#include "power/ipmi.h"

namespace ballast::power {

namespace {

constexpr int exit_on = 0, exit_off = 2;
constexpr std::size_t longest_complaint = 200;

std::string to_string(Action action) {
    switch (action) {
        case Action::status: return "status";
        case Action::on: return "on";
        case Action::off: return "off";
        case Action::metadata: return "metadata";
    }
    assertion_failed("action", __FILE__, __LINE__);
}

bool is_one_line(const std::string& text) {
    return std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

// The agents' reader takes spaces off a line and one pair of quotes off a value: what would suffer gets a pair.
std::string protected_value(const std::string& value) {
    if (value.empty()) return value;
    const bool spaced = std::isspace(static_cast<unsigned char>(value.front())) != 0 ||
                        std::isspace(static_cast<unsigned char>(value.back())) != 0;
    return spaced || value.front() == '"' ? '"' + value + '"' : value;
}

bool says(const std::string& output, const std::string& line) {
    std::vector<std::string> lines;
    boost::split(lines, output, boost::is_any_of("\n"));
    return std::any_of(lines.begin(), lines.end(),
                       [&](const std::string& said) { return boost::iequals(boost::trim_copy(said), line); });
}

std::string without_secrets(std::string text, const Level& level) {
    for (const auto& [name, secret] : level.secrets)
        if (!secret.value.empty()) boost::replace_all(text, secret.value, "[" + name + "]");
    return text;
}

// The agents' library ends its complaints about parameters with a hint at a manual.
std::string last_line(const std::string& text) {
    std::istringstream lines(text);
    std::string last;
    for (std::string line; std::getline(lines, line);) {
        boost::trim(line);
        if (!line.empty() && line.find("Please use '-h' for usage") == std::string::npos) last = line;
    }
    return last;
}

}  // namespace

Result<std::string> agent_input(const Level& level, Action action) {
    std::string input = "action=" + to_string(action) + "\n";
    bool fits = true;
    const auto add = [&](const std::string& name, const std::string& value) {
        fits = fits && is_one_line(name) && is_one_line(value) && name.find('=') == std::string::npos;
        input += name + "=" + protected_value(value) + "\n";
    };
    for (const auto& [name, parameter] : level.parameters) add(name, parameter.value);
    for (const auto& [name, secret] : level.secrets)
        if (!level.is_ipmi()) add(name, secret.value);
    if (!fits) return Error{ErrorCode::invalid, level.agent, "a parameter has a control character in it"};
    return input;
}

boost::asio::awaitable<Result<Ended>> run_agent(Children& children, Tools tools, Level level, Action action,
                                                Duration deadline) {
    auto input = agent_input(level, action);
    if (!input) co_return input.error();
    Command command;
    command.program = tools.agents + "/" + level.agent;
    command.environment = plain_environment();
    command.input = std::move(*input);
    command.deadline = deadline;
    if (level.is_ipmi() && !level.secrets.empty()) {
        command.input += "ipmitool_path=" + tools.self + "\n";
        add_password_file(command, level, tools);
    }
    co_return co_await children.run(std::move(command));
}

Result<Power> power_from(const Ended& ended, const Level& level) {
    if (!ended.in_time) return Error{ErrorCode::timed_out, level.agent, "gave no status in time and was killed"};
    if (ended.exit_code == exit_off && says(ended.output, "Status: OFF")) return Power::off;
    if (ended.exit_code == exit_on && says(ended.output, "Status: ON")) return Power::on;
    const std::string complaint = complaint_of(ended, level);
    return Error{ErrorCode::unavailable, level.agent,
                 "status is unknown" + (complaint.empty() ? "" : ": " + complaint)};
}

std::string complaint_of(const Ended& ended, const Level& level) {
    std::string line = last_line(without_secrets(ended.complaint, level));
    static const std::string severity = "ERROR: ";  // after a time of the agent's own
    if (const auto at = line.find(severity); at != std::string::npos) line.erase(0, at + severity.size());
    std::replace_if(
        line.begin(), line.end(), [](unsigned char c) { return c < 0x20 || c > 0x7e; }, '?');
    if (line.size() > longest_complaint) line = line.substr(0, longest_complaint) + "...";
    if (!line.empty() || ended.exit_code == 0) return line;
    return ended.exit_code ? "exit code " + std::to_string(*ended.exit_code) : "ended by a signal";
}

std::vector<std::string> plain_environment() {
    return {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "PYTHONDONTWRITEBYTECODE=1", "PYTHONWARNINGS=ignore"};
}

}  // namespace ballast::power
