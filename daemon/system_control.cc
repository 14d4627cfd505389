#include "daemon/system_control.h"

#include "daemon/preflight_script.h"

namespace ballast::daemon {

namespace {

// ssh connects within 8 s (preflight_script.cc), logind answers at once.
constexpr Duration deadline = std::chrono::seconds{20};
// Without a terminal systemctl asks nobody about inhibitors unless it is told to [systemctl(1), --check-inhibitors].
constexpr const char* script = "exec systemctl --check-inhibitors=yes --no-ask-password poweroff 2>&1\n";

// 'Operation inhibited by "backup" (PID 123 "rsync", user root), reason is "nightly backup".' [systemd 252,
// logind_check_inhibitors]
std::string inhibition_in(const std::string& output) {
    const auto begin = output.find("Operation inhibited by ");
    return begin == std::string::npos ? "" : output.substr(begin, output.find('\n', begin) - begin);
}

std::string first_line(const std::string& text) {
    return text.substr(0, text.find('\n'));
}

}  // namespace

SshSystemControl::SshSystemControl(const std::vector<config::HostOptions>& hosts, service::Runner run)
    : run_(std::move(run)) {
    for (const config::HostOptions& host : hosts)
        if (auto arguments = preflight::ssh_arguments(host.uri); !arguments.empty())
            ssh_[host.id] = std::move(arguments);
}

SshSystemControl::Task<void> SshSystemControl::shut_down(HostId host) {
    const auto ssh = ssh_.find(host);
    if (ssh == ssh_.end()) co_return Error{ErrorCode::unavailable, host.value, "there is no ssh to it"};
    service::Command command = service::command_of(ssh->second, deadline);
    command.input = script;
    const auto ended = co_await run_(std::move(command));
    if (!ended) co_return ended.error();
    if (!ended->in_time) co_return Error{ErrorCode::timed_out, host.value, "its system did not answer by ssh"};
    if (ended->exit_code == 0) co_return Result<void>();
    if (const std::string why = inhibition_in(ended->output); !why.empty())
        co_return Error{ErrorCode::refused, host.value, why};
    // ssh's own failure, before or after the order.
    const bool by_ssh = ended->exit_code == 255;
    const std::string said = ended->output.empty() ? service::last_line(ended->complaint) : first_line(ended->output);
    co_return Error{by_ssh ? ErrorCode::timed_out : ErrorCode::unavailable, host.value,
                    (by_ssh ? "" : "its system was not asked by ssh: ") + said};
}

}  // namespace ballast::daemon
