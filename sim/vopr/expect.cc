#include "sim/vopr/expect.h"

#include <algorithm>

#include "config/quantities.h"

namespace ballast::sim::vopr {

namespace {
using When = Expectation::When;
constexpr Duration look_every = std::chrono::milliseconds{500};

bool waits_for_the_end(When when) {
    return when == When::at_the_end || when == When::healed;
}
}  // namespace

std::string to_string(const Expectation& expectation) {
    const std::string time = config::write_duration(expectation.time);
    switch (expectation.when) {
        case When::at_the_end: return expectation.look.text;
        case When::at: return "at " + time + ": " + expectation.look.text;
        case When::by: return "by " + time + ": " + expectation.look.text;
        case When::until: return "until " + time + ": " + expectation.look.text;
        case When::from: return "from " + time + ": " + expectation.look.text;
        case When::always: return "always: " + expectation.look.text;
        case When::never: return "never: " + expectation.look.text;
        case When::healed: return "healed: " + expectation.look.text;
    }
    return {};
}

Expectations::Expectations(Stage stage, std::vector<Expectation> all)
    : stage_(std::move(stage)), began_(stage_.cluster.clock.now()) {
    for (Expectation& one : all) all_.push_back({std::move(one)});
}

void Expectations::miss(Pending& pending, Duration now, const Seen& seen) {
    pending.settled = true;
    missed_.push_back("expected " + to_string(pending.what) + " -- seen at " + config::write_duration(now) + ": " +
                      seen.seen);
    stage_.cluster.note("MISSED: " + missed_.back());
}

void Expectations::judge(Pending& pending, Duration now) {
    const Expectation& what = pending.what;
    if (pending.settled || waits_for_the_end(what.when)) return;
    const bool waits = what.when == When::from || what.when == When::at || what.when == When::by;
    if (waits && now < what.time) return;
    if (what.when == When::until && now >= what.time) {
        pending.settled = true;
        return;
    }
    const Seen seen = what.look.at(stage_, what.look.asked);
    switch (what.when) {
        case When::by:
        case When::at:
            pending.settled = true;
            if (!seen.met) miss(pending, now, seen);
            return;
        case When::never:
            if (seen.met) miss(pending, now, {false, "it is so"});
            return;
        default:
            if (!seen.met) miss(pending, now, seen);
    }
}

void Expectations::step() {
    const Instant now = stage_.cluster.clock.now();
    if (now < next_look_) return;
    next_look_ = now + look_every;
    for (Pending& one : all_) judge(one, now - began_);
}

void Expectations::over() {
    const Duration now = stage_.cluster.clock.now() - began_;
    for (Pending& one : all_) {
        judge(one, now);
        if (one.settled || one.what.when == When::healed || one.what.when == When::never) continue;
        const Seen seen = one.what.look.at(stage_, one.what.look.asked);
        if (!seen.met || one.what.when == When::at) miss(one, now, seen);
        one.settled = true;
    }
}

void Expectations::healed() {
    const Duration now = stage_.cluster.clock.now() - began_;
    for (Pending& one : all_) {
        if (one.what.when != When::healed) continue;
        const Seen seen = one.what.look.at(stage_, one.what.look.asked);
        if (!seen.met) miss(one, now, seen);
    }
}

}  // namespace ballast::sim::vopr
