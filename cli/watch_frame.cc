#include "cli/watch_frame.h"

#include <algorithm>

namespace ballast::cli {

namespace {
constexpr int usual_width = 80;

std::string seconds(std::chrono::milliseconds every) {
    const auto tenths = every.count() / 100;
    return std::to_string(tenths / 10) + (tenths % 10 != 0 ? "." + std::to_string(tenths % 10) : "") + " s";
}

Phrase head(const WatchShown& shown, const Style& style) {
    const int width = style.width > 0 ? style.width : usual_width;
    const std::string right = shown.at + "  q quit ";
    Phrase left = Phrase(" " + shown.title, Tone::strong).add(" every " + seconds(shown.every), Tone::faint);
    const int room = width - static_cast<int>(right.size()) - 1;
    if (room < 12) return left.truncated_to(std::max(width, 2), style.unicode);
    left = left.truncated_to(room, style.unicode);
    const int gap = width - left.width() - static_cast<int>(right.size());
    return left.add(std::string(static_cast<std::size_t>(std::max(gap, 1)), ' ')).add(right, Tone::faint);
}

// How many of the answer's lines have room, under the head and above the line about what is not seen.
std::size_t room_for(const WatchShown& shown, int rows) {
    const int taken = 1 + (shown.trouble.empty() ? 0 : 1);
    const auto room = static_cast<std::size_t>(std::max(rows - taken, 1));
    return shown.lines.size() <= room ? room : std::max<std::size_t>(room - 1, 1);
}

std::size_t last_first(const WatchShown& shown, int rows) {
    const std::size_t room = room_for(shown, rows);
    return shown.lines.size() > room ? shown.lines.size() - room : 0;
}
}  // namespace

std::vector<std::string> watch_frame(const WatchShown& shown, const Style& style, int rows) {
    const int width = style.width > 0 ? style.width : usual_width;
    std::vector<std::string> frame{head(shown, style).render(style)};
    if (!shown.trouble.empty())
        frame.push_back(
            Phrase(" ! this is " + std::to_string(shown.age) + " s old, watching on: " + shown.trouble, Tone::bad)
                .truncated_to(width, style.unicode)
                .render(style));
    const std::size_t room = room_for(shown, rows);
    const std::size_t from = std::min(shown.first, last_first(shown, rows));
    const std::size_t to = std::min(from + room, shown.lines.size());
    for (std::size_t i = from; i < to; ++i) frame.push_back(shown.lines[i]);
    if (shown.lines.size() > room)
        frame.push_back(Phrase(" lines " + std::to_string(from + 1) + "-" + std::to_string(to) + " of " +
                                   std::to_string(shown.lines.size()) + "  arrows and page keys scroll",
                               Tone::faint)
                            .truncated_to(width, style.unicode)
                            .render(style));
    if (rows > 0 && frame.size() > static_cast<std::size_t>(rows)) frame.resize(static_cast<std::size_t>(rows));
    return frame;
}

std::size_t scrolled(const WatchShown& shown, const std::string& key, int rows) {
    const std::size_t last = last_first(shown, rows), now = std::min(shown.first, last);
    const std::size_t page = room_for(shown, rows);
    if (key == "up") return now - std::min<std::size_t>(now, 1);
    if (key == "down") return std::min(now + 1, last);
    if (key == "page up") return now - std::min(now, page);
    if (key == "page down") return std::min(now + page, last);
    return key == "home" ? 0 : now;
}

std::string first_line(const std::string& text) {
    return text.substr(0, text.find('\n'));
}

}  // namespace ballast::cli
