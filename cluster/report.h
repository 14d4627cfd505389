// What an agent tells of its host without being asked, and when that is worth telling: a report stands in the store
// until a figure leaves its dead band, a VM comes, goes or changes its state, or some time has passed. Whoever reads a
// report knows what was the case then, and by the agent's silence that it still is, by and large.
//
// As text it is JSON, compact because a thousand hosts write one every few seconds: figures are whole numbers in the
// units of report.cc, null where they are not known, those at the end of a list left out.
//   {"by": <incarnation>, "sources": {"libvirt": null, "pressure": [<code>, <subject>, <message>]},
//    "host": [<figures>], "counted": [<busy ns>, <busy and idle ns>], "pages": [[<page size, bytes>, <free>]],
//    "vms": [[<uuid>, <name>, <state>, <libvirt's id>, <figures>]]}
// Without an answer of libvirt there are neither host nor VMs.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "collectors/rates.h"
#include "model/result.h"
#include "ports/store.h"

namespace ballast::cluster {

struct Report {
    Revision by = 0;                                      // the incarnation of the agent
    std::optional<collectors::Sample> sample;             // nothing: its libvirt did not answer. Its time is not told.
    std::map<std::string, std::optional<Error>> sources;  // that were read, and what was wrong with them
};

std::string to_text(const Report& report);
/// Error corrupt. Its sample has no time.
Result<Report> report_from(const std::string& text);

/// Whether other VMs are there, or one of them is in another state or another run.
bool vms_differ(const Report& told, const Report& now);
/// Whether that, or any figure is outside of the dead band around what was told, or a source failed or came back.
bool differ(const Report& told, const Report& now);

/// An agent that reports says something at least so often.
inline constexpr Duration report_at_least = std::chrono::seconds{30};

}  // namespace ballast::cluster
