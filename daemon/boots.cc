#include "daemon/boots.h"

#include <charconv>

#include "daemon/keys.h"

namespace ballast::daemon {

namespace {
constexpr std::uint64_t hour_of_a_cpu = 3'600'000'000'000;
constexpr std::size_t most_changes = 100;  // a transaction holds at most 128

bool is_worth_writing(std::uint64_t kept, std::uint64_t now) {
    return now < kept || now / 2 >= kept || now - kept >= hour_of_a_cpu;
}
}  // namespace

Store::Task<void> Boots::load() {
    std::string prefix = boots_prefix;
    const auto entries = co_await store_.list(std::move(prefix));
    if (!entries) co_return entries.error();
    for (const KeyValue& entry : *entries) {
        std::uint64_t counted = 0;
        const char* const end = entry.value.data() + entry.value.size();
        const auto read = std::from_chars(entry.value.data(), end, counted);
        if (read.ec != std::errc() || read.ptr != end)
            co_return Error{ErrorCode::corrupt, entry.key, "is not a number of nanoseconds"};
        kept_[{entry.key.substr(std::string(boots_prefix).size())}] = counted;
    }
    counted_ = kept_;
    co_return Result<void>();
}

bool Boots::is_booted(const HostId& host, std::uint64_t counted_ns) {
    const auto [known, fresh] = counted_.emplace(host, counted_ns);
    const bool booted = !fresh && counted_ns < known->second;
    known->second = counted_ns;
    return booted;
}

Store::Task<void> Boots::keep() {
    Transaction transaction;
    std::map<HostId, std::uint64_t> written;
    for (const auto& [host, counted] : counted_) {
        const auto kept = kept_.find(host);
        if (kept != kept_.end() && !is_worth_writing(kept->second, counted)) continue;
        if (written.size() == most_changes) break;
        written[host] = counted;
        transaction.changes.push_back({Change::Kind::put, boots_prefix + host.value, std::to_string(counted), 0});
    }
    if (written.empty()) co_return Result<void>();
    const auto commit = co_await store_.commit(std::move(transaction));
    if (!commit) co_return commit.error();
    for (const auto& [host, counted] : written) kept_[host] = counted;
    co_return Result<void>();
}

}  // namespace ballast::daemon
