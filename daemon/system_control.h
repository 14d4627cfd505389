// Hosts' systems by ssh, as their libvirt URIs say: for those that the daemon reaches by qemu+ssh anyway.
#pragma once

#include <boost/asio.hpp>
#include <map>
#include <string>
#include <vector>

#include "config/daemon_options.h"
#include "ports/system_control.h"
#include "service/children.h"

namespace ballast::daemon {

class SshSystemControl : public SystemControl {
public:
    SshSystemControl(const std::vector<config::HostOptions>& hosts, service::Runner run);

    bool reaches(const HostId& host) const override { return ssh_.contains(host); }
    Task<void> shut_down(HostId host) override;

private:
    std::map<HostId, std::vector<std::string>> ssh_;  // to a shell that reads its input
    service::Runner run_;
};

}  // namespace ballast::daemon
