#include "cli/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <ostream>

#include "cli/commands.h"
#include "cli/doctor.h"
#include "cli/init.h"
#include "cli/spec.h"
#include "cli/watch.h"

namespace ballast::cli {

namespace {
constexpr const char* default_socket = "/run/ballast/ballast.sock";
constexpr const char* default_config = "/etc/ballast/ballast.yaml";

constexpr const char* footer = R"(Exit codes:
  0  done
  1  the daemon reported a failure
  2  wrong usage, or a file that is not valid
  3  ended, but not everything was done
  4  the daemon cannot be reached
  130  ended by Ctrl-C; what was asked for goes on

-o json|yaml, --socket, --color and --no-headers go with every verb: ballastctl --help.
BALLAST_SOCKET names another socket, NO_COLOR switches colours off.
Every verb has its own --help; see also ballastctl(1).)";

constexpr const char* what_if_help =
    "Suppose it first: maintenance HOST [to-site SITE], lose HOST, add-host 32cpu,256GiB, remove-host HOST; several "
    "joined by ;";

const std::map<std::string, Format> formats = {
    {"table", Format::table}, {"json", Format::json}, {"yaml", Format::yaml}};
const std::map<std::string, ColourWish> colours = {
    {"auto", ColourWish::automatic}, {"always", ColourWish::always}, {"never", ColourWish::never}};

// What was said on the command line; options are bound to these before parsing.
struct Said {
    std::string socket = default_socket;
    std::string format = "table";
    std::string colour = "auto";
    bool no_headers = false;

    std::string name;  // HOST, VM or ID of the verb
    std::string to;
    std::string host;
    std::vector<std::string> names;  // ID... and FILE...
    std::vector<std::string> words;  // of `complete`
    std::string what_if;
    MaintenanceWish maintenance;
    RollingWish rolling;
    bool skip = false;
    ReplayWish replay;
    std::string history = "/var/lib/ballast/history";
    bool anonymise = false;
    int limit = 50;
    bool wait = false, force = false, defaults = false;
    bool stopped = false, once = false;
    std::string config = default_config;
    std::string watch;  // seconds
    InitWish init;
    DoctorWish doctor;
};

// Builds the verbs onto CLI11 and remembers which one was chosen. Lives until the parse has run.
class CommandLine {
public:
    CommandLine();
    CommandLine(const CommandLine&) = delete;
    CommandLine& operator=(const CommandLine&) = delete;

    CLI::App& app() { return app_; }
    const Said& said() const { return said_; }
    const Action& action() const { return action_; }
    /// Whether --watch was said, with seconds or without.
    bool watches() const {
        return std::any_of(watches_.begin(), watches_.end(), [](const CLI::Option* o) { return o->count() > 0; });
    }

private:
    void add_global_options();
    void add_looking();
    void add_plan();
    void add_records();
    void add_explain();
    void add_maintenance();
    void add_power();
    void add_fence();
    void add_cluster();
    void add_store();
    void add_backups(CLI::App& group);
    void add_rolling();
    void add_acting();
    void add_mode();
    void add_policy();
    void add_first_steps();
    void add_helpers();
    CLI::App* watched(CLI::App* verb);
    CLI::App* verb(CLI::App& parent, const std::string& name, const std::string& help, Action action);
    CLI::App* group_of_verbs(const std::string& name, const std::string& help);
    void positional(CLI::App* verb, const std::string& kind, const std::string& help);

