#include "daemon/libvirt_look.h"

#include <algorithm>
#include <boost/asio.hpp>
#include <boost/json.hpp>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "config/uri.h"
#include "hypervisor/libvirt_hypervisor.h"
#include "service/log.h"
#include "service/real_clock.h"

namespace ballast::daemon {

namespace {
namespace json = boost::json;
using hypervisor::LibvirtHypervisor;
using hypervisor::LinkOptions;

// Longer than a call and what ssh takes to say that nobody is there.
constexpr Duration patience = std::chrono::seconds{12}, look_every = std::chrono::milliseconds{50};

json::object said_of(const LinkOptions& link, const std::string& problem) {
    return {{"uri", link.uri},     {"answers", false},           {"problem", problem},
            {"hostname", nullptr}, {"libvirt_version", nullptr}, {"hypervisor_version", nullptr},
            {"vms", nullptr},      {"pools", json::object{}}};
}

void add_facts(json::object& said, const HostFacts& facts) {
    said["answers"] = true;
    said["problem"] = "";
    said["hostname"] = facts.hostname;
    said["libvirt_version"] = facts.libvirt_version;
    said["hypervisor_version"] = facts.hypervisor_version;
    json::object pools;
    for (const auto& [name, path] : facts.pools) pools[name] = path;
    said["pools"] = std::move(pools);
}

// Parameters by value (g++ 12); the others outlive it.
boost::asio::awaitable<void> look_at_one(LibvirtHypervisor& libvirt, Clock& clock, const LinkOptions& link,
                                         json::object& said) {
    const Instant end = clock.now() + patience;
    while (libvirt.connection(link.id) == Connection::connecting && clock.now() < end)
        co_await clock.sleep_for(look_every);
    if (libvirt.connection(link.id) != Connection::up) {
        said = said_of(link, libvirt.problem(link.id));
        co_return;
    }
    const auto facts = co_await libvirt.facts(link.id);
    if (!facts) {
        said = said_of(link, facts.error().message);
        co_return;
    }
    add_facts(said, *facts);
    const auto reading = co_await libvirt.read(link.id);
    if (reading) said["vms"] = reading->vms.size();
}

}  // namespace

int look_at(const std::vector<std::string>& uris) {
    service::set_up_log("ballastd", "error");
    // Never destroyed: threads that hang in libvirt calls may still refer to them when the process ends.
    auto& io = *new boost::asio::io_context(1);
    auto& clock = *new RealClock;
    auto& said = *new std::vector<json::object>(uris.size());
    auto& links = *new std::vector<LinkOptions>(uris.size());
    std::vector<LinkOptions> known;
    for (std::size_t i = 0; i < uris.size(); ++i) {
        links[i].id = {uris[i] + "#" + std::to_string(i)};
        links[i].uri = links[i].peer_uri = uris[i];
        const auto checked = config::check_uri_or_alias(uris[i]);
        said[i] = said_of(links[i], checked ? "" : checked.error().message);
        if (checked) known.push_back(links[i]);
    }
    auto& libvirt = *new LibvirtHypervisor(io.get_executor(), clock, known);
    std::size_t left = known.size();
    for (std::size_t i = 0; i < uris.size(); ++i) {
        if (!said[i].at("problem").as_string().empty()) continue;
        boost::asio::co_spawn(io, look_at_one(libvirt, clock, links[i], said[i]), [&](std::exception_ptr) {
            if (--left == 0) io.stop();
        });
    }
    if (left > 0) io.run();
    json::array hosts;
    for (json::object& one : said) hosts.push_back(std::move(one));
    const bool all =
        std::all_of(hosts.begin(), hosts.end(), [](const json::value& host) { return host.at("answers").as_bool(); });
    std::printf("%s\n", json::serialize(json::object{{"hosts", std::move(hosts)}}).c_str());
    std::fflush(stdout);
    std::_Exit(all ? 0 : 1);
}

}  // namespace ballast::daemon
