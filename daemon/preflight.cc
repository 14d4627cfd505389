#include "daemon/preflight.h"

#include <algorithm>
#include <boost/json.hpp>
#include <set>

#include "config/uri.h"
#include "daemon/preflight_checks.h"
#include "daemon/preflight_script.h"
#include "daemon/preflight_words.h"

namespace ballast::daemon::preflight {

namespace {

namespace asio = boost::asio;
namespace json = boost::json;

// Together below the 60 s for which ballastctl waits.
constexpr Duration facts_deadline = std::chrono::seconds{15};
constexpr Duration shell_deadline = std::chrono::seconds{21};  // and twice service::time_to_die
constexpr Duration peer_deadline = std::chrono::seconds{10};
constexpr Duration cpu_deadline = std::chrono::seconds{15};
constexpr Duration common_deadline = std::chrono::seconds{5};
constexpr std::size_t most_output = 1024 * 1024;  // of the script: hundreds of answers of 1.5 KiB at most

struct Countdown {
    explicit Countdown(const asio::any_io_executor& executor) : over(executor) {
        over.expires_at(asio::steady_timer::time_point::max());
    }
    asio::steady_timer over;
    std::size_t left = 0;
};

/// Runs all of them at once; returns when the last one has ended.
asio::awaitable<void> all_of(asio::any_io_executor executor, std::vector<asio::awaitable<void>> steps) {
    if (steps.empty()) co_return;
    auto countdown = std::make_shared<Countdown>(executor);
    countdown->left = steps.size();
    for (auto& step : steps) {
        auto ended = [countdown](std::exception_ptr) {  // a step that fails leaves its facts unknown
            if (--countdown->left == 0) countdown->over.cancel();
        };
        asio::co_spawn(executor, std::move(step), ended);
    }
    auto token = asio::as_tuple(asio::use_awaitable);
    while (countdown->left > 0) co_await countdown->over.async_wait(token);
}

ScriptQuestions questions_for(const PreflightCluster& cluster, std::size_t index) {
    const PreflightHost& host = cluster.hosts[index];
    std::set<std::string> paths = host.libvirt->host.shared_paths;
    paths.insert("/var/lib/libvirt");
    if (host.seen_from_itself()) paths.insert(cluster.state_dir);
    for (const auto& pool : host.libvirt->pools)
        if (pool.active && pool.path.starts_with('/')) paths.insert(pool.path);
    ScriptQuestions questions{{paths.begin(), paths.end()}, {}, {}};
    // Each host begins with the next one, so that not all connect to the first at the same time.
    for (std::size_t i = 1; i < cluster.hosts.size(); ++i) {
        const PreflightHost& other = cluster.hosts[(index + i) % cluster.hosts.size()];
        if (!other.libvirt) continue;
        questions.hostnames.push_back(other.libvirt->host.hostname);
        if (!host.seen_from_itself()) questions.peer_uris.emplace_back(other.id, other.peer_uri);
    }
    return questions;
}

void take_shell(PreflightHost& host, const Result<service::Ended>& child) {
    if (!child) {
        host.no_shell = child.error().message;
        return;
    }
    const ShellFacts facts = shell_facts_from(child->output, child->begun_s, child->heard_s);
    const std::string complaint = service::last_line(child->complaint);
    if (!facts.user.empty())
        host.shell = facts;
    else
        host.no_shell = complaint.empty() ? "its shell did not answer" : complaint;
}

service::Command shell_command(const std::vector<std::string>& arguments, std::string script) {
    service::Command command = service::command_of(arguments, shell_deadline);
    command.input = std::move(script);
    command.most_output = most_output;
    command.drops_excess = true;
    return command;
}

std::vector<std::string> host_models(const PreflightCluster& cluster, const std::string& virt_type) {
    std::set<std::string> models;
    for (const PreflightHost& host : cluster.hosts)
        if (host.libvirt)
            if (const auto model = host.libvirt->cpu_xmls.find(virt_type); model != host.libvirt->cpu_xmls.end())
                models.insert(model->second);
    return {models.begin(), models.end()};
}

json::object json_of(const Check& check) {
    return {{"host", check.host.value},
            {"check", check.id},
            {"status", to_string(check.result.status)},
            {"finding", check.result.finding},
            {"advice", check.result.advice}};
}

}  // namespace

Sources sources_of(hypervisor::LibvirtHypervisor& hypervisor, service::Runner run) {
    Sources sources;
    sources.facts = [&hypervisor](HostId host, Duration deadline) {
        return hypervisor.preflight_facts(std::move(host), deadline);
    };
    sources.compare_cpus = [&hypervisor](HostId host, std::vector<hypervisor::CpuQuestion> questions,
                                         Duration deadline) {
        return hypervisor.compare_cpus(std::move(host), std::move(questions), deadline);
    };
    sources.common_cpu = [&hypervisor](HostId host, std::string type, std::vector<std::string> cpus,
                                       Duration deadline) {
        return hypervisor.common_cpu(std::move(host), std::move(type), std::move(cpus), deadline);
    };
    sources.identity_at = [&hypervisor](HostId, std::string uri, Duration deadline) {
        return hypervisor.identity_at(std::move(uri), deadline);
    };
    sources.run = std::move(run);
    return sources;
}

service::Command local_shell(const ScriptQuestions& questions) {
    return shell_command({"sh", "-s"}, script_for(questions));
}

json::value report_of(const std::vector<Check>& checks) {
    json::object counts;
    for (const Status status : {Status::ok, Status::unknown, Status::warning, Status::problem})
        counts[to_string(status)] = 0;
    Status worst = Status::ok;
    json::array list;
    for (const Check& check : checks) {
        worst = std::max(worst, check.result.status);
        counts[to_string(check.result.status)].as_int64() += 1;
        list.push_back(json_of(check));
    }
    return json::object{{"status", to_string(worst)}, {"counts", std::move(counts)}, {"checks", std::move(list)}};
}

Preflight::Preflight(asio::any_io_executor executor, const std::vector<hypervisor::LinkOptions>& links,
                     std::string state_dir, Sources sources)
    : executor_(std::move(executor)), sources_(std::move(sources)) {
    blank_.state_dir = std::move(state_dir);
    for (const auto& link : links) {
        PreflightHost host;
        host.id = link.id;
        host.uri = link.uri;
        host.peer_uri = link.peer_uri;
        host.site = link.site;
        host.local = config::is_local(link.uri);
        host.by_member = static_cast<bool>(sources_.shell);
        blank_.hosts.push_back(std::move(host));
    }
}

asio::awaitable<Result<json::value>> Preflight::report(std::optional<HostId> only) {
    auto run = under_way_;
    if (!run) {
        run = under_way_ = std::make_shared<Run>(executor_);
        run->cluster = blank_;
        asio::co_spawn(executor_, look_at_all(run), [this, run](std::exception_ptr) { finish(run); });
    }
    auto token = asio::as_tuple(asio::use_awaitable);
    if (!run->done) co_await run->ended.async_wait(token);
    if (!run->done) co_return Error{ErrorCode::cancelled, "preflight", "the daemon is stopping"};
    co_return report_of(evaluate(run->cluster, only));
}

void Preflight::finish(const RunPtr& run) {
    run->done = true;
    run->ended.cancel();
    under_way_.reset();
}

Preflight::Step Preflight::look_at_all(RunPtr run) {
    std::vector<Step> looks;
    for (std::size_t i = 0; i < run->cluster.hosts.size(); ++i) looks.push_back(look_at(run, i));
    co_await all_of(executor_, std::move(looks));
    auto asked = questions(run);
    co_await all_of(executor_, std::move(asked));
    co_await find_common_cpus(run);
}

std::vector<Preflight::Step> Preflight::questions(const RunPtr& run) {
    const auto& hosts = run->cluster.hosts;
    std::vector<Step> steps;
    for (std::size_t i = 0; i < hosts.size(); ++i) {
        if (!hosts[i].libvirt) continue;
        steps.push_back(ask_shell(run, i));
        steps.push_back(ask_cpus(run, i));
        for (std::size_t peer = 0; peer < hosts.size(); ++peer)
            if (hosts[i].seen_from_itself() && peer != i && hosts[peer].libvirt)
                steps.push_back(reach_peer(run, i, peer));
    }
    return steps;
}

Preflight::Step Preflight::look_at(RunPtr run, std::size_t index) {
    PreflightHost& host = run->cluster.hosts[index];
    auto facts = co_await sources_.facts(host.id, facts_deadline);
    if (!facts) {
        host.problem = facts.error().message;
        co_return;
    }
    if (host.uri.find("://") == std::string::npos && !facts->uri.empty()) {  // an alias
        host.uri = facts->uri;
        host.local = config::is_local(host.uri);
    }
    host.libvirt = std::move(*facts);
}

Preflight::Step Preflight::ask_shell(RunPtr run, std::size_t index) {
    PreflightHost& host = run->cluster.hosts[index];
    if (host.by_member) {
        ScriptQuestions asked = questions_for(run->cluster, index);
        auto told = co_await sources_.shell(host.id, std::move(asked), shell_deadline);
        take_shell(host, told);
        co_return;
    }
    std::vector<std::string> arguments = ssh_arguments(host.uri);
    if (host.local) arguments = {"sh", "-s"};
    if (arguments.empty()) {
        host.no_shell = "this daemon has no ssh to it: its uri is " + host.uri;
        co_return;
    }
    service::Command command = shell_command(arguments, script_for(questions_for(run->cluster, index)));
    auto child = co_await sources_.run(std::move(command));
    take_shell(host, child);
}

Preflight::Step Preflight::ask_cpus(RunPtr run, std::size_t index) {
    PreflightHost& host = run->cluster.hosts[index];
    const auto asked = cpu_questions(run->cluster, host);
    if (asked.empty()) co_return;
    auto answers = co_await sources_.compare_cpus(host.id, asked, cpu_deadline);
    if (!answers) co_return;
    for (std::size_t i = 0; i < std::min(asked.size(), answers->size()); ++i) host.cpus[asked[i]] = (*answers)[i];
}

Preflight::Step Preflight::reach_peer(RunPtr run, std::size_t index, std::size_t peer) {
    const PreflightHost& other = run->cluster.hosts[peer];
    const HostId from = run->cluster.hosts[index].id;
    auto answer = co_await sources_.identity_at(from, other.peer_uri, peer_deadline);
    run->cluster.hosts[index].reached.emplace(other.id, std::move(answer));
}

Preflight::Step Preflight::find_common_cpus(RunPtr run) {
    std::vector<Step> steps;
    for (const char* virt_type : {"kvm", "qemu"}) steps.push_back(common_cpu_of(run, virt_type));
    co_await all_of(executor_, std::move(steps));
}

Preflight::Step Preflight::common_cpu_of(RunPtr run, std::string virt_type) {
    auto models = host_models(run->cluster, virt_type);
    const auto& hosts = run->cluster.hosts;
    const auto able = std::find_if(hosts.begin(), hosts.end(), [&](const PreflightHost& host) {
        return host.libvirt && host.libvirt->cpu_xmls.contains(virt_type);
    });
    if (able == hosts.end()) co_return;
    auto common = co_await sources_.common_cpu(able->id, virt_type, std::move(models), common_deadline);
    if (common) run->cluster.common_cpus[virt_type] = *common;
}

}  // namespace ballast::daemon::preflight
