#include "cli/child.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <grp.h>
#include <optional>
#include <poll.h>
#include <pwd.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ballast::cli {

namespace {
using Clock = std::chrono::steady_clock;
constexpr std::size_t most_output = std::size_t{32} << 20;
constexpr int exec_failed = 127;  // as shells have it
constexpr const char* daemon_user = "ballast";

struct Pipe {
    int read = -1, write = -1;
    Pipe() {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) return;
        read = ends[0];
        write = ends[1];
    }
    ~Pipe() {
        close_write();
        if (read >= 0) ::close(read);
    }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;
    void close_write() {
        if (write >= 0) ::close(write);
        write = -1;
    }
};

struct User {
    uid_t uid;
    gid_t gid;
    std::string home;
};

std::optional<User> user_of_daemon() {
    if (::geteuid() != 0) return std::nullopt;
    const passwd* found = ::getpwnam(daemon_user);
    if (found == nullptr) return std::nullopt;
    return User{found->pw_uid, found->pw_gid, found->pw_dir};
}

[[noreturn]] void become(const std::vector<std::string>& command, const Pipe& out, const Pipe& err,
                         const std::optional<User>& user) {
    const int nothing = ::open("/dev/null", O_RDONLY);
    ::dup2(nothing, STDIN_FILENO);
    ::dup2(out.write, STDOUT_FILENO);
    ::dup2(err.write, STDERR_FILENO);
    if (user) {
        const bool changed =
            ::initgroups(daemon_user, user->gid) == 0 && ::setgid(user->gid) == 0 && ::setuid(user->uid) == 0;
        if (!changed) ::_exit(exec_failed);
        ::setenv("HOME", user->home.c_str(), 1);
        if (::chdir("/") != 0) ::_exit(exec_failed);
    }
    std::vector<char*> words;
    for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    ::execvp(words[0], words.data());
    ::_exit(exec_failed);
}

// Takes what is there; false once it has ended.
bool take_output(int from, std::string& into) {
    std::array<char, 65536> bytes;
    const ssize_t length = ::read(from, bytes.data(), bytes.size());
    if (length < 0) return errno == EINTR || errno == EAGAIN;
    const std::size_t room = most_output - std::min(into.size(), most_output);
    into.append(bytes.data(), std::min(static_cast<std::size_t>(length), room));
    return length > 0;
}

// False: the deadline passed first.
bool read_all(int out, int err, Clock::time_point end, ChildSaid& said) {
    std::array<pollfd, 2> ends{{{out, POLLIN, 0}, {err, POLLIN, 0}}};
    while (ends[0].fd >= 0 || ends[1].fd >= 0) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
        if (left <= 0) return false;
        if (::poll(ends.data(), ends.size(), static_cast<int>(left)) < 0 && errno != EINTR) return false;
        if (ends[0].revents != 0 && !take_output(out, said.out)) ends[0].fd = -1;
        if (ends[1].revents != 0 && !take_output(err, said.err)) ends[1].fd = -1;
    }
    return true;
}
}  // namespace

Result<ChildSaid> run_child(const std::vector<std::string>& command, std::chrono::milliseconds deadline,
                            bool as_daemon) {
    Pipe out, err;
    const std::string& program = command.front();
    if (out.read < 0 || err.read < 0) return Error{ErrorCode::unavailable, program, std::strerror(errno)};
    const auto user = as_daemon ? user_of_daemon() : std::nullopt;
    const pid_t child = ::fork();
    if (child < 0) return Error{ErrorCode::unavailable, program, std::strerror(errno)};
    if (child == 0) become(command, out, err, user);
    out.close_write();
    err.close_write();
    ChildSaid said;
    const bool ended = read_all(out.read, err.read, Clock::now() + deadline, said);
    if (!ended) ::kill(child, SIGKILL);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (!ended)
        return Error{ErrorCode::timed_out, program,
                     "was ended after " + std::to_string(deadline.count() / 1000) + " s"};
    said.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (said.status == exec_failed && said.out.empty() && said.err.empty())
        return Error{ErrorCode::not_found, program, "cannot be run"};
    return said;
}

std::string daemon_program() {
    std::error_code failure;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", failure);
    for (const auto& place : {self.parent_path() / "ballastd", self.parent_path().parent_path() / "sbin" / "ballastd"})
        if (std::filesystem::exists(place, failure)) return place;
    return "/usr/sbin/ballastd";
}

}  // namespace ballast::cli
