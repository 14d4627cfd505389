#include "daemon/boots.h"

#include <charconv>

#include "daemon/keys.h"

namespace ballast::daemon {

using collectors::CpuCounted;

namespace {
constexpr std::uint64_t hour_of_a_cpu = 3'600'000'000'000;
constexpr std::size_t most_changes = 100;  // a transaction holds at most 128

bool fell(const CpuCounted& before, const CpuCounted& now) {
    return now.busy_ns < before.busy_ns || now.total_ns < before.total_ns;
}

bool is_worth_writing(const CpuCounted& kept, const CpuCounted& now) {
    return fell(kept, now) || now.total_ns / 2 >= kept.total_ns || now.total_ns - kept.total_ns >= hour_of_a_cpu;
}

std::string text_of(const CpuCounted& counted) {
    return std::to_string(counted.busy_ns) + " " + std::to_string(counted.total_ns);
}

std::optional<CpuCounted> counted_from(const std::string& text) {
    CpuCounted counted;
    const char* const end = text.data() + text.size();
    const auto busy = std::from_chars(text.data(), end, counted.busy_ns);
    if (busy.ec != std::errc() || busy.ptr == end || *busy.ptr != ' ') return std::nullopt;
    const auto total = std::from_chars(busy.ptr + 1, end, counted.total_ns);
    if (total.ec != std::errc() || total.ptr != end) return std::nullopt;
    return counted;
}
}  // namespace

Store::Task<void> Boots::load() {
    std::string prefix = boots_prefix;
    const auto entries = co_await store_.list(std::move(prefix));
    if (!entries) co_return entries.error();
    for (const KeyValue& entry : *entries) {
        const auto counted = counted_from(entry.value);
        if (!counted) co_return Error{ErrorCode::corrupt, entry.key, "is not two numbers of nanoseconds"};
        kept_[{entry.key.substr(std::string(boots_prefix).size())}] = *counted;
    }
    counted_ = kept_;
    co_return Result<void>();
}

bool Boots::is_booted(const HostId& host, CpuCounted counted) {
    const auto [known, fresh] = counted_.emplace(host, counted);
    const bool booted = !fresh && fell(known->second, counted);
    known->second = counted;
    return booted;
}

Store::Task<void> Boots::keep() {
    Transaction transaction;
    std::map<HostId, CpuCounted> written;
    for (const auto& [host, counted] : counted_) {
        const auto kept = kept_.find(host);
        if (kept != kept_.end() && !is_worth_writing(kept->second, counted)) continue;
        if (written.size() == most_changes) break;
        written[host] = counted;
        transaction.changes.push_back({Change::Kind::put, boots_prefix + host.value, text_of(counted), 0});
    }
    if (written.empty()) co_return Result<void>();
    const auto commit = co_await store_.commit(std::move(transaction));
    if (!commit) co_return commit.error();
    for (const auto& [host, counted] : written) kept_[host] = counted;
    co_return Result<void>();
}

}  // namespace ballast::daemon
