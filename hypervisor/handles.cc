#include "hypervisor/handles.h"

namespace ballast::hypervisor {

namespace {
ErrorCode code_of(const virError& error) {
    switch (error.code) {
        case VIR_ERR_NO_DOMAIN:
        case VIR_ERR_NO_NETWORK:
        case VIR_ERR_NO_STORAGE_VOL:
        case VIR_ERR_NO_STORAGE_POOL: return ErrorCode::not_found;
        case VIR_ERR_INVALID_CONN:
        case VIR_ERR_NO_CONNECT:
        case VIR_ERR_RPC:
        case VIR_ERR_SYSTEM_ERROR: return ErrorCode::unavailable;
        case VIR_ERR_AUTH_FAILED:
        case VIR_ERR_ACCESS_DENIED:
        case VIR_ERR_MIGRATE_UNSAFE:
        case VIR_ERR_CONFIG_UNSUPPORTED: return ErrorCode::refused;
        case VIR_ERR_OPERATION_ABORTED: return ErrorCode::cancelled;
        case VIR_ERR_OPERATION_TIMEOUT: return ErrorCode::timed_out;
        case VIR_ERR_STORAGE_VOL_EXIST:
        case VIR_ERR_OPERATION_INVALID: return ErrorCode::conflict;
        default: return ErrorCode::internal;
    }
}
}  // namespace

Error last_error(const std::string& subject) {
    const virError* error = virGetLastError();
    if (error == nullptr) return {ErrorCode::internal, subject, "libvirt failed without saying why"};
    return {code_of(*error), subject, error->message != nullptr ? error->message : "no message"};
}

VmId id_of(virDomainPtr domain) {
    char text[VIR_UUID_STRING_BUFLEN] = "";
    virDomainGetUUIDString(domain, text);
    return {text};
}

Result<DomainHandle> find_domain(virConnectPtr connection, const VmId& vm) {
    DomainHandle domain(virDomainLookupByUUIDString(connection, vm.value.c_str()));
    if (!domain) return last_error(vm.value);
    return domain;
}

}  // namespace ballast::hypervisor
