// What a scenario expects: sentences about the simulated cluster that hold or not, and when they have to. The same
// sentences say when a step is due. docs/simulator.md lists them.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sim/vopr/daemon.h"
#include "sim/vopr/sentence.h"
#include "sim/vopr/witness.h"

namespace ballast::sim::vopr {

/// What there is to look at.
struct Stage {
    Cluster& cluster;
    const Witness& witness;
    std::vector<HostId> hosts;
    std::function<Daemon*()> leader;  // null: nobody leads
    std::function<std::optional<HostId>()> leads;
};

/// What was asked after, filled in.
struct Asked {
    HostId host, other;
    VmId vm, other_vm;
    std::string words, text;
    unsigned least = 0, most = 0;  // of $r and $t
};

struct Seen {
    bool met = false;
    std::string seen;  // in its place
};

/// One thing to be looked at.
struct Look {
    std::string text;  // as it was written
    Asked asked;
    Seen (*at)(const Stage&, const Asked&) = nullptr;
};

/// A text says the name as a word of its own.
bool has_word(const std::string& text, const std::string& name);

/// Nothing: no such sentence. Names are not checked.
std::optional<Look> look_from(const std::string& text);
/// All sentences, for people.
std::vector<std::string> all_looks();

struct Expectation {
    enum class When { at_the_end, at, by, until, from, always, never, healed };

    When when = When::at_the_end;
    Duration time{};
    Look look;
};
/// "by 90s: vm1 runs on h2".
std::string to_string(const Expectation& expectation);

/// Compares what is expected with what is seen, while a scenario is played.
class Expectations {
public:
    Expectations(Stage stage, std::vector<Expectation> all);

    /// To be called after every step; looks a few times a second.
    void step();
    /// The time of the scenario is over. What was due at a later time, and never came, is missed.
    void over();
    /// Everything works again, and is quiet.
    void healed();
    /// One line for each that was missed: what was expected, and what was seen.
    const std::vector<std::string>& missed() const { return missed_; }

private:
    struct Pending {
        Expectation what;
        bool settled = false;
    };
    void judge(Pending& pending, Duration now);
    void miss(Pending& pending, Duration now, const Seen& seen);

    Stage stage_;
    Instant began_;
    Instant next_look_{};
    std::vector<Pending> all_;
    std::vector<std::string> missed_;
};

}  // namespace ballast::sim::vopr
