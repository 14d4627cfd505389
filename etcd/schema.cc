#include "etcd/schema.h"

#include <charconv>

namespace ballast::etcd {

Result<void> check_schema(const std::string& stored) {
    int version = 0;
    const auto [end, failure] = std::from_chars(stored.data(), stored.data() + stored.size(), version);
    if (failure != std::errc() || end != stored.data() + stored.size() || version < 1)
        return Error{ErrorCode::corrupt, "etcd", "the version of its data is \"" + stored.substr(0, 32) + "\""};
    if (version > schema_version)
        return Error{ErrorCode::refused, "etcd",
                     "its data was written by a newer Ballast (version " + stored + ", this one knows " +
                         std::to_string(schema_version) + "); upgrade this daemon"};
    return {};
}

}  // namespace ballast::etcd
