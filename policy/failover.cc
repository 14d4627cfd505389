#include "policy/failover.h"

#include <algorithm>

#include "model/names.h"

namespace ballast::policy {

namespace {
// Time alone proves nothing: a daemon that was itself stopped for a while has heard nobody.
constexpr unsigned looks_for_silence = 2, looks_for_suspicion = 5;
// A port whose switch looks for loops is silent for so long after it has come up [IEEE 802.1D: two forward delays].
constexpr Duration calm_after_storm = std::chrono::seconds{30};
constexpr Duration calm_at_most = std::chrono::minutes{1}, calm_counted_over = std::chrono::minutes{5};

bool is_silent(const Contact& contact) {
    return contact.unanswered >= looks_for_silence;
}

bool is_suspect(const Contact& contact, const FailoverOptions& options, Instant started, Instant now) {
    if (!contact.watched || contact.unanswered < looks_for_suspicion) return false;
    if (!contact.answered) return now - started >= std::max(options.start_grace, options.after);
    return now - *contact.answered >= options.after;
}

std::string sentence(const HostId& host, const Contact& contact, Instant started, Instant now) {
    const std::string how_long = to_string(now - contact.answered.value_or(started));
    return host.value + (contact.answered ? " has not answered for " : " has never answered since the start, ") +
           how_long + (contact.answered ? "" : " ago") + ", neither its libvirt nor its kernel";
}
}  // namespace

Suspicion suspect(const std::map<HostId, Contact>& contacts, const FailoverOptions& options, Instant started,
                  Instant now) {
    Suspicion found;
    std::size_t expected = 0;
    for (const auto& [host, contact] : contacts) {
        if (contact.maintenance && is_silent(contact)) continue;
        ++expected;  // whoever answers shows that the network is well, be it worked on or not
        if (contact.maintenance) continue;
        if (is_silent(contact)) found.silent.push_back(host);
        if (contact.concerns_vms && is_suspect(contact, options, started, now))
            found.suspects.push_back({host, sentence(host, contact, started, now)});
    }
    const bool many = !found.silent.empty() && 2 * found.silent.size() >= expected;
    if (many && (!found.suspects.empty() || found.silent.size() > 1)) {
        std::vector<std::string> names;
        for (const HostId& host : found.silent) names.push_back(host.value);
        found.frozen = std::to_string(found.silent.size()) + " of " + std::to_string(expected) +
                       " hosts do not answer (" + names_of(names) +
                       "): that looks like the network, so none is cut off. Once you have made sure "
                       "that a host is off: ballastctl fence confirm HOST";
    }
    return found;
}

bool Calm::holds(const Suspicion& suspicion, Instant now) {
    if (calm_) spent_ += now - last_;
    last_ = now;
    if (counts_ && now - *counts_ >= calm_counted_over) {
        counts_.reset();
        spent_ = {};
    }
    const bool over = frozen_ && suspicion.frozen.empty();
    frozen_ = !suspicion.frozen.empty();
    if (over) begin(now);
    calm_ = !frozen_ && now < until_ && spent_ < calm_at_most;
    return calm_;
}

void Calm::begin(Instant now) {
    until_ = now + calm_after_storm;
    if (!counts_) counts_ = now;
}

}  // namespace ballast::policy
