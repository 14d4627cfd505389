// How an operational failure travels: a value, never an exception and never a log line alone.
// A bug is an assertion (BALLAST_ASSERT) that stays on in every build; systemd restarts the daemon.
#pragma once

#include <boost/system/result.hpp>
#include <string>

namespace ballast {

enum class ErrorCode {
    invalid,      // the request can never succeed as it is
    not_found,    // the subject does not exist
    conflict,     // a guard did not hold: somebody else changed the subject first
    unavailable,  // cannot be reached now; trying again later makes sense
    timed_out,    // no answer by the deadline; the outcome is unknown
    refused,      // the other side understood and said no
    cancelled,    // ended on request
    corrupt,      // stored data failed its check
    no_space,     // disk or quota is full
    internal,     // a third party failed in a way that fits none of the above
};

/// The stable name of a code, as shown in JSON and used in metric labels.
std::string to_string(ErrorCode code);

/// What failed, on what, and why. `subject` names a host, a VM, a key or a file.
struct Error {
    ErrorCode code = ErrorCode::internal;
    std::string subject;
    std::string message;

    friend bool operator==(const Error&, const Error&) = default;
};

/// "subject: message", for people.
std::string to_string(const Error& error);

template <class T>
using Result = boost::system::result<T, Error>;

/// Called by Result::value() on a failure nobody checked: that is a bug, so it aborts.
[[noreturn]] void throw_exception_from_error(const Error& error, const boost::source_location& where);

[[noreturn]] void assertion_failed(const char* what, const char* file, int line);

}  // namespace ballast

#define BALLAST_ASSERT(condition) ((condition) ? void(0) : ::ballast::assertion_failed(#condition, __FILE__, __LINE__))
