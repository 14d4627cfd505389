// The records' text form. Fields are added, never renamed: a newer daemon reads what an older one left.
#include "executor/journal.h"

namespace ballast::executor {

namespace json = boost::json;

namespace {

json::value optional_time(const std::optional<WallTime>& time) {
    return time ? json::value(time->time_since_epoch().count()) : json::value();
}

json::object to_json(const Prediction& p) {
    return {{"duration_ms", p.duration.count()},
            {"downtime_ms", p.downtime.count()},
            {"transferred_bytes", p.transferred.count},
            {"disk_bytes", p.disk.count},
            {"converges", p.converges}};
}

json::object to_json(const Outcome& o) {
    json::object out{{"duration_ms", o.duration.count()}};
    if (o.downtime) out["downtime_ms"] = o.downtime->count();
    if (o.transferred) out["transferred_bytes"] = o.transferred->count;
    if (o.iterations) out["iterations"] = *o.iterations;
    if (o.disk) out["disk_bytes"] = o.disk->count;
    return out;
}

std::string text(const json::object& o, const char* key) {
    return std::string(o.at(key).as_string());
}
Duration duration(const json::object& o, const char* key) {
    return Duration(o.at(key).to_number<std::int64_t>());
}
Bytes bytes(const json::object& o, const char* key) {
    return {o.at(key).to_number<std::uint64_t>()};
}
// Absent in records written before disks were copied.
Bytes bytes_or_none(const json::object& o, const char* key) {
    return o.contains(key) ? bytes(o, key) : Bytes{};
}
std::vector<std::string> texts_or_none(const json::object& o, const char* key) {
    std::vector<std::string> texts;
    if (!o.contains(key)) return texts;
    for (const json::value& value : o.at(key).as_array()) texts.emplace_back(value.as_string());
    return texts;
}
WallTime time(const json::object& o, const char* key) {
    return WallTime(duration(o, key));
}
std::optional<WallTime> maybe_time(const json::object& o, const char* key) {
    return o.at(key).is_null() ? std::nullopt : std::optional(time(o, key));
}

Prediction prediction_from(const json::object& o) {
    return {duration(o, "duration_ms"), duration(o, "downtime_ms"), bytes(o, "transferred_bytes"),
            o.at("converges").as_bool(), bytes_or_none(o, "disk_bytes")};
}

Outcome outcome_from(const json::object& o) {
    Outcome outcome;
    outcome.duration = duration(o, "duration_ms");
    if (o.contains("downtime_ms")) outcome.downtime = duration(o, "downtime_ms");
    if (o.contains("transferred_bytes")) outcome.transferred = bytes(o, "transferred_bytes");
    if (o.contains("disk_bytes")) outcome.disk = bytes(o, "disk_bytes");
    if (o.contains("iterations")) outcome.iterations = o.at("iterations").to_number<unsigned>();
    return outcome;
}

Trigger trigger_from(const std::string& name) {
    for (const Trigger trigger : all_triggers)
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
    if (o.contains("method")) op.method = text(o, "method");  // absent in records of before it was kept
    op.message = text(o, "message");
    op.alarm = o.at("alarm").as_bool();
    op.persistent = o.at("persistent").as_bool();
    op.autostart = o.at("autostart").as_bool();
    op.memory = bytes(o, "memory_bytes");
    op.disks = texts_or_none(o, "disks");
    op.disk = bytes_or_none(o, "disk_bytes");
    op.created = time(o, "created_ms");
    op.updated = time(o, "updated_ms");
    op.started = maybe_time(o, "started_ms");
    op.ended = maybe_time(o, "ended_ms");
    return op;
}

// Absent in records written before there were notes.
Notes notes_from(const json::object& record) {
    Notes notes;
    const json::value* found = record.if_contains("notes");
    if (found == nullptr) return notes;
    const json::object& o = found->as_object();
    notes.cancelled_by = text(o, "cancelled_by");
    notes.ran_on_both = o.at("ran_on_both").as_bool();
    notes.stopped_source = o.at("stopped_source").as_bool();
    notes.post_copy = o.at("post_copy").as_bool();
    notes.images = texts_or_none(o, "images");
    notes.copied = texts_or_none(o, "copied");
    if (o.contains("ran_on_target")) notes.ran_on_target = o.at("ran_on_target").as_bool();
    if (o.contains("keep_images")) notes.keep_images = o.at("keep_images").as_bool();
    return notes;
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
            {"method", op.method},
            {"message", op.message},
            {"alarm", op.alarm},
            {"persistent", op.persistent},
            {"autostart", op.autostart},
            {"memory_bytes", op.memory.count},
            {"disks", json::array(op.disks.begin(), op.disks.end())},
            {"disk_bytes", op.disk.count},
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

json::object to_json(const Record& record) {
    json::object out = to_json(record.op);
    out["notes"] = {{"cancelled_by", record.notes.cancelled_by},
                    {"ran_on_target", record.notes.ran_on_target},
                    {"ran_on_both", record.notes.ran_on_both},
                    {"stopped_source", record.notes.stopped_source},
                    {"post_copy", record.notes.post_copy},
                    {"images", json::array(record.notes.images.begin(), record.notes.images.end())},
                    {"copied", json::array(record.notes.copied.begin(), record.notes.copied.end())},
                    {"keep_images", record.notes.keep_images}};
    return out;
}

Result<Record> record_from_json(const json::value& value) {
    auto op = operation_from_json(value);
    if (!op) return op.error();
    try {
        return Record{std::move(*op), notes_from(value.as_object())};
    } catch (const std::exception& error) {
        return Error{ErrorCode::corrupt, "operation record", error.what()};
    }
}

}  // namespace ballast::executor
