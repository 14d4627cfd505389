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
        revisions_[record->vm] = entry.mod_revision;
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
    if (known != nullptr) record.generation = known->generation + (known->host == record.host ? 0 : 1);
    if (known != nullptr && *known == record) return;
    const VmId vm = record.vm;
    put(std::move(record));
    unwritten_.insert(vm);
    start_writing();
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
        ++claim.record.generation;
        std::erase(claim.record.left, to);
        claim.record.left.push_back(known.host);
        claim.record.host = to;
    }
    claim.guard = guard_of(vm);
    claim.change = {Change::Kind::put, vm_record_key(vm), json::serialize(to_json(claim.record)), 0};
    return claim;
}

void VmRecords::claimed(const Claim& claim, Revision revision) {
    put(claim.record);
    revisions_[claim.record.vm] = revision;
}

VmRecords::Task<void> VmRecords::reload(VmId vm) {
    if (unwritten_.contains(vm)) co_return Result<void>();  // ours is the newer
    auto key = vm_record_key(vm);
    const auto entry = co_await store_.get(std::move(key));
    if (!entry) co_return entry.error();
    if (!*entry) {
        drop(vm);
        revisions_.erase(vm);
        co_return Result<void>();
    }
    auto record = parse(**entry);
    if (!record) co_return record.error();
    revisions_[vm] = (*entry)->mod_revision;
    put(std::move(*record));
    co_return Result<void>();
}

VmRecords::Task<void> VmRecords::written() {
    while (!is_written()) co_await clock_.sleep_for(written_look);
    co_return Result<void>();
}

void VmRecords::start_writing() {
    if (writing_) return;
    writing_ = true;
    boost::asio::co_spawn(executor_, write_all(), expect_no_bug);
}

Compare VmRecords::guard_of(const VmId& vm) const {
    const auto revision = revisions_.find(vm);
    return {Compare::Kind::mod_revision_is,
            vm_record_key(vm),
            revision == revisions_.end() ? Revision{0} : revision->second,
            {}};
}

// Takes them off `unwritten_`.
Transaction VmRecords::next_batch(std::vector<VmId>& taken) {
    Transaction transaction;
    std::size_t bytes = 0;
    while (!unwritten_.empty() && taken.size() < most_in_batch && bytes < batch_bytes) {
        const VmId vm = *unwritten_.begin();
        unwritten_.erase(unwritten_.begin());
        taken.push_back(vm);
        const VmRecord* record = find(vm);
        Change change{Change::Kind::erase, vm_record_key(vm), {}, 0};
        if (record != nullptr) change.kind = Change::Kind::put;
        if (record != nullptr) change.value = json::serialize(to_json(*record));
        bytes += change.value.size();
        transaction.guards.push_back(guard_of(vm));
        transaction.changes.push_back(std::move(change));
    }
    return transaction;
}

// Those of one batch that are set anew while it is written are written again.
boost::asio::awaitable<void> VmRecords::write_all() {
    while (!unwritten_.empty()) {
        std::vector<VmId> taken;
        Transaction transaction = next_batch(taken);
        const auto commit = co_await store_.commit(std::move(transaction));
        if (commit && commit->committed) {
            for (const VmId& vm : taken) revisions_[vm] = records_.contains(vm) ? commit->revision : Revision{0};
            continue;
        }
        unwritten_.insert(taken.begin(), taken.end());
        for (const VmId& vm : taken) co_await learn_revision(vm);
        if (!commit) co_await clock_.sleep_for(retry);
    }
    writing_ = false;
}

// A write whose answer was lost, or a claim, came in between. What is of a later owner is newer than ours, which was
// read from a store that lagged behind.
boost::asio::awaitable<void> VmRecords::learn_revision(VmId vm) {
    std::string key = vm_record_key(vm);
    const auto entry = co_await store_.get(std::move(key));
    if (!entry) co_return;
    revisions_[vm] = *entry ? (*entry)->mod_revision : Revision{0};
    if (!*entry) co_return;
    auto stored = parse(**entry);
    const VmRecord* ours = find(vm);
    if (!stored || ours == nullptr || stored->generation <= ours->generation) co_return;
    unwritten_.erase(vm);
    put(std::move(*stored));
}

}  // namespace ballast::executor
