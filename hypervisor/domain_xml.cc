#include "hypervisor/domain_xml.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
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
Bytes amount(std::uint64_t value, const std::string& unit) {
    if (unit == "b" || unit == "bytes") return {value};
    const std::uint64_t base = unit.ends_with('B') && !unit.ends_with("iB") ? 1000 : 1024;
    constexpr std::string_view steps = "kMGTPE";
    const auto step = steps.find(unit.empty() || unit.front() == 'K' ? 'k' : unit.front());
    std::uint64_t scale = base;
    for (std::size_t i = 0; step != std::string_view::npos && i < step; ++i) scale *= base;
    return {value * scale};
}

Bytes size_of(const pugi::xml_node& node) {
    return amount(node.text().as_ullong(), node.attribute("unit").as_string("KiB"));
}

// More than any host has; what comes from a definition must not fill the memory.
constexpr unsigned largest_id = 8191;

// "0-3,8,^2" [libvirt virBitmapParse].
std::set<unsigned> numbers_in(const std::string& list) {
    std::set<unsigned> numbers;
    std::istringstream in(list);
    for (std::string part; std::getline(in, part, ',');) {
        const bool excluded = part.starts_with('^');
        if (excluded) part.erase(0, 1);
        const auto dash = part.find('-');
        const auto from = static_cast<unsigned>(std::strtoul(part.c_str(), nullptr, 10));
        const auto to = dash == std::string::npos
                            ? from
                            : static_cast<unsigned>(std::strtoul(part.c_str() + dash + 1, nullptr, 10));
        for (unsigned n = from; n <= std::min(to, largest_id); ++n)
            excluded ? numbers.erase(n) : numbers.insert(n).second;
    }
    return numbers;
}

// Every CPU that something of the guest is pinned to.
void read_pinning(VmRequirements& needs, const pugi::xml_node& domain) {
    const auto pin = [&](const pugi::xml_node& node) {
        needs.pinned_cpus.merge(numbers_in(node.attribute("cpuset").as_string()));
    };
    pin(domain.child("vcpu"));
    const pugi::xml_node tune = domain.child("cputune");
    for (const char* name : {"vcpupin", "emulatorpin", "iothreadpin"})
        for (const auto& node : tune.children(name)) pin(node);
}

// `strict` fails when the cells do not exist, and so does `restrictive`; the others are hints.
void read_cells(VmRequirements& needs, const pugi::xml_node& numatune) {
    const auto bind = [&](const pugi::xml_node& node) {
        const std::string mode = node.attribute("mode").as_string("strict");
        if (mode == "strict" || mode == "restrictive")
            needs.strict_cells.merge(numbers_in(node.attribute("nodeset").as_string()));
    };
    bind(numatune.child("memory"));
    for (const auto& node : numatune.children("memnode")) bind(node);
}

// A size that ordinary memory has as well, on one architecture or another, is no huge page.
constexpr Bytes largest_ordinary_page = kib(64);

// Which size of page one guest cell is on; nothing when no <page> names it and none is for the rest.
std::optional<Bytes> page_of_cell(const pugi::xml_node& pages, unsigned cell) {
    std::optional<Bytes> rest;
    for (const auto& page : pages.children("page")) {
        const Bytes size = amount(page.attribute("size").as_ullong(), page.attribute("unit").as_string("KiB"));
        if (!page.attribute("nodeset")) rest = size;
        if (numbers_in(page.attribute("nodeset").as_string()).contains(cell)) return size;
    }
    return rest;
}

void add_pages(VmRequirements& needs, std::optional<Bytes> size, Bytes memory) {
    if (size && (*size == Bytes{} || *size > largest_ordinary_page)) needs.huge_pages[*size] += memory;
}

