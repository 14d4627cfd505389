// The API's answers as pages for people, one function a kind of answer; which fields they read is said in docs/api.md.
// Pure: the same answer and style give the same text.
#pragma once

#include "cli/json_read.h"
#include "cli/page.h"

namespace ballast::cli {

/// Status, and the operations under way (the `active` of History).
void show_status(const value& status, const array& active, Page& page);
void show_mode(const value& mode, Page& page);
void show_hosts(const value& hosts, Page& page);
void show_maintenance_list(const value& hosts, Page& page);
void show_vms(const value& vms, Page& page);
/// DryRun.
void show_dry_run(const value& dry_run, Page& page);
/// DryRun made of a file; its `replay` says how it compares with what was recorded.
void show_replay(const value& replayed, Page& page);
/// A policy tried on the history, beside what happened.
void show_trial(const value& trial, Page& page);
void show_capacity(const value& capacity, Page& page);
void show_explained_vm(const value& explained, Page& page);
void show_explained_host(const value& explained, Page& page);
void show_cycle(const value& cycle, Page& page);
void show_history(const value& history, Page& page);
/// One operation, in a few sentences.
void show_operation(const value& operation, Page& page);
void show_preflight(const value& report, Page& page);
void show_policy(const value& policy, Page& page);
void show_power_list(const value& power, Page& page);
void show_energy(const value& energy, Page& page);
void show_cluster(const value& cluster, Page& page);
void show_members(const value& cluster, Page& page);
void show_leader(const value& leader, Page& page);
/// How a rolling run stands, in some lines.
void show_rolling(const value& answer, Page& page);
/// The same in one phrase; empty when there was no run, or it is done.
Phrase rolling_phrase(const value& rolling);
/// One host's power, in a sentence.
void show_host_power(const value& host, Page& page);

}  // namespace ballast::cli
