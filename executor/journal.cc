#include "executor/journal.h"

#include <cstdio>

namespace ballast::executor {

namespace json = boost::json;

namespace {

constexpr const char* ops_prefix = "/ballast/ops/";
constexpr const char* vm_prefix = "/ballast/opvm/";

json::value optional_time(const std::optional<WallTime>& time) {
    return time ? json::value(time->time_since_epoch().count()) : json::value();
}

json::object to_json(const Prediction& p) {
    return {{"duration_ms", p.duration.count()}, {"downtime_ms", p.downtime.count()},
            {"transferred_bytes", p.transferred.count}, {"converges", p.converges}};
}

json::object to_json(const Outcome& o) {
    json::object out{{"duration_ms", o.duration.count()}};
    if (o.downtime) out["downtime_ms"] = o.downtime->count();
    if (o.transferred) out["transferred_bytes"] = o.transferred->count;
    if (o.iterations) out["iterations"] = *o.iterations;
    return out;
}

std::string text(const json::object& o, const char* key) { return std::string(o.at(key).as_string()); }
Duration duration(const json::object& o, const char* key) { return Duration(o.at(key).to_number<std::int64_t>()); }
Bytes bytes(const json::object& o, const char* key) { return {o.at(key).to_number<std::uint64_t>()}; }
WallTime time(const json::object& o, const char* key) { return WallTime(duration(o, key)); }
std::optional<WallTime> maybe_time(const json::object& o, const char* key) {
    return o.at(key).is_null() ? std::nullopt : std::optional(time(o, key));
}

Prediction prediction_from(const json::object& o) {
    return {duration(o, "duration_ms"), duration(o, "downtime_ms"), bytes(o, "transferred_bytes"), o.at("converges").as_bool()};
}

Outcome outcome_from(const json::object& o) {
    Outcome outcome;
    outcome.duration = duration(o, "duration_ms");
    if (o.contains("downtime_ms")) outcome.downtime = duration(o, "downtime_ms");
    if (o.contains("transferred_bytes")) outcome.transferred = bytes(o, "transferred_bytes");
    if (o.contains("iterations")) outcome.iterations = o.at("iterations").to_number<unsigned>();
    return outcome;
}

Trigger trigger_from(const std::string& name) {
    for (const Trigger trigger : {Trigger::overload, Trigger::maintenance, Trigger::manual})
        if (to_string(trigger) == name) return trigger;
    throw std::invalid_argument("unknown trigger " + name);
}

OperationState state_from(const std::string& name) {
    if (const auto state = operation_state_from(name)) return *state;
    throw std::invalid_argument("unknown state " + name);
}

Operation parse(const json::object& o) {
    Operation op;
    op.id = {text(o, "id")};
    op.vm = {text(o, "vm")};
    op.vm_name = text(o, "vm_name");
    op.from = {text(o, "from")};
    op.to = {text(o, "to")};
    op.trigger = trigger_from(text(o, "trigger"));
    op.reason = text(o, "reason");
    op.cycle = text(o, "cycle");
    op.requested_by = text(o, "requested_by");
    op.state = state_from(text(o, "state"));
    op.attempt = o.at("attempt").to_number<unsigned>();
    op.prediction = prediction_from(o.at("prediction").as_object());
    if (!o.at("outcome").is_null()) op.outcome = outcome_from(o.at("outcome").as_object());
    op.message = text(o, "message");
    op.alarm = o.at("alarm").as_bool();
    op.persistent = o.at("persistent").as_bool();
    op.autostart = o.at("autostart").as_bool();
    op.memory = bytes(o, "memory_bytes");
    op.created = time(o, "created_ms");
    op.updated = time(o, "updated_ms");
    op.started = maybe_time(o, "started_ms");
    op.ended = maybe_time(o, "ended_ms");
    return op;
}

std::string record_key(const OperationId& id) { return ops_prefix + id.value; }
std::string guard_key(const VmId& vm) { return vm_prefix + vm.value; }

// Twelve digits of the store's revision: unique, and sorted by age as text.
OperationId id_at(Revision revision) {
    char id[32];
    std::snprintf(id, sizeof id, "op-%012lld", static_cast<long long>(revision));
    return {id};
}

Change put(std::string key, std::string value) { return {Change::Kind::put, std::move(key), std::move(value), 0}; }

Transaction acceptance(const Operation& draft) {
    Transaction transaction;
    transaction.guards.push_back({Compare::Kind::absent, guard_key(draft.vm), 0, {}});
    transaction.guards.push_back({Compare::Kind::absent, record_key(draft.id), 0, {}});
    transaction.changes.push_back(put(record_key(draft.id), json::serialize(executor::to_json(draft))));
    transaction.changes.push_back(put(guard_key(draft.vm), draft.id.value));
    return transaction;
}

}  // namespace

json::object to_json(const Operation& op) {
    return {{"id", op.id.value},
            {"vm", op.vm.value},
            {"vm_name", op.vm_name},
            {"from", op.from.value},
            {"to", op.to.value},
            {"trigger", to_string(op.trigger)},
            {"reason", op.reason},
            {"cycle", op.cycle},
            {"requested_by", op.requested_by},
            {"state", to_string(op.state)},
            {"attempt", op.attempt},
            {"prediction", to_json(op.prediction)},
            {"outcome", op.outcome ? json::value(to_json(*op.outcome)) : json::value()},
            {"message", op.message},
            {"alarm", op.alarm},
            {"persistent", op.persistent},
            {"autostart", op.autostart},
            {"memory_bytes", op.memory.count},
            {"created_ms", op.created.time_since_epoch().count()},
            {"updated_ms", op.updated.time_since_epoch().count()},
            {"started_ms", optional_time(op.started)},
            {"ended_ms", optional_time(op.ended)}};
}

Result<Operation> operation_from_json(const json::value& value) {
    try {
        return parse(value.as_object());
    } catch (const std::exception& error) {  // Boost.JSON reports wrong kinds by exceptions
        return Error{ErrorCode::corrupt, "operation record", error.what()};
    }
}

Store::Task<Operation> Journal::accept(Operation draft) {
    // Another acceptance may take the same revision first: then this one simply takes the next.
    constexpr int tries = 16;
    for (int i = 0; i < tries; ++i) {
        const auto revision = co_await store_.revision();
        if (!revision) co_return revision.error();
        draft.id = id_at(*revision + 1);
        auto commit = co_await store_.commit(acceptance(draft));
        if (!commit) co_return commit.error();
        if (commit->committed) co_return draft;
        const auto guard = co_await store_.get(guard_key(draft.vm));
        if (!guard) co_return guard.error();
        if (*guard) break;
    }
    co_return Error{ErrorCode::conflict, draft.vm_name, "another operation on it is under way"};
}

Store::Task<void> Journal::write(Operation op) {
    Transaction transaction;
    transaction.changes.push_back(put(record_key(op.id), json::serialize(to_json(op))));
    Transaction ending = transaction;
    ending.guards.push_back({Compare::Kind::value_is, guard_key(op.vm), 0, op.id.value});
    ending.changes.push_back({Change::Kind::erase, guard_key(op.vm), {}, 0});
    if (is_final(op.state)) {
        const auto ended = co_await store_.commit(std::move(ending));
        if (!ended) co_return ended.error();
        if (ended->committed) co_return Result<void>();
    }
    // Not final, or repeated after the VM was freed already: the record alone.
    const auto commit = co_await store_.commit(std::move(transaction));
    if (!commit) co_return commit.error();
    co_return Result<void>();
}

Store::Task<std::vector<Operation>> Journal::load() {
    std::string prefix = ops_prefix;
    const auto entries = co_await store_.list(std::move(prefix));
    if (!entries) co_return entries.error();
    std::vector<Operation> operations;
    for (const KeyValue& entry : *entries) {
        boost::system::error_code failure;
        const json::value value = json::parse(entry.value, failure);
        if (failure) co_return Error{ErrorCode::corrupt, entry.key, failure.message()};
        auto operation = operation_from_json(value);
        if (!operation) co_return operation.error();
        operations.push_back(std::move(*operation));
    }
    co_return operations;
}

Store::Task<void> Journal::prune(std::size_t keep) {
    const auto operations = co_await load();
    if (!operations) co_return operations.error();
    std::vector<OperationId> final_ones;
    for (const Operation& op : *operations)
        if (is_final(op.state)) final_ones.push_back(op.id);
    constexpr std::size_t batch = 100;  // a transaction holds at most 128 changes
    const std::size_t excess = final_ones.size() > keep ? std::min(final_ones.size() - keep, batch) : 0;
    if (excess == 0) co_return Result<void>();
    Transaction transaction;
    for (std::size_t i = 0; i < excess; ++i)
        transaction.changes.push_back({Change::Kind::erase, record_key(final_ones[i]), {}, 0});
    const auto commit = co_await store_.commit(std::move(transaction));
    if (!commit) co_return commit.error();
    co_return Result<void>();
}

}  // namespace ballast::executor
