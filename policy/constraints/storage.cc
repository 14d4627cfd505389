// Only memory travels: every file has to be on storage that both hosts share, at the same path.
#include <algorithm>

#include "policy/constraints/constraint.h"

namespace ballast::policy::constraints {

namespace {

bool is_under(const std::string& file, std::string folder) {
    while (!folder.empty() && folder.back() == '/') folder.pop_back();
    // "/srv/vm" must not stand for "/srv/vm2/disk", nor for "/srv/vm/../other/disk".
    return file.size() > folder.size() && file.compare(0, folder.size(), folder) == 0 && file[folder.size()] == '/' &&
           file.find("/../") == std::string::npos;
}

bool is_shared(const Host& host, const std::string& file) {
    const auto& paths = host.facts.shared_paths;
    return std::any_of(paths.begin(), paths.end(), [&](const std::string& path) { return is_under(file, path); });
}

}  // namespace

void local_storage(const Context& context, const Vm& vm, Purpose, Objections& out) {
    const Host* source = context.guests.at(vm.id).on;
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
