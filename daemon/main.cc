#include <CLI/CLI.hpp>
#include <malloc.h>
#include <sys/resource.h>

#include "daemon/app.h"
#include "daemon/libvirt_look.h"
#include "daemon/store_tools.h"

namespace {

// What a large cluster needs for a moment only (a reading of the store, a line of the history) goes back to the system
// then. By itself glibc raises the threshold to the largest piece that was ever freed, and gives threads heaps of their
// own [mallopt(3)].
void keep_little_memory() {
    constexpr int kib = 1024, mib = 1024 * kib;
    ::mallopt(M_MMAP_THRESHOLD, 256 * kib);
    ::mallopt(M_TRIM_THRESHOLD, 4 * mib);
    ::mallopt(M_ARENA_MAX, 2);
}

// A connection or two, their timers and a child now and then, for each of very many hosts. systemd leaves the soft
// limit low for programs that use select(2) [systemd.exec(5), LimitNOFILE=].
void open_many_files() {
    constexpr rlim_t plenty = 65536;
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= plenty) return;
    limit.rlim_cur = std::min(plenty, limit.rlim_max);
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int argc, char** argv) {
    keep_little_memory();
    open_many_files();
    CLI::App app("Balances virtual machines over libvirt hosts.", "ballastd");
    std::string config_file = "/etc/ballast/ballast.yaml";
    bool check = false;
    std::string backup, restore, move;
    std::vector<std::string> uris;
    app.add_option("-c,--config", config_file, "The daemon's configuration file")->capture_default_str();
    app.add_flag("--check", check, "Check the configuration and the policy, then exit");
    app.add_option("--backup-store", backup, "Write what the store holds into a file, then exit")->type_name("FILE");
    app.add_option("--restore-store", restore, "Put a backup in the place of what the store holds, then exit")
        ->type_name("FILE");
    app.add_option("--move-store", move, "Move the store to the one that this new configuration names, then exit")
        ->type_name("FILE");
    app.add_option("--look-at", uris, "Say as JSON whether libvirt answers at these URIs, then exit")->type_name("URI");
    app.set_version_flag("--version", std::string("ballastd ") + BALLAST_VERSION);
    CLI11_PARSE(app, argc, argv);
    if (!uris.empty()) return ballast::daemon::look_at(uris);
    if (!backup.empty()) return ballast::daemon::back_up_store(config_file, backup);
    if (!restore.empty()) return ballast::daemon::restore_store(config_file, restore);
    if (!move.empty()) return ballast::daemon::move_store(config_file, move);
    return check ? ballast::daemon::check(config_file) : ballast::daemon::run(config_file);
}
