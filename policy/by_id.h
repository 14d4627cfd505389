// A table by host or VM id that is filled in the order of ids and then looked up often: entries lie in one piece, and
// finding one costs the same however many there are. Iteration is by id, as of a map. A value.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/ids.h"

namespace ballast::policy {

/// `Key`: Id, or std::reference_wrapper<const Id> where the ids outlive the table and are too many to be copied.
template <class Id, class T, class Key = Id>
class ById {
public:
    using value_type = std::pair<Key, T>;
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
    std::size_t index_of(const Id& id) const { return index_of(std::string_view(id.value)); }
    std::size_t index_of(std::string_view id) const {
        if (slots_.empty()) return entries_.size();
        const std::size_t hash = hash_of(id);
        for (std::size_t at = hash & mask(); slots_[at].entry != free; at = (at + 1) & mask())
            if (slots_[at].tag == tag_of(hash) && id_of(slots_[at].entry).value == id) return slots_[at].entry;
        return entries_.size();
    }
    const Id& id_at(std::size_t position) const { return entries_.at(position).first; }
    const T& at_position(std::size_t position) const { return entries_.at(position).second; }

private:
    static constexpr std::uint32_t free = UINT32_MAX;
    struct Slot {
        std::uint32_t tag = 0, entry = free;  // the tag saves looking at most entries that are not meant
    };

    const Id& id_of(std::uint32_t entry) const { return entries_[entry].first; }
    static std::size_t hash_of(std::string_view id) { return std::hash<std::string_view>{}(id); }
    static std::uint32_t tag_of(std::size_t hash) { return static_cast<std::uint32_t>(hash >> 32); }
    std::size_t mask() const { return slots_.size() - 1; }

    void enter(std::uint32_t entry) {
        const std::size_t hash = hash_of(id_of(entry).value);
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

template <class T>
using ByVm = ById<VmId, T, std::reference_wrapper<const VmId>>;

/// VMs by id, without copying the ids: they have to outlive it, as those of an inventory do.
class VmSet {
public:
    class const_iterator {
    public:
        using iterator_category = std::forward_iterator_tag;
        using value_type = VmId;
        using difference_type = std::ptrdiff_t;
        using pointer = const VmId*;
        using reference = const VmId&;

        const_iterator() = default;
        explicit const_iterator(const VmId* const* at) : at_(at) {}
        reference operator*() const { return **at_; }
        pointer operator->() const { return *at_; }
        const_iterator& operator++() { return ++at_, *this; }
        const_iterator operator++(int) { return const_iterator(at_++); }
        friend bool operator==(const const_iterator&, const const_iterator&) = default;

    private:
        const VmId* const* at_ = nullptr;
    };

    const_iterator begin() const { return const_iterator(ids_.data()); }
    const_iterator end() const { return const_iterator(ids_.data() + ids_.size()); }
    std::size_t size() const { return ids_.size(); }
    bool empty() const { return ids_.empty(); }
    bool contains(const VmId& id) const {
        const auto at = place_of(id);
        return at != ids_.end() && **at == id;
    }
    void insert(const VmId& id) {
        const auto at = ids_.empty() || *ids_.back() < id ? ids_.end() : place_of(id);
        if (at == ids_.end() || **at != id) ids_.insert(at, &id);
    }

private:
    std::vector<const VmId*>::const_iterator place_of(const VmId& id) const {
        return std::lower_bound(ids_.begin(), ids_.end(), id, [](const VmId* a, const VmId& b) { return *a < b; });
    }
    std::vector<const VmId*> ids_;
};

}  // namespace ballast::policy
