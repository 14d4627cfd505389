#include "daemon/health_commands.h"

#include "config/uri.h"
#include "daemon/preflight_script.h"
#include "health/report.h"

namespace ballast::daemon {

namespace {

std::string replaced(std::string text, const std::string& what, const std::string& by) {
    for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size())
        text.replace(at, what.size(), by);
    return text;
}

service::Command for_host(const std::vector<std::string>& words, const config::HostOptions& host, Duration deadline) {
    std::vector<std::string> filled;
    for (const std::string& word : words)
        filled.push_back(filled.empty() ? word : replaced(replaced(word, "{host}", host.id.value), "{uri}", host.uri));
    service::Command command = service::command_of(filled, deadline);
    command.environment.push_back("BALLAST_HOST=" + host.id.value);
    command.environment.push_back("BALLAST_URI=" + host.uri);
    return command;
}

std::string first_line(const std::string& text) {
    const auto begin = text.find_first_not_of(" \t\r\n");
    return begin == std::string::npos ? std::string()
                                      : health::tidy(text.substr(begin, text.find('\n', begin) - begin));
}

}  // namespace

std::optional<service::Command> probe_command(const config::HealthWatchOptions& options,
                                              const config::HostOptions& host, bool smart) {
    std::vector<std::string> probe = options.probe;
    if (smart && !probe.empty()) probe.push_back("--smart");
    if (config::is_local(host.uri))
        return probe.empty() ? std::nullopt : std::optional(service::command_of(probe, options.deadline));
    // ssh hands one line to the login's shell there: each word in quotes.
    for (std::string& word : probe) word = preflight::shell_quoted(word);
    const auto over_ssh = preflight::ssh_arguments(host.uri, probe);
    if (!over_ssh.empty())
        return probe.empty() ? std::nullopt : std::optional(service::command_of(over_ssh, options.deadline));
    if (smart || options.probe_elsewhere.empty()) return std::nullopt;
    return for_host(options.probe_elsewhere, host, options.deadline);
}

service::Command check_command(const config::HealthCheck& check, const config::HostOptions& host) {
    return for_host(check.command, host, check.deadline);
}

std::string no_answer(const Result<service::Ended>& ended, Duration deadline) {
    if (!ended) return to_string(ended.error());
    if (!ended->in_time) return "no answer within " + to_string(deadline);
    if (!ended->exit_code) return "a signal ended it";
    return {};
}

std::string failure_of(const service::Ended& ended) {
    const std::string complaint = health::tidy(service::last_line(ended.complaint));
    return "exit status " + std::to_string(*ended.exit_code) + (complaint.empty() ? "" : ", " + complaint);
}

std::optional<HealthProblem> verdict_of(const config::HealthCheck& check, const service::Ended& ended) {
    if (ended.exit_code == 0) return std::nullopt;
    std::string said = first_line(ended.output);
    if (said.empty()) said = failure_of(ended);
    return HealthProblem{HealthSource::check, check.name, check.name + ": " + said};
}

}  // namespace ballast::daemon
