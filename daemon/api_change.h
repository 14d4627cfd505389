// The answers of the control API that change something, or wait. One io_context thread. All members are coroutines
// whose object must outlive them; parameters by value (g++ 12).
#pragma once

#include <boost/asio.hpp>
#include <functional>

#include "daemon/api_look.h"
#include "daemon/rolling_service.h"
#include "model/energy.h"

namespace ballast::daemon {

/// What the wiring adds; each may be empty, then its route answers 501.
struct ApiHooks {
    /// Reads the policy again and puts it in force. Success: a sentence for people. Error invalid: all diagnostics.
    std::function<Result<std::string>()> reload;
    /// The energy accounts.
    std::function<std::vector<HostEnergy>()> energy;
    /// Rolling reboots.
    RollingService* rolling = nullptr;
    /// The store as a backup (interchange/store_backup.h).
    std::function<boost::asio::awaitable<Result<json::value>>()> backup;
    /// Checks one host, or all of them, for what migrations need; the report goes out as it is.
    std::function<boost::asio::awaitable<Result<json::value>>(std::optional<HostId>)> preflight;
};

class ApiChange {
public:
    using Answer = boost::asio::awaitable<Reply>;

    ApiChange(Controller& controller, const ApiLook& look, ChangeCounter& changes, ApiHooks hooks,
              Duration watch_patience)
        : controller_(controller),
          look_(look),
          changes_(changes),
          hooks_(std::move(hooks)),
          watch_patience_(watch_patience) {}

    Answer maintenance(ApiRequest request);
    Answer power(ApiRequest request);
    Answer rolling(ApiRequest request);
    Answer migrate(ApiRequest request);
    Answer approve(ApiRequest request);
    Answer cancel(ApiRequest request);
    Answer forget(ApiRequest request);
    Answer pause(ApiRequest request);
    Answer resume(ApiRequest request);
    Answer mode(ApiRequest request);
    Answer reload(ApiRequest request);

    // No change: the first are asked of the wiring as well, the others wait.
    Answer overview(ApiRequest request);
    Answer energy(ApiRequest request);
    Answer rolling_state(ApiRequest request);
    Answer watch(ApiRequest request);
    Answer preflight(ApiRequest request);
    Answer backup(ApiRequest request);  // for admins: it holds the definitions of all VMs

private:
    std::size_t away_from(const std::string& host) const;  // VMs that belong there
    Answer set_paused(ApiRequest request, bool paused);
    Reply refused_migration(const Error& error, const VmId& vm, const HostId& to) const;

    Controller& controller_;
    const ApiLook& look_;
    ChangeCounter& changes_;
    ApiHooks hooks_;
    Duration watch_patience_;
};

}  // namespace ballast::daemon
