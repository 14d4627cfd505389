// What a live domain's XML tells of a VM: what it needs of a target, and what keeps it where it is.
#include "hypervisor/domain_xml.h"

#include <catch2/catch.hpp>

using namespace ballast;
using hypervisor::offers_tpm_emulator;
using hypervisor::vm_facts_from_xml;
using hypervisor::wants_tpm_emulator;

namespace {

std::string domain(const std::string& inside) {
    return "<domain type='kvm'><name>web1</name>" + inside + "</domain>";
}

VmFacts facts_of(const std::string& inside) {
    auto facts = vm_facts_from_xml(domain(inside));
    REQUIRE(facts.has_value());
    return *facts;
}

VmFacts with_device(const std::string& device) {
    return facts_of("<devices>" + device + "</devices>");
}

VmWishes wishes_of(const std::string& wishes) {
    return facts_of("<metadata><b:vm xmlns:b='urn:ballast:vm:1'>" + wishes + "</b:vm></metadata>").wishes;
}

using Names = std::set<std::string>;

}  // namespace

TEST_CASE("A VM's name, size and machine are read from its domain") {
    const VmFacts facts = facts_of(
        "<memory unit='KiB'>2097152</memory><vcpu current='3'>4</vcpu>"
        "<os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>");
    CHECK(facts.name == "web1");
    CHECK(facts.memory == gib(2));
    CHECK(facts.vcpus == 3);
    CHECK(facts.requirements.virt_type == "kvm");
    CHECK(facts.requirements.arch == "x86_64");
    CHECK(facts.requirements.machine == "pc-q35-7.2");
    CHECK(facts.blockers.empty());
}

