#include "hypervisor/domain_xml.h"

#include <charconv>
#include <cstring>
#include <pugixml.hpp>
#include <sstream>
#include <string_view>

namespace ballast::hypervisor {

namespace {

std::string text(const pugi::xml_node& node) {
    return node.text().as_string();
}

void block(VmFacts& facts, Reason reason, std::string detail) {
    facts.blockers.push_back({reason, std::move(detail)});
}

// libvirt's size units [formatdomain: memory; virScaleInteger]; the default is KiB. "KB" counts in thousands.
Bytes size_of(const pugi::xml_node& node) {
    const std::uint64_t value = node.text().as_ullong();
    const std::string unit = node.attribute("unit").as_string("KiB");
    if (unit == "b" || unit == "bytes") return {value};
    const std::uint64_t base = unit.ends_with('B') && !unit.ends_with("iB") ? 1000 : 1024;
    constexpr std::string_view steps = "kMGTPE";
    const auto step = steps.find(unit.empty() || unit.front() == 'K' ? 'k' : unit.front());
    std::uint64_t scale = base;
    for (std::size_t i = 0; step != std::string_view::npos && i < step; ++i) scale *= base;
    return {value * scale};
}

void read_cpu(VmFacts& facts, const pugi::xml_node& cpu) {
    CpuRequirement& wanted = facts.requirements.cpu;
    const std::string mode = cpu.attribute("mode").as_string("custom");
    if (mode == "host-passthrough") wanted.mode = CpuRequirement::Mode::host_passthrough;
    if (mode == "maximum") wanted.mode = CpuRequirement::Mode::maximum;
    wanted.model = text(cpu.child("model"));
    for (const auto& feature : cpu.children("feature")) {
        const std::string policy = feature.attribute("policy").as_string("require");
        if (policy == "require" || policy == "force") wanted.required.insert(feature.attribute("name").as_string());
    }
}

// Cache modes under which the target could read stale data [libvirt qemuMigrationSrcIsSafe].
bool unsafe_cache(const pugi::xml_node& disk, bool network) {
    if (network || disk.child("readonly") || disk.child("shareable")) return false;
    const std::string cache = disk.child("driver").attribute("cache").as_string("default");
    return cache == "unsafe";
}

void read_paths(VmFacts& facts, const pugi::xml_node& source) {
    for (const char* attribute : {"file", "dev", "dir"})
        if (const auto path = source.attribute(attribute); *path.as_string() != '\0')
            facts.requirements.files.insert(path.as_string());
}

void read_disk(VmFacts& facts, const pugi::xml_node& disk) {
    const std::string type = disk.attribute("type").as_string();
    const std::string target = disk.child("target").attribute("dev").as_string("?");
    const pugi::xml_node source = disk.child("source");
    if (disk.child("mirror")) block(facts, Reason::block_job, "disk " + target + " is being copied or committed");
    if (unsafe_cache(disk, type == "network"))
        block(facts, Reason::unsafe_cache, "disk " + target + " has cache='unsafe'");
    if (type == "volume") facts.requirements.pools.insert(source.attribute("pool").as_string());
    if (type == "vhostuser" || type == "nvme" || type == "vhostvdpa")
        block(facts, Reason::host_device, "disk " + target + " of type " + type);
    read_paths(facts, source);
    for (auto backing = disk.child("backingStore"); backing; backing = backing.child("backingStore"))
        read_paths(facts, backing.child("source"));
}

void read_interface(VmFacts& facts, const pugi::xml_node& interface) {
    const std::string type = interface.attribute("type").as_string();
    const pugi::xml_node source = interface.child("source");
    if (type == "network") facts.requirements.networks.insert(source.attribute("network").as_string());
    if (type == "bridge") facts.requirements.bridges.insert(source.attribute("bridge").as_string());
    if (type == "hostdev" || type == "vdpa") block(facts, Reason::host_device, "network interface of type " + type);
    if (type == "direct") facts.requirements.bridges.insert(source.attribute("dev").as_string());
}

std::string pci_address(const pugi::xml_node& hostdev) {
    const pugi::xml_node a = hostdev.child("source").child("address");
    std::ostringstream out;
    for (const char* part : {"domain", "bus", "slot", "function"})
        if (const char* value = a.attribute(part).as_string(); *value != '\0') out << ' ' << value;
    return out.str();
}

void read_devices(VmFacts& facts, const pugi::xml_node& devices) {
    for (const auto& disk : devices.children("disk")) read_disk(facts, disk);
    for (const auto& interface : devices.children("interface")) read_interface(facts, interface);
    for (const auto& device : devices.children("hostdev"))
        block(facts, Reason::host_device,
              std::string(device.attribute("type").as_string("?")) + " device" + pci_address(device));
    for (const auto& folder : devices.children("filesystem"))
        block(facts, Reason::shared_folder,
              "folder " + std::string(folder.child("target").attribute("dir").as_string("?")));
    for (const auto& memory : devices.children("memory"))
        if (std::strcmp(memory.attribute("model").as_string(), "nvdimm") == 0)
            facts.requirements.files.insert(text(memory.child("source").child("path")));
    for (const auto& shmem : devices.children("shmem"))
        if (std::strcmp(shmem.attribute("role").as_string(), "master") != 0)
            block(facts, Reason::host_device, "shared memory " + std::string(shmem.attribute("name").as_string()));
}

void read_os(VmFacts& facts, const pugi::xml_node& os) {
    const pugi::xml_node type = os.child("type");
    facts.requirements.arch = type.attribute("arch").as_string();
    facts.requirements.machine = type.attribute("machine").as_string();
    for (const char* name : {"kernel", "initrd", "dtb"})
        if (const auto file = os.child(name)) facts.requirements.files.insert(text(file));
    // The firmware image itself comes with the package on each host; libvirt moves NVRAM content by itself
    // only when it lies on shared storage, so a local one is fine: QEMU sends its content as device state.
}

template <class F>
void each_word(const std::string& words, F use) {
    std::istringstream in(words);
    for (std::string word; in >> word;) use(word);
}

void read_priority(VmWishes& wishes, const std::string& value) {
    int number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc{} || end != value.data() + value.size() || number < -1000 || number > 1000)
        wishes.problem = "priority '" + value + "' is no number from -1000 to 1000";
    else
        wishes.priority = number;
}

std::optional<bool> yes_or_no(VmWishes& wishes, const std::string& name, const std::string& value) {
    if (value.empty() || value == "yes" || value == "true") return true;
    if (value == "no" || value == "false") return false;
    wishes.problem = name + " '" + value + "' is neither yes nor no";
    return std::nullopt;
}

void read_wish(VmWishes& wishes, const pugi::xml_node& wish) {
    std::string name = wish.name();
    if (const auto colon = name.find(':'); colon != std::string::npos) name.erase(0, colon + 1);
    const std::string value = text(wish);
    if (name == "no-migrate")
        wishes.no_migrate = yes_or_no(wishes, name, value).value_or(true);  // when in doubt it stays
    else if (name == "post-copy")
        wishes.post_copy = yes_or_no(wishes, name, value).value_or(false);
    else if (name == "only-on")
        each_word(value, [&](const std::string& host) { wishes.only_on.push_back({host}); });
    else if (name == "keep-apart")
        each_word(value, [&](const std::string& group) { wishes.keep_apart.push_back(group); });
    else if (name == "priority")
        read_priority(wishes, value);
    else
        wishes.problem = "unknown wish '" + name + "'";
}

// <ballast:vm xmlns:ballast='urn:ballast:vm:1'><ballast:priority>10</ballast:priority>...</ballast:vm>
bool declares_wishes(const pugi::xml_node& node) {
    for (const auto& attribute : node.attributes())
        if (std::strncmp(attribute.name(), "xmlns", 5) == 0 && std::strcmp(attribute.value(), wishes_namespace) == 0)
            return true;
    return false;
}

void read_metadata(VmFacts& facts, const pugi::xml_node& metadata) {
    for (const auto& entry : metadata.children())
        if (declares_wishes(entry))
            for (const auto& wish : entry.children())
                if (wish.type() == pugi::node_element) read_wish(facts.wishes, wish);
}

Result<void> parse(pugi::xml_document& document, const std::string& xml) {
    const auto parsed = document.load_buffer(xml.data(), xml.size());
    if (!parsed) return Error{ErrorCode::corrupt, "domain XML", parsed.description()};
    if (!document.child("domain")) return Error{ErrorCode::corrupt, "domain XML", "has no <domain>"};
    return {};
}

}  // namespace

