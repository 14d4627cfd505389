#include "daemon/boots.h"

#include <algorithm>
#include <charconv>

#include "daemon/keys.h"

namespace ballast::daemon {

using collectors::CpuCounted;

namespace {
constexpr std::uint64_t hour_of_a_cpu = 3'600'000'000'000;
constexpr std::size_t most_changes = 100;  // a transaction holds at most 128
constexpr std::size_t boot_id_size = 36;   // a UUID as text

bool fell(const CpuCounted& before, const CpuCounted& now) {
    return now.busy_ns < before.busy_ns || now.total_ns < before.total_ns;
}

bool is_boot_id(const std::string& text) {
    return text.size() == boot_id_size && text.find_first_not_of("0123456789abcdef-") == std::string::npos;
}
}  // namespace

bool Boots::is_worth_writing(const Boot& kept, const Boot& now) {
    return kept.id != now.id || fell(kept.counted, now.counted) || now.counted.total_ns / 2 >= kept.counted.total_ns ||
           now.counted.total_ns - kept.counted.total_ns >= hour_of_a_cpu;
}

std::string Boots::text_of(const Boot& boot) {
    return std::to_string(boot.counted.busy_ns) + " " + std::to_string(boot.counted.total_ns) +
           (boot.id.empty() ? "" : " " + boot.id);
}

std::optional<Boots::Boot> Boots::boot_from(const std::string& text) {
    Boot boot;
    const char* const end = text.data() + text.size();
    const auto busy = std::from_chars(text.data(), end, boot.counted.busy_ns);
    if (busy.ec != std::errc() || busy.ptr == end || *busy.ptr != ' ') return std::nullopt;
    const auto total = std::from_chars(busy.ptr + 1, end, boot.counted.total_ns);
    if (total.ec != std::errc()) return std::nullopt;
    if (total.ptr == end) return boot;
    boot.id = std::string(total.ptr + 1, end);
    return *total.ptr == ' ' && is_boot_id(boot.id) ? std::optional(boot) : std::nullopt;
}

Store::Task<void> Boots::load() {
    std::string prefix = boots_prefix;
    const auto entries = co_await store_.list(std::move(prefix));
    if (!entries) co_return entries.error();
    for (const KeyValue& entry : *entries) {
        const auto boot = boot_from(entry.value);
        if (!boot) co_return Error{ErrorCode::corrupt, entry.key, "is not two numbers of nanoseconds and a boot id"};
        kept_[{entry.key.substr(std::string(boots_prefix).size())}] = *boot;
    }
    boots_ = kept_;
    co_return Result<void>();
}

bool Boots::is_booted(const HostId& host, CpuCounted counted) {
    const auto [known, fresh] = boots_.emplace(host, Boot{counted, {}});
    const bool booted = !fresh && fell(known->second.counted, counted);
    known->second.counted = counted;
    known->second.is_known = known->second.is_known || booted;
    return booted;
}

bool Boots::is_other_boot(const HostId& host, const std::string& boot_id) {
    if (!is_boot_id(boot_id)) return false;
    ids_heard_.insert(host);
    Boot& boot = boots_[host];
    if (boot.id == boot_id) return false;
    const bool is_news = !boot.id.empty() && !boot.is_known;
    boot.id = boot_id;
    boot.is_known = false;
    return is_news;
}

void Boots::fell_silent(const HostId& host) {
    if (const auto known = boots_.find(host); known != boots_.end()) known->second.is_known = false;
}

bool Boots::awaits_boot_id(const HostId& host) const {
    const auto known = boots_.find(host);
    return known != boots_.end() && !known->second.id.empty() && !ids_heard_.contains(host);
}

Store::Task<void> Boots::keep(std::set<HostId> unsettled) {
    Transaction transaction;
    std::map<HostId, Boot> written;
    for (const auto& [host, boot] : boots_) {
        const auto kept = kept_.find(host);
        if (unsettled.contains(host)) continue;
        if (kept != kept_.end() && !is_worth_writing(kept->second, boot)) continue;
        if (written.size() == most_changes) break;
        written[host] = boot;
        transaction.changes.push_back({Change::Kind::put, boots_prefix + host.value, text_of(boot), 0});
    }
    if (written.empty()) co_return Result<void>();
    const auto commit = co_await store_.commit(std::move(transaction));
    if (!commit) co_return commit.error();
    for (const auto& [host, boot] : written) kept_[host] = boot;
    co_return Result<void>();
}

}  // namespace ballast::daemon
