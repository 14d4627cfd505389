#include "daemon/preflight_words.h"

#include <algorithm>
#include <cstdio>

#include "model/names.h"

namespace ballast::daemon::preflight {

namespace {
constexpr std::size_t most_named = 8;  // more would hide what matters

void add_sentence(std::string& text, const std::string& sentence) {
    if (sentence.empty() || text.find(sentence) != std::string::npos) return;
    if (!text.empty()) text += "; ";
    text += sentence;
}
}  // namespace

std::string to_string(Status status) {
    switch (status) {
        case Status::ok: return "ok";
        case Status::unknown: return "unknown";
        case Status::warning: return "warning";
        case Status::problem: return "problem";
    }
    return "unknown";
}

Finding ok(std::string finding) {
    return {Status::ok, std::move(finding), {}};
}
Finding unknown(std::string finding, std::string advice) {
    return {Status::unknown, std::move(finding), std::move(advice)};
}
Finding warning(std::string finding, std::string advice) {
    return {Status::warning, std::move(finding), std::move(advice)};
}
Finding problem(std::string finding, std::string advice) {
    return {Status::problem, std::move(finding), std::move(advice)};
}

Finding worst_of(const std::vector<Finding>& findings, const std::string& otherwise) {
    Status worst = Status::ok;
    for (const Finding& finding : findings) worst = std::max(worst, finding.status);
    Finding all{worst, {}, {}};
    for (const Finding& finding : findings) {
        if (finding.status != worst) continue;
        add_sentence(all.finding, finding.finding);
        add_sentence(all.advice, finding.advice);
    }
    if (all.finding.empty()) all.finding = otherwise;
    return all;
}

std::string listed(const std::vector<std::string>& names) {
    return names_of(names, most_named);
}

std::string counted(std::size_t count, const std::string& what) {
    return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

std::vector<const PreflightHost*> others(const PreflightCluster& cluster, const PreflightHost& host) {
    std::vector<const PreflightHost*> found;
    for (const PreflightHost& other : cluster.hosts)
        if (other.id != host.id && other.libvirt) found.push_back(&other);
    return found;
}

bool is_under(const std::string& file, std::string folder) {
    while (!folder.empty() && folder.back() == '/') folder.pop_back();
    return file.size() > folder.size() && file.compare(0, folder.size(), folder) == 0 && file[folder.size()] == '/' &&
           file.find("/../") == std::string::npos;
}

bool has_only_shared_disks(const hypervisor::PreflightGuest& guest, const PreflightHost& host) {
    const auto& shared = host.libvirt->host.shared_paths;
    const auto& files = guest.facts.requirements.files;
    return std::all_of(files.begin(), files.end(), [&](const std::string& file) {
        return std::any_of(shared.begin(), shared.end(), [&](const auto& path) { return is_under(file, path); });
    });
}

unsigned long version_number(const std::string& text) {
    unsigned long major = 0, minor = 0, micro = 0;
    if (std::sscanf(text.c_str(), "%lu.%lu.%lu", &major, &minor, &micro) < 2) return 0;
    return major * 1'000'000 + minor * 1'000 + micro;
}

}  // namespace ballast::daemon::preflight
