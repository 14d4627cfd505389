#include "cli/init.h"

#include <algorithm>
#include <filesystem>
#include <istream>
#include <ostream>
#include <set>

#include "cli/human.h"
#include "cli/whole_file.h"
#include "config/load.h"
#include "config/text.h"
#include "config/uri.h"

namespace ballast::cli {

namespace {
namespace fs = std::filesystem;
constexpr const char* here = "qemu:///system";
constexpr const char* policy_name = "policy.d/10-policy.yaml";

// Thrown out of a question when nobody answers any more: the only way out of the middle of the questions.
struct NobodyAnswers {};

Phrase blamed(const std::string& what) {
    return Phrase("ballastctl: ", Tone::bad).add(what);
}

std::string trimmed(const std::string& text) {
    const auto first = text.find_first_not_of(" \t\r");
    return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::vector<std::string> words_of(const std::string& text) {
    std::vector<std::string> words;
    for (std::size_t at = 0; (at = text.find_first_not_of(" ,\t", at)) != std::string::npos;) {
        const std::size_t end = std::min(text.find_first_of(" ,\t", at), text.size());
        words.push_back(text.substr(at, end - at));
        at = end;
    }
    return words;
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
    return text;
}

std::string short_name(const std::string& name) {
    return name.substr(0, name.find('.'));
}

// The questions, in one place: prompts go where a person sees them, and every one has an answer that Enter takes.
class Questions {
public:
    explicit Questions(Session& session) : terminal_(session.terminal()), session_(session) {}

    void tell(const Phrase& phrase) { session_.say(phrase); }
    std::string ask(const std::string& question, const std::string& otherwise) {
        const std::string shown = otherwise.empty() ? "none" : otherwise;
        terminal_.out << Phrase(" " + question, Tone::strong).add(" [" + shown + "]: ").render(terminal_.out_style)
                      << std::flush;
        std::string line;
        if (!std::getline(*terminal_.answers, line)) {
            terminal_.out << "\n" << std::flush;
            throw NobodyAnswers();
        }
        const std::string said = trimmed(line);
        return said.empty() ? otherwise : said;
    }
    bool agreed(const std::string& question, bool otherwise) {
        for (;;) {
            const std::string said = ask(question + " y/n", otherwise ? "y" : "n");
            if (said == "y" || said == "Y" || said == "yes") return true;
            if (said == "n" || said == "N" || said == "no") return false;
            tell(Phrase("Please answer y or n.", Tone::notice));
        }
    }
    std::string choice(const std::string& question, const std::vector<std::string>& words) {
        for (;;) {
            const std::string said = ask(question, words.front());
            if (std::find(words.begin(), words.end(), said) != words.end()) return said;
            tell(Phrase("Please answer one of: " + joined(words) + ".", Tone::notice));
        }
    }

private:
    Terminal& terminal_;
    Session& session_;
};

// --host, or an answer: NAME=URI, URI or NAME.
Result<FirstHost> host_from(const std::string& text) {
    FirstHost host;
    const auto scheme = text.find("://");
    const auto equals = text.find('=');
    std::string uri = text;
    if (equals != std::string::npos && (scheme == std::string::npos || equals < scheme)) {
        host.name = text.substr(0, equals);
        uri = text.substr(equals + 1);
    }
    if (uri.find("://") == std::string::npos) {
        if (host.name.empty()) host.name = short_name(uri.substr(uri.rfind('@') + 1));
        uri = std::string("qemu+ssh://") + (uri.find('@') == std::string::npos ? "root@" : "") + uri + "/system";
    }
    const auto checked = config::check_uri(uri);
    if (!checked) return checked.error();
    host.uri = *checked;
    return host;
}

std::string host_in(const std::string& uri) {
    const auto begin = uri.find("://") + 3;
    const std::string authority = uri.substr(begin, uri.find_first_of("/?", begin) - begin);
    const std::string host = authority.substr(authority.rfind('@') + 1);
    return host.substr(0, host.find(':'));
}

// Found out about the hosts: whether they answer, what they are called, where their images are.
class Survey {
public:
    Survey(Session& session, const Machine& machine) : session_(session), machine_(machine) {}

    void look_at(std::vector<FirstHost>& hosts) {
        std::vector<std::string> uris;
        for (const FirstHost& host : hosts) uris.push_back(host.uri);
        if (uris.empty()) return;
        const auto said = machine_.look_at_libvirt(uris);
        for (std::size_t i = 0; i < hosts.size(); ++i) {
            const value& found = said && i < list(*said, "hosts").size() ? list(*said, "hosts")[i] : nothing_;
            take(hosts[i], found, said ? "" : to_string(said.error()));
        }
    }
    const std::set<std::string>& pool_paths() const { return pool_paths_; }

private:
    void take(FirstHost& host, const value& found, const std::string& nobody) {
        const bool answers = flag(found, "answers");
        host.problem = answers ? "" : nobody.empty() ? text(found, "problem") : nobody;
        if (!answers && host.problem.empty()) host.problem = "does not answer";
        if (host.name.empty() && answers) host.name = short_name(text(found, "hostname"));
        if (host.name.empty())
            host.name = config::is_local(host.uri) ? machine_.hostname : short_name(host_in(host.uri));
        if (const object* pools = at(found, "pools").if_object())
            for (const auto& pool : *pools) pool_paths_.insert(text(pool.value()));
        Phrase line("  " + host.name, Tone::strong);
        line.add("  " + host.uri + "  ");
        if (answers)
            line.add("answers", Tone::good)
                .add(": libvirt " + text(found, "libvirt_version") + ", " +
                     counted(whole(found, "vms"), "VM runs", "VMs run"));
        else
            line.add("does not answer", Tone::notice).add(": " + host.problem);
        session_.say(line);
    }

    Session& session_;
    const Machine& machine_;
    const value nothing_;
    std::set<std::string> pool_paths_;
};

// Those that hold images, if any do.
std::vector<std::string> likely_shared(const Machine& machine, const std::set<std::string>& pools) {
    const auto mounts = shared_mounts(machine.mounts);
    std::vector<std::string> with_images;
    for (const std::string& mount : mounts)
        if (std::any_of(pools.begin(), pools.end(),
                        [&](const std::string& path) { return path == mount || path.starts_with(mount + "/"); }))
            with_images.push_back(mount);
    return with_images.empty() ? mounts : with_images;
}

class Init {
public:
    Init(Session& session, const Machine& machine, const InitWish& wish)
        : session_(session), machine_(machine), wish_(wish), questions_(session), survey_(session, machine) {
        first_.directory = fs::absolute(wish.directory).lexically_normal();
        if (first_.directory.size() > 1 && first_.directory.ends_with('/')) first_.directory.pop_back();
    }

    Exit run() {
        if (const Exit exit = may_begin(); exit != Exit::ok) return exit;
        try {
            if (const Exit exit = find_out(); exit != Exit::ok) return exit;
        } catch (const NobodyAnswers&) {
            return usage("the answers ended: nothing was written; --yes takes what is in [brackets]");
        }
        if (const Exit exit = check(); exit != Exit::ok) return exit;
        return write();
    }

private:
    bool asks() const { return !wish_.yes; }
    Exit usage(const std::string& what) {
        session_.complain(blamed(what));
        return Exit::usage;
    }
    std::vector<std::string> files() const {
        return {first_.directory + "/ballast.yaml", first_.directory + "/" + policy_name};
    }

    Exit may_begin() {
        if (asks() && !session_.for_people()) return usage("-o is for programs, which answer no questions: add --yes");
        if (asks() && session_.terminal().answers == nullptr)
            return usage(
                "nobody is there to answer (no terminal): add --yes, and --host, --shared, --etcd or --mode where what "
                "is found does not suffice");
        for (const std::string& file : files()) {
            std::error_code error;
            if (fs::exists(file, error) && !wish_.force)
                return usage(file + " is there: --force replaces it and keeps it as " + file +
                             ".old; --into DIR writes elsewhere");
        }
        for (const std::string& path : wish_.shared)
            if (!path.empty() && !path.starts_with('/'))
                return usage("--shared " + path + ": expected an absolute path");
        if (wish_.cluster && wish_.etcd.empty() && !asks())
            return usage("--cluster needs an etcd to meet in: add --etcd URL");
        return Exit::ok;
    }

    Exit find_out() {
        if (asks()) {
            questions_.tell(
                "This writes a first configuration for ballastd. Enter takes what is in [brackets]; Ctrl-C ends it and "
                "leaves everything as it is.");
            questions_.tell(Phrase("Hosts", Tone::strong));
        }
        if (const Exit exit = find_hosts(); exit != Exit::ok) return exit;
        find_storage();
        find_store();
        first_.mode = wish_.mode.empty() ? "observe" : wish_.mode;
        if (asks() && wish_.mode.empty()) {
            questions_.tell(
                "Modes: observe only recommends, confirm waits for your word before each move, automatic acts.");
            first_.mode = questions_.choice("Mode", {"observe", "confirm", "automatic"});
        }
        if (!asks()) return Exit::ok;
        questions_.tell("Everything else stays as it is by default.");
        if (questions_.agreed("Write " + joined(files()) + "?", true)) return Exit::ok;
        questions_.tell("Nothing was written.");
        return Exit::failed;
    }

    Exit find_hosts() {
        std::vector<FirstHost> hosts;
        for (const std::string& named : wish_.hosts) {
            auto host = host_from(named);
            if (!host) return usage("--host " + named + ": " + host.error().message);
            hosts.push_back(std::move(*host));
        }
        const bool by_flags = !hosts.empty();
        if (!by_flags) hosts.push_back({"", here, "", ""});
        survey_.look_at(hosts);
        first_.hosts = hosts;
        if (asks() && !by_flags) ask_for_hosts();
        if (first_.hosts.empty()) return usage("no host is left to watch: name one by --host");
        add_peer_uris();
        return same_names();
    }

    void ask_for_hosts() {
        const bool local = first_.hosts.front().problem.empty();
        if (!questions_.agreed(local ? "Watch this machine's libvirt?" : "Watch this machine all the same?", local))
            first_.hosts.clear();
        if (!machine_.ssh_names.empty())
            questions_.tell(Phrase("ssh knows here: " + joined(machine_.ssh_names), Tone::faint));
        questions_.tell(
            "Other hosts: names, or libvirt URIs such as qemu+tls://host2/system, separated by spaces. A name stands "
            "for "
            "qemu+ssh://root@NAME/system.");
        for (;;) {
            std::vector<FirstHost> named;
            std::string wrong;
            for (const std::string& word : words_of(questions_.ask("Other hosts", ""))) {
                auto host = host_from(word);
                if (!host) wrong = host.error().message;
                if (host) named.push_back(std::move(*host));
            }
            if (!wrong.empty()) {
                questions_.tell(Phrase(wrong, Tone::notice));
                continue;
            }
            if (!named.empty())
                questions_.tell("Looking at " + counted(static_cast<std::int64_t>(named.size()), "host", "hosts") +
                                " ...");
            survey_.look_at(named);
            const bool all =
                std::all_of(named.begin(), named.end(), [](const FirstHost& host) { return host.problem.empty(); });
            const bool keeps = all || questions_.agreed("Keep those that do not answer, for later?", true);
            for (FirstHost& host : named)
                if (keeps || host.problem.empty()) first_.hosts.push_back(std::move(host));
            if (!first_.hosts.empty()) return;
            questions_.tell(Phrase("At least one host is needed.", Tone::notice));
        }
    }

    // In a migration the others reach this machine, which knows itself by a local URI.
    void add_peer_uris() {
        if (first_.hosts.size() < 2) return;
        for (FirstHost& host : first_.hosts)
            if (config::is_local(host.uri) && host.peer_uri.empty())
                host.peer_uri = "qemu+ssh://root@" + machine_.hostname + "/system";
    }

    Exit same_names() {
        std::set<std::string> names;
        for (const FirstHost& host : first_.hosts)
            if (!names.insert(host.name).second)
                return usage("two hosts would be called " + host.name +
                             ": give one another name by --host NAME=" + host.uri);
        return Exit::ok;
    }

    void find_storage() {
        const auto found = likely_shared(machine_, survey_.pool_paths());
        first_.shared = wish_.shared.empty() ? found : wish_.shared;
        std::erase(first_.shared, "");
        if (!asks() || !wish_.shared.empty()) return;
        questions_.tell(Phrase("Storage", Tone::strong));
        questions_.tell("A VM can move when its disks lie where its hosts see the same files" +
                        std::string(found.empty() ? "; no network file system is mounted here."
                                                  : "; mounted here: " + joined(found) + "."));
        for (;;) {
            first_.shared = words_of(questions_.ask("Paths that all hosts share (- for none)", joined(found)));
            std::erase(first_.shared, "-");
            const auto relative = std::find_if(first_.shared.begin(), first_.shared.end(),
                                               [](const std::string& path) { return !path.starts_with('/'); });
            if (relative == first_.shared.end()) return;
            questions_.tell(Phrase(*relative + " is no absolute path.", Tone::notice));
        }
    }

    void find_store() {
        first_.etcd = wish_.etcd;
        first_.cluster = wish_.cluster;
        if (!asks() || !wish_.etcd.empty()) return;
        questions_.tell(Phrase("Store", Tone::strong));
        if (machine_.etcd_here) questions_.tell("Something listens on 127.0.0.1:2379, where etcd does.");
        questions_.tell("One daemon keeps its state on this machine (embedded). A daemon on each host needs an etcd.");
        for (;;) {
            const std::string said = questions_.ask("embedded, or the URLs of etcd's members",
                                                    wish_.cluster ? "http://127.0.0.1:2379" : "embedded");
            first_.etcd.clear();
            if (said == "embedded" && !wish_.cluster) return;
            first_.etcd = words_of(said);
            const bool urls = std::all_of(first_.etcd.begin(), first_.etcd.end(), [](const std::string& url) {
                return url.starts_with("http://") || url.starts_with("https://");
            });
            if (urls) break;
            questions_.tell(
                Phrase("Expected URLs such as https://etcd1.example.org:2379, separated by spaces.", Tone::notice));
        }
        if (!first_.cluster)
            first_.cluster = questions_.agreed("Does a daemon run on each of the hosts?", first_.hosts.size() > 1);
    }

    // As the daemon reads them.
    Exit check() {
        const auto names = files();
        const auto daemon = config::check_daemon_text({names[0], daemon_file(first_)});
        const auto policy = config::check_policy_text({{names[1], policy_file(first_)}});
        auto problems = daemon.problems();
        problems.insert(problems.end(), policy.problems().begin(), policy.problems().end());
        if (problems.empty()) problems = config::cross_check(*daemon, *policy);
        const bool knows_itself = std::any_of(first_.hosts.begin(), first_.hosts.end(),
                                              [&](const FirstHost& host) { return host.name == machine_.hostname; });
        if (first_.cluster && !knows_itself)
            return usage("with --cluster one host has to be called " + machine_.hostname +
                         ", as this machine is: --host " + machine_.hostname + "=qemu:///system");
        if (problems.empty()) return Exit::ok;
        for (const config::Diagnostic& problem : problems) session_.complain_diagnostic(to_string(problem));
        return usage(
            "nothing was written: these answers make no valid configuration; --host, --shared and --etcd say them "
            "anew");
    }

    Exit write() {
        std::error_code error;
        fs::create_directories(first_.directory + "/policy.d", error);
        if (error)
            return failed(first_.directory + ": " + error.message() +
                          "; root may write there (sudo), --into DIR writes elsewhere");
        const auto names = files();
        const std::string texts[] = {daemon_file(first_), policy_file(first_)};
        array written, kept;
        for (std::size_t i = 0; i < names.size(); ++i) {
            const auto old = put_aside(names[i]);
            if (!old) return failed(to_string(old.error()));
            if (!old->empty()) kept.emplace_back(*old);
            const auto done = write_new_file(names[i], texts[i], 0644);
            if (!done)
                return failed(to_string(done.error()) + "; root may write there (sudo), --into DIR writes elsewhere");
            written.emplace_back(names[i]);
        }
        tell_result(std::move(written), std::move(kept));
        return Exit::ok;
    }

    Exit failed(const std::string& what) {
        session_.complain(blamed(what));
        return Exit::failed;
    }

    void tell_result(array written, array kept) {
        array hosts;
        for (const FirstHost& host : first_.hosts)
            hosts.push_back(object{
                {"name", host.name}, {"uri", host.uri}, {"answers", host.problem.empty()}, {"problem", host.problem}});
        session_.print(object{{"written", std::move(written)},
                              {"kept", std::move(kept)},
                              {"mode", first_.mode},
                              {"hosts", std::move(hosts)}},
                       [&](const value& body, Page& page) { next_steps(body, page); });
    }

    void next_steps(const value& body, Page& page) const {
        for (const value& file : list(body, "written")) page.say(Phrase("written: ", Tone::good).add(text(file)));
        for (const value& file : list(body, "kept")) page.say("kept:    " + text(file));
        const bool usual = first_.directory == "/etc/ballast";
        const bool by_ssh = std::any_of(first_.hosts.begin(), first_.hosts.end(),
                                        [](const FirstHost& host) { return host.uri.starts_with("qemu+ssh"); });
        page.heading("Next");
        for (const value& host : list(body, "hosts"))
            if (!flag(host, "answers"))
                page.item(
                    Phrase(text(host, "name"), Tone::strong).add(" does not answer yet: " + text(host, "problem")));
        if (first_.cluster)
            page.item(
                "Root of each host has to reach the others by key, as libvirtd migrates as root; etcd wants "
                "certificates (store: ca_file, cert_file, key_file); this file belongs on all hosts: cluster.md.");
        else if (by_ssh)
            page.item(
                "The daemon runs as the user ballast, which needs an ssh key of its own, and the hosts' keys: "
                "install.md has the three commands.");
        page.item(std::string("Check it: ballastd --check") +
                  (usual ? "" : " --config " + first_.directory + "/ballast.yaml"));
        page.item(usual ? std::string("Start it: systemctl restart ballastd")
                        : "Start it: ballastd --config " + first_.directory +
                              "/ballast.yaml. The file names its folder: for /etc/ballast run init without --into");
        page.item("Look: ballastctl status --watch, ballastctl preflight; when something is odd: ballastctl doctor");
        if (first_.mode == "observe") page.item("When you trust it: ballastctl mode confirm, then automatic");
    }

    Session& session_;
    const Machine& machine_;
    const InitWish& wish_;
    Questions questions_;
    Survey survey_;
    FirstConfiguration first_;
};
}  // namespace

Exit init(Session& session, const Machine& machine, const InitWish& wish) {
    return Init(session, machine, wish).run();
}

std::vector<std::string> ssh_names(const std::string& config, const std::string& known_hosts) {
    std::set<std::string> names;
    const auto add = [&](const std::string& name) {
        const bool plain = !name.empty() && name.find_first_of("*?!|[]:@%") == std::string::npos && name.front() != '#';
        const bool address = name.find_first_not_of("0123456789.") == std::string::npos;
        if (plain && !address && name != "localhost") names.insert(name);
    };
    for (const std::string& line : text_lines(config)) {
        const auto words = words_of(line);
        if (words.size() < 2 || (words[0] != "Host" && words[0] != "host")) continue;
        for (std::size_t i = 1; i < words.size(); ++i) add(words[i]);
    }
    for (const std::string& line : text_lines(known_hosts))
        if (!line.starts_with('#') && !line.starts_with('@'))
            for (const std::string& name : words_of(line.substr(0, line.find(' ')))) add(name);
    return {names.begin(), names.end()};
}

std::vector<std::string> shared_mounts(const std::string& mounts) {
    static const std::set<std::string> kinds = {"nfs",  "nfs4",  "ceph",   "fuse.ceph", "glusterfs", "fuse.glusterfs",
                                                "gfs2", "ocfs2", "lustre", "cifs",      "smb3",      "beegfs"};
    std::set<std::string> found;
    for (const std::string& line : text_lines(mounts)) {
        const auto device = line.find(' ');
        const auto path = device == std::string::npos ? device : line.find(' ', device + 1);
        if (path == std::string::npos) continue;
        const std::string kind = line.substr(path + 1, line.find(' ', path + 1) - path - 1);
        const std::string where = line.substr(device + 1, path - device - 1);
        // proc(5) writes a space as \040: such a path is the operator's to name.
        if (kinds.contains(kind) && where.find('\\') == std::string::npos) found.insert(where);
    }
    return {found.begin(), found.end()};
}

}  // namespace ballast::cli
