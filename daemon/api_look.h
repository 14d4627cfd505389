// The answers of the control API that change nothing and wait for nothing. One io_context thread.
#pragma once

#include "daemon/api_http.h"
#include "daemon/api_watch.h"
#include "daemon/controller.h"
#include "daemon/rolling_service.h"
#include "interchange/views_explain.h"
#include "interchange/views_what_if.h"

namespace ballast::daemon {

/// The VM a client means: by UUID, else by name, else by the one of that name that runs. Errors: not_found,
/// conflict (several have the name).
Result<VmId> find_vm(const Inventory& inventory, const std::string& name_or_uuid);

/// Each takes a request whose parameters are there, and returns the reply.
class ApiLook {
public:
    /// `rolling` may be null.
    ApiLook(const Controller& controller, const Clock& clock, const ChangeCounter& changes,
            const RollingService* rolling)
        : controller_(controller), clock_(clock), changes_(changes), rolling_(rolling) {}

    Reply status(const ApiRequest& request) const;
    Reply hosts(const ApiRequest& request) const;
    Reply host(const ApiRequest& request) const;
    Reply vms(const ApiRequest& request) const;
    Reply vm(const ApiRequest& request) const;
    Reply plan(const ApiRequest& request) const;
    Reply explain_vm(const ApiRequest& request) const;
    Reply explain_host(const ApiRequest& request) const;
    Reply explain_cycle(const ApiRequest& request) const;
    Reply history(const ApiRequest& request) const;
    Reply operation(const ApiRequest& request) const;
    Reply policy(const ApiRequest& request) const;
    Reply power(const ApiRequest& request) const;
    Reply record(const ApiRequest& request) const;
    Reply capacity(const ApiRequest& request) const;
    /// What a page or a terminal shows, without energy.
    json::object overview(const ApiRequest& request) const;

    // For the answers of changes.
    Reply mode() const;
    Reply operation(const OperationId& id) const;
    Reply power(const HostId& host) const;
    std::vector<Rejection> refusals(const Inventory& inventory, const VmId& vm, const HostId& to) const;

private:
    Reply plan_if(const std::string& what) const;
    json::object status_of_all(const ApiRequest& request) const;
    json::object operations(std::size_t ended) const;
    PowerRecord power_record(const HostId& host) const;
    json::object power_of(const PowerRecord& record) const;
    views::Seen look() const;
    views::ModeState mode_state() const;

    const Controller& controller_;
    const Clock& clock_;
    const ChangeCounter& changes_;
    const RollingService* rolling_;
};

}  // namespace ballast::daemon
