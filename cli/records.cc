// record and replay: what the daemon decided from goes into a file, and comes back as the same plan without a daemon.
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <ostream>

#include "cli/commands.h"
#include "cli/views/views.h"
#include "config/load.h"
#include "interchange/anonymise.h"
#include "interchange/hbal_inventory.h"
#include "interchange/record.h"
#include "interchange/views_explain.h"
#include "interchange/views_what_if.h"
#include "policy/what_if.h"

namespace ballast::cli {

namespace {
using interchange::Record;

// All that the views look at, made of a record: one cycle, no operations.
struct Replay {
    explicit Replay(Record from) : record(std::move(from)) {
        // An inventory alone: what can be made of one look at it.
        if (!record.memory) record.memory = policy::observe({}, record.inventory, record.options, record.now);
        cycle.id = record.cycle;
        cycle.mode = record.options.mode;
        cycle.plan = policy::plan(record.inventory, *record.memory, record.options, record.now);
        cycle.vm_names = views::names_in(record.inventory);
    }
    views::Seen seen() const {
        return {record.inventory, *record.memory, record.options, cycle, cycles, {}, ended, record.now, WallTime{}};
    }

    Record record;
    Cycle cycle;
    std::deque<Cycle> cycles;
    std::deque<Operation> ended;
};

Exit complain(Session& session, const Error& error) {
    session.complain(Phrase("ballastctl: ", Tone::bad).add(to_string(error)));
    return Exit::usage;
}

Result<std::string> read_whole(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(in), {}};
    if (!in.is_open() || in.bad()) return Error{ErrorCode::not_found, file, std::strerror(errno)};
    return text;
}

// Nothing, and a complaint, when it is no record.
std::optional<Record> load(Session& session, const std::string& file) {
    const auto text = read_whole(file);
    if (!text) {
        (void)complain(session, text.error());
        return std::nullopt;
    }
    auto record = interchange::parse_record(*text);
    if (record) return std::move(*record);
    session.complain_diagnostic(file + ":" + record.error().subject + ": " + record.error().message);
    return std::nullopt;
}

bool use_policy(Session& session, const std::vector<std::string>& files, Record& record) {
    if (files.empty()) return true;
    const auto loaded = config::load_policy_files(files);
    for (const config::Diagnostic& problem : loaded.problems()) session.complain_diagnostic(to_string(problem));
    if (loaded) record.options = *loaded;
    return static_cast<bool>(loaded);
}

// By UUID, else by name.
const Vm* find_vm(const Inventory& inventory, const std::string& name) {
    if (const auto by_id = inventory.vms.find({name}); by_id != inventory.vms.end()) return &by_id->second;
    for (const auto& [id, vm] : inventory.vms)
        if (vm.facts.name == name) return &vm;
    return nullptr;
}

Result<void> suppose(const std::string& what_if, Record& record) {
    const auto suppositions = policy::parse_what_if(what_if);
    if (!suppositions) return suppositions.error();
    if (!record.memory) record.memory = policy::observe({}, record.inventory, record.options, record.now);
    auto supposed = policy::suppose(*suppositions, record.inventory, *record.memory, record.now);
    if (!supposed) return supposed.error();
    record.inventory = std::move(supposed->inventory);
    record.memory = std::move(supposed->memory);
    return {};
}

Exit explain(Session& session, const Replay& replay, const std::string& kind, const std::string& name) {
    const Inventory& inventory = replay.record.inventory;
    if (kind == "vm") {
        const Vm* vm = find_vm(inventory, name);
        if (vm == nullptr) return complain(session, {ErrorCode::not_found, name, "no such VM is in this file"});
        session.print(views::explain_vm(replay.seen(), *vm, replay.cycle.plan), show_explained_vm);
        return Exit::ok;
    }
    if (kind != "host") return complain(session, {ErrorCode::invalid, kind, "expected vm or host"});
    const auto host = inventory.hosts.find({name});
    if (host == inventory.hosts.end())
        return complain(session, {ErrorCode::not_found, name, "no such host is in this file"});
    session.print(views::explain_host(replay.seen(), host->second, replay.cycle.plan), show_explained_host);
    return Exit::ok;
}

object head(const Record& record) {
    return {{"cycle", record.cycle},
            {"taken_at", record.taken_at},
            {"written_by", record.written_by},
            {"identical", nullptr},
            {"recorded_moves", nullptr}};
}

Exit show_supposed(Session& session, const Replay& replay, const std::string& what_if) {
    auto supposed = views::plan_if(what_if, replay.seen());
    if (!supposed) return complain(session, supposed.error());
    (*supposed)["mode"] = to_string(replay.cycle.mode);
    (*supposed)["replay"] = head(replay.record);
    session.print(*supposed, show_replay);
    return Exit::ok;
}

Exit show_again(Session& session, const Replay& replay, bool compare) {
    const auto& recorded = replay.record.plan;
    const bool comparable = compare && recorded;
    const bool same = comparable && interchange::to_text(*recorded) == interchange::to_text(replay.cycle.plan);
    object said = head(replay.record);
    if (comparable) said["identical"] = same;
    if (recorded) said["recorded_moves"] = recorded->moves.size();
    session.print(object{{"mode", to_string(replay.cycle.mode)},
                         {"paused", false},
                         {"acts", false},
                         {"plan", views::plan(replay.cycle.plan, replay.cycle.vm_names)},
                         {"replay", std::move(said)}},
                  show_replay);
    return comparable && !same ? Exit::failed : Exit::ok;
}

Exit write(Session& session, const std::string& file, const std::string& text) {
    if (file == "-") {
        session.terminal().out << text << std::flush;
        return Exit::ok;
    }
    std::ofstream out(file, std::ios::binary | std::ios::trunc);
    out << text << std::flush;
    if (out) return Exit::ok;
    session.complain(Phrase("ballastctl: ", Tone::bad).add(file + ": " + std::strerror(errno)));
    return Exit::failed;
}

object written_file(const std::string& file, const Record& record) {
    return {{"file", file}, {"hosts", record.inventory.hosts.size()}, {"vms", record.inventory.vms.size()}};
}
}  // namespace

