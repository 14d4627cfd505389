// History files. The first byte says how: 'r' raw; else each line gets the checksum it needs, which no fuzzer would
// find. What is accepted is tried under the default policy.
#include "interchange/history.h"

#include <algorithm>
#include <boost/crc.hpp>
#include <cstdio>
#include <string>

#include "fuzz/fuzz.h"
#include "interchange/policy_trial.h"

using namespace ballast;

namespace {

std::string with_checksums(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const auto line = text.substr(0, text.find('\n'));
        boost::crc_32_type crc;
        crc.process_bytes(line.data(), line.size());
        char digits[16];
        std::snprintf(digits, sizeof digits, "%08x ", static_cast<unsigned>(crc.checksum()));
        out.append(digits).append(line) += '\n';
        text.remove_prefix(std::min(text.size(), line.size() + 1));
    }
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const auto rest = fuzz::text_of(data + 1, size - 1);
    interchange::PolicyTrial trial{policy::Options{}};
    std::size_t taken = 0;
    const auto read = interchange::read_history(data[0] == 'r' ? std::string(rest) : with_checksums(rest),
                                                [&](const interchange::Snapshot& snapshot) {
                                                    if (++taken <= 16) trial.add(snapshot);
                                                });
    BALLAST_ASSERT(read.snapshots == taken);
    return 0;
}
