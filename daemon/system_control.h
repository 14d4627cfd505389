// Hosts' systems by ssh, as their libvirt URIs say: for those that the daemon reaches by qemu+ssh anyway.
#pragma once

#include <boost/asio.hpp>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "config/daemon_options.h"
#include "daemon/preflight_child.h"
#include "ports/system_control.h"

namespace ballast::daemon {

class SshSystemControl : public SystemControl {
public:
    using RunProgram = std::function<Task<preflight::ChildOutput>(std::vector<std::string> arguments, std::string input,
                                                                  Duration deadline)>;

    SshSystemControl(const std::vector<config::HostOptions>& hosts, RunProgram run_program);

    bool reaches(const HostId& host) const override { return ssh_.contains(host); }
    Task<void> shut_down(HostId host) override;

private:
    std::map<HostId, std::vector<std::string>> ssh_;  // to a shell that reads its input
    RunProgram run_program_;
};

/// As children of this process.
SshSystemControl::RunProgram run_children(boost::asio::any_io_executor executor);

}  // namespace ballast::daemon
