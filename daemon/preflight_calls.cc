#include "daemon/preflight_calls.h"

#include "daemon/preflight_wire.h"

namespace ballast::daemon::preflight {

namespace json = boost::json;
using cluster::Answer;
using cluster::Call;
using cluster::read_as;
using interchange::to_json;

namespace {

constexpr Duration way = std::chrono::seconds{2};  // what the store takes, there and back
constexpr Duration clock_deadline = std::chrono::seconds{3};
constexpr std::size_t largest_answer = 900 * 1000;  // a value has at most 1 MiB, what is around it included

Error unknown(const Call& call) {
    return {ErrorCode::invalid, call.method, "this agent knows no such call: is it of an older version?"};
}

const json::value& at(const Call& call, const char* key) {
    static const json::value nothing;
    const json::value* found = call.arguments.if_contains(key);
    return found ? *found : nothing;
}

std::string text_at(const json::value& value, const char* key) {
    const json::value* found = value.is_object() ? value.get_object().if_contains(key) : nullptr;
    return found && found->is_string() ? std::string(found->get_string()) : "";
}

double number_at(const json::value& value, const char* key) {
    const json::value* found = value.is_object() ? value.get_object().if_contains(key) : nullptr;
    return found && found->is_number() ? found->to_number<double>() : 0;
}

Duration deadline_of(const Call& call) {
    const json::value& within = at(call, "within_ms");
    return Duration(within.is_int64() ? within.get_int64() : 0);
}

template <class T>
Answer answered(const Result<T>& result) {
    if (!result) return result.error();
    return to_json(*result);
}

double seconds_of(WallTime time) {
    return std::chrono::duration<double>(time.time_since_epoch()).count();
}

// Volumes only help to tell shared storage; without them it is `unknown`.
Answer bounded(hypervisor::PreflightFacts facts) {
    json::value whole = to_json(facts);
    if (json::serialize(whole).size() <= largest_answer) return whole;
    for (auto& pool : facts.pools) pool.volumes.clear();
    facts.unread.push_back("volumes of its pools: too many to be told");
    whole = to_json(facts);
    if (json::serialize(whole).size() <= largest_answer) return whole;
    return Error{ErrorCode::no_space, facts.host.hostname, "has too many guests to be told of through the store"};
}

}  // namespace

boost::asio::awaitable<Answer> PreflightAgent::handle(Call call) {
    if (call.method == "preflight_clock") co_return json::value(seconds_of(clock_.wall_now()));
    using Handler = boost::asio::awaitable<Answer> (PreflightAgent::*)(Call);
    Handler handler = nullptr;
    if (call.method == "preflight_facts") handler = &PreflightAgent::facts;
    if (call.method == "preflight_cpus") handler = &PreflightAgent::cpus;
    if (call.method == "preflight_common") handler = &PreflightAgent::common;
    if (call.method == "preflight_identity") handler = &PreflightAgent::identity;
    if (call.method == "preflight_shell") handler = &PreflightAgent::shell;
    if (!handler) co_return unknown(call);
    auto answer = co_await (this->*handler)(std::move(call));
    co_return answer;
}

boost::asio::awaitable<Answer> PreflightAgent::facts(Call call) {
    const Duration deadline = deadline_of(call);
    auto facts = co_await sources_.facts(own_, deadline);
    if (!facts) co_return facts.error();
    co_return bounded(std::move(*facts));
}

boost::asio::awaitable<Answer> PreflightAgent::cpus(Call call) {
    auto questions = read_as<std::vector<hypervisor::CpuQuestion>>(at(call, "questions"));
    if (!questions) co_return questions.error();
    const Duration deadline = deadline_of(call);
    const auto answers = co_await sources_.compare_cpus(own_, std::move(*questions), deadline);
    co_return answered(answers);
}

boost::asio::awaitable<Answer> PreflightAgent::common(Call call) {
    auto cpus = read_as<std::vector<std::string>>(at(call, "cpus"));
    if (!cpus) co_return cpus.error();
    const json::value arguments = call.arguments;
    std::string type = text_at(arguments, "virt_type");
    const Duration deadline = deadline_of(call);
    const auto common = co_await sources_.common_cpu(own_, std::move(type), std::move(*cpus), deadline);
    co_return answered(common);
}

boost::asio::awaitable<Answer> PreflightAgent::identity(Call call) {
    const json::value arguments = call.arguments;
    std::string uri = text_at(arguments, "uri");
    const Duration deadline = deadline_of(call);
    const auto identity = co_await sources_.identity_at(own_, std::move(uri), deadline);
    co_return answered(identity);
}

boost::asio::awaitable<Answer> PreflightAgent::shell(Call call) {
    const auto questions = read_as<ScriptQuestions>(at(call, "questions"));
    if (!questions) co_return questions.error();
    service::Command command = local_shell(*questions);
    command.most_output = largest_answer / 2;
    const auto ended = co_await sources_.run(std::move(command));
    if (!ended) co_return ended.error();
    co_return json::object{{"output", ended->output},
                           {"complaint", service::last_line(ended->complaint)},
                           {"begun_s", ended->begun_s},
                           {"heard_s", ended->heard_s}};
}

namespace {

/// Asks members what sources are asked.
class Asker {
public:
    template <class T>
    using Task = Sources::Task<T>;

