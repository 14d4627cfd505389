#include "executor/vm_records.h"

#include <boost/asio.hpp>

#include "executor/run.h"
#include "ports/kept_keys.h"

namespace ballast::executor {

namespace json = boost::json;

namespace {

constexpr const char* prefix = prefix_of(Kept::vms);
constexpr Duration retry = std::chrono::seconds{5};
constexpr Duration written_look = std::chrono::milliseconds{50};
// A transaction holds 1.25 MiB and 128 changes [ports/store.h].
constexpr std::size_t most_in_batch = 64, batch_bytes = 512 * 1024;

std::string text(const json::object& o, const char* key) {
    return std::string(o.at(key).as_string());
}

VmRecord parse(const json::object& o) {
    VmRecord record;
    record.vm = {text(o, "vm")};
    record.name = text(o, "name");
    record.host = {text(o, "host")};
    record.generation = o.at("generation").to_number<std::uint64_t>();
    record.persistent = o.at("persistent").as_bool();
    record.autostart = o.at("autostart").as_bool();
    record.definition = text(o, "definition");
    record.down = o.at("down").as_bool();
    for (const json::value& host : o.at("left").as_array()) record.left.push_back({std::string(host.as_string())});
    if (const json::value* ended = o.if_contains("ended")) record.ended = ended->as_bool();
    if (o.contains("images"))  // absent in records written before disks were copied
        for (const json::value& image : o.at("images").as_array())
            record.images.push_back({{text(image.as_object(), "host")}, text(image.as_object(), "file")});
    return record;
}

Result<VmRecord> parse(const KeyValue& entry) {
    boost::system::error_code failure;
    const json::value value = json::parse(entry.value, failure);
    if (failure) return Error{ErrorCode::corrupt, entry.key, failure.message()};
    auto record = vm_record_from_json(value);
    if (!record) return Error{ErrorCode::corrupt, entry.key, record.error().message};
    return record;
}

}  // namespace

std::string vm_record_key(const VmId& vm) {
    return prefix + vm.value;
}

json::object to_json(const VmRecord& r) {
    json::array left;
    for (const HostId& host : r.left) left.emplace_back(host.value);
    json::array images;
    for (const LeftImage& image : r.images)
        images.push_back(json::object{{"host", image.host.value}, {"file", image.file}});
    return {{"vm", r.vm.value},
            {"name", r.name},
            {"host", r.host.value},
            {"generation", r.generation},
            {"persistent", r.persistent},
            {"autostart", r.autostart},
            {"definition", r.definition},
            {"down", r.down},
            {"left", std::move(left)},
            {"images", std::move(images)},
            {"ended", r.ended}};
}

Result<VmRecord> vm_record_from_json(const json::value& value) {
    try {
        return parse(value.as_object());
    } catch (const std::exception& error) {  // Boost.JSON reports wrong kinds by exceptions
        return Error{ErrorCode::corrupt, "VM record", error.what()};
    }
}

VmRecords::Task<void> VmRecords::load() {
    std::string all = prefix;
    const auto entries = co_await store_.list(std::move(all));
    if (!entries) co_return entries.error();
    for (const KeyValue& entry : *entries) {
        auto record = parse(entry);
        if (!record) co_return record.error();
        stored_[record->vm] = {entry.mod_revision, record->host, record->generation};
        put(std::move(*record));
    }
    co_return Result<void>();
}

void VmRecords::put(VmRecord record) {
    drop(record.vm);
    if (!record.ended) by_host_[record.host].insert(record.vm);
    const VmId vm = record.vm;
    records_[vm] = std::move(record);
}

void VmRecords::drop(const VmId& vm) {
    const auto known = records_.find(vm);
    if (known == records_.end()) return;
    by_host_[known->second.host].erase(vm);
    records_.erase(known);
}

const std::set<VmId>& VmRecords::of_host(const HostId& host) const {
    static const std::set<VmId> none;
    const auto found = by_host_.find(host);
    return found == by_host_.end() ? none : found->second;
}

const VmRecord* VmRecords::find(const VmId& vm) const {
    const auto found = records_.find(vm);
    return found == records_.end() ? nullptr : &found->second;
}

void VmRecords::set(VmRecord record) {
    if (record.ended && record.left.empty()) return erase(record.vm);
    const VmRecord* known = find(record.vm);
    record.generation = next_generation(record);
    if (known != nullptr && *known == record) return;
    const VmId vm = record.vm;
    put(std::move(record));
    unwritten_.insert(vm);
    start_writing();
}

// Of owners that were never written nobody has heard: they do not count.
std::uint64_t VmRecords::next_generation(const VmRecord& record) const {
    const auto stored = stored_.find(record.vm);
    if (stored == stored_.end()) return record.generation;
    return stored->second.generation + (stored->second.host == record.host ? 0 : 1);
}

void VmRecords::forget(const VmId& vm) {
    const VmRecord* known = find(vm);
    if (known == nullptr) return;
    VmRecord record = *known;
    record.ended = true;
    record.down = false;
    set(std::move(record));
}

void VmRecords::erase(const VmId& vm) {
    if (find(vm) == nullptr) return;
    drop(vm);
    unwritten_.insert(vm);
    start_writing();
}

VmRecords::Claim VmRecords::claim(const VmId& vm, const HostId& to) const {
    const VmRecord& known = records_.at(vm);
    Claim claim{known, {}, {}};
    if (known.host != to) {
        std::erase(claim.record.left, to);
        claim.record.left.push_back(known.host);
        claim.record.host = to;
        claim.record.generation = next_generation(claim.record);
    }
    claim.guard = guard_of(vm);
    claim.change = {Change::Kind::put, vm_record_key(vm), json::serialize(to_json(claim.record)), 0};
    return claim;
}

void VmRecords::claimed(const Claim& claim, Revision revision) {
    put(claim.record);
    stored_[claim.record.vm] = {revision, claim.record.host, claim.record.generation};
}

VmRecords::Task<void> VmRecords::reload(VmId vm) {
    if (unwritten_.contains(vm)) co_return Result<void>();  // ours is the newer
    auto key = vm_record_key(vm);
    const auto entry = co_await store_.get(std::move(key));
    if (!entry) co_return entry.error();
    if (!*entry) {
        drop(vm);
        stored_.erase(vm);
        co_return Result<void>();
    }
    auto record = parse(**entry);
    if (!record) co_return record.error();
    stored_[vm] = {(*entry)->mod_revision, record->host, record->generation};
    put(std::move(*record));
    co_return Result<void>();
}

VmRecords::Task<void> VmRecords::written() {
    std::set<VmId> left = unwritten_;
    left.insert(being_written_.begin(), being_written_.end());
    const auto is_written = [this](const VmId& vm) { return !unwritten_.contains(vm) && !being_written_.contains(vm); };
    for (;;) {
        std::erase_if(left, is_written);
        if (left.empty()) co_return Result<void>();
        co_await clock_.sleep_for(written_look);
    }
}

void VmRecords::start_writing() {
    if (writing_) return;
    writing_ = true;
    boost::asio::co_spawn(executor_, write_all(), expect_no_bug);
}

Compare VmRecords::guard_of(const VmId& vm) const {
    const auto stored = stored_.find(vm);
    const Revision revision = stored == stored_.end() ? 0 : stored->second.revision;
    return {Compare::Kind::mod_revision_is, vm_record_key(vm), revision, {}};
}

// Takes them off `unwritten_`. `taken`: what the store has once it is committed; generation 0: nothing.
Transaction VmRecords::next_batch(std::map<VmId, Stored>& taken) {
    Transaction transaction;
    std::size_t bytes = 0;
    while (!unwritten_.empty() && taken.size() < most_in_batch && bytes < batch_bytes) {
        const VmId vm = *unwritten_.begin();
        unwritten_.erase(unwritten_.begin());
        being_written_.insert(vm);
        Stored& stored = taken[vm];
        Change change{Change::Kind::erase, vm_record_key(vm), {}, 0};
        if (const auto record = records_.find(vm); record != records_.end()) {
            record->second.generation = next_generation(record->second);  // what is stored may be known by now only
            stored = {0, record->second.host, record->second.generation};
            change.kind = Change::Kind::put;
            change.value = json::serialize(to_json(record->second));
        }
        bytes += change.value.size();
        transaction.guards.push_back(guard_of(vm));
        transaction.changes.push_back(std::move(change));
    }
    return transaction;
}

// Those of one batch that are set anew while it is written are written again.
boost::asio::awaitable<void> VmRecords::write_all() {
    while (!unwritten_.empty()) {
        std::map<VmId, Stored> taken;
        Transaction transaction = next_batch(taken);
        const auto commit = co_await store_.commit(std::move(transaction));
        being_written_.clear();
        if (commit && commit->committed) {
            for (auto& [vm, stored] : taken) {
                stored.revision = commit->revision;
                stored_[vm] = stored;
                if (stored.generation == 0) stored_.erase(vm);
            }
            continue;
        }
        for (const auto& [vm, stored] : taken) unwritten_.insert(vm);
        for (const auto& [vm, stored] : taken) co_await learn_stored(vm);
        if (!commit) co_await clock_.sleep_for(retry);
    }
    writing_ = false;
}

// A write whose answer was lost, or a claim, came in between. What is of a later owner is newer than ours, which was
// read from a store that lagged behind.
boost::asio::awaitable<void> VmRecords::learn_stored(VmId vm) {
    std::string key = vm_record_key(vm);
    const auto entry = co_await store_.get(std::move(key));
    if (!entry) co_return;
    stored_.erase(vm);
    if (!*entry) co_return;
    const VmRecord* ours = find(vm);
    auto stored = parse(**entry);
    if (!stored && ours != nullptr) stored = *ours;  // what cannot be read is written over
    if (!stored) stored = VmRecord{};
    stored_[vm] = {(*entry)->mod_revision, stored->host, stored->generation};
    if (ours == nullptr || stored->generation <= ours->generation) co_return;
    unwritten_.erase(vm);
    put(std::move(*stored));
}

}  // namespace ballast::executor
