// Child processes: started by posix_spawn with nothing of ours but stdin, stdout and stderr, in a session
// of their own, killed at their deadline. On the io_context's thread; nothing blocks.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <sys/types.h>
#include <vector>

#include "model/result.h"
#include "model/units.h"

namespace ballast::service {

/// From SIGTERM to SIGKILL, and from that to giving up on what not even that ends: two such times at most.
constexpr Duration time_to_die = std::chrono::seconds{2};

struct Command {
    std::string program;                   // absolute path, or a name to be looked for in our own PATH
    std::vector<std::string> arguments{};  // without the program; everybody can read them: no secret
    std::vector<std::string> environment{};
    std::string input{};  // its stdin
    Duration deadline{};
    std::size_t most_output = 64 * 1024;  // bytes of stdout, and as many of stderr
    bool drops_excess = false;            // what it writes beyond that; else it is held up until its deadline
};

/// The program and its arguments, with our own environment but for what systemd tells this process alone: a child that
/// used that would speak in its name.
Command command_of(const std::vector<std::string>& words, Duration deadline);

struct Ended {
    bool in_time = false;          // false: killed at its deadline
    std::optional<int> exit_code;  // nothing: a signal ended it, or it was killed
    std::string output;            // stdout and stderr
    std::string complaint;
    double begun_s = 0, heard_s = 0;  // UTC: when it was started, and when its first output came (0: none did)
};

/// The last line that is not empty, without blanks around it.
std::string last_line(const std::string& text);

using Runner = std::function<boost::asio::awaitable<Result<Ended>>(Command)>;

class Children {
public:
    /// `adopts`: this process is a subreaper, so that what a child leaves behind becomes its own, and is killed.
    explicit Children(bool adopts = false) : adopts_(adopts) {}

    /// Returns soon after the deadline at the latest (2 * time_to_die), and then nothing of the child's process group
    /// runs any more, unless the kernel itself cannot end it: such a one is left behind. Error unavailable: it cannot
    /// be started, or too many are running or were left behind.
    boost::asio::awaitable<Result<Ended>> run(Command command);

private:
    using Descriptor = boost::asio::posix::stream_descriptor;

    boost::asio::awaitable<bool> ends_within(Descriptor& child, Duration time);
    boost::asio::awaitable<bool> kill_softly(pid_t child, Descriptor& end);
    std::optional<int> collect(pid_t child);
    boost::asio::awaitable<void> collect_some_day(pid_t child, std::shared_ptr<Descriptor> end);
    void kill_strays();

    bool adopts_;
    std::set<pid_t> running_;
};

}  // namespace ballast::service
