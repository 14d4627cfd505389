#include "cli/bundle.h"

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <sys/utsname.h>

#include "cli/child.h"
#include "cli/progress_line.h"
#include "cli/redact.h"
#include "cli/structured.h"
#include "cli/tar_gz.h"
#include "cli/whole_file.h"

namespace ballast::cli {

namespace {
namespace fs = std::filesystem;
constexpr std::chrono::seconds patience{30};
// A day of a busy cluster's log; journalctl gives the newest.
constexpr const char* journal_lines = "20000";
constexpr const char* power_file = "/etc/ballast/power.yaml";
constexpr const char* power_secrets = "/etc/ballast/power";

struct Asked {
    const char* target;
    const char* name;
};
constexpr Asked asked[] = {{"/v1/status", "status"},
                           {"/v1/hosts", "hosts"},
                           {"/v1/vms", "vms"},
                           {"/v1/plan", "plan"},
                           {"/v1/explain/cycle/last", "cycle"},
                           {"/v1/capacity", "capacity"},
                           {"/v1/history?limit=500", "history"},
                           {"/v1/power", "power"},
                           {"/v1/energy", "energy"},
                           {"/v1/rolling", "rolling"},
                           {"/v1/cluster", "cluster"},
                           {"/v1/policy", "policy"},
                           {"/v1/preflight", "preflight"}};

struct Command {
    const char* name;
    std::vector<std::string> words;
};
std::vector<Command> commands(const std::string& config) {
    return {
        {"journal.txt",
         {"journalctl", "--no-pager", "--output=short-iso", "--lines", journal_lines, "--since=-24h", "--unit=ballastd",
          "--unit=ballast-powerd"}},
        {"units.txt", {"systemctl", "--no-pager", "--full", "status", "ballastd.service", "ballast-powerd.service"}},
        {"unit-files.txt", {"systemctl", "--no-pager", "cat", "ballastd.service"}},
        {"config-check.txt", {daemon_program(), "--check", "--config", config}},
        {"daemon-version.txt", {daemon_program(), "--version"}},
        {"packages.txt",
         {"dpkg-query", "--show", "ballast", "libvirt0", "libvirt-daemon", "qemu-system-x86", "etcd-server",
          "systemd"}},
        {"disks.txt", {"df", "-h"}},
        {"memory.txt", {"free", "-m"}},
        {"time.txt", {"timedatectl", "show"}}};
}

std::string iso_now() {
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    gmtime_r(&now, &parts);
    char text[32];
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return text;
}

std::string about() {
    utsname system{};
    ::uname(&system);
    return "collected_at: " + iso_now() + "\nballastctl: " BALLAST_VERSION "\nmachine: " + system.nodename +
           "\nkernel: " + system.release + " " + system.machine + "\n\n" + read_if_there("/etc/os-release");
}

// What the files that hold secrets say, to be found wherever else it stands.
std::set<std::string> known_secrets(const config::DaemonOptions& options,
                                    const std::vector<PackedFile>& configuration) {
    std::set<std::string> known;
    const auto add_values = [&](const std::string& text) {
        for (const std::string& secret : secrets_in(text)) known.insert(secret);
    };
    const auto add_lines = [&](const std::string& text) {
        for (const std::string& line : text_lines(text))
            if (const auto last = line.find_last_not_of(" \t\r"); last != std::string::npos)
                known.insert(line.substr(0, last + 1));
    };
    for (const PackedFile& file : configuration) add_values(file.text);
    add_values(read_if_there(power_file));
    if (!options.store.password_file.empty()) add_lines(read_if_there(options.store.password_file));
    for (const std::string& line : text_lines(read_if_there(options.page.users_file)))
        if (const auto colon = line.find(':'); colon != std::string::npos) known.insert(line.substr(colon + 1));
    std::error_code error;
    for (fs::directory_iterator file(power_secrets, error), end; !error && file != end; file.increment(error))
        if (file->is_regular_file(error)) add_lines(read_if_there(file->path()));
    return known;
}

class Collection {
public:
    Collection(Session& session, const DoctorWish& wish, const config::DaemonOptions& options)
        : session_(session), wish_(wish), options_(options), line_(session) {}