    CLI::App app_{"Shows and steers ballastd, the balancer of virtual machines.", "ballastctl"};
    Said said_;
    Action action_;
    std::vector<CLI::Option*> watches_;
};

CommandLine::CommandLine() {
    app_.require_subcommand(1);
    app_.footer(footer);
    add_global_options();
    add_looking();
    add_records();
    add_explain();
    add_maintenance();
    add_power();
    add_fence();
    add_cluster();
    add_store();
    add_rolling();
    add_acting();
    add_mode();
    add_policy();
    add_first_steps();
    add_helpers();
}

void CommandLine::add_global_options() {
    app_.add_option("--socket", said_.socket, "The daemon's control socket")
        ->envname("BALLAST_SOCKET")
        ->type_name("FILE")
        ->capture_default_str();
    app_.add_option("-o,--output", said_.format, "How to print: table, json or yaml")
        ->check(CLI::IsMember({"table", "json", "yaml"}))
        ->type_name("FORM")
        ->capture_default_str();
    app_.add_option("--color", said_.colour, "When to use colours: auto, always or never")
        ->check(CLI::IsMember({"auto", "always", "never"}))
        ->type_name("WHEN")
        ->capture_default_str();
    app_.add_flag("--no-headers", said_.no_headers, "Tables without titles, for scripts");
    app_.set_version_flag("--version", "ballastctl " BALLAST_VERSION);
    app_.fallthrough();
}

CLI::App* CommandLine::verb(CLI::App& parent, const std::string& name, const std::string& help, Action action) {
    CLI::App* added = parent.add_subcommand(name, help);
    added->fallthrough();
    // A verb under another one is asked first.
    added->final_callback([this, action = std::move(action)] {
        if (!action_) action_ = action;
    });
    return added;
}

// A verb that looks, and may look again and again.
CLI::App* CommandLine::watched(CLI::App* verb) {
    watches_.push_back(
        verb->add_option("-w,--watch", said_.watch, "Look again every so many seconds (2), until q or Ctrl-C")
            ->expected(0, 1)
            ->type_name("SECONDS"));
    return verb;
}

CLI::App* CommandLine::group_of_verbs(const std::string& name, const std::string& help) {
    CLI::App* added = app_.add_subcommand(name, help);
    added->require_subcommand(1)->fallthrough();
    return added;
}

void CommandLine::positional(CLI::App* verb, const std::string& kind, const std::string& help) {
    verb->add_option(kind, said_.name, help)->required()->type_name("");
}

void CommandLine::add_looking() {
    watched(verb(app_, "status", "The cluster at a glance, and what to do next", status));
    CLI::App* live = verb(app_, "top", "The cluster live: what is wrong, what moves and why, and the load",
                          [this](Session& s) { return top(s, said_.once); });
    live->add_flag("--once", said_.once, "Print one frame and end");
    watched(verb(app_, "hosts", "The hosts and their load", hosts));
    CLI::App* listing = verb(app_, "vms", "The VMs and where they run", [this](Session& session) {
        return vms(session, said_.host.empty() ? std::nullopt : std::optional(said_.host));
    });
    watched(listing)->add_option("--host", said_.host, "Only those of this host")->type_name("HOST");
    add_plan();
    CLI::App* past = verb(app_, "history", "Migrations, predicted and measured",
                          [this](Session& s) { return history(s, said_.limit); });
    watched(past)
        ->add_option("-n,--limit", said_.limit, "How many of the ended ones")
        ->check(CLI::Range(1, 500))
        ->type_name("N")
        ->capture_default_str();
    CLI::App* checks =
        verb(app_, "preflight", "Whether hosts and VMs are fit for live migration", [this](Session& session) {
            return preflight(session, said_.name.empty() ? std::nullopt : std::optional(said_.name));
        });
    checks->add_option("HOST", said_.name, "Only this host")->type_name("");
}

void CommandLine::add_plan() {
    CLI::App* dry_run = verb(app_, "plan", "What would be done now, why, and what was rejected",
                             [this](Session& s) { return plan(s, said_.what_if); });
    watched(dry_run)->add_option("--what-if", said_.what_if, what_if_help)->type_name("TEXT");
    watched(verb(app_, "capacity", "The room that is left, and whether any one host may fail", capacity));
}

void CommandLine::add_records() {
    CLI::App* keep = verb(app_, "record", "Write the last planning cycle and all it was made from into a file",
                          [this](Session& s) { return record(s, said_.replay.file, said_.anonymise); });
    keep->add_option("FILE", said_.replay.file, "Where to; - for stdout")->required()->type_name("");
    keep->add_flag("--anonymise", said_.anonymise, "Without names, paths and texts, for others to look at");
    CLI::App* again = verb(app_, "replay", "Make the plan of a record or an inventory again; needs no daemon",
                           [this](Session& s) { return replay(s, said_.replay); });
    again->add_option("FILE", said_.replay.file, "From record, or written by hand or another program")
        ->required()
        ->type_name("");
    again->add_option("--policy", said_.replay.policies, "Under these policy files instead of the recorded policy")
        ->type_name("FILE")
        ->expected(1, -1);
    again->add_option("--what-if", said_.replay.what_if, what_if_help)->type_name("TEXT");
    again->add_option("--explain", said_.replay.explain, "Explain instead of planning: vm NAME, or host NAME")
        ->type_name("KIND NAME")
        ->expected(2);
    CLI::App* imports = group_of_verbs("import", "Inventories from other programs; needs no daemon");
    CLI::App* hbal =
        verb(*imports, "hbal", "A cluster in the text format of Ganeti's hbal (-t), and maybe its use (-U)",
             [this](Session& s) { return import_hbal(s, said_.names, said_.replay.file); });
    hbal->add_option("FILE", said_.names, "The cluster, then the utilisation: CPU in cores")
        ->required()
        ->expected(1, 2)
        ->type_name("");
    hbal->add_option("--into", said_.replay.file, "The inventory to write; - for stdout")
        ->required()
        ->type_name("FILE");
    again->add_flag("--capacity", said_.replay.capacity, "Show the room that is left instead of planning");
}

void CommandLine::add_explain() {
    CLI::App* group = group_of_verbs("explain", "Why something is moved, and why not");
    positional(watched(verb(*group, "vm", "Why a VM stays or where it could go",
                            [this](Session& s) { return explain_vm(s, said_.name); })),
               "VM", "Name or UUID");
    positional(watched(verb(*group, "host", "Why a host is overloaded or not, and what would change it",
                            [this](Session& s) { return explain_host(s, said_.name); })),
               "HOST", "Name of the host");
    positional(watched(verb(*group, "cycle", "What one planning cycle saw, wanted and did",
                            [this](Session& s) { return explain_cycle(s, said_.name); })),
               "CYCLE", "Its id, or last");
}

void CommandLine::add_maintenance() {
    CLI::App* group = group_of_verbs("maintenance", "Empty a host to work on it");
    CLI::App* enter = verb(*group, "enter", "Move the VMs away and let none come", [this](Session& session) {
        said_.maintenance.wait = said_.wait;
        return maintenance_enter(session, said_.maintenance);
    });
    enter
        ->add_option("--to-site", said_.maintenance.to_site,
                     "Let them leave for hosts of that site only, with copies of disks that are not seen there")
        ->type_name("SITE");
    enter->add_flag("--wait", said_.wait, "Until it is empty, or only VMs that cannot be moved are left (exit 3)");
    CLI::App* leave = verb(*group, "leave", "Let VMs come again",
                           [this](Session& s) { return maintenance_leave(s, said_.maintenance); });
    for (CLI::App* one : {enter, leave}) {
        one->add_option("HOST", said_.maintenance.hosts, "Names of the hosts")->type_name("");
        one->add_option("--site", said_.maintenance.site, "All hosts of this site")->type_name("SITE");
    }
    watched(verb(*group, "list", "Hosts in maintenance and how far they are", maintenance_list));
}

void CommandLine::add_power() {
    CLI::App* group = group_of_verbs("power", "Switch hosts off and on through their BMCs");
    watched(verb(*group, "list", "Which hosts can be switched, and how their power stands", power_list));
    const auto add = [&](const std::string& action, const std::string& help) {
        CLI::App* added = verb(*group, action, help, [this, action](Session& session) {
            return power(session, {said_.name, action, said_.force, said_.wait});
        });
        positional(added, "HOST", "Name of the host");
        return added;
    };
    CLI::App* off = add("off", "Ask an empty host's system to go down, and verify that it is off");
    CLI::App* drill = add("drill", "Switch an empty host off and on again, to prove that it can be woken");
    CLI::App* on = add("on", "Switch on a host that Ballast switched off");
    for (CLI::App* order : {off, drill})
        order->add_flag("--force", said_.force, "Though the policy wants it on (never while a VM is on it)");
    for (CLI::App* order : {off, drill, on}) order->add_flag("--wait", said_.wait, "Until it is done");
    watched(verb(app_, "energy", "What the hosts draw, and what switching them off saved", energy));
    add("release", "You have looked: end the host's alarm or quarantine");
}

void CommandLine::add_cluster() {
    CLI::App* group = group_of_verbs("cluster", "Several daemons, one on each host");
    watched(verb(*group, "status", "Which hosts' daemons are there, and which one leads", cluster_status));
    watched(verb(*group, "members", "The daemons that are registered: versions, boots, since when", cluster_members));
    watched(verb(*group, "leader", "Which one leads; exit code 1 when nobody does", cluster_leader));
    verb(*group, "transfer-leader", "Have another member lead", transfer_leader);
    add_backups(*group);
}

void CommandLine::add_store() {
    CLI::App* group = group_of_verbs("store", "What Ballast must not forget: backups, and the way to etcd");
    add_backups(*group);
    CLI::App* move =
        verb(*group, "migrate", "Move a stopped daemon's store to another one, to etcd say", [this](Session& s) {
            return instead_run_daemon(s, {"--move-store", said_.to, said_.config});
        });
    move->add_option("--to", said_.to, "The configuration that the daemon is to have then; its `store` is the target")
        ->required()
        ->type_name("FILE");
    move->add_option("--config", said_.config, "The configuration that it has now")
        ->type_name("FILE")
        ->capture_default_str();
}

// The same under `cluster`, where whoever has one looks for it.
void CommandLine::add_backups(CLI::App& group) {
    CLI::App* keep = verb(group, "backup", "Write what the store holds into a file", [this](Session& s) {
        if (said_.stopped) return instead_run_daemon(s, {"--backup-store", said_.replay.file, said_.config});
        return store_backup(s, said_.replay.file);
    });
    keep->add_option("FILE", said_.replay.file, "Where to; - for stdout")->required()->type_name("");
    keep->add_flag("--stopped", said_.stopped, "No daemon runs: read the store itself");
    CLI::App* back = verb(group, "restore", "Put a backup in the place of what the store of stopped daemons holds",
                          [this](Session& s) {
                              return instead_run_daemon(s, {"--restore-store", said_.replay.file, said_.config});
                          });
    back->add_option("FILE", said_.replay.file, "From backup")->required()->type_name("");
    for (CLI::App* one : {keep, back})
        one->add_option("--config", said_.config, "The daemon's configuration")
            ->type_name("FILE")
            ->capture_default_str();
}

void CommandLine::add_fence() {
    CLI::App* group = group_of_verbs("fence", "Hosts that do not answer any more");
    watched(verb(*group, "list", "How the power of all hosts stands", power_list));
    const auto add = [&](const std::string& name, const std::string& action, const std::string& help) {
        CLI::App* added = verb(*group, name, help, [this, action](Session& session) {
            return power(session, {said_.name, action, false, said_.wait});
        });
        positional(added, "HOST", "Name of the host");
        added->add_flag("--wait", said_.wait, "Until it is certain that it is off");
    };
    add("now", "fence", "Cut a host off that does not answer; its VMs are started elsewhere then");
    add("confirm", "confirm_off",
        "You have made sure that the host is off, and answer for it: its VMs are started elsewhere");
    CLI::App* forget =
        verb(*group, "forget", "You see to a VM that is down yourself: Ballast does not start it any more",
             [this](Session& session) { return forget_vm(session, said_.name); });
    positional(forget, "VM", "Name or UUID of the VM");
}

// The verb alone begins a run; those under it look at it and steer it.
void CommandLine::add_rolling() {
    CLI::App* group =
        verb(app_, "rolling-reboot", "Reboot or upgrade host after host, each emptied first", [this](Session& session) {
            said_.rolling.wait = said_.wait;
            return rolling_start(session, said_.rolling);
        });
    group->add_option("--group", said_.rolling.group, "Only the hosts of this group of the policy")->type_name("NAME");
    group->add_option("--host", said_.rolling.hosts, "Only these hosts, in this order; may be repeated")
        ->allow_extra_args(false)
        ->type_name("HOST");
    group
        ->add_option("--command", said_.rolling.command,
                     "Run this one of ballast.yaml's rolling.commands for each host")
        ->type_name("NAME");
    group
        ->add_option("--reboot", said_.rolling.reboot,
                     "power: by its BMC, the default without a command; command: the command does it; none")
        ->check(CLI::IsMember({"power", "command", "none"}))
        ->type_name("HOW");
    CLI::App* now = verb(*group, "status", "How the run stands",
                         [this](Session& s) { return rolling_status(s, WaitWish{said_.wait}); });
    CLI::App* again = verb(*group, "resume", "Go on with a run that stopped, where it did",
                           [this](Session& s) { return rolling_resume(s, said_.skip, WaitWish{said_.wait}); });
    again->add_flag("--skip", said_.skip, "With the next host: this one is done, or given up");
    verb(*group, "stop", "Stop once what is under way with a host has ended", rolling_stop);
    for (CLI::App* one : {group, now, again})
        one->add_flag("--wait", said_.wait, "Until it is done, or has stopped (exit 3)");
    watched(now)->get_option("--watch")->excludes("--wait");
}

void CommandLine::add_acting() {
    CLI::App* move = verb(app_, "migrate", "Move one VM now", [this](Session& session) {
        return migrate(session, {said_.name, said_.to, said_.force, said_.wait});
    });
    positional(move, "VM", "Name or UUID");
    move->add_option("--to", said_.to, "Where to")->required()->type_name("HOST");
    move->add_flag("--force", said_.force, "Against the policy's constraints (never against what libvirt checks)");
    move->add_flag("--wait", said_.wait, "Until it ended");
    CLI::App* yes =
        verb(app_, "approve", "Start proposed moves", [this](Session& s) { return approve(s, said_.names); });
    yes->add_option("ID", said_.names, "Operations, as status and history show them")->required()->type_name("");
    CLI::App* no = verb(app_, "cancel", "End a migration or withdraw a proposal; the VM stays where it is",
                        [this](Session& s) { return cancel(s, said_.names); });
    no->add_option("ID", said_.names, "Operations, as status and history show them")->required()->type_name("");
    verb(app_, "pause", "Start nothing more until resume", [](Session& s) { return set_paused(s, true); });
    verb(app_, "resume", "Act again after pause", [](Session& s) { return set_paused(s, false); });
}

void CommandLine::add_mode() {
    CLI::App* set = verb(app_, "mode", "Show the mode, or override the policy's", [this](Session& session) {
        return mode(session, said_.name.empty() ? std::nullopt : std::optional(said_.name));
    });
    set->add_option("MODE", said_.name, "observe, confirm, automatic, or policy to end the override")
        ->check(CLI::IsMember({"observe", "confirm", "automatic", "policy"}))
        ->type_name("");
    verb(app_, "reload", "Read the policy again; a bad one changes nothing", reload);
}

void CommandLine::add_policy() {
    CLI::App* group = group_of_verbs("policy", "Check and show policies");
    CLI::App* check = verb(*group, "check", "Check policy files as one policy; needs no daemon",
                           [this](Session& s) { return policy_check(s, said_.names); });
    check->add_option("FILE", said_.names, "In the order in which they are merged")->required()->type_name("");
    CLI::App* trial = verb(*group, "test", "Try policy files on the cluster's own history; needs no daemon",
                           [this](Session& s) { return policy_test(s, said_.names, said_.history); });
    trial->add_option("FILE", said_.names, "In the order in which they are merged")->required()->type_name("");
    trial->add_option("--history", said_.history, "Where the history is")->type_name("DIR")->capture_default_str();
    CLI::App* show = verb(*group, "show", "The policy in force, with comments", [this](Session& session) {
        return said_.defaults ? policy_defaults(session) : policy_show(session);
    });
    show->add_flag("--defaults", said_.defaults, "The shipped defaults; needs no daemon");
}

void CommandLine::add_first_steps() {
    CLI::App* first = verb(app_, "init", "Write a first configuration from what is found here and a few questions",
                           [this](Session& s) { return init(s, this_machine(), said_.init); });
    InitWish& wish = said_.init;
    first->add_option("--into", wish.directory, "Where ballast.yaml and policy.d are written")
        ->type_name("DIR")
        ->capture_default_str();
    first->add_option("--host", wish.hosts, "A host: a libvirt URI, a name, or NAME=URI; may be repeated")
        ->allow_extra_args(false)
        ->type_name("HOST");
    first->add_option("--shared", wish.shared, "A path that all hosts share; may be repeated; none: \"\"")
        ->allow_extra_args(false)
        ->type_name("DIR");
    first->add_option("--etcd", wish.etcd, "URL of a member of etcd, in place of the embedded store; may be repeated")
        ->allow_extra_args(false)
        ->type_name("URL");
    first->add_flag("--cluster", wish.cluster, "A daemon on each of the hosts, which meet in that etcd");
    first->add_option("--mode", wish.mode, "observe (the default), confirm or automatic")
        ->check(CLI::IsMember({"observe", "confirm", "automatic"}))
        ->type_name("MODE");
    first->add_flag("-y,--yes", wish.yes, "Ask nothing: what is found here, and what these options say");
    first->add_flag("--force", wish.force, "Replace files that are there, which are kept as *.old");

    CLI::App* checks =
        verb(app_, "doctor", "Check the daemon, its surroundings and this machine; collect what helps to help",
             [this](Session& s) {
                 said_.doctor.config = said_.config;
                 return doctor(s, said_.doctor);
             });
    checks->add_option("--bundle", said_.doctor.bundle, "Write what supporters need into this .tar.gz, without secrets")
        ->type_name("FILE");
    checks->add_option("--config", said_.config, "The daemon's configuration")
        ->type_name("FILE")
        ->capture_default_str();
}

// CLI11 sees all that follows "--" as arguments, so half-typed options pass through.
void CommandLine::add_helpers() {
    CLI::App* script = verb(app_, "completion", "Print the completion script for a shell", [this](Session& session) {
        session.terminal().out << completion_script(said_.name);
        return Exit::ok;
    });
    script->add_option("SHELL", said_.name, "bash, zsh or fish")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish"}))
        ->type_name("");
    verb(app_, "version", "The version of ballastctl", version);
    CLI::App* hidden = verb(app_, "complete", "Candidates for a half-typed command line",
                            [this](Session& session) { return complete(session, verbs(), said_.words); });
    hidden->group("");
    hidden->add_option("WORD", said_.words, "")->type_name("");
}

// What is watched, as it was typed, but for the watching.
std::string title_of(const std::vector<std::string>& words) {
    std::string text = "ballastctl";
    for (std::size_t i = 0; i < words.size(); ++i) {
        const bool alone = words[i] == "-w" || words[i] == "--watch";
        if (alone && i + 1 < words.size() && watch_interval(words[i + 1])) ++i;
        const bool is_socket = words[i] == "--socket";
        const bool is_told = !alone && !is_socket && !words[i].starts_with("--watch=");
        if (is_socket) ++i;
        if (is_told) text += " " + words[i];
    }
    return text;
}
}  // namespace

