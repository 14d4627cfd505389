// A daemon that has to begin again, for what it reads at its start alone.
#pragma once

namespace ballast::service {

/// Replaces this process by a new one of the same program with the same arguments, environment and process id; of its
/// files only the standard ones stay open, and a hangup that comes before the new one listens is ignored. Any thread;
/// the others end. Does not return: ends the process with EX_OSERR where that fails.
[[noreturn]] void start_anew();

}  // namespace ballast::service
