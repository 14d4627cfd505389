#include "cli/names.h"

#include "cli/json_read.h"
#include "cli/unicode.h"

namespace ballast::cli {

namespace {
struct Source {
    const char* target;
    const char* list;
    const char* field;
};

constexpr Source source_of(Kind kind) {
    if (kind == Kind::host) return {"/v1/hosts", "hosts", "id"};
    if (kind == Kind::vm) return {"/v1/vms", "vms", "name"};
    return {"/v1/history?limit=1", "active", "id"};
}
}  // namespace

std::vector<std::string> names_of(Kind kind, Api& api) {
    if (kind != Kind::host && kind != Kind::vm && kind != Kind::operation) return {};
    const Source source = source_of(kind);
    const auto answer = api.call(Method::get, source.target, nullptr);
    if (!answer || !answer->ok()) return {};
    std::vector<std::string> names;
    for (const value& entry : list(answer->body, source.list)) {
        const std::string name = text(entry, source.field);
        if (!name.empty() && printable(name) == name) names.push_back(name);
    }
    return names;
}

}  // namespace ballast::cli