    Result<BundleSaid> run(const value& report) {
        add("about.txt", about());
        add("doctor.json", to_pretty_json(report));
        add_file("config/ballast.yaml", wish_.config);
        add_policy();
        const std::set<std::string> known = known_secrets(options_, files_);
        ask_daemon();
        add_metrics();
        for (const Command& command : commands(wish_.config)) run_command(command);
        std::string missing;
        for (const std::string& one : missing_) missing += one + "\n";
        add("missing.txt", missing.empty() ? "nothing\n" : missing);
        for (PackedFile& file : files_) file.text = without_secrets(file.text, known);
        line_.clear();
        const std::string folder = "ballast-bundle/";
        for (PackedFile& file : files_) file.name.insert(0, folder);
        auto bytes = to_tar_gz(files_, static_cast<long long>(std::time(nullptr)));
        if (!bytes) return bytes.error();
        return BundleSaid{std::move(*bytes), files_.size(), missing_};
    }

private:
    void add(std::string name, std::string text) { files_.push_back({std::move(name), std::move(text)}); }
    void miss(const std::string& what, const std::string& why) { missing_.push_back(what + ": " + why); }

    void add_file(const std::string& name, const std::string& file) {
        const auto text = read_whole_file(file);
        if (text)
            add(name, *text);
        else
            miss(file, text.error().message);
    }

    void add_policy() {
        std::error_code error;
        std::vector<fs::path> found;
        for (fs::directory_iterator file(options_.policy_dir, error), end; !error && file != end; file.increment(error))
            if (file->path().extension() == ".yaml") found.push_back(file->path());
        if (error) miss(options_.policy_dir, error.message());
        std::sort(found.begin(), found.end());
        for (const fs::path& file : found) add_file("config/policy.d/" + file.filename().string().substr(0, 60), file);
    }

    void ask_daemon() {
        for (const Asked& one : asked) {
            line_.show(Phrase(std::string(" collecting ") + one.name + " ...", Tone::faint), "");
            const auto answer = session_.try_fetch(one.target);
            if (!answer) return miss("the daemon's answers", to_string(answer.error()));
            const value& error = at(answer->body, "error");
            // A daemon that runs alone does not know what only members do.
            if (std::string(one.name) == "cluster" && text(error, "code") == "not_found") continue;
            if (answer->ok())
                add(std::string("api/") + one.name + ".json", to_pretty_json(answer->body));
            else
                miss(one.target, text(error, "message"));
        }
    }

    void add_metrics() {
        if (options_.metrics_listen.empty()) return miss("metrics", "metrics.listen is switched off");
        const auto metrics = fetch_text(options_.metrics_listen, "/metrics");
        if (metrics)
            add("metrics.txt", *metrics);
        else
            miss("metrics", to_string(metrics.error()));
    }

    void run_command(const Command& command) {
        line_.show(Phrase(std::string(" collecting ") + command.name + " ...", Tone::faint), "");
        const auto said = run_child(command.words, patience);
        if (!said) return miss(command.name, to_string(said.error()));
        add(command.name, said->out + said->err + "(exit status " + std::to_string(said->status) + ")\n");
    }

    Session& session_;
    const DoctorWish& wish_;
    const config::DaemonOptions& options_;
    ProgressLine line_;
    std::vector<PackedFile> files_;
    std::vector<std::string> missing_;
};
}  // namespace

Result<BundleSaid> collect(Session& session, const DoctorWish& wish, const config::DaemonOptions& options,
                           const value& report) {
    return Collection(session, wish, options).run(report);
}

}  // namespace ballast::cli
