#include <algorithm>
#include <cmath>

#include "cli/human.h"
#include "cli/views/parts.h"
#include "cli/views/views.h"
#include "model/units.h"

namespace ballast::cli {

namespace {
constexpr int progress_width = 10;
// A measurement this far off its prediction is worth a second look.
constexpr double surprising = 2.0;

std::string route(const value& operation, const Style& style) {
    return text(operation, "from") + arrow(style) + text(operation, "to");
}

// Reason and how it ended; alarms first and red.
Phrase note(const value& operation) {
    Phrase phrase;
    const std::string message = text(operation, "message"), reason = text(operation, "reason");
    if (flag(operation, "alarm")) phrase.add("ALARM: ", Tone::bad);
    if (!message.empty()) phrase.add(message, flag(operation, "alarm") ? Tone::bad : Tone::plain);
    if (message.empty()) return phrase.add(reason, Tone::faint);
    return reason.empty() ? phrase : phrase.add(" (why: " + reason + ")", Tone::faint);
}

Phrase measured(const value& outcome, const value& prediction, std::string_view key, const std::string& figure) {
    const auto was = number(outcome, key), expected = number(prediction, key);
    const bool off = was && expected && *was > *expected * surprising;
    return {figure, off ? Tone::notice : Tone::plain};
}

Phrase predicted(const std::string& figure) {
    return {figure, Tone::faint};
}

// "2026-11-22 10:15", or "11-22 10:15" where there is little room.
Cell ended_cell(const std::string& at) {
    const std::string when = local_time(at);
    return {when, when.size() == 16 ? when.substr(5) : when};
}

void sentence(const value& operation, Page& page) {
    page.say(Phrase(text(operation, "id"), Tone::strong)
                 .add(": " + text(operation, "vm_name") + " ")
                 .add(route(operation, page.style()) + ": ")
                 .add(state_phrase(text(operation, "state"))));
}
}  // namespace

// "1.2 GiB of 4 GiB, 112 MiB/s, about 25 s left". A pass over memory sends again what the guest wrote during the one
// before.
static Cell copied(const value& progress, double total, const Style& style) {
    const double left = number(progress, "remaining_bytes").value_or(0);
    const double ratio = std::clamp(1 - left / total, 0.0, 0.99);
    const auto rate = number(progress, "throughput_mib_per_s");
    std::string pace, ends;
    if (rate && *rate > 0) {
        pace = ", " + fixed(*rate, 0) + " MiB/s";
        const double seconds = left / (*rate * 1024 * 1024);
        ends = ", about " + to_string(Duration(static_cast<Duration::rep>(std::ceil(seconds)) * 1000)) + " left";
    }
    const auto pass = whole(progress, "iteration");
    const std::string amount = to_string(Bytes{static_cast<std::uint64_t>(std::max(total - left, 0.0))}) + " of " +
                               bytes(progress, "total_bytes") + (pass > 1 ? ", pass " + std::to_string(pass) : "");
    return {Phrase(bar(ratio, progress_width, style)).add(" " + amount + pace + ends), percent(ratio) + ends};
}

Cell progress(const value& operation, const Style& style) {
    const value& measured = at(operation, "progress");
    if (const double total = number(measured, "total_bytes").value_or(0); total > 0)
        return copied(measured, total, style);
    const std::string state = text(operation, "state");
    const auto elapsed = number(operation, "elapsed_ms");
    const auto expected = number(at(operation, "prediction"), "duration_ms");
    if (!elapsed || !expected || *expected <= 0 || state == "waiting" || state == "planned") return Phrase();
    // Time is all there is to go by here; a migration is done when it is done, so the bar never says so before.
    const double ratio = std::min(*elapsed / *expected, 0.99);
    const std::string times =
        duration(operation, "elapsed_ms") + " of about " + duration(at(operation, "prediction"), "duration_ms");
    return {Phrase(bar(ratio, progress_width, style)).add(" " + times), times};
}

void show_active(const array& operations, Page& page) {
    using enum Column::Align;
    Table table(
        {{"Operation"}, {"VM"}, {"From" + arrow(page.style()) + "to"}, {"State"}, {"Progress"}, {"Asked by", left, 1}});
    table.set_note_title("Why");
    for (const value& operation : operations)
        table.add({text(operation, "id"), Phrase(text(operation, "vm_name"), Tone::strong),
                   route(operation, page.style()), state_phrase(text(operation, "state")),
                   progress(operation, page.style()), text(operation, "requested_by")},
                  note(operation));
    page.table(table);
}

void show_ended(const array& operations, Page& page) {
    using enum Column::Align;
    Table table({{"Ended"},
                 {"VM"},
                 {"From" + arrow(page.style()) + "to"},
                 {"Result"},
                 {"Took", right},
                 {"predicted", right},
                 {"Downtime", right, 1},
                 {"predicted", right, 1},
                 {"Sent", right, 4},
                 {"predicted", right, 4},
                 {"Operation", left, 2},
                 {"Asked by", left, 3}});
    table.set_note_title("Why");
    for (const value& operation : operations) {
        const value& outcome = at(operation, "outcome");
        const value& prediction = at(operation, "prediction");
        table.add(
            {ended_cell(text(operation, "ended_at")), Phrase(text(operation, "vm_name"), Tone::strong),
             route(operation, page.style()), state_phrase(text(operation, "state")),
             measured(outcome, prediction, "duration_ms", duration(outcome, "duration_ms")),
             predicted(duration(prediction, "duration_ms")),
             measured(outcome, prediction, "downtime_ms", duration(outcome, "downtime_ms")),
             predicted(duration(prediction, "downtime_ms")),
             measured(outcome, prediction, "transferred_bytes", bytes(outcome, "transferred_bytes")),
             predicted(bytes(prediction, "transferred_bytes")), text(operation, "id"), text(operation, "requested_by")},
            note(operation));
    }
    page.table(table);
}

void show_history(const value& history, Page& page) {
    const array& active = list(history, "active");
    const array& ended = list(history, "ended");
    if (active.empty() && ended.empty()) {
        page.say("Nothing was moved yet.");
        return;
    }
    if (!active.empty()) {
        page.heading("Under way");
        show_active(active, page);
    }
    if (ended.empty()) return;
    page.heading("Ended");
    show_ended(ended, page);
    const auto total = whole(history, "ended_total");
    if (total > static_cast<std::int64_t>(ended.size()))
        page.say(Phrase("The last " + std::to_string(ended.size()) + " of " + std::to_string(total) +
                            "; more with ballastctl history -n " + std::to_string(std::min<std::int64_t>(total, 500)) +
                            ".",
                        Tone::faint));
}

void show_operation(const value& operation, Page& page) {
    sentence(operation, page);
    const std::string message = text(operation, "message");
    if (!message.empty()) page.say(Phrase(message, flag(operation, "alarm") ? Tone::bad : Tone::plain), 3);
    if (const std::string method = text(operation, "method"); !method.empty()) page.say("How: " + method + ".", 3);
    const value& outcome = at(operation, "outcome");
    if (outcome.is_null()) {
        if (!flag(operation, "final"))
            page.say("Predicted: " + prediction_phrase(at(operation, "prediction")) + ".", 3);
        return;
    }
    page.say("Took " + duration(outcome, "duration_ms") + " (predicted " +
                 duration(at(operation, "prediction"), "duration_ms") + "), downtime " +
                 duration(outcome, "downtime_ms") + " (predicted " +
                 duration(at(operation, "prediction"), "downtime_ms") + ").",
             3);
}

}  // namespace ballast::cli
