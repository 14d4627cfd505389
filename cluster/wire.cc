#include "cluster/wire.h"

namespace ballast {

namespace {
// Beyond the last one the last one again, as interchange::words_of wants it.
template <std::size_t N, class E>
std::string word(const char* const (&words)[N], E value) {
    return words[std::min(static_cast<std::size_t>(value), N - 1)];
}
}  // namespace

std::string to_string(Presence::State state) {
    constexpr const char* words[] = {"absent", "defined", "running", "paused"};
    return word(words, state);
}

std::string to_string(Presence::PauseReason reason) {
    constexpr const char* words[] = {"none",     "migration", "starting_up", "post_copy", "post_copy_failed",
                                     "io_error", "user",      "other"};
    return word(words, reason);
}

std::string to_string(MigrationPhase phase) {
    constexpr const char* words[] = {"none", "starting", "copying", "post_copy", "completed", "failed", "cancelled"};
    return word(words, phase);
}

std::string to_string(HypervisorEvent::Kind kind) {
    constexpr const char* words[] = {"connected",  "disconnected",        "vm_started",    "vm_stopped",  "vm_changed",
                                     "switchover", "migration_iteration", "job_completed", "host_changed"};
    return word(words, kind);
}

}  // namespace ballast
