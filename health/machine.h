// The files of a machine below a folder: "/" in production, a made-up tree in tests. Reads, never writes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ballast::health {

class Machine {
public:
    explicit Machine(std::string root = "/") : root_(std::move(root)) {}

    /// Paths are relative to the root: "sys/class/net". Nothing when it cannot be read; at most 4 MiB.
    std::optional<std::string> text(const std::string& path) const;
    /// The first line without blanks at its ends.
    std::optional<std::string> line(const std::string& path) const;
    /// Nothing when there is no whole number.
    std::optional<std::int64_t> number(const std::string& path) const;
    bool exists(const std::string& path) const;
    /// Names in a folder, sorted; none when it is not there.
    std::vector<std::string> names(const std::string& folder) const;
    /// The last part of where a link leads; empty when it is none.
    std::string link_name(const std::string& path) const;
    /// It is the machine this process runs on.
    bool is_here() const { return root_ == "/"; }

private:
    std::string at(const std::string& path) const;

    std::string root_;
};

}  // namespace ballast::health
