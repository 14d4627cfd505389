// Parts that several views share. Pure.
#pragma once

#include <string>
#include <vector>

#include "cli/json_read.h"
#include "cli/page.h"

namespace ballast::cli {

/// "confirm, overridden (the policy says observe)"; the pause is told apart from it.
Phrase mode_phrase(const value& mode);
/// "text (detail)" of a Rejection or Blocker.
std::string why(const value& rejection);
/// The same of all refusals of one target. A host that does not answer is reason enough: what else is said about it
/// then only repeats that nothing is known.
std::string why_all(const array& refusals);
/// "about 4.2 s, 120 ms of it standing still, 512 MiB over the network".
std::string prediction_phrase(const value& prediction);
/// "93 → 71 %".
Phrase change(const value& effect, std::string_view before, std::string_view after, const Style& style);

void show_findings(const array& findings, Page& page);
/// Rejections as a table with the VM first; those of one VM for the same reason share a row.
void show_rejections(const array& rejections, Page& page);
/// A VM has a refusal for each of its reasons, and for each host where it cannot go: those of one VM together.
struct RefusedVm {
    std::string name;
    std::string why;
};
std::vector<RefusedVm> by_vm(const array& rejections);
/// What was supposed, and what becomes of the VMs of hosts that are lost.
void show_what_if(const value& what_if, Page& page);
/// Everything of a Plan but its heading.
void show_plan(const value& plan, Page& page);
void show_moves(const array& moves, Page& page);
/// VMs of lost hosts, and hosts to be switched, under headings of their own; nothing where there are none.
void show_restarts(const array& restarts, Page& page);
void show_power(const array& changes, Page& page);
/// Operations that are not over, with how far they are.
void show_active(const array& operations, Page& page);
/// Operations that ended, with what was predicted beside what was measured.
void show_ended(const array& operations, Page& page);
/// The cycles an explanation lists.
void show_mentions(const array& cycles, Page& page);
/// "████░░ 1.2 GiB of 4 GiB, 112 MiB/s, about 25 s left", by time where nobody measured; empty before it runs.
Cell progress(const value& operation, const Style& style);

}  // namespace ballast::cli
