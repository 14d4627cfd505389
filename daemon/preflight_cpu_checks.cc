// Which CPUs the hosts can offer each other's guests. libvirt itself is asked: see cpu_questions().
#include <algorithm>
#include <set>

#include "daemon/preflight_checks.h"
#include "daemon/preflight_words.h"

namespace ballast::daemon::preflight {

using hypervisor::CpuAnswer;
using hypervisor::CpuQuestion;

namespace {

using Mode = CpuRequirement::Mode;

// Host-passthrough and maximum have no model to compare, and a guest that is off chooses its CPU when it starts.
bool asks_for_model(const hypervisor::PreflightGuest& guest) {
    const auto& cpu = guest.facts.requirements.cpu;
    return guest.running && cpu.mode == Mode::custom && !cpu.model.empty() && !guest.cpu_xml.empty();
}

CpuQuestion question_of(const hypervisor::PreflightGuest& guest) {
    const auto& wanted = guest.facts.requirements;
    return {wanted.virt_type, wanted.arch, guest.cpu_xml};
}

std::string machine_arch(const PreflightHost& host) {
    return host.libvirt->host.arch;
}

CpuAnswer answer_of(const PreflightHost& host, const CpuQuestion& question) {
    const auto found = host.cpus.find(question);
    return found == host.cpus.end() ? CpuAnswer::unknown : found->second;
}

const CpuSupport* support(const PreflightHost& host, const std::string& virt_type) {
    const auto& all = host.libvirt->host.cpu_by_virt_type;
    const auto found = all.find(virt_type);
    return found == all.end() ? nullptr : &found->second;
}

CpuAnswer runs_passthrough(const PreflightHost& from, const PreflightHost& to, const std::string& virt_type) {
    const CpuSupport *here = support(from, virt_type), *there = support(to, virt_type);
    if (here == nullptr || there == nullptr) return CpuAnswer::does_not_run;
    return here->host_model == there->host_model && here->features == there->features ? CpuAnswer::runs
                                                                                      : CpuAnswer::does_not_run;
}

bool knows_machine(const PreflightHost& to, const VmRequirements& wanted) {
    const CpuSupport* there = support(to, wanted.virt_type);
    return there != nullptr &&
           (wanted.machine.empty() || there->machines.empty() || there->machines.contains(wanted.machine));
}

CpuAnswer can_run(const PreflightHost& from, const PreflightHost& to, const hypervisor::PreflightGuest& guest) {
    const auto& wanted = guest.facts.requirements;
    if (!knows_machine(to, wanted)) return CpuAnswer::does_not_run;
    if (wanted.cpu.mode != Mode::custom) return runs_passthrough(from, to, wanted.virt_type);
    return asks_for_model(guest) ? answer_of(to, question_of(guest)) : CpuAnswer::runs;
}

Finding judge_guest(const PreflightHost& host, const hypervisor::PreflightGuest& guest,
                    const std::vector<const PreflightHost*>& peers) {
    std::vector<std::string> no, maybe;
    for (const PreflightHost* other : peers) {
        const CpuAnswer answer = can_run(host, *other, guest);
        if (answer == CpuAnswer::does_not_run) no.push_back(other->id.value);
        if (answer == CpuAnswer::unknown) maybe.push_back(other->id.value);
    }
    const auto& cpu = guest.facts.requirements.cpu;
    const std::string who =
        guest.facts.name + (cpu.mode == Mode::custom ? " (" + cpu.model + ")" : " (the host's own CPU)");
    const std::string fix =
        "give the guest the CPU model that the check cpu_model names, or a machine type all hosts have";
    if (no.size() == peers.size()) return problem(who + " can run on no other host", fix);
    if (!no.empty()) return warning(who + " cannot run on " + listed(no), fix);
    if (!maybe.empty()) return unknown(who + " may not run on " + listed(maybe), "try: virsh hypervisor-cpu-compare");
    return ok(guest.facts.name);
}

// KVM where all hosts have it: guests are compared with what they would run on.
std::string common_type(const PreflightCluster& cluster) {
    bool all = true;
    for (const PreflightHost& host : cluster.hosts)
        if (host.libvirt) all = all && host.libvirt->cpu_xmls.contains("kvm");
    return all ? "kvm" : "qemu";
}

std::string model_named(const std::string& cpu_xml) {
    const auto end = cpu_xml.find("</model>");
    if (end == std::string::npos) return "";
    const auto begin = cpu_xml.rfind('>', end) + 1;
    return cpu_xml.substr(begin, end - begin);
}

std::string recommended(const PreflightCluster& cluster, const std::string& type) {
    const auto common = cluster.common_cpus.find(type);
    const std::string model = common == cluster.common_cpus.end() ? "" : model_named(common->second);
    if (model.empty()) return "give guests a CPU model that `virsh domcapabilities` calls usable on all hosts";
    const auto features = hypervisor::features_from_cpu_xml(common->second);
    return "give guests the CPU model " + model + ", which all hosts can offer" +
           (features.empty()
                ? ""
                : " (with " + counted(features.size(), "further feature") + ": virsh hypervisor-cpu-baseline)");
}

std::optional<CpuQuestion> host_model_question(const PreflightHost& host, const std::string& type) {
    const auto found = host.libvirt->cpu_xmls.find(type);
    if (found == host.libvirt->cpu_xmls.end()) return std::nullopt;
    return CpuQuestion{type, machine_arch(host), found->second};
}

}  // namespace

std::vector<CpuQuestion> cpu_questions(const PreflightCluster& cluster, const PreflightHost& host) {
    std::set<CpuQuestion> questions;
    for (const PreflightHost* other : others(cluster, host)) {
        if (const auto model = host_model_question(*other, common_type(cluster))) questions.insert(*model);
        for (const auto& guest : other->libvirt->guests)
            if (asks_for_model(guest)) questions.insert(question_of(guest));
    }
    return {questions.begin(), questions.end()};
}

Finding check_cpu_model(const PreflightCluster& cluster, const PreflightHost& host) {
    const std::string type = common_type(cluster);
    const CpuSupport* own = support(host, type);
    const auto mine = host_model_question(host, type);
    if (own == nullptr || !mine)
        return unknown("libvirt does not tell its host CPU model", "run there: virsh domcapabilities");
    std::vector<std::string> no, maybe;
    for (const PreflightHost* other : others(cluster, host)) {
        const CpuAnswer answer = answer_of(*other, *mine);
        if (answer == CpuAnswer::does_not_run) no.push_back(other->id.value);
        if (answer == CpuAnswer::unknown) maybe.push_back(other->id.value);
    }
    const std::string seen = "host CPU model " + own->host_model;
    if (!no.empty())
        return warning(seen + ": guests with CPU mode host-model that start here cannot move to " + listed(no),
                       recommended(cluster, type));
    if (!maybe.empty()) return unknown(seen + ", not compared with " + listed(maybe), recommended(cluster, type));
    return ok(seen + (others(cluster, host).empty() ? "" : ", which all other hosts can offer as well"));
}

Finding check_guest_cpus(const PreflightCluster& cluster, const PreflightHost& host) {
    const auto peers = others(cluster, host);
    if (peers.empty()) return ok("no other host to run them");
    std::vector<Finding> found;
    for (const auto& guest : host.libvirt->guests)
        if (guest.running) found.push_back(judge_guest(host, guest, peers));
    const Finding worst = worst_of(found, "");
    if (worst.status != Status::ok) return worst;
    return ok("the CPUs and machine types of " + counted(found.size(), "running guest") + " exist on all other hosts");
}

}  // namespace ballast::daemon::preflight
