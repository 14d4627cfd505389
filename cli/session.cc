#include "cli/session.h"

#include <algorithm>
#include <ostream>

#include "cli/structured.h"

namespace ballast::cli {

namespace {
std::string advice(ErrorCode code) {
    switch (code) {
        case ErrorCode::unavailable:
            return "Is ballastd running? See: systemctl status ballastd. Another socket is named with --socket or "
                   "BALLAST_SOCKET.";
        case ErrorCode::refused:
            return "You may not open it. Members of the group ballast may act, those of ballast-view may look "
                   "(admin_group "
                   "and view_group in ballast.yaml); log in again after you were added.";
        case ErrorCode::timed_out:
            return "ballastd holds the connection but does not answer: see journalctl -u ballastd. What was asked for "
                   "may "
                   "still happen.";
        case ErrorCode::corrupt: return "Does another program listen on this socket?";
        default: return "";
    }
}

constexpr const char* forbidden_advice =
    "Members of the group ballast may act, those of ballast-view may look (admin_group and view_group in "
    "ballast.yaml). "
    "Log in again after you were added.";
}  // namespace

void Session::complain(const Phrase& phrase) {
    Page page(terminal_.err_style);
    page.say(phrase, 0);
    terminal_.err << page.text();
}

void Session::complain_diagnostic(std::string_view line) {
    terminal_.err << Phrase(line).text() << "\n";
}

void Session::say(const Phrase& phrase) {
    if (!for_people()) return;
    Page page(terminal_.out_style);
    page.say(phrase);
    terminal_.out << page.text() << std::flush;
}

Exit Session::report(const Error& error) {
    complain(Phrase("ballastctl: ", Tone::bad).add(to_string(error)));
    if (const std::string hint = advice(error.code); !hint.empty()) complain(hint);
    return error.code == ErrorCode::invalid ? Exit::usage : Exit::unreachable;
}

Exit Session::report(const Answer& refusal) {
    const value& error = at(refusal.body, "error");
    const std::string subject = text(error, "subject");
    std::string message = text(error, "message");
    if (message.empty()) message = "the daemon answered with HTTP status " + std::to_string(refusal.status);
    const auto lines = lines_of(message);
    complain(Phrase("ballastctl: ", Tone::bad).add(subject.empty() ? "" : subject + ": ").add(lines.front()));
    for (std::size_t i = 1; i < lines.size(); ++i) complain(lines[i]);
    const std::string code = text(error, "code");
    if (code == "forbidden") complain(forbidden_advice);
    return code == "invalid" ? Exit::usage : Exit::failed;
}

Fetched Session::ask(Method method, const std::string& target, const value& body) {
    Result<Answer> answer = api_.call(method, target, body);
    if (!answer) return {nullptr, report(answer.error())};
    const Exit exit = answer->ok() ? Exit::ok : report(*answer);
    return {std::move(answer->body), exit};
}

void Session::print(const value& body, const View& view) {
    if (format_ == Format::json) {
        terminal_.out << to_pretty_json(body);
    } else if (format_ == Format::json_line) {
        terminal_.out << to_json_line(body);
    } else if (format_ == Format::yaml) {
        terminal_.out << to_yaml(body);
    } else {
        Page page(terminal_.out_style);
        view(body, page);
        terminal_.out << page.text();
    }
    terminal_.out << std::flush;
}

Exit Session::show(const std::string& target, const View& view) {
    const Fetched answer = fetch(target);
    if (answer) print(answer.body, view);
    return answer.exit;
}

}  // namespace ballast::cli
