// One run of ballastctl: asks the daemon, prints what it says in the chosen form, and turns failures into messages and
// exit codes. One thread.
#pragma once

#include <functional>
#include <string>

#include "cli/api.h"
#include "cli/json_read.h"
#include "cli/page.h"
#include "cli/terminal.h"

namespace ballast::cli {

/// What scripts look at; documented in docs/ballastctl.md.
enum class Exit {
    ok = 0,
    failed = 1,       // the daemon said no, or what was asked for ended badly
    usage = 2,        // the command line, or a file that is not valid
    partly = 3,       // it ended, but not everything was done
    unreachable = 4,  // no daemon answers
};

/// Of what several things came to, as scripts see it: that something failed counts for more than that it is not done.
constexpr Exit worse(Exit a, Exit b) {
    constexpr auto rank = [](Exit exit) {
        switch (exit) {
            case Exit::ok: return 0;
            case Exit::partly: return 1;
            case Exit::usage: return 2;
            case Exit::failed: return 3;
            case Exit::unreachable: return 4;
        }
        return 4;
    };
    return rank(a) < rank(b) ? b : a;
}

enum class Format { table, json, yaml, json_line };  // the last one: a document a line, for --watch

using View = std::function<void(const value&, Page&)>;

/// An answer's body, or the exit code of a failure that was reported already.
struct [[nodiscard]] Fetched {
    value body;
    Exit exit = Exit::ok;
    explicit operator bool() const { return exit == Exit::ok; }
};

class Session {
public:
    Session(Api& api, Terminal& terminal, Format format) : api_(api), terminal_(terminal), format_(format) {}

    Terminal& terminal() { return terminal_; }
    Api& api() { return api_; }
    Format format() const { return format_; }
    bool for_people() const { return format_ == Format::table; }

    /// Asks; a failure is reported on stderr.
    Fetched fetch(const std::string& target) { return ask(Method::get, target, nullptr); }
    Fetched post(const std::string& target, const value& body) { return ask(Method::post, target, body); }
    /// The same without a report, for what is asked again and again.
    Result<Answer> try_fetch(const std::string& target) { return api_.call(Method::get, target, nullptr); }
    Result<Answer> try_post(const std::string& target) { return api_.call(Method::post, target, nullptr); }
    Exit report(const Error& error);
    Exit report(const Answer& refusal);

    void print(const value& body, const View& view);
    /// A sentence for people beside the answer: nothing is printed in the forms for programs.
    void say(const Phrase& phrase);
    /// A sentence on stderr, in all forms.
    void complain(const Phrase& phrase);
    /// file:line:column: message, as it is: editors and CI systems read it.
    void complain_diagnostic(std::string_view line);

    /// fetch and print.
    Exit show(const std::string& target, const View& view);

private:
    Fetched ask(Method method, const std::string& target, const value& body);

    Api& api_;
    Terminal& terminal_;
    Format format_;
};

}  // namespace ballast::cli
