#include "service/children.h"

#include <boost/algorithm/string.hpp>
#include <boost/asio.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <fstream>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "service/pipes.h"

namespace ballast::service {

namespace asio = boost::asio;

namespace {

// Each has three open files of ours, of the 1,024 that a process may have as a rule.
constexpr std::size_t most_running = 128;
// So much of an output that does not end is read at once that others have their turn: 256 KiB, four pipes full.
constexpr unsigned reads_a_turn = 64;

double utc_now() {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

class SpawnSettings {
public:
    explicit SpawnSettings(const Pipes& pipes) {
        posix_spawn_file_actions_init(&files);
        posix_spawnattr_init(&attributes);
        posix_spawn_file_actions_adddup2(&files, pipes.input.get(), STDIN_FILENO);
        posix_spawn_file_actions_adddup2(&files, pipes.out_write.get(), STDOUT_FILENO);
        posix_spawn_file_actions_adddup2(&files, pipes.err_write.get(), STDERR_FILENO);
        posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
        posix_spawn_file_actions_addchdir_np(&files, "/");
        sigset_t none, all;
        sigemptyset(&none);
        sigfillset(&all);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setsigdefault(&attributes, &all);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
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

Error cannot(const Command& command, const char* what, int error) {
    return {ErrorCode::unavailable, command.program, std::string("cannot ") + what + ": " + std::strerror(error)};
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
    std::vector<char*> all;
    for (const std::string& text : texts) all.push_back(const_cast<char*>(text.c_str()));
    all.push_back(nullptr);
    return all;
}

Result<pid_t> start(const Command& command, Pipes& pipes) {
    if (!open_all(pipes, command.input)) return cannot(command, "be started", errno);
    const SpawnSettings settings(pipes);
    std::vector<std::string> all = {command.program};
    all.insert(all.end(), command.arguments.begin(), command.arguments.end());
    const auto arguments = pointers(all), environment = pointers(command.environment);
    pid_t child = -1;
    const int failed = ::posix_spawnp(&child, command.program.c_str(), &settings.files, &settings.attributes,
                                      arguments.data(), environment.data());
    if (failed != 0) return cannot(command, "be started", failed);
    pipes.input.close();
    pipes.out_write.close();
    pipes.err_write.close();
    return child;
}

/// What comes out of a pipe while the child runs.
struct Stream {
    Stream(const asio::any_io_executor& executor, File& file, const Command& command)
        : pipe(executor, file.release()), most(command.most_output), drops_excess(command.drops_excess) {}

    /// What comes now is left in the pipe, where it blocks the child.
    bool full() const { return !drops_excess && text.size() >= most; }
    /// False at its end.
    bool drain() {
        char buffer[4096];
        for (unsigned reads = 0; reads < reads_a_turn && !full(); ++reads) {
            const ssize_t got = ::read(pipe.native_handle(), buffer, sizeof buffer);
            if (got <= 0) return got < 0 && (errno == EAGAIN || errno == EINTR);
            if (heard_s == 0) heard_s = utc_now();
            if (text.size() < most) text.append(buffer, static_cast<std::size_t>(got));
        }
        return true;
    }
    /// Not to its end: a process that was left behind may hold it open for ever.
    std::string finish() {
        drain();
        pipe.close();
        return std::move(text);
    }

    asio::posix::stream_descriptor pipe;
    std::size_t most;
    bool drops_excess;
    std::string text;
    double heard_s = 0;
};

asio::awaitable<void> readable(asio::posix::stream_descriptor& file) {
    auto token = asio::as_tuple(asio::use_awaitable);
    co_await file.async_wait(asio::posix::stream_descriptor::wait_read, token);
}

asio::awaitable<void> listen(std::shared_ptr<Stream> stream) {
    bool more = true;
    while (more && !stream->full()) {
        co_await readable(stream->pipe);
        if (!stream->pipe.is_open()) co_return;
        more = stream->drain();
    }
}

std::shared_ptr<Stream> listen_to(const asio::any_io_executor& executor, File& file, const Command& command) {
    auto stream = std::make_shared<Stream>(executor, file, command);
    asio::co_spawn(executor, listen(stream), asio::detached);
    return stream;
}

bool is_systemds(const std::string& variable) {
    return variable.starts_with("NOTIFY_SOCKET=") || variable.starts_with("WATCHDOG_");
}

}  // namespace

Command command_of(const std::vector<std::string>& words, Duration deadline) {
    Command command;
    command.program = words.front();
    command.arguments.assign(words.begin() + 1, words.end());
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry)
        if (!is_systemds(*entry)) command.environment.emplace_back(*entry);
    command.deadline = deadline;
    return command;
}

std::string last_line(const std::string& text) {
    const std::string trimmed = boost::trim_copy(text);
    return boost::trim_copy(trimmed.substr(trimmed.rfind('\n') + 1));  // npos + 1 is 0
}

asio::awaitable<Result<Ended>> Children::run(Command command) {
    if (running_.size() >= most_running)
        co_return Error{ErrorCode::unavailable, command.program, "too many programs are running"};
    auto executor = co_await asio::this_coro::executor;
    Pipes pipes;
    Ended ended;
    ended.begun_s = utc_now();
    const auto child = start(command, pipes);
    if (!child) co_return child.error();
    running_.insert(*child);
    const auto output = listen_to(executor, pipes.out_read, command);
    const auto complaint = listen_to(executor, pipes.err_read, command);
    const int descriptor = static_cast<int>(::syscall(SYS_pidfd_open, *child, 0));
    if (descriptor < 0) {  // others may have taken what files the pipes' ends left
        Error error = cannot(command, "be watched", errno);
        collect(*child);
        output->finish();
        complaint->finish();
        co_return error;
    }
    auto end = std::make_shared<Descriptor>(executor, descriptor);
    ended.in_time = co_await ends_within(*end, command.deadline);
    bool gone = ended.in_time;
    if (!gone) gone = co_await kill_softly(*child, *end);
    if (gone)
        ended.exit_code = collect(*child);
    else
        asio::co_spawn(executor, collect_some_day(*child, end), asio::detached);
    ended.output = output->finish();
    ended.complaint = complaint->finish();
    ended.heard_s = output->heard_s;
    kill_strays();
    co_return ended;
}

// The timer stands still while the machine is suspended: no more than this wait gets longer by that.
asio::awaitable<bool> Children::ends_within(Descriptor& child, Duration time) {
    struct Wait {
        asio::steady_timer timer;
        bool ended = false;
    };
    const auto wait = std::make_shared<Wait>(Wait{asio::steady_timer(child.get_executor(), time)});
    child.async_wait(Descriptor::wait_read, [wait](boost::system::error_code error) {
        wait->ended = !error;
        wait->timer.cancel();
    });
    auto token = asio::as_tuple(asio::use_awaitable);
    co_await wait->timer.async_wait(token);
    child.cancel();
    co_return wait->ended;
}

asio::awaitable<bool> Children::kill_softly(pid_t child, Descriptor& end) {
    ::kill(-child, SIGTERM);
    const bool obeyed = co_await ends_within(end, time_to_die);
    if (obeyed) co_return true;
    ::kill(-child, SIGKILL);
    co_return co_await ends_within(end, time_to_die);
}

// Until it is waited for, nobody else can get the number of its process group: what is left in the group goes first.
std::optional<int> Children::collect(pid_t child) {
    ::kill(-child, SIGKILL);
    int status = 0;
    const bool known = ::waitpid(child, &status, 0) == child;
    running_.erase(child);
    return known && WIFEXITED(status) ? std::optional(WEXITSTATUS(status)) : std::nullopt;
}

asio::awaitable<void> Children::collect_some_day(pid_t child, std::shared_ptr<Descriptor> end) {
    co_await readable(*end);
    collect(child);
}

// A child of a child that made a session of its own, such as ssh under pexpect, outlives the group and is ours now.
void Children::kill_strays() {
    if (!adopts_) return;
    std::ifstream list("/proc/thread-self/children");
    for (pid_t child = 0; list >> child;) {
        if (running_.contains(child)) continue;
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, WNOHANG);  // else at the next sweep
    }
}

}  // namespace ballast::service