    Asker(cluster::Caller& caller, Clock& clock, std::function<bool(const HostId&)> there)
        : caller_(caller), clock_(clock), there_(std::move(there)) {}

    Task<json::value> ask(HostId host, std::string method, json::object arguments, Duration within) {
        if (!there_(host))
            co_return Error{ErrorCode::unavailable, host.value, "its agent is not registered, or has no libvirt"};
        arguments["within_ms"] = within.count();
        const Duration limit = within + way;
        auto answer = co_await caller_.call(std::move(host), std::move(method), std::move(arguments), false, limit);
        co_return answer;
    }

    template <class T>
    Task<T> ask_for(HostId host, std::string method, json::object arguments, Duration within) {
        const auto answer = co_await ask(std::move(host), std::move(method), std::move(arguments), within);
        if (!answer) co_return answer.error();
        co_return read_as<T>(*answer);
    }

    // The host's clock is somewhere between what it was by the leader's when it was asked, and when it had answered.
    Task<service::Ended> shell(HostId host, ScriptQuestions questions, Duration within) {
        const double asked = seconds_of(clock_.wall_now());
        const auto there = co_await ask(host, "preflight_clock", json::object(), clock_deadline);
        const double heard = seconds_of(clock_.wall_now());
        json::object arguments;
        arguments["questions"] = to_json(questions);
        const auto answer = co_await ask(std::move(host), "preflight_shell", std::move(arguments), within);
        if (!answer) co_return answer.error();
        service::Ended ended;
        ended.in_time = true;
        ended.exit_code = 0;
        ended.output = text_at(*answer, "output");
        ended.complaint = text_at(*answer, "complaint");
        if (!there || !there->is_double()) co_return ended;  // nothing is known of its clock
        ended.begun_s = number_at(*answer, "begun_s") - (there->get_double() - asked);
        ended.heard_s = number_at(*answer, "heard_s") - (there->get_double() - heard);
        co_return ended;
    }

private:
    cluster::Caller& caller_;
    Clock& clock_;
    std::function<bool(const HostId&)> there_;
};

}  // namespace

Sources sources_through(cluster::Caller& caller, Clock& clock, std::function<bool(const HostId&)> there) {
    auto asker = std::make_shared<Asker>(caller, clock, std::move(there));
    Sources sources;
    sources.facts = [asker](HostId host, Duration deadline) {
        return asker->ask_for<hypervisor::PreflightFacts>(std::move(host), "preflight_facts", {}, deadline);
    };
    sources.compare_cpus = [asker](HostId host, std::vector<hypervisor::CpuQuestion> questions, Duration deadline) {
        json::object arguments{{"questions", to_json(questions)}};
        return asker->ask_for<std::vector<hypervisor::CpuAnswer>>(std::move(host), "preflight_cpus",
                                                                  std::move(arguments), deadline);
    };
    sources.common_cpu = [asker](HostId host, std::string type, std::vector<std::string> cpus, Duration deadline) {
        json::object arguments{{"virt_type", type}, {"cpus", to_json(cpus)}};
        return asker->ask_for<std::string>(std::move(host), "preflight_common", std::move(arguments), deadline);
    };
    sources.identity_at = [asker](HostId from, std::string uri, Duration deadline) {
        json::object arguments{{"uri", uri}};
        return asker->ask_for<hypervisor::PeerIdentity>(std::move(from), "preflight_identity", std::move(arguments),
                                                        deadline);
    };
    sources.shell = [asker](HostId host, ScriptQuestions questions, Duration deadline) {
        return asker->shell(std::move(host), std::move(questions), deadline);
    };
    return sources;
}

}  // namespace ballast::daemon::preflight
