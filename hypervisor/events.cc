#include "hypervisor/events.h"

#include <boost/asio/post.hpp>
#include <vector>

#include "hypervisor/handles.h"

namespace ballast::hypervisor {

namespace {

using Kind = HypervisorEvent::Kind;

struct Sink {
    HostId host;
    boost::asio::any_io_executor executor;
    std::function<void(const HypervisorEvent&)> listener;

    void send(Kind kind, VmId vm, std::string detail) const {
        HypervisorEvent event{kind, host, std::move(vm), std::move(detail)};
        boost::asio::post(executor, [listener = listener, event = std::move(event)] { listener(event); });
    }
};

const Sink& sink(void* opaque) {
    return *static_cast<Sink*>(opaque);
}
void free_sink(void* opaque) {
    delete static_cast<Sink*>(opaque);
}

const char* stopped_detail(int detail) {
    switch (detail) {
        case VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN: return "shut down";
        case VIR_DOMAIN_EVENT_STOPPED_DESTROYED: return "destroyed";
        case VIR_DOMAIN_EVENT_STOPPED_CRASHED: return "crashed";
        case VIR_DOMAIN_EVENT_STOPPED_MIGRATED: return "migrated";
        case VIR_DOMAIN_EVENT_STOPPED_FAILED: return "failed";
        default: return "stopped";
    }
}

int on_lifecycle(virConnectPtr, virDomainPtr domain, int event, int detail, void* opaque) {
    const Sink& to = sink(opaque);
    switch (event) {
        case VIR_DOMAIN_EVENT_STARTED:
            to.send(Kind::vm_started, id_of(domain),
                    detail == VIR_DOMAIN_EVENT_STARTED_MIGRATED ? "arriving" : "started");
            break;
        case VIR_DOMAIN_EVENT_STOPPED: to.send(Kind::vm_stopped, id_of(domain), stopped_detail(detail)); break;
        case VIR_DOMAIN_EVENT_CRASHED: to.send(Kind::vm_stopped, id_of(domain), "crashed"); break;
        case VIR_DOMAIN_EVENT_SUSPENDED:
            to.send(detail == VIR_DOMAIN_EVENT_SUSPENDED_MIGRATED ? Kind::switchover : Kind::vm_changed, id_of(domain),
                    "suspended");
            break;
        default: to.send(Kind::vm_changed, id_of(domain), "lifecycle"); break;
    }
    return 0;
}

void on_iteration(virConnectPtr, virDomainPtr domain, int iteration, void* opaque) {
    sink(opaque).send(Kind::migration_iteration, id_of(domain), std::to_string(iteration));
}
void on_job_completed(virConnectPtr, virDomainPtr domain, virTypedParameterPtr, int, void* opaque) {
    sink(opaque).send(Kind::job_completed, id_of(domain), "");
}
void on_device(virConnectPtr, virDomainPtr domain, const char* device, void* opaque) {
    sink(opaque).send(Kind::vm_changed, id_of(domain), std::string("device ") + device);
}
void on_metadata(virConnectPtr, virDomainPtr domain, int, const char*, void* opaque) {
    sink(opaque).send(Kind::vm_changed, id_of(domain), "metadata");
}
void on_block_job(virConnectPtr, virDomainPtr domain, const char*, int, int, void* opaque) {
    sink(opaque).send(Kind::vm_changed, id_of(domain), "block job");
}

void on_pool(virConnectPtr, virStoragePoolPtr, int, int, void* opaque) {
    sink(opaque).send(Kind::host_changed, {}, "storage pool");
}
void on_pool_refresh(virConnectPtr, virStoragePoolPtr, void* opaque) {
    sink(opaque).send(Kind::host_changed, {}, "storage pool");
}
void on_network(virConnectPtr, virNetworkPtr, int, int, void* opaque) {
    sink(opaque).send(Kind::host_changed, {}, "network");
}

void on_close(virConnectPtr, int reason, void* opaque) {
    static constexpr const char* why[] = {"an error", "end of file", "keepalive time-out", "the client"};
    sink(opaque).send(Kind::disconnected, {}, reason >= 0 && reason < 4 ? why[reason] : "an unknown cause");
}

template <class Generic, class F>
Generic as(F* callback) {
    // libvirt calls it back as what it was registered for (its VIR_DOMAIN_EVENT_CALLBACK); by way of void(*)(), which
    // compilers take as the mark of a deliberate cast.
    return reinterpret_cast<Generic>(reinterpret_cast<void (*)()>(callback));
}

/// What is registered for, and how it is undone; -1: the driver does not have it.
struct Registration {
    std::function<int(virConnectPtr, void* sink)> begin;
    int (*end)(virConnectPtr, int id);
};

template <class F>
Registration of_domains(int event, F* callback) {
    const auto generic = as<virConnectDomainEventGenericCallback>(callback);
    return {[=](virConnectPtr connection, void* sink) {
                return virConnectDomainEventRegisterAny(connection, nullptr, event, generic, sink, free_sink);
            },
            virConnectDomainEventDeregisterAny};
}

template <class F>
Registration of_pools(int event, F* callback) {
    const auto generic = as<virConnectStoragePoolEventGenericCallback>(callback);
    return {[=](virConnectPtr connection, void* sink) {
                return virConnectStoragePoolEventRegisterAny(connection, nullptr, event, generic, sink, free_sink);
            },
            virConnectStoragePoolEventDeregisterAny};
}

template <class F>
Registration of_networks(int event, F* callback) {
    const auto generic = as<virConnectNetworkEventGenericCallback>(callback);
    return {[=](virConnectPtr connection, void* sink) {
                return virConnectNetworkEventRegisterAny(connection, nullptr, event, generic, sink, free_sink);
            },
            virConnectNetworkEventDeregisterAny};
}

/// The callbacks of one connection, until it goes. On a dead connection they end here all the same.
class Subscription {
public:
    explicit Subscription(virConnectPtr connection) : connection_(connection) {}
    ~Subscription() {
        for (const auto& [end, id] : begun_) end(connection_, id);
        if (hears_close_) virConnectUnregisterCloseCallback(connection_, on_close);
        virResetLastError();
    }
    Subscription(const Subscription&) = delete;
    Subscription& operator=(const Subscription&) = delete;

