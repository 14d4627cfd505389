// A line that is drawn again in place on a terminal; elsewhere each change of it is a line of its own.
#pragma once

#include <string>

#include "cli/session.h"

namespace ballast::cli {

class ProgressLine {
public:
    explicit ProgressLine(Session& session) : session_(session) {}
    ProgressLine(const ProgressLine&) = delete;
    ProgressLine& operator=(const ProgressLine&) = delete;
    ~ProgressLine() { finish(); }

    /// `key` is what makes it a different line for a file: figures that always change stay out of it. Empty:
    /// it is for terminals only.
    void show(const Phrase& phrase, const std::string& key);
    /// What follows starts on a line of its own.
    void finish();
    /// What follows takes its place.
    void clear();

private:
    Session& session_;
    std::string last_key_;
    bool drawn_ = false;
};

}  // namespace ballast::cli
