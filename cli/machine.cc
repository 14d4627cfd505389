// What init finds on the machine it runs on.
#include <arpa/inet.h>
#include <cstdlib>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/child.h"
#include "cli/init.h"
#include "cli/whole_file.h"

namespace ballast::cli {

namespace {
constexpr std::chrono::seconds look_patience{20};  // each host has 12 s, all at once

bool listens_here(std::uint16_t port) {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (socket < 0) return false;
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool listens = ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    ::close(socket);
    return listens;
}

Result<value> look_at_libvirt(const std::vector<std::string>& uris) {
    std::vector<std::string> command = {daemon_program(), "--look-at"};
    command.insert(command.end(), uris.begin(), uris.end());
    const auto said = run_child(command, look_patience, true);
    if (!said) return said.error();
    boost::system::error_code error;
    value read = boost::json::parse(said->out, error);
    if (error)
        return Error{ErrorCode::corrupt, command.front(),
                     said->err.empty() ? "says nothing" : said->err.substr(0, said->err.find('\n'))};
    return read;
}
}  // namespace

Machine this_machine() {
    Machine machine;
    char name[256] = "localhost";
    ::gethostname(name, sizeof name - 1);
    machine.hostname = std::string(name).substr(0, std::string(name).find('.'));
    const char* home = std::getenv("HOME");
    const std::string ssh = std::string(home ? home : "/root") + "/.ssh/";
    machine.ssh_names =
        ssh_names(read_if_there(ssh + "config") + "\n" + read_if_there("/etc/ssh/ssh_config"),
                  read_if_there(ssh + "known_hosts") + "\n" + read_if_there("/etc/ssh/ssh_known_hosts"));
    machine.mounts = read_if_there("/proc/self/mounts");
    machine.etcd_here = listens_here(2379);
    machine.look_at_libvirt = look_at_libvirt;
    return machine;
}

}  // namespace ballast::cli
