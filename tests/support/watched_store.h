// A MemoryStore that tells those who watch, at once, of what is put and erased.
#pragma once

#include <list>

#include "tests/support/memory_store.h"

namespace ballast::test {

class WatchedStore : public MemoryStore {
public:
    Task<Commit> commit(Transaction transaction) override {
        const auto changes = transaction.changes;
        auto done = co_await MemoryStore::commit(std::move(transaction));
        if (done && done->committed)
            for (const Change& change : changes) tell(change, done->revision);
        co_return done;
    }
    std::unique_ptr<WatchHandle> watch(std::string prefix, Revision,
                                       std::function<void(const std::vector<WatchEvent>&)> changed,
                                       std::function<void()>) override {
        watches_->push_back({std::move(prefix), std::move(changed)});
        return std::make_unique<Handle>(watches_, std::prev(watches_->end()));
    }

private:
    struct Watch {
        std::string prefix;
        std::function<void(const std::vector<WatchEvent>&)> changed;
    };
    using Watches = std::list<Watch>;
    class Handle : public WatchHandle {
    public:
        Handle(std::shared_ptr<Watches> all, Watches::iterator own) : all_(std::move(all)), own_(own) {}
        ~Handle() override { all_->erase(own_); }

    private:
        std::shared_ptr<Watches> all_;
        Watches::iterator own_;
    };

    void tell(const Change& change, Revision revision) {
        const bool put = change.kind == Change::Kind::put;
        WatchEvent event{put ? WatchEvent::Kind::put : WatchEvent::Kind::erase, {}};
        if (put)
            event.entry = entries.at(change.key);
        else
            event.entry.key = change.key, event.entry.mod_revision = revision;
        const auto watches = *watches_;  // who hears may watch
        for (const Watch& watch : watches)
            if (change.key.starts_with(watch.prefix)) watch.changed({event});
    }

    std::shared_ptr<Watches> watches_ = std::make_shared<Watches>();
};

}  // namespace ballast::test
