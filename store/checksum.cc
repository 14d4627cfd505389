#include "store/checksum.h"

#include <boost/crc.hpp>

namespace ballast::store {
namespace {

using Crc32c = boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true>;

void add(Crc32c& crc, std::int64_t number) {
    const auto bits = static_cast<std::uint64_t>(number);
    for (int shift = 0; shift < 64; shift += 8) crc.process_byte(static_cast<unsigned char>(bits >> shift));
}

void add(Crc32c& crc, std::string_view bytes) {
    add(crc, static_cast<std::int64_t>(bytes.size()));
    crc.process_bytes(bytes.data(), bytes.size());
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
    Crc32c crc;
    crc.process_bytes(bytes.data(), bytes.size());
    return crc.checksum();
}

std::uint32_t checksum_of(const KeyValue& entry) {
    Crc32c crc;
    add(crc, std::string_view(entry.key));
    add(crc, std::string_view(entry.value));
    for (std::int64_t number : {entry.create_revision, entry.mod_revision, entry.version, entry.lease})
        add(crc, number);
    return crc.checksum();
}

std::uint32_t checksum_of(std::string_view name, std::int64_t value) {
    Crc32c crc;
    add(crc, name);
    add(crc, value);
    return crc.checksum();
}

}  // namespace ballast::store
