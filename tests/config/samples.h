// The files of the repository that the tests read, found from the path of the test's own source.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

inline std::filesystem::path repository() {
    return std::filesystem::absolute(__FILE__).parent_path().parent_path().parent_path();
}

/// The *.yaml of a folder of the repository, sorted.
inline std::vector<std::string> samples(const std::string& folder) {
    std::set<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(repository() / folder)) {
        if (entry.path().extension() == ".yaml") found.insert(entry.path().string());
    }
    return {found.begin(), found.end()};
}

inline std::string read_sample(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}
