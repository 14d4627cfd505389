// From a live domain's XML to what Ballast wants to know of the VM. Pure; any thread.
// Source: https://libvirt.org/formatdomain.html
#pragma once

#include <string>

#include "model/result.h"
#include "model/vm.h"

namespace ballast::hypervisor {

/// The namespace of the owner's wishes in <metadata>, as `virsh metadata --uri` takes it.
inline constexpr const char* wishes_namespace = "urn:ballast:vm:1";

/// Error corrupt when it is not a domain's XML.
Result<VmFacts> vm_facts_from_xml(const std::string& xml);

/// The <cpu> element alone, for virConnectCompareHypervisorCPU; empty when there is none.
std::string cpu_element(const std::string& domain_xml);

/// Has it a TPM that libvirt emulates with swtpm?
bool wants_tpm_emulator(const std::string& domain_xml);
/// The same of what a host says it offers [virConnectGetDomainCapabilities]: true as well when it says nothing of TPMs.
bool offers_tpm_emulator(const std::string& capabilities_xml);

/// <devices><emulator>; empty when there is none.
std::string emulator(const std::string& domain_xml);

}  // namespace ballast::hypervisor
