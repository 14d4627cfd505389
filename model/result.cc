#include "model/result.h"

#include <cstdio>
#include <cstdlib>

namespace ballast {

std::string to_string(ErrorCode code) {
    switch (code) {
        case ErrorCode::invalid: return "invalid";
        case ErrorCode::not_found: return "not_found";
        case ErrorCode::conflict: return "conflict";
        case ErrorCode::unavailable: return "unavailable";
        case ErrorCode::timed_out: return "timed_out";
        case ErrorCode::refused: return "refused";
        case ErrorCode::cancelled: return "cancelled";
        case ErrorCode::corrupt: return "corrupt";
        case ErrorCode::no_space: return "no_space";
        case ErrorCode::internal: return "internal";
    }
    return "internal";
}

std::string to_string(const Error& error) {
    return error.subject.empty() ? error.message : error.subject + ": " + error.message;
}

void throw_exception_from_error(const Error& error, const boost::source_location& where) {
    assertion_failed(to_string(error).c_str(), where.file_name(), static_cast<int>(where.line()));
}

void assertion_failed(const char* what, const char* file, int line) {
    std::fprintf(stderr, "ballast: assertion failed at %s:%d: %s\n", file, line, what);
    std::abort();
}

}  // namespace ballast