VerbSpec verbs() {
    return spec_of(CommandLine().app());
}

Exit run(const std::vector<std::string>& words, Terminal& terminal, const Connect& connect) {
    CommandLine line;
    const auto complain = [&](const std::string& message) {
        terminal.err << Phrase("ballastctl: ", Tone::bad).add(message).render(terminal.err_style) << "\n";
        return Exit::usage;
    };
    try {
        line.app().parse(std::vector<std::string>(words.rbegin(), words.rend()));
    } catch (const CLI::CallForHelp&) {
        terminal.out << line.app().help();
        return Exit::ok;
    } catch (const CLI::CallForVersion& version) {
        terminal.out << version.what() << "\n";
        return Exit::ok;
    } catch (const CLI::ParseError& error) {
        const std::string advice = advice_for(verbs(), words);
        return complain(advice.empty() ? error.what() + std::string("; --help behind the verb says how") : advice);
    }
    const auto every = watch_interval(line.said().watch.empty() ? "2" : line.said().watch);
    if (line.watches() && !every)
        return complain(
            "--watch: " + line.said().watch +
            " is no number of seconds from 0.5 to 3600; what is watched comes before it: explain vm web1 --watch");
    const Said& said = line.said();
    apply(colours.at(said.colour), terminal);
    terminal.out_style.headers = !said.no_headers;
    const auto api = connect(said.socket);
    Session session(*api, terminal, formats.at(said.format));
    const Exit exit =
        line.watches() ? watch(session, line.action(), {*every, title_of(words)}) : line.action()(session);
    // A full disk must not pass for success: what was printed may be all that somebody wanted.
    if (terminal.out.flush()) return exit;
    session.complain("ballastctl: the output could not be written");
    return exit == Exit::ok ? Exit::failed : exit;
}

}  // namespace ballast::cli
