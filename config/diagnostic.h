// What is wrong with a configuration, and where. Values only.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/result.h"

namespace ballast::config {

/// One problem of one file. Lines and columns count from 1, columns in characters.
struct Diagnostic {
    std::string file;
    int line = 1;
    int column = 1;
    std::string message;

    friend bool operator==(const Diagnostic&, const Diagnostic&) = default;
};

/// "file:line:column: message", the form editors and CI systems jump to.
std::string to_string(const Diagnostic& diagnostic);

/// In the order of the files, and by position within a file.
using Diagnostics = std::vector<Diagnostic>;

/// One line each.
std::string to_string(const Diagnostics& diagnostics);

/// A value, or everything that is wrong with its source: never both, never a part of a value.
template <class T>
class [[nodiscard]] Loaded {
public:
    Loaded(T value) : value_(std::move(value)) {}  // NOLINT(google-explicit-constructor): reads like a return value
    Loaded(Diagnostics problems) : problems_(std::move(problems)) { BALLAST_ASSERT(!problems_.empty()); }  // NOLINT

    explicit operator bool() const { return value_.has_value(); }
    /// Requires success.
    const T& operator*() const {
        BALLAST_ASSERT(value_.has_value());
        return *value_;
    }
    const T* operator->() const { return &**this; }
    /// Empty on success.
    const Diagnostics& problems() const { return problems_; }

private:
    std::optional<T> value_;
    Diagnostics problems_;
};

}  // namespace ballast::config
