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

SshSystemControl::SshSystemControl(const std::vector<config::HostOptions>& hosts, RunProgram run_program)
    : run_program_(std::move(run_program)) {
    for (const config::HostOptions& host : hosts)
        if (auto arguments = preflight::ssh_arguments(host.uri); !arguments.empty())
            ssh_[host.id] = std::move(arguments);
}

SshSystemControl::Task<void> SshSystemControl::shut_down(HostId host) {
    const auto ssh = ssh_.find(host);
    if (ssh == ssh_.end()) co_return Error{ErrorCode::unavailable, host.value, "there is no ssh to it"};
    std::vector<std::string> arguments = ssh->second;
    std::string input = script;
    const auto ended = co_await run_program_(std::move(arguments), std::move(input), deadline);
    if (!ended) co_return ended.error();
    if (!ended->ended) co_return Error{ErrorCode::timed_out, host.value, "its system did not answer by ssh"};
    if (ended->exit_status == 0) co_return Result<void>();
    if (const std::string why = inhibition_in(ended->output); !why.empty())
        co_return Error{ErrorCode::refused, host.value, why};
    // ssh's own failure, before or after the order.
    const bool by_ssh = ended->exit_status == 255;
    const std::string said = ended->output.empty() ? ended->complaint : first_line(ended->output);
    co_return Error{by_ssh ? ErrorCode::timed_out : ErrorCode::unavailable, host.value,
                    (by_ssh ? "" : "its system was not asked by ssh: ") + said};
}

SshSystemControl::RunProgram run_children(boost::asio::any_io_executor executor) {
    return [executor](std::vector<std::string> arguments, std::string input, Duration within) {
        return preflight::run_child(executor, std::move(arguments), std::move(input), within);
    };
}

}  // namespace ballast::daemon
