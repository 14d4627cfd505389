#include "cluster/leased_key.h"

namespace ballast::cluster {

LeasedKey::Task<Hold> LeasedKey::take(std::string value, Transaction together) {
    created_ = 0;
    const Instant sent = clock_.now();
    const auto lease = co_await store_.grant(time_to_live_);
    if (!lease) co_return lease.error();
    // What an earlier try may have left, whose answer was lost, is nobody's but ours: its value says so.
    together.guards.push_back({Compare::Kind::absent, key_, 0, {}});
    together.changes.push_back({Change::Kind::put, key_, value, *lease});
    const auto commit = co_await store_.commit(std::move(together));
    if (!commit) co_return commit.error();
    if (!commit->committed) {
        const LeaseId unused = *lease;
        const auto revoked = co_await store_.revoke(unused);
        (void)revoked;  // it ends by itself
        co_return Hold::not_ours;
    }
    lease_ = *lease;
    created_ = commit->revision;
    value_ = std::move(value);
    until_ = sent + time_to_live_;
    co_return Hold::ours;
}

LeasedKey::Task<Hold> LeasedKey::beat() {
    if (created_ == 0) co_return Hold::not_ours;
    const Instant sent = clock_.now();
    const auto kept = co_await store_.keep_alive(lease_);
    if (!kept && kept.error().code != ErrorCode::not_found) co_return kept.error();
    Transaction again;
    again.guards.push_back({Compare::Kind::create_revision_is, key_, created_, {}});
    again.changes.push_back({Change::Kind::put, key_, value_, lease_});
    Result<Commit> commit = Commit{};
    if (kept) commit = co_await store_.commit(std::move(again));
    if (!commit && commit.error().code != ErrorCode::not_found) co_return commit.error();
    if (!commit || !commit->committed) {
        created_ = 0;
        co_return Hold::not_ours;
    }
    until_ = sent + time_to_live_;
    co_return Hold::ours;
}

boost::asio::awaitable<void> LeasedKey::keep() {
    const Duration beat_after = beat_every(time_to_live_);
    while (held()) {
        const Instant next = std::min(clock_.now() + beat_after, until_);
        co_await clock_.sleep_until(next);
        const auto kept = co_await beat();
        if (kept && *kept == Hold::not_ours) co_return;
    }
}

LeasedKey::Task<void> LeasedKey::give_up() {
    if (created_ == 0) co_return Result<void>();
    Transaction erase;
    erase.guards.push_back({Compare::Kind::create_revision_is, key_, created_, {}});
    erase.changes.push_back({Change::Kind::erase, key_, {}, 0});
    created_ = 0;
    const auto commit = co_await store_.commit(std::move(erase));
    if (!commit) co_return commit.error();
    co_return Result<void>();
}

std::optional<Revision> LeasedKey::held() const {
    if (created_ == 0 || clock_.now() >= until_) return std::nullopt;
    return created_;
}

}  // namespace ballast::cluster
