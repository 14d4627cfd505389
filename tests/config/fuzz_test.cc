// Random damage to good files: whatever comes, the loader answers quickly and either with a value or with problems.
#include <catch2/catch.hpp>
#include <chrono>
#include <random>

#include "config/load.h"
#include "config/render.h"
#include "config/yaml_tree.h"
#include "tests/config/samples.h"

using namespace ballast::config;

namespace {

std::string mutated(std::string text, std::mt19937& random) {
    using namespace std::string_literals;
    static const std::string alphabet = "{}[]:,-&*!|>'\"%@`#?\n\t \\~<0ax\0\x1b\xc3\xa4\xff"s;
    const auto at = [&] { return text.empty() ? 0 : random() % text.size(); };
    for (unsigned i = 1 + random() % 8; i > 0; --i) {
        const auto position = at();
        switch (random() % 5) {
            case 0: text.insert(position, 1, alphabet[random() % alphabet.size()]); break;
            case 1: text.erase(position, 1 + random() % 10); break;
            case 2: text.insert(position, text.substr(at(), random() % 60)); break;
            case 3: text.resize(position); break;
            default:
                if (!text.empty()) text[position] = alphabet[random() % alphabet.size()];
        }
    }
    return text;
}

void answers_sensibly(const std::string& text) {
    const auto start = std::chrono::steady_clock::now();
    const auto policy = check_policy_text({{"p.yaml", text}});
    const auto daemon = check_daemon_text({"d.yaml", text});
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds{1});
    for (const auto* problems : {&policy.problems(), &daemon.problems()}) {
        CHECK(problems->size() <= 102);
        for (const auto& problem : *problems) {
            CHECK(problem.line >= 1);
            CHECK(problem.column >= 1);
            CHECK_FALSE(problem.message.empty());
        }
    }
    CHECK(static_cast<bool>(policy) == policy.problems().empty());
}

}  // namespace

TEST_CASE("Damaged files never crash the loader and never keep it busy") {
    std::vector<std::string> seeds = {policy_defaults_as_yaml(), daemon_defaults_as_yaml()};
    for (const auto* folder : {"config/examples", "tests/config/hostile"}) {
        for (const auto& path : samples(folder)) seeds.push_back(read_sample(path));
    }
    std::mt19937 random(20261122);
    for (int i = 0; i < 4000; ++i) {
        const std::string text = mutated(seeds[random() % seeds.size()], random);
        INFO("run " << i << "\n" << text);
        answers_sensibly(text);
    }
}

TEST_CASE("The largest allowed files of every awkward kind are answered within seconds") {
    const auto repeated = [](const std::string& before, const std::string& piece) {
        std::string text = before;
        while (text.size() + piece.size() < max_file_size) text += piece;
        return text;
    };
    const std::vector<std::string> texts = {repeated("", "["),
                                            repeated("", "{"),
                                            repeated("", "[\n"),
                                            repeated("", "- "),
                                            repeated("", "? "),
                                            repeated("", "[a: "),
                                            repeated("", "!"),
                                            repeated("", "*"),
                                            repeated("", "&a "),
                                            repeated("", "\n"),
                                            repeated("", ":"),
                                            repeated("\"", "\\x41"),
                                            repeated("rules: [", "a,"),
                                            repeated("x: {", "a: 1,"),
                                            repeated("mode: ", "a "),
                                            repeated("a: |\n", "  b\n"),
                                            repeated("", "mode: 1\n"),
                                            repeated("", "---\n"),
                                            repeated("# ", "ä"),
                                            repeated("rules: [", "ä,"),
                                            repeated("mode: \"", "ä"),
                                            repeated("rules: [{name: a, never_move: [", "a, "),
                                            repeated("rules:\n", "- {name: a, never_move: [b]}\n")};
    for (const auto& text : texts) {
        INFO(text.substr(0, 40));
        const auto start = std::chrono::steady_clock::now();
        const auto loaded = check_policy_text({{"p.yaml", text}});
        CHECK(loaded.problems().size() <= 101);
        CHECK(std::chrono::steady_clock::now() - start <
              std::chrono::seconds{20});  // under a second; sanitizers take more
    }
}
