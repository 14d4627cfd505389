// Who owns a VM, and what it is started from when its host is gone: kept in the store from the moment it was first seen
// running until it was seen to have ended, and longer where a lost host has yet to be cleaned of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/ids.h"

namespace ballast {

/// An image of a disk of it that stayed behind when the VM was copied to another host.
struct LeftImage {
    HostId host;
    std::string file;  // absolute path

    friend bool operator==(const LeftImage&, const LeftImage&) = default;
};

struct VmRecord {
    VmId vm;
    std::string name;
    HostId host;                   // where it runs, or is being started
    std::uint64_t generation = 1;  // one more with each change of `host` [safety.md, invariant 9]
    bool persistent = false;
    bool autostart = false;           // its host starts it whenever it boots
    std::string definition;           // domain XML as it would be started next, without secrets
    bool down = false;                // it ran when its host was lost, and has not been started again
    std::vector<HostId> left;         // hosts that were lost with it: they may have its definition still
    std::vector<LeftImage> images{};  // what a copy back may write over
    bool ended = false;               // it was shut down since, and is nobody's: only what it left is to be removed

    friend bool operator==(const VmRecord&, const VmRecord&) = default;
};

}  // namespace ballast
