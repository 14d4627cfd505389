#include "daemon/preflight_child.h"

#include <atomic>
#include <boost/asio.hpp>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "service/pipes.h"

extern char** environ;

namespace ballast::daemon::preflight {

namespace {

using service::File;
using service::open_all;
using service::Pipes;

constexpr std::size_t most_output = 1 << 20;
constexpr int most_children = 64;  // under way or left behind
std::atomic<int> children = 0;

double utc_now() {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

std::chrono::steady_clock::time_point steady_now() {
    return std::chrono::steady_clock::now();
}

Error cannot(const std::string& program, int error) {
    return {ErrorCode::unavailable, program, std::string("cannot be started: ") + std::strerror(error)};
}

// Its own process group, to be killed as a whole; our threads' blocked signals are not its business.
class SpawnSettings {
public:
    explicit SpawnSettings(const Pipes& pipes) {
        posix_spawn_file_actions_init(&files);
        posix_spawnattr_init(&attributes);
        posix_spawn_file_actions_adddup2(&files, pipes.input.get(), STDIN_FILENO);
        posix_spawn_file_actions_adddup2(&files, pipes.out_write.get(), STDOUT_FILENO);
        posix_spawn_file_actions_adddup2(&files, pipes.err_write.get(), STDERR_FILENO);
        sigset_t none, all;
        sigemptyset(&none);
        sigfillset(&all);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setsigdefault(&attributes, &all);
        posix_spawnattr_setpgroup(&attributes, 0);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    }
    ~SpawnSettings() {
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&files);
    }
    SpawnSettings(const SpawnSettings&) = delete;
    SpawnSettings& operator=(const SpawnSettings&) = delete;

    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
};

Result<pid_t> start(const std::vector<std::string>& arguments, const std::string& input, Pipes& pipes) {
    if (!open_all(pipes, input)) return cannot(arguments[0], errno);
    const SpawnSettings settings(pipes);
    std::vector<char*> argv;
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    pid_t child = -1;
    const int failed = ::posix_spawnp(&child, argv[0], &settings.files, &settings.attributes, argv.data(), environ);
    pipes.out_write.close();
    pipes.err_write.close();
    if (failed != 0) return cannot(arguments[0], failed);
    return child;
}

/// Reads what is there; closes the file at its end.
void drain(File& file, std::string& text) {
    char buffer[4096];
    ssize_t got = 0;
    while ((got = ::read(file.get(), buffer, sizeof buffer)) > 0)
        if (text.size() < most_output) text.append(buffer, static_cast<std::size_t>(got));
    if (got == 0 || (errno != EAGAIN && errno != EINTR)) file.close();
}

// Until stdout's end: a background process of ssh may keep stderr open for as long as it likes.
void listen(Pipes& pipes, std::chrono::steady_clock::time_point until, ChildOutput& output) {
    std::string errors;
    while (pipes.out_read.get() >= 0) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - steady_now()).count();
        if (left <= 0) break;
        pollfd files[] = {{pipes.out_read.get(), POLLIN, 0}, {pipes.err_read.get(), POLLIN, 0}};
        if (::poll(files, 2, static_cast<int>(left)) < 0 && errno != EINTR) break;
        if (pipes.err_read.get() >= 0) drain(pipes.err_read, errors);
        drain(pipes.out_read, output.output);
        if (output.heard_s == 0 && !output.output.empty()) output.heard_s = utc_now();
    }
    if (pipes.err_read.get() >= 0) drain(pipes.err_read, errors);
    while (!errors.empty() && std::isspace(static_cast<unsigned char>(errors.back())) != 0) errors.pop_back();
    const auto line = errors.rfind('\n');
    output.complaint = line == std::string::npos ? errors : errors.substr(line + 1);
}

/// Waits a little for its end; true when it is gone.
bool collect(pid_t child, std::chrono::steady_clock::time_point until, ChildOutput& output) {
    for (;;) {
        int status = 0;
        const pid_t gone = ::waitpid(child, &status, WNOHANG);
        if (gone == child && WIFEXITED(status)) output.exit_status = WEXITSTATUS(status);
        if (gone != 0) return true;
        if (steady_now() >= until) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
}

struct Slot {
    explicit Slot(const boost::asio::any_io_executor& executor) : done(executor) {
        done.expires_at(boost::asio::steady_timer::time_point::max());
    }
    boost::asio::steady_timer done;
    std::optional<Result<ChildOutput>> result;
};

void answer(const std::shared_ptr<Slot>& slot, const boost::asio::any_io_executor& executor,
            Result<ChildOutput> result) {
    boost::asio::post(executor, [slot, result = std::move(result)]() mutable {
        slot->result = std::move(result);
        slot->done.cancel();
    });
}

// In a thread of its own.
void attend(const std::vector<std::string>& arguments, const std::string& input, Duration deadline,
            const std::shared_ptr<Slot>& slot, const boost::asio::any_io_executor& executor) {
    Pipes pipes;
    ChildOutput output;
    const auto until = steady_now() + deadline;
    output.begun_s = utc_now();
    const auto child = start(arguments, input, pipes);
    if (!child) return answer(slot, executor, child.error());
    listen(pipes, until, output);
    output.ended = collect(*child, until, output);
    if (!output.ended) ::kill(-*child, SIGKILL);
    answer(slot, executor, std::move(output));
    if (!output.ended) ::waitpid(*child, nullptr, 0);  // in a dead file system it may take for ever
}

void attend_in_thread(std::vector<std::string> arguments, std::string input, Duration deadline,
                      std::shared_ptr<Slot> slot, boost::asio::any_io_executor executor) {
    ++children;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);  // signals are the io_context's
    std::thread([=] {
        attend(arguments, input, deadline, slot, executor);
        --children;
    }).detach();
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace

boost::asio::awaitable<Result<ChildOutput>> run_child(boost::asio::any_io_executor executor,
                                                      std::vector<std::string> arguments, std::string input,
                                                      Duration deadline) {
    BALLAST_ASSERT(!arguments.empty());
    const std::string program = arguments[0];
    if (children >= most_children) co_return Error{ErrorCode::unavailable, program, "too many are running"};
    auto slot = std::make_shared<Slot>(executor);
    attend_in_thread(std::move(arguments), std::move(input), deadline, slot, executor);
    auto token = boost::asio::as_tuple(boost::asio::use_awaitable);
    co_await slot->done.async_wait(token);
    if (!slot->result) co_return Error{ErrorCode::cancelled, program, "nobody waits for its end any more"};
    co_return std::move(*slot->result);
}

}  // namespace ballast::daemon::preflight
