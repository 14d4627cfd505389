#include "cli/terminal.h"

#include <chrono>
#include <clocale>
#include <cstdlib>
#include <iostream>
#include <langinfo.h>
#include <string_view>
#include <sys/ioctl.h>
#include <thread>
#include <unistd.h>

namespace ballast::cli {

namespace {
constexpr int narrowest = 40;  // below this, wrapping makes things worse

std::string_view environment(const char* name) {
    const char* value = std::getenv(name);
    return value ? value : "";
}

// 0: no limit. COLUMNS, which shells do not export, is for scripts and tests that want a width.
int width_of(int descriptor) {
    winsize size{};
    int width = 0;
    if (const auto columns = environment("COLUMNS"); !columns.empty())
        width = std::atoi(columns.data());
    else if (isatty(descriptor) && ioctl(descriptor, TIOCGWINSZ, &size) == 0)
        width = size.ws_col;
    return width <= 0 ? 0 : std::max(width, narrowest);
}

Style style_of(int descriptor) {
    Style style;
    style.colour = isatty(descriptor) && environment("NO_COLOR").empty() && environment("TERM") != "dumb";
    style.unicode = std::string_view(nl_langinfo(CODESET)) == "UTF-8";
    style.width = width_of(descriptor);
    return style;
}
}  // namespace

Terminal standard_terminal() {
    std::setlocale(LC_CTYPE, "");
    const auto wait = [](int milliseconds) { std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds)); };
    return {std::cout,
            std::cerr,
            style_of(STDOUT_FILENO),
            style_of(STDERR_FILENO),
            isatty(STDOUT_FILENO) && environment("TERM") != "dumb",
            wait,
            isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) ? &std::cin : nullptr};
}

void apply(ColourWish wish, Terminal& terminal) {
    if (wish == ColourWish::automatic) return;
    terminal.out_style.colour = terminal.err_style.colour = wish == ColourWish::always;
}

}  // namespace ballast::cli
