#include "service/start_anew.h"

#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <string>
#include <sysexits.h>
#include <unistd.h>
#include <vector>

namespace ballast::service {

namespace {
constexpr int first_of_ours = 3;

std::vector<std::string> arguments() {
    std::ifstream file("/proc/self/cmdline", std::ios::binary);
    std::vector<std::string> found;
    for (std::string one; std::getline(file, one, '\0');) found.push_back(one);
    return found;
}

// Not all libraries open theirs with O_CLOEXEC.
void close_at_exec() {
    std::error_code failure;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", failure)) {
        const int fd = std::atoi(entry.path().filename().c_str());
        if (fd >= first_of_ours) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
}
}  // namespace

void start_anew() {
    std::vector<std::string> words = arguments();
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    close_at_exec();
    std::signal(SIGHUP, SIG_IGN);
    if (!words.empty()) ::execv("/proc/self/exe", argv.data());
    std::_Exit(EX_OSERR);
}

}  // namespace ballast::service