    bool to(const Registration& registration, const Sink& sink) {
        auto own = std::make_unique<Sink>(sink);
        const int id = registration.begin(connection_, own.get());
        if (id < 0) return false;
        own.release();
        begun_.emplace_back(registration.end, id);
        return true;
    }
    // Stays ours: a driver without this event (the test driver) says yes and forgets it.
    void to_close(const Sink& sink) {
        close_sink_ = std::make_unique<Sink>(sink);
        hears_close_ = virConnectRegisterCloseCallback(connection_, on_close, close_sink_.get(), nullptr) == 0;
    }

private:
    virConnectPtr connection_;
    std::vector<std::pair<int (*)(virConnectPtr, int), int>> begun_;
    std::unique_ptr<Sink> close_sink_;
    bool hears_close_ = false;
};

}  // namespace

Result<std::shared_ptr<void>> subscribe_events(virConnectPtr connection, HostId host,
                                               boost::asio::any_io_executor executor,
                                               std::function<void(const HypervisorEvent&)> listener) {
    const Sink sink{std::move(host), std::move(executor), std::move(listener)};
    // Drivers without an event (the test driver) are used without it; lifecycle is the one we need.
    auto subscription = std::make_shared<Subscription>(connection);
    if (!subscription->to(of_domains(VIR_DOMAIN_EVENT_ID_LIFECYCLE, on_lifecycle), sink))
        return last_error(sink.host.value);
    const Registration registrations[] = {
        of_domains(VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION, on_iteration),
        of_domains(VIR_DOMAIN_EVENT_ID_JOB_COMPLETED, on_job_completed),
        of_domains(VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, on_device),
        of_domains(VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, on_device),
        of_domains(VIR_DOMAIN_EVENT_ID_METADATA_CHANGE, on_metadata),
        of_domains(VIR_DOMAIN_EVENT_ID_BLOCK_JOB_2, on_block_job),
        of_pools(VIR_STORAGE_POOL_EVENT_ID_LIFECYCLE, on_pool),
        of_pools(VIR_STORAGE_POOL_EVENT_ID_REFRESH, on_pool_refresh),
        of_networks(VIR_NETWORK_EVENT_ID_LIFECYCLE, on_network),
    };
    for (const Registration& registration : registrations) subscription->to(registration, sink);
    subscription->to_close(sink);
    virResetLastError();
    return std::shared_ptr<void>(std::move(subscription));
}

}  // namespace ballast::hypervisor
