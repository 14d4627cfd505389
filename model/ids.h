// Names that cannot be confused with each other.
#pragma once

#include <compare>
#include <string>

namespace ballast {

template <class Tag>
struct Id {
    std::string value;
    friend auto operator<=>(const Id&, const Id&) = default;
    bool empty() const { return value.empty(); }
};

using HostId = Id<struct HostTag>;            // the name the operator gave the host in `hosts:`
using VmId = Id<struct VmTag>;                // libvirt's UUID, lower case; VM names are not unique over time
using OperationId = Id<struct OperationTag>;  // sortable by age: "op-000000000042"

template <class Tag>
const std::string& to_string(const Id<Tag>& id) {
    return id.value;
}

}  // namespace ballast
