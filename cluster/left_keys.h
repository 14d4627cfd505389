// What hosts that are configured no more have told of themselves, and would stand in the store for ever. One io_context
// thread.
#pragma once

#include <vector>

#include "model/ids.h"
#include "ports/store.h"

namespace ballast::cluster {

/// Erases the findings, reports and events of all hosts but these, unless their agents are registered: whoever looks
/// after a host tells them anew. Errors: the store's; what is left then is erased by the next one.
Store::Task<void> erase_left_keys(Store& store, std::vector<HostId> configured);

}  // namespace ballast::cluster
