// A table by host or VM id that is filled in the order of ids and then looked up often: entries lie in one piece, and
// finding one costs the same however many there are. Iteration is by id, as of a map. A value.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace ballast::policy {

template <class Id, class T>
class ById {
public:
    using value_type = std::pair<Id, T>;
    using iterator = typename std::vector<value_type>::iterator;
    using const_iterator = typename std::vector<value_type>::const_iterator;

    iterator begin() { return entries_.begin(); }
    iterator end() { return entries_.end(); }
    const_iterator begin() const { return entries_.begin(); }
    const_iterator end() const { return entries_.end(); }
    std::size_t size() const { return entries_.size(); }
    bool empty() const { return entries_.empty(); }

    void reserve(std::size_t count) {
        entries_.reserve(count);
        if (slots_.size() < 2 * count) rebuild(2 * count);
    }

    /// Requires: ids come in ascending order, each once.
    T& add(const Id& id, T value) {
        if (slots_.size() < 2 * (entries_.size() + 1)) rebuild(4 * (entries_.size() + 1));
        entries_.emplace_back(id, std::move(value));
        enter(static_cast<std::uint32_t>(entries_.size() - 1));
        return entries_.back().second;
    }

    iterator find(const Id& id) { return begin() + static_cast<std::ptrdiff_t>(index_of(id)); }
    const_iterator find(const Id& id) const { return begin() + static_cast<std::ptrdiff_t>(index_of(id)); }
    bool contains(const Id& id) const { return index_of(id) < entries_.size(); }
    const T& at(const Id& id) const { return entries_.at(index_of(id)).second; }
    T& at(const Id& id) { return entries_.at(index_of(id)).second; }

    /// Its position in the order of ids; size() when it is not there.
    std::size_t index_of(const Id& id) const {
        if (slots_.empty()) return entries_.size();
        const std::size_t hash = hash_of(id);
        for (std::size_t at = hash & mask(); slots_[at].entry != free; at = (at + 1) & mask())
            if (slots_[at].tag == tag_of(hash) && entries_[slots_[at].entry].first == id) return slots_[at].entry;
        return entries_.size();
    }

private:
    static constexpr std::uint32_t free = UINT32_MAX;
    struct Slot {
        std::uint32_t tag = 0, entry = free;  // the tag saves looking at most entries that are not meant
    };

    static std::size_t hash_of(const Id& id) { return std::hash<std::string>{}(id.value); }
    static std::uint32_t tag_of(std::size_t hash) { return static_cast<std::uint32_t>(hash >> 32); }
    std::size_t mask() const { return slots_.size() - 1; }

    void enter(std::uint32_t entry) {
        const std::size_t hash = hash_of(entries_[entry].first);
        std::size_t at = hash & mask();
        while (slots_[at].entry != free) at = (at + 1) & mask();
        slots_[at] = {tag_of(hash), entry};
    }

    void rebuild(std::size_t least) {
        std::size_t size = 16;
        while (size < least) size *= 2;
        slots_.assign(size, Slot{});
        for (std::uint32_t i = 0; i < entries_.size(); ++i) enter(i);
    }

    std::vector<value_type> entries_;
    std::vector<Slot> slots_;  // a power of two, at most half of them taken
};

}  // namespace ballast::policy
