// Records of random clusters, for tests of what is written and read.
#pragma once

#include <filesystem>

#include "interchange/record.h"
#include "tests/policy/random_cluster.h"

namespace ballast::test {

inline interchange::Record record_of(const Cluster& cluster) {
    interchange::Record record;
    record.written_by = "test";
    record.cycle = "cycle-000001";
    record.taken_at = "2026-11-22T09:15:00Z";
    record.now = cluster.now;
    record.inventory = cluster.inventory;
    record.memory = cluster.memory;
    record.options = cluster.options;
    record.plan = cluster.plan();
    return record;
}

inline interchange::Record random_record(std::uint64_t seed) {
    return record_of(random_cluster(seed));
}

}  // namespace ballast::test
