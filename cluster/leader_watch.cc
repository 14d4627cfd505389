#include "cluster/leader_watch.h"

#include "cluster/keys.h"

namespace ballast::cluster {

namespace {
// Events are hints: what none told of is found by reading.
constexpr Duration lead_read_again = std::chrono::seconds{10};
}  // namespace

LeaderWatch::LeaderWatch(Clock& clock, Store& store)
    : follower_(clock, store, leader_key, {lead_read_again, lead_read_again},
                {[this](const KeyValue& entry, Noticed) {
                     leader_ = {entry.value, entry.create_revision};
                 },
                 [this](const std::string&, Revision) { leader_.reset(); }}) {}

}  // namespace ballast::cluster
