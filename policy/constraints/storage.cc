// Only memory travels: every file has to be on storage that both hosts share, at the same path.
#include <algorithm>
#include <string_view>

#include "policy/constraints/constraint.h"

namespace ballast::policy::constraints {

namespace {

bool is_under(std::string_view file, std::string_view folder) {
    while (!folder.empty() && folder.back() == '/') folder.remove_suffix(1);
    // "/srv/vm" must not stand for "/srv/vm2/disk", nor for "/srv/vm/../other/disk".
    return file.size() > folder.size() && file.starts_with(folder) && file[folder.size()] == '/' &&
           file.find("/../") == file.npos;
}

bool is_shared(const Host& host, const std::string& file) {
    const auto& paths = host.facts.shared_paths;
    return std::any_of(paths.begin(), paths.end(), [&](const std::string& path) { return is_under(file, path); });
}

}  // namespace

void local_storage(const Context& context, const Vm& vm, Purpose, Objections& out) {
    const Host* source = context.guest_of(vm.id).on;
    if (source == nullptr) return;  // source_state() has said so
    for (const std::string& file : vm.facts.requirements.files)
        if (!is_shared(*source, file))
            out.push_back({Reason::local_storage, file + " is not on storage declared shared"});
}

void storage(const Context&, const Vm& vm, const Host& target, Objections& out) {
    for (const std::string& pool : vm.facts.requirements.pools)
        if (!target.facts.pools.contains(pool))
            out.push_back({Reason::storage, "pool " + pool + " is not active there"});
    for (const std::string& file : vm.facts.requirements.files)
        if (!is_shared(target, file)) out.push_back({Reason::storage, file + " is not on storage shared there"});
}

}  // namespace ballast::policy::constraints
