#include "cli/console.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

namespace ballast::cli {

namespace {

// Another screen, no cursor, no wrapping; and all of it back.
constexpr std::string_view take = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J";
constexpr std::string_view give_back = "\x1b[?7h\x1b[?25h\x1b[?1049l";
// What ends a program or stops it for a while gives the terminal back first.
constexpr std::array ending = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

// For signal handlers, hence neither in an object nor with a destructor.
termios as_it_was;
volatile std::sig_atomic_t taken = 0, blank = 0;

void say(std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
        if (written < 0 && errno != EINTR) return;
        if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
    }
}

void enter() {
    termios raw = as_it_was;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);  // signals from keys stay
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    ::tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
    say(take);
    blank = 1;
    taken = 1;
}

void leave() {
    if (!taken) return;
    taken = 0;
    say(give_back);
    ::tcsetattr(STDIN_FILENO, TCSADRAIN, &as_it_was);
}

// As if nobody had caught it. All that is called here may be called in a handler [signal-safety(7)].
void end(int signal) {
    const int error = errno;
    leave();
    ::signal(signal, SIG_DFL);
    ::raise(signal);
    errno = error;
}

void stop(int) {
    const int error = errno;
    leave();
    ::raise(SIGSTOP);
    enter();
    errno = error;
}

void nothing(int) {}  // only ends the wait for a key

void handle(int signal, void (*by)(int)) {
    struct sigaction action {};
    action.sa_handler = by;
    ::sigemptyset(&action.sa_mask);
    ::sigaction(signal, &action, nullptr);
}

}  // namespace

Console::Console() {
    ::tcgetattr(STDIN_FILENO, &as_it_was);
    for (const int signal : ending) handle(signal, end);
    handle(SIGTSTP, stop);
    handle(SIGWINCH, nothing);
    enter();
}

Console::~Console() {
    leave();
    for (const int signal : ending) handle(signal, SIG_DFL);
    handle(SIGTSTP, SIG_DFL);
    handle(SIGWINCH, SIG_DFL);
}

Console::Size Console::size() const {
    winsize now{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &now) != 0 || now.ws_col == 0 || now.ws_row == 0) return {};
    return {now.ws_col, now.ws_row};
}

bool Console::is_blank() const {
    return blank != 0;
}

// One write between the marks of a synchronised update, which terminals that do not know them pass over; each line is
// cleared behind its end, never before it.
void Console::draw(const std::vector<std::string>& lines) {
    blank = 0;
    std::string all = "\x1b[?2026h\x1b[H";
    for (std::size_t i = 0; i < lines.size(); ++i) all += (i > 0 ? "\r\n" : "") + lines[i] + "\x1b[K";
    all += "\x1b[J\x1b[?2026l";
    say(all);
}

std::string Console::key(int milliseconds) {
    static std::string sent;
    if (const std::string key = key_from(sent); !key.empty()) return key;
    pollfd in{STDIN_FILENO, POLLIN, 0};
    if (::poll(&in, 1, milliseconds) <= 0) return "";
    char bytes[64];
    const ssize_t length = ::read(STDIN_FILENO, bytes, sizeof bytes);
    if (length == 0 || (length < 0 && errno != EINTR && errno != EAGAIN)) return "end of input";
    if (length > 0) sent.append(bytes, static_cast<std::size_t>(length));
    return key_from(sent);
}

std::string key_from(std::string& bytes) {
    static constexpr std::pair<std::string_view, const char*> sequences[] = {
        {"\x1b[A", "up"},         {"\x1bOA", "up"},   {"\x1b[B", "down"}, {"\x1bOB", "down"},  {"\x1b[5~", "page up"},
        {"\x1b[6~", "page down"}, {"\x1b[H", "home"}, {"\x1bOH", "home"}, {"\x1b[1~", "home"}, {"\t", "tab"},
        {" ", "page down"}};
    while (!bytes.empty()) {
        for (const auto& [sequence, name] : sequences) {
            if (!bytes.starts_with(sequence)) continue;
            bytes.erase(0, sequence.size());
            return name;
        }
        if (bytes.front() == '\x1b') {
            bytes.clear();  // of a key that means nothing here
            return "";
        }
        const char one = bytes.front();
        bytes.erase(0, 1);
        if (one > ' ' && one < '\x7f') return {one};
    }
    return "";
}

}  // namespace ballast::cli
