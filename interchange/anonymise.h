// A record without anybody's names, to be shown to others: hosts, VMs, groups, networks, pools and paths get numbers in
// the order of their names, so that the policy decides alike; texts for people are left out. Pure.
#pragma once

#include "interchange/record.h"

namespace ballast::interchange {

/// With the plan that is made of what is left: without a memory there is none.
Record anonymised(Record record);

}  // namespace ballast::interchange
