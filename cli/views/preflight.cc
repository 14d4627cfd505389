#include <algorithm>
#include <vector>

#include "cli/human.h"
#include "cli/views/views.h"

namespace ballast::cli {

namespace {
// Worst first.
constexpr const char* worth_showing[] = {"problem", "warning", "unknown"};

Tone tone_of(std::string_view status) {
    if (status == "problem") return Tone::bad;
    return status == "warning" ? Tone::notice : Tone::faint;
}

Phrase note_of(const value& check) {
    Phrase phrase(text(check, "finding"));
    const std::string advice = text(check, "advice");
    return advice.empty() ? phrase : phrase.add(" To do: " + advice, Tone::strong);
}

void show_summary(const value& counts, Page& page) {
    const auto fine = counted(whole(counts, "ok"), "check", "checks") + " found nothing wrong (-o json lists them)";
    const bool all_fine = whole(counts, "problem") + whole(counts, "warning") + whole(counts, "unknown") == 0;
    page.say(Phrase(fine + ".", all_fine ? Tone::good : Tone::faint));
}
}  // namespace

void show_preflight(const value& report, Page& page) {
    Table table({{"Status"}, {"Host"}, {"Check"}});
    table.set_note_title("Found");
    for (const std::string status : worth_showing)
        for (const value& check : list(report, "checks"))
            if (text(check, "status") == status)
                table.add({Phrase(status, tone_of(status)), text(check, "host"), text(check, "check")}, note_of(check));
    if (!table.empty()) page.table(table).blank();
    show_summary(at(report, "counts"), page);
}

}  // namespace ballast::cli
