// hbal's text format: a cluster file, a line "%%", and a utilisation file. What is accepted has a finite score, and is
// an inventory that our own reader takes.
#include <cmath>

#include "fuzz/fuzz.h"
#include "interchange/hbal_inventory.h"
#include "interchange/record.h"
#include "policy/solver/placement.h"

using namespace ballast;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto [cluster_text, utilisation] = fuzz::halves(fuzz::text_of(data, size));
    auto cluster = interchange::parse_hbal_cluster(cluster_text, "cluster.data");
    if (!cluster) return 0;
    (void)interchange::parse_hbal_utilisation(utilisation, "util.txt", *cluster);
    const auto problem = interchange::to_problem(*cluster);
    BALLAST_ASSERT(std::isfinite(policy::solver::Placement(problem).score()));
    interchange::Record record;
    record.inventory = interchange::to_inventory(*cluster, true);
    BALLAST_ASSERT(interchange::parse_record(interchange::to_text(record)).has_value());
    return 0;
}
