#include "executor/rolling_journal.h"

#include "ports/kept_keys.h"

namespace ballast::executor {

namespace json = boost::json;

namespace {

constexpr const char* record_key = prefix_of(Kept::rolling);

std::string text(const json::object& o, const char* key) {
    return std::string(o.at(key).as_string());
}
WallTime time(const json::value& value) {
    return WallTime(Duration(value.to_number<std::int64_t>()));
}
json::value milliseconds(const std::optional<WallTime>& value) {
    return value ? json::value(value->time_since_epoch().count()) : json::value();
}

template <class E>
E known(const std::optional<E>& value, const std::string& name) {
    if (!value) throw std::invalid_argument("unknown word " + name);
    return *value;
}

RollingRun parse(const json::object& o) {
    RollingRun run;
    run.started = time(o.at("started_ms"));
    if (!o.at("ended_ms").is_null()) run.ended = time(o.at("ended_ms"));
    run.requested_by = text(o, "requested_by");
    for (const json::value& host : o.at("hosts").as_array()) run.hosts.push_back({std::string(host.as_string())});
    for (const auto& host : o.at("left_out").as_object())
        run.left_out[{std::string(host.key())}] = std::string(host.value().as_string());
    run.at = o.at("at").to_number<std::size_t>();
    run.command = text(o, "command");
    run.reboot = known(reboot_from(text(o, "reboot")), text(o, "reboot"));
    run.state = known(rolling_state_from(text(o, "state")), text(o, "state"));
    run.step = known(rolling_step_from(text(o, "step")), text(o, "step"));
    run.since = time(o.at("since_ms"));
    run.stop_by = text(o, "stop_by");
    run.went_down = o.at("went_down").as_bool();
    run.message = text(o, "message");
    run.output = text(o, "output");
    if (run.state != RollingState::done && run.at >= run.hosts.size()) throw std::invalid_argument("at no host");
    return run;
}

}  // namespace

json::object to_json(const RollingRun& run) {
    json::array hosts;
    for (const HostId& host : run.hosts) hosts.emplace_back(host.value);
    json::object left_out;
    for (const auto& [host, why] : run.left_out) left_out[host.value] = why;
    return {{"started_ms", run.started.time_since_epoch().count()},
            {"ended_ms", milliseconds(run.ended)},
            {"requested_by", run.requested_by},
            {"hosts", std::move(hosts)},
            {"left_out", std::move(left_out)},
            {"at", run.at},
            {"command", run.command},
            {"reboot", to_string(run.reboot)},
            {"state", to_string(run.state)},
            {"step", to_string(run.step)},
            {"since_ms", run.since.time_since_epoch().count()},
            {"stop_by", run.stop_by},
            {"went_down", run.went_down},
            {"message", run.message},
            {"output", run.output}};
}

Result<RollingRun> rolling_run_from_json(const json::value& value) {
    try {
        return parse(value.as_object());
    } catch (const std::exception& error) {  // Boost.JSON reports wrong kinds by exceptions
        return Error{ErrorCode::corrupt, "rolling run", error.what()};
    }
}

Store::Task<std::optional<RollingRun>> RollingJournal::load() {
    std::string key = record_key;
    const auto entry = co_await store_.get(std::move(key));
    if (!entry) co_return entry.error();
    if (!*entry) co_return std::optional<RollingRun>();
    boost::system::error_code failure;
    const json::value value = json::parse((*entry)->value, failure);
    if (failure) co_return Error{ErrorCode::corrupt, record_key, failure.message()};
    const auto run = rolling_run_from_json(value);
    if (!run) co_return Error{ErrorCode::corrupt, record_key, run.error().message};
    revision_ = (*entry)->mod_revision;
    co_return std::optional(*run);
}

Store::Task<void> RollingJournal::write(RollingRun run) {
    constexpr int tries = 8;  // each time an earlier write of ours came through in between
    for (int i = 0; i < tries; ++i) {
        Transaction transaction;
        transaction.guards.push_back({Compare::Kind::mod_revision_is, record_key, revision_, {}});
        transaction.changes.push_back({Change::Kind::put, record_key, json::serialize(to_json(run)), 0});
        const auto commit = co_await store_.commit(std::move(transaction));
        if (!commit) co_return commit.error();
        if (commit->committed) {
            revision_ = commit->revision;
            co_return Result<void>();
        }
        std::string key = record_key;
        const auto entry = co_await store_.get(std::move(key));
        if (!entry) co_return entry.error();
        revision_ = *entry ? (*entry)->mod_revision : 0;
    }
    co_return Error{ErrorCode::conflict, record_key, "somebody else writes it"};
}

}  // namespace ballast::executor