Result<VmFacts> vm_facts_from_xml(const std::string& xml) {
    pugi::xml_document document;
    if (auto parsed = parse(document, xml); !parsed) return parsed.error();
    const pugi::xml_node domain = document.child("domain");
    VmFacts facts;
    facts.name = text(domain.child("name"));
    facts.requirements.virt_type = domain.attribute("type").as_string();
    facts.memory = size_of(domain.child("memory"));
    const pugi::xml_node vcpu = domain.child("vcpu");
    facts.vcpus = vcpu.attribute("current").as_uint(vcpu.text().as_uint(1));
    read_os(facts, domain.child("os"));
    read_cpu(facts, domain.child("cpu"));
    read_devices(facts, domain.child("devices"));
    read_metadata(facts, domain.child("metadata"));
    return facts;
}

std::string cpu_element(const std::string& domain_xml) {
    pugi::xml_document document;
    if (!parse(document, domain_xml)) return {};
    const pugi::xml_node cpu = document.child("domain").child("cpu");
    if (!cpu) return {};
    std::ostringstream out;
    cpu.print(out, "", pugi::format_raw);
    return out.str();
}

std::string emulator(const std::string& domain_xml) {
    pugi::xml_document document;
    if (!parse(document, domain_xml)) return {};
    return text(document.child("domain").child("devices").child("emulator"));
}

}  // namespace ballast::hypervisor
