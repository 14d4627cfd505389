#include "cluster/registration.h"

#include <algorithm>
#include <boost/json.hpp>

#include "cluster/keys.h"
#include "executor/power_journal.h"

namespace ballast::cluster {

namespace json = boost::json;

namespace {
constexpr Duration elected_within = std::chrono::seconds{20};  // besides the time_to_live of the leader before

Compare unchanged(const std::string& key, const std::optional<KeyValue>& seen) {
    return {Compare::Kind::mod_revision_is, key, seen ? seen->mod_revision : 0, {}};
}

bool is_being_cut_off(const std::optional<KeyValue>& lock) {
    return lock && lock->value == to_string(PowerState::fencing);
}

}  // namespace

std::string to_text(const AgentIdentity& identity) {
    return json::serialize(json::object{{"member", identity.member},
                                        {"machine", identity.machine},
                                        {"boot", identity.boot},
                                        {"version", identity.version},
                                        {"protocol", identity.protocols.newest},
                                        {"oldest_protocol", identity.protocols.oldest},
                                        {"since_ms", identity.since.time_since_epoch().count()}});
}

namespace {

int protocol_of(const json::object& fields, const char* key, int otherwise) {
    const json::value* found = fields.if_contains(key);
    return found && found->is_int64() ? static_cast<int>(std::clamp<std::int64_t>(found->get_int64(), 0, 1'000'000))
                                      : otherwise;
}

// Registrations of before there were several protocols do not have these.
void read_version(const json::object& fields, AgentIdentity& identity) {
    const json::value* version = fields.if_contains("version");
    if (version && version->is_string()) identity.version = version->get_string().c_str();
    identity.protocols.newest = protocol_of(fields, "protocol", 1);
    identity.protocols.oldest = protocol_of(fields, "oldest_protocol", identity.protocols.newest);
    const json::value* since = fields.if_contains("since_ms");
    if (since && since->is_int64()) identity.since = WallTime(Duration(since->get_int64()));
}

}  // namespace

Result<AgentIdentity> identity_from(const std::string& text) {
    boost::system::error_code failure;
    const json::value value = json::parse(text, failure);
    const json::object* fields = failure ? nullptr : value.if_object();
    AgentIdentity identity;
    for (const auto& [key, into] :
         {std::pair{"member", &AgentIdentity::member}, std::pair{"machine", &AgentIdentity::machine},
          std::pair{"boot", &AgentIdentity::boot}}) {
        const json::value* found = fields ? fields->if_contains(key) : nullptr;
        if (!found || !found->is_string()) return Error{ErrorCode::corrupt, "agent", std::string(key) + " is missing"};
        identity.*into = found->get_string().c_str();
    }
    read_version(*fields, identity);
    return identity;
}

std::string refusal_of(const AgentIdentity& identity) {
    if (common(own_protocols, identity.protocols)) return "";
    return "its daemon" + (identity.version.empty() ? "" : " " + identity.version) + " speaks protocol " +
           to_string(identity.protocols) + ", this one " + to_string(own_protocols) + ": upgrade the older one";
}

boost::asio::awaitable<bool> most_registered_lately(Store& store, WallTime now, Duration time_to_live) {
    std::string prefix = agents_prefix;
    const auto members = co_await store.list(std::move(prefix));
    if (!members) co_return false;
    const Duration within = time_to_live + elected_within;
    std::size_t lately = 0;
    for (const KeyValue& member : *members)
        if (const auto identity = identity_from(member.value))
            lately += identity->since > now - within && identity->since < now + within ? 1 : 0;
    co_return 2 * lately > members->size();
}

Registration::Registration(boost::asio::any_io_executor executor, Clock& clock, Store& store, HostId host,
                           AgentIdentity identity, Duration time_to_live,
                           std::function<void(const std::string& problem)> changed)
    : executor_(std::move(executor)),
      clock_(clock),
      store_(store),
      host_(std::move(host)),
      identity_(std::move(identity)),
      key_(clock, store, agent_key(host_), time_to_live),
      changed_(std::move(changed)) {}

boost::asio::awaitable<void> Registration::run() {
    for (;;) {
        const auto tried = co_await try_once();
        if (!tried) tell(to_string(tried.error()));
        const bool registered = tried && *tried == Hold::ours;
        if (registered) {
            tell("");
            co_await key_.keep();
            tell("its registration is over");
        }
        const Duration pause = beat_every(key_.time_to_live());
        if (!registered) co_await clock_.sleep_for(pause);
    }
}

boost::asio::awaitable<Result<Hold>> Registration::try_once() {
    const auto cleared = co_await remove_own_leftover();
    if (!cleared) co_return cleared.error();
    std::string key = executor::power_lock_key(host_);
    const auto lock = co_await store_.get(std::move(key));
    if (!lock) co_return lock.error();
    if (is_being_cut_off(*lock))
        co_return Error{ErrorCode::conflict, host_.value, "is being cut off: it is registered once that is over"};
    Transaction together;
    together.guards.push_back(unchanged(executor::power_lock_key(host_), *lock));
    together.guards.push_back({Compare::Kind::absent, closed_key, 0, {}});
    identity_.since = clock_.wall_now();
    together.changes.push_back({Change::Kind::put, host_key(host_), to_text(identity_), 0});
    std::string text = to_text(identity_);
    const auto taken = co_await key_.take(std::move(text), std::move(together));
    if (!taken || *taken == Hold::ours) co_return taken;
    key = closed_key;
    const auto closed = co_await store_.get(std::move(key));
    if (closed && *closed) co_return Error{ErrorCode::conflict, "store", "is closed: " + (*closed)->value};
    co_return taken;
}

// The key of a process that was here before this one, which is dead: only one at a time runs on a machine. Without it
// the host would count as silent until that one's lease ends.
boost::asio::awaitable<Result<void>> Registration::remove_own_leftover() {
    std::string key = agent_key(host_);
    const auto there = co_await store_.get(std::move(key));
    if (!there) co_return there.error();
    if (!*there) co_return Result<void>();
    const auto other = identity_from((*there)->value);
    if (!other || other->machine != identity_.machine)
        co_return Error{ErrorCode::conflict, host_.value,
                        "is looked after by " + (other ? other->member : "somebody else") +
                            " on another machine: one of the two has the wrong name"};
    Transaction erase;
    erase.guards.push_back(unchanged(agent_key(host_), *there));
    erase.changes.push_back({Change::Kind::erase, agent_key(host_), {}, 0});
    const auto commit = co_await store_.commit(std::move(erase));
    if (!commit) co_return commit.error();
    co_return Result<void>();  // or it has just changed: take() finds out
}

void Registration::tell(const std::string& problem) {
    if (told_ == problem) return;
    told_ = problem;
    if (changed_) changed_(problem);
}

}  // namespace ballast::cluster