TEST_CASE("Memory is understood in every unit libvirt knows") {
    const std::pair<const char*, Bytes> rows[] = {
        {"<memory>1024</memory>", mib(1)},
        {"<memory unit='b'>1048576</memory>", mib(1)},
        {"<memory unit='bytes'>1048576</memory>", mib(1)},
        {"<memory unit='KB'>1000</memory>", Bytes{1'000'000}},
        {"<memory unit='k'>1024</memory>", mib(1)},
        {"<memory unit='KiB'>1024</memory>", mib(1)},
        {"<memory unit='MB'>3</memory>", Bytes{3'000'000}},
        {"<memory unit='M'>3</memory>", mib(3)},
        {"<memory unit='MiB'>3</memory>", mib(3)},
        {"<memory unit='GB'>3</memory>", Bytes{3'000'000'000}},
        {"<memory unit='G'>3</memory>", gib(3)},
        {"<memory unit='GiB'>3</memory>", gib(3)},
        {"<memory unit='T'>2</memory>", gib(2048)},
        {"<memory unit='TiB'>2</memory>", gib(2048)},
    };
    for (const auto& [xml, expected] : rows) {
        INFO(xml);
        CHECK(facts_of(xml).memory.count == expected.count);
    }
}

TEST_CASE("What is no domain's XML is said to be corrupt") {
    for (const char* text : {"", "web1", "<domain", "<network/>", "<domain><name></domain>"}) {
        INFO(text);
        const auto facts = vm_facts_from_xml(text);
        REQUIRE_FALSE(facts.has_value());
        CHECK(facts.error().code == ErrorCode::corrupt);
    }
}

TEST_CASE("An empty domain has facts and no requirements") {
    const auto facts = vm_facts_from_xml("<domain/>");
    REQUIRE(facts.has_value());
    CHECK(facts->vcpus == 1);
    CHECK(facts->requirements.files.empty());
    CHECK(facts->requirements.cpu.mode == CpuRequirement::Mode::custom);
}

TEST_CASE("The CPU a guest was started with is what a target must offer") {
    const VmFacts facts = facts_of(
        "<cpu mode='custom' match='exact' check='full'><model fallback='forbid'>Haswell</model>"
        "<feature policy='require' name='vmx'/><feature policy='force' name='pcid'/><feature name='avx'/>"
        "<feature policy='disable' name='hle'/><feature policy='optional' name='ss'/></cpu>");
    const auto& cpu = facts.requirements.cpu;
    CHECK(cpu.model == "Haswell");
    CHECK(cpu.mode == CpuRequirement::Mode::custom);
    CHECK(cpu.required == Names{"vmx", "pcid", "avx"});
    CHECK(facts_of("<cpu mode='host-passthrough'/>").requirements.cpu.mode == CpuRequirement::Mode::host_passthrough);
    CHECK(facts_of("<cpu mode='maximum'/>").requirements.cpu.mode == CpuRequirement::Mode::maximum);
}

TEST_CASE("Every file a guest reads has to be shared, down its backing chain") {
    const Names expected = {"/srv/vms/a.qcow2", "/srv/vms/base.qcow2", "/srv/vms/root.raw", "/dev/vg/golden",
                            "/dev/vg/data",     "/srv/boot/vmlinuz",   "/srv/boot/initrd"};
    const VmFacts facts = facts_of(
        "<os><kernel>/srv/boot/vmlinuz</kernel><initrd>/srv/boot/initrd</initrd></os><devices>"
        "<disk type='file'><source file='/srv/vms/a.qcow2'/><target dev='vda'/>"
        "<backingStore type='file'><source file='/srv/vms/base.qcow2'/>"
        "<backingStore type='file'><source file='/srv/vms/root.raw'/>"
        "<backingStore type='block'><source dev='/dev/vg/golden'/><backingStore/></backingStore></backingStore>"
        "</backingStore></disk>"
        "<disk type='block'><source dev='/dev/vg/data'/><target dev='vdb'/></disk>"
        "<disk type='file' device='cdrom'><target dev='sda'/></disk></devices>");
    CHECK(facts.requirements.files == expected);
}

TEST_CASE("Disks by volume and by network need a pool or nothing of the host") {
    CHECK(with_device("<disk type='volume'><source pool='fast' volume='a'/></disk>").requirements.pools ==
          Names{"fast"});
    const VmFacts network = with_device("<disk type='network'><source protocol='rbd' name='pool/a'/></disk>");
    CHECK(network.requirements.files.empty());
    CHECK(network.blockers.empty());
}

TEST_CASE("Networks and bridges a guest is attached to have to be on the target") {
    const VmFacts facts = facts_of(
        "<devices><interface type='network'><source network='default' bridge='virbr0'/></interface>"
        "<interface type='bridge'><source bridge='br0'/></interface>"
        "<interface type='direct'><source dev='eth1' mode='bridge'/></interface>"
        "<interface type='user'/></devices>");
    CHECK(facts.requirements.networks == Names{"default"});
    CHECK(facts.requirements.bridges == Names{"br0", "eth1"});
    CHECK(facts.blockers.empty());
}

TEST_CASE("What ties a guest to its host is found, with its reason") {
    const struct {
        const char* device;
        Reason reason;
        const char* detail;
    } rows[] = {
        {"<hostdev mode='subsystem' type='pci'><source><address domain='0x0000' bus='0x3b' slot='0x00' "
         "function='0x0'/></source></hostdev>",
         Reason::host_device, "pci device 0x0000 0x3b 0x00 0x0"},
        {"<hostdev type='usb'/>", Reason::host_device, "usb device"},
        {"<interface type='hostdev'/>", Reason::host_device, "network interface of type hostdev"},
        {"<interface type='vdpa'/>", Reason::host_device, "network interface of type vdpa"},
        {"<disk type='nvme'><target dev='vdb'/></disk>", Reason::host_device, "disk vdb of type nvme"},
        {"<disk type='vhostuser'><target dev='vdb'/></disk>", Reason::host_device, "disk vdb of type vhostuser"},
        {"<shmem name='ivs' role='peer'/>", Reason::host_device, "shared memory ivs"},
        {"<filesystem type='mount'><source dir='/srv'/><target dir='tag1'/></filesystem>", Reason::shared_folder,
         "9p share /srv as tag1 cannot be migrated once it is mounted"},
        {"<filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='tag1'/></filesystem>",
         Reason::shared_folder, "virtiofs share /srv as tag1 cannot be migrated"},
        {"<tpm model='tpm-tis'><backend type='passthrough'><device path='/dev/tpm1'/></backend></tpm>",
         Reason::host_device, "TPM /dev/tpm1"},
        {"<tpm model='tpm-crb'><backend type='external'><source type='unix' path='/run/tpm'/></backend></tpm>",
         Reason::host_device, "TPM emulator that is not libvirt's, at /run/tpm"},
        {"<disk type='file'><target dev='vdc'/><transient/></disk>", Reason::local_storage,
         "disk vdc is <transient/>: what is written to it is kept on this host alone"},
        {"<disk type='file'><target dev='vda'/><mirror type='file'/></disk>", Reason::block_job,
         "disk vda is being copied or committed"},
        {"<disk type='file'><driver cache='unsafe'/><target dev='vda'/></disk>", Reason::unsafe_cache,
         "disk vda has cache='unsafe'"},
    };
    for (const auto& [device, reason, detail] : rows) {
        INFO(device);
        const auto blockers = with_device(device).blockers;
        REQUIRE(blockers.size() == 1);
        CHECK(blockers[0] == Blocker{reason, detail});
    }
}

TEST_CASE("What travels with a guest, or cannot be written to, does not tie it down") {
    const char* devices[] = {
        "<disk type='file'><driver cache='writeback'/><target dev='vda'/></disk>",
        "<disk type='file'><driver cache='unsafe'/><readonly/><target dev='sda'/></disk>",
        "<disk type='file'><driver cache='unsafe'/><shareable/><target dev='vda'/></disk>",
        "<disk type='network'><driver cache='unsafe'/><target dev='vda'/></disk>",
        "<shmem name='ivs' role='master'/>",
        "<memballoon model='virtio'/>",
        "<tpm model='tpm-crb'/>",
        "<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>",
    };
    for (const char* device : devices) {
        INFO(device);
        CHECK(with_device(device).blockers.empty());
    }
}

TEST_CASE("A TPM that libvirt emulates needs the emulator on the target") {
    const auto with = [](const char* tpm) {
        return wants_tpm_emulator(std::string("<domain><devices>") + tpm + "</devices></domain>");
    };
    CHECK(with("<tpm model='tpm-crb'><backend type='emulator'/></tpm>"));
    CHECK_FALSE(with("<tpm model='tpm-tis'><backend type='passthrough'/></tpm>"));
    CHECK_FALSE(with(""));
    const auto offers = [](const std::string& backends) {
        return offers_tpm_emulator("<domainCapabilities><devices><tpm supported='yes'><enum name='backendModel'>" +
                                   backends + "</enum></tpm></devices></domainCapabilities>");
    };
    CHECK(offers("<value>passthrough</value><value>emulator</value>"));
    CHECK_FALSE(offers("<value>passthrough</value>"));
    CHECK_FALSE(
        offers_tpm_emulator("<domainCapabilities><devices><tpm supported='no'/></devices></domainCapabilities>"));
    CHECK(offers_tpm_emulator("<domainCapabilities/>"));  // an older libvirt does not say
}

TEST_CASE("An invariant TSC goes elsewhere only with its frequency") {
    const char* cpu = "<cpu><model>qemu64</model><feature policy='require' name='invtsc'/></cpu>";
    REQUIRE(facts_of(cpu).blockers.size() == 1);
    CHECK(facts_of(cpu).blockers[0].reason == Reason::cpu_model);
    CHECK(facts_of(cpu + std::string("<clock><timer name='tsc' frequency='2000000000'/></clock>")).blockers.empty());
}

TEST_CASE("An owner allows post-copy, forbids it, or leaves it to the policy") {
    CHECK(wishes_of("<b:post-copy/>").post_copy);
    CHECK_FALSE(wishes_of("<b:post-copy>yes</b:post-copy>").no_post_copy);
    CHECK(wishes_of("<b:post-copy>no</b:post-copy>").no_post_copy);
    CHECK(wishes_of("<b:post-copy>perhaps</b:post-copy>").no_post_copy);
    CHECK_FALSE(wishes_of("<b:priority>1</b:priority>").no_post_copy);
}

TEST_CASE("An NVDIMM's backing file has to be shared") {
    const char* nvdimm = "<memory model='nvdimm'><source><path>/srv/vms/nv</path></source></memory>";
    CHECK(with_device(nvdimm).requirements.files == Names{"/srv/vms/nv"});
}

TEST_CASE("The owner's wishes are read from the metadata") {
    const VmWishes wishes = wishes_of(
        "<b:no-migrate/><b:post-copy>yes</b:post-copy><b:only-on>host1 host2</b:only-on>"
        "<b:keep-apart> db  web </b:keep-apart><b:priority>-7</b:priority><!-- a comment -->");
    CHECK(wishes.no_migrate);
    CHECK(wishes.post_copy);
    CHECK(wishes.only_on == std::vector<HostId>{{"host1"}, {"host2"}});
    CHECK(wishes.keep_apart == std::vector<std::string>{"db", "web"});
    CHECK(wishes.priority == -7);
    CHECK(wishes.problem.empty());
}

TEST_CASE("A wish that cannot be understood is told, and never makes a VM more movable") {
    const std::pair<const char*, const char*> rows[] = {
        {"<b:no-migrate>maybe</b:no-migrate>", "no-migrate 'maybe' is neither yes nor no"},
        {"<b:post-copy>2</b:post-copy>", "post-copy '2' is neither yes nor no"},
        {"<b:priority>high</b:priority>", "priority 'high' is no number from -1000 to 1000"},
        {"<b:priority>1001</b:priority>", "priority '1001' is no number from -1000 to 1000"},
        {"<b:priority>5 </b:priority>", "priority '5 ' is no number from -1000 to 1000"},
        {"<b:no-migration/>", "unknown wish 'no-migration'"},
    };
    for (const auto& [xml, problem] : rows) {
        INFO(xml);
        const VmWishes wishes = wishes_of(xml);
        CHECK(wishes.problem == problem);
        CHECK(wishes.priority == 0);
        CHECK_FALSE(wishes.post_copy);
    }
    CHECK(wishes_of("<b:no-migrate>maybe</b:no-migrate>").no_migrate);
    CHECK_FALSE(wishes_of("<b:no-migrate>no</b:no-migrate>").no_migrate);
}

TEST_CASE("Metadata of others is left alone") {
    const VmFacts facts = facts_of("<metadata><o:vm xmlns:o='urn:other'><o:no-migrate/></o:vm></metadata>");
    CHECK_FALSE(facts.wishes.no_migrate);
    CHECK(facts.wishes.problem.empty());
}

TEST_CASE("The CPU element and the emulator are found alone") {
    const std::string xml = domain(
        "<cpu mode='custom'><model>qemu64</model></cpu>"
        "<devices><emulator>/usr/bin/qemu</emulator></devices>");
    CHECK(hypervisor::cpu_element(xml) == "<cpu mode=\"custom\"><model>qemu64</model></cpu>");
    CHECK(hypervisor::emulator(xml) == "/usr/bin/qemu");
    CHECK(hypervisor::cpu_element(domain("")).empty());
    CHECK(hypervisor::cpu_element("nonsense").empty());
    CHECK(hypervisor::emulator("nonsense").empty());
}
