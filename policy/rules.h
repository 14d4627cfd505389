// The operator's rules and the owners' wishes, matched with the VMs once per plan. Values; pointers are avoided, so
// that they may be copied.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "model/inventory.h"
#include "policy/options.h"

namespace ballast::policy {

/// VMs of which at most so many may share a host, or all hosts with the same label.
struct SpreadGroup {
    std::string name;  // "rule NAME" or "group NAME", for people
    std::string over;  // label of hosts; empty: each host is a place of its own
    unsigned most = 1;
    bool hard = true;
    Reason reason = Reason::keep_apart;
    std::vector<VmId> members;  // by id; those that occupy a host
};

/// VMs that shall share a host.
struct TogetherGroup {
    std::string name;
    bool hard = true;
    std::vector<VmId> members;  // by id; those that occupy a host
};

/// Whether a time window lets VMs move now, and if not, in which words.
struct WindowState {
    bool grants = false;  // has times to move
    bool allows = false;  // and it is one of them
    bool denies = false;  // has times not to move, and it is one of them; or the time is not known
    std::string until;    // "until Mon 22:00 (Europe/Berlin)": when that changes; empty: never
};

/// What the rules say of one VM. Numbers are positions in RuleBook's lists.
struct RulesOfVm {
    std::vector<std::uint32_t> spread, together;
    std::vector<std::uint32_t> only_on;  // hard rules that name hosts: pins, and `avoid` with `hard`
    std::vector<std::uint32_t> wishes;   // soft rules that name hosts
    std::vector<std::uint32_t> never;    // never_move rules
    std::vector<std::uint32_t> windows;
    bool wishes_hosts = false;  // its own metadata names hosts

    /// Whether anything names hosts where it must run, or would rather.
    bool names_hosts(bool hard) const { return hard ? wishes_hosts || !only_on.empty() : !wishes.empty(); }
};

struct RuleBook {
    std::vector<Rule> rules;  // those of the options, with the groups of hosts written out
    std::vector<SpreadGroup> spread;
    std::vector<TogetherGroup> together;
    std::vector<WindowState> windows;  // as in Options::windows
    std::vector<RulesOfVm> of_vm;      // every VM of the inventory, by its position there
};

RuleBook rule_book(const Inventory& inventory, const Options& options);

/// The place of a host as a group over `label` counts it: the host's own name when the label is empty. Hosts without
/// the label are one place together.
const std::string& place_of(const Host& host, const std::string& label);

/// Whether a rule that names hosts lets its VMs run on this one, or prefers it.
bool agrees(const Rule& rule, const HostId& host);

/// "rule licence (10-policy.yaml:12)".
std::string described(const Rule& rule);

/// Rules and wishes that cannot all be kept with the VMs and hosts there are, in words for an operator.
std::vector<std::string> contradictions(const RuleBook& book, const Inventory& inventory, const Options& options);

}  // namespace ballast::policy