void read_huge_pages(VmFacts& facts, const pugi::xml_node& domain) {
    const pugi::xml_node pages = domain.child("memoryBacking").child("hugepages");
    if (!pages) return;
    VmRequirements& needs = facts.requirements;
    if (!pages.child("page")) return add_pages(needs, Bytes{}, facts.memory);
    const pugi::xml_node numa = domain.child("cpu").child("numa");
    if (!numa.child("cell")) return add_pages(needs, page_of_cell(pages, 0), facts.memory);
    unsigned next = 0;
    for (const auto& cell : numa.children("cell")) {
        const unsigned id = cell.attribute("id").as_uint(next++);
        const Bytes memory = amount(cell.attribute("memory").as_ullong(), cell.attribute("unit").as_string("KiB"));
        add_pages(needs, page_of_cell(pages, id), memory);
    }
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

// QEMU blocks the migration of a guest that counts on an invariant TSC of nobody's frequency [QEMU target/i386/kvm].
void check_tsc(VmFacts& facts, const pugi::xml_node& domain) {
    if (!facts.requirements.cpu.required.contains("invtsc")) return;
    for (const auto& timer : domain.child("clock").children("timer"))
        if (std::strcmp(timer.attribute("name").as_string(), "tsc") == 0 && timer.attribute("frequency")) return;
    block(facts, Reason::cpu_model, "CPU feature invtsc without <timer name='tsc' frequency='...'/>");
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

// What stands for the source where it is no path: "rbd vms/web", "pool vms, volume web.qcow2".
std::string source_text(const std::string& type, const pugi::xml_node& source) {
    for (const char* attribute : {"file", "dev", "dir"})
        if (const char* path = source.attribute(attribute).as_string(); *path != '\0') return path;
    if (type == "volume")
        return std::string("pool ") + source.attribute("pool").as_string() + ", volume " +
               source.attribute("volume").as_string();
    const std::string protocol = source.attribute("protocol").as_string();
    return protocol.empty() ? std::string() : protocol + " " + source.attribute("name").as_string();
}

// One without a source is an empty drive.
void list_disk(VmFacts& facts, const pugi::xml_node& disk) {
    VmDisk found;
    found.type = disk.attribute("type").as_string();
    found.source = source_text(found.type, disk.child("source"));
    if (found.source.empty()) return;
    found.target = disk.child("target").attribute("dev").as_string();
    found.format = disk.child("driver").attribute("type").as_string();
    found.read_only = disk.child("readonly") || std::strcmp(disk.attribute("device").as_string(), "cdrom") == 0;
    found.shareable = !disk.child("shareable").empty();
    found.has_backing = !disk.child("backingStore").child("source").empty();
    facts.requirements.disks.push_back(std::move(found));
}

void read_disk(VmFacts& facts, const pugi::xml_node& disk) {
    const std::string type = disk.attribute("type").as_string();
    const std::string target = disk.child("target").attribute("dev").as_string("?");
    const pugi::xml_node source = disk.child("source");
    if (disk.child("mirror")) block(facts, Reason::block_job, "disk " + target + " is being copied or committed");
    if (unsafe_cache(disk, type == "network"))
        block(facts, Reason::unsafe_cache, "disk " + target + " has cache='unsafe'");
    if (disk.child("transient"))
        block(facts, Reason::local_storage,
              "disk " + target + " is <transient/>: what is written to it is kept on this host alone");
    if (type == "volume") facts.requirements.pools.insert(source.attribute("pool").as_string());
    if (type == "vhostuser" || type == "nvme" || type == "vhostvdpa")
        block(facts, Reason::host_device, "disk " + target + " of type " + type);
    list_disk(facts, disk);
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

// QEMU cannot carry over what a guest has open in such a folder [libvirt 9.0 qemuMigrationSrcIsAllowed; QEMU 7.2 9p.c].
void read_folder(VmFacts& facts, const pugi::xml_node& folder) {
    const bool virtiofs = std::strcmp(folder.child("driver").attribute("type").as_string(), "virtiofs") == 0;
    const pugi::xml_node source = folder.child("source");
    const std::string path = source.attribute("dir").as_string(source.attribute("socket").as_string());
    block(facts, Reason::shared_folder,
          std::string(virtiofs ? "virtiofs" : "9p") + " share " + (path.empty() ? "" : path + " ") + "as " +
              folder.child("target").attribute("dir").as_string("?") +
              (virtiofs ? " cannot be migrated" : " cannot be migrated once it is mounted"));
}

// An emulated one is fine: libvirt starts swtpm on the target, and QEMU sends its state along.
void read_tpm(VmFacts& facts, const pugi::xml_node& tpm) {
    const pugi::xml_node backend = tpm.child("backend");
    const std::string type = backend.attribute("type").as_string();
    if (type == "passthrough")
        block(facts, Reason::host_device,
              std::string("TPM ") + backend.child("device").attribute("path").as_string("/dev/tpm0"));
    if (type == "external")
        block(facts, Reason::host_device,
              std::string("TPM emulator that is not libvirt's, at ") +
                  backend.child("source").attribute("path").as_string("?"));
}

void read_devices(VmFacts& facts, const pugi::xml_node& devices) {
    for (const auto& disk : devices.children("disk")) read_disk(facts, disk);
    for (const auto& interface : devices.children("interface")) read_interface(facts, interface);
    for (const auto& device : devices.children("hostdev"))
        block(facts, Reason::host_device,
              std::string(device.attribute("type").as_string("?")) + " device" + pci_address(device));
    for (const auto& folder : devices.children("filesystem")) read_folder(facts, folder);
    for (const auto& tpm : devices.children("tpm")) read_tpm(facts, tpm);
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

void read_reserved_cpu(VmWishes& wishes, const std::string& value) {
    double number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc{} || end != value.data() + value.size() || !(number >= 0 && number <= largest_id))
        wishes.problem = "reserved-cpu '" + value + "' is no number of CPUs";
    else
        wishes.reserved_cpus = number;
}

void read_reserved_memory(VmWishes& wishes, const pugi::xml_node& wish) {
    const Bytes size = size_of(wish);
    if (size == Bytes{})
        wishes.problem = "reserved-memory '" + text(wish) + "' is no amount of memory";
    else
        wishes.reserved_memory = size;
}

std::optional<bool> yes_or_no(VmWishes& wishes, const std::string& name, const std::string& value) {
    if (value.empty() || value == "yes" || value == "true") return true;
    if (value == "no" || value == "false") return false;
    wishes.problem = name + " '" + value + "' is neither yes nor no";
    return std::nullopt;
}

void read_post_copy(VmWishes& wishes, const std::string& name, const std::string& value) {
    wishes.post_copy = yes_or_no(wishes, name, value).value_or(false);
    wishes.no_post_copy = !wishes.post_copy;
}

void read_wish(VmWishes& wishes, const pugi::xml_node& wish) {
    std::string name = wish.name();
    if (const auto colon = name.find(':'); colon != std::string::npos) name.erase(0, colon + 1);
    const std::string value = text(wish);
    if (name == "no-migrate")
        wishes.no_migrate = yes_or_no(wishes, name, value).value_or(true);  // when in doubt it stays
    else if (name == "post-copy")
        read_post_copy(wishes, name, value);
    else if (name == "only-on")
        each_word(value, [&](const std::string& host) { wishes.only_on.push_back({host}); });
    else if (name == "keep-apart")
        each_word(value, [&](const std::string& group) { wishes.keep_apart.push_back(group); });
    else if (name == "keep-together")
        each_word(value, [&](const std::string& group) { wishes.keep_together.push_back(group); });
    else if (name == "reserved-cpu")
        read_reserved_cpu(wishes, value);
    else if (name == "reserved-memory")
        read_reserved_memory(wishes, wish);
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
    check_tsc(facts, domain);
    read_pinning(facts.requirements, domain);
    read_cells(facts.requirements, domain.child("numatune"));
    read_huge_pages(facts, domain);
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

bool wants_tpm_emulator(const std::string& domain_xml) {
    pugi::xml_document document;
    if (!parse(document, domain_xml)) return false;
    for (const auto& tpm : document.child("domain").child("devices").children("tpm"))
        if (std::strcmp(tpm.child("backend").attribute("type").as_string(), "emulator") == 0) return true;
    return false;
}

bool offers_tpm_emulator(const std::string& capabilities_xml) {
    pugi::xml_document document;
    if (!document.load_buffer(capabilities_xml.data(), capabilities_xml.size())) return true;
    const pugi::xml_node tpm = document.child("domainCapabilities").child("devices").child("tpm");
    if (!tpm) return true;
    for (const auto& choice : tpm.children("enum"))
        for (const auto& value : choice.children("value"))
            if (std::strcmp(value.text().as_string(), "emulator") == 0) return true;
    return false;
}

std::string emulator(const std::string& domain_xml) {
    pugi::xml_document document;
    if (!parse(document, domain_xml)) return {};
    return text(document.child("domain").child("devices").child("emulator"));
}

}  // namespace ballast::hypervisor