Exit record(Session& session, const std::string& file, bool anonymise) {
    const auto answer = session.try_fetch("/v1/record");
    if (!answer) return session.report(answer.error());
    if (!answer->ok()) return session.report(*answer);
    auto read = interchange::parse_record(answer->bytes);
    if (!read) {
        session.complain("ballastctl: the daemon's record is not one: " + to_string(read.error()));
        return Exit::failed;
    }
    if (anonymise) *read = interchange::anonymised(std::move(*read));
    const Exit written = write(session, file, interchange::to_text(*read));
    if (written != Exit::ok || file == "-") return written;
    session.print(written_file(file, *read), [&](const value& body, Page& page) {
        page.say(Phrase(file, Tone::strong)
                     .add(": " + read->cycle + " with " + text(body, "hosts") + " hosts and " + text(body, "vms") +
                          " VMs. Look at it again with: ballastctl replay " + file));
    });
    return Exit::ok;
}

Exit replay(Session& session, const ReplayWish& wish) {
    auto record = load(session, wish.file);
    if (!record || !use_policy(session, wish.policies, *record)) return Exit::usage;
    const bool asks_more = !wish.explain.empty() || wish.capacity;  // of the cluster that is supposed
    if (asks_more && !wish.what_if.empty()) {
        const auto supposed = suppose(wish.what_if, *record);
        if (!supposed) return complain(session, supposed.error());
    }
    const Replay again(std::move(*record));
    if (!wish.explain.empty()) return explain(session, again, wish.explain[0], wish.explain[1]);
    if (!wish.what_if.empty()) return show_supposed(session, again, wish.what_if);
    if (wish.capacity) {
        session.print(views::capacity(again.seen(), policy::questions_in_peace), show_capacity);
        return Exit::ok;
    }
    return show_again(session, again, wish.policies.empty());
}

Exit import_hbal(Session& session, const std::vector<std::string>& files, const std::string& into) {
    const auto cluster_text = read_whole(files.front());
    if (!cluster_text) return complain(session, cluster_text.error());
    auto cluster = interchange::parse_hbal_cluster(*cluster_text, files.front());
    if (!cluster) return complain(session, cluster.error());
    if (files.size() > 1) {
        const auto text = read_whole(files[1]);
        if (!text) return complain(session, text.error());
        const auto read = interchange::parse_hbal_utilisation(*text, files[1], *cluster);
        if (!read) return complain(session, read.error());
    }
    Record record;
    record.written_by = "ballastctl " BALLAST_VERSION;
    record.inventory = interchange::to_inventory(*cluster, files.size() > 1);
    const Exit written = write(session, into, interchange::to_text(record));
    if (written != Exit::ok || into == "-") return written;
    session.print(written_file(into, record), [&](const value& body, Page& page) {
        page.say(Phrase(into, Tone::strong)
                     .add(": " + text(body, "hosts") + " hosts and " + text(body, "vms") +
                          " VMs. Plan with it: ballastctl replay " + into));
    });
    return Exit::ok;
}

}  // namespace ballast::cli
