// A machine made of files: what /sys and /proc would say.
#pragma once

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "health/sources.h"

namespace ballast::test {

class Tree {
public:
    Tree() {
        char name[] = "/tmp/ballast-health-XXXXXX";
        REQUIRE(::mkdtemp(name) != nullptr);
        root = name;
    }
    ~Tree() {
        std::error_code ignored;
        std::filesystem::remove_all(root, ignored);
    }
    Tree(const Tree&) = delete;
    Tree& operator=(const Tree&) = delete;

    void put(const std::string& path, const std::string& text) {
        std::filesystem::create_directories((root / path).parent_path());
        std::ofstream(root / path, std::ios::binary) << text;
    }
    void link(const std::string& path, const std::string& target) {
        std::filesystem::create_directories((root / path).parent_path());
        std::filesystem::create_symlink(target, root / path);
    }
    /// As sysfs does it: there, but not to be read. A folder is, for root as well.
    void unreadable(const std::string& path) { std::filesystem::create_directories(root / path); }

    health::Machine machine() const { return health::Machine(root.string()); }

    std::filesystem::path root;
};

inline const HealthProblem* problem_of(const health::Report& report, HealthSource source) {
    for (const HealthProblem& problem : report.problems)
        if (problem.source == source) return &problem;
    return nullptr;
}

inline bool is_unread(const health::Report& report, HealthSource source) {
    for (const health::Unread& unread : report.unread)
        if (unread.source == source) return true;
    return false;
}

}  // namespace ballast::test
