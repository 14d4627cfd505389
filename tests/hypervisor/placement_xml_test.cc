// What ties a guest to CPUs, NUMA cells and pages of a host, and what hosts say they have of them.
#include <catch2/catch.hpp>

#include "hypervisor/domain_xml.h"
#include "hypervisor/host_facts.h"
#include "hypervisor/reading.h"

using namespace ballast;
using namespace ballast::hypervisor;

namespace {

using Numbers = std::set<unsigned>;
using Pages = std::map<Bytes, Bytes>;

VmFacts facts_of(const std::string& inside) {
    auto facts = vm_facts_from_xml("<domain type='kvm'><name>a</name><memory>4194304</memory>" + inside + "</domain>");
    REQUIRE(facts.has_value());
    return *facts;
}

Pages pages_of(const std::string& pages, const std::string& rest = "") {
    return facts_of("<memoryBacking><hugepages>" + pages + "</hugepages></memoryBacking>" + rest)
        .requirements.huge_pages;
}

}  // namespace

TEST_CASE("Every CPU that something of the guest is pinned to has to exist") {
    const auto needs = facts_of(
                           "<vcpu cpuset='0-3,^2'>2</vcpu><cputune><vcpupin vcpu='0' cpuset='8'/>"
                           "<vcpupin vcpu='1' cpuset='9,11'/><emulatorpin cpuset='1'/><iothreadpin iothread='1' "
                           "cpuset='12-13'/></cputune>")
                           .requirements;
    CHECK(needs.pinned_cpus == Numbers{0, 1, 3, 8, 9, 11, 12, 13});
    CHECK(facts_of("<vcpu>2</vcpu>").requirements.pinned_cpus.empty());
    CHECK(facts_of("<vcpu cpuset='0-4294967295'>2</vcpu>").requirements.pinned_cpus.size() == 8192);
}

TEST_CASE("Memory bound to NUMA cells needs them, memory that only prefers them does not") {
    CHECK(facts_of("<numatune><memory mode='strict' nodeset='0-1'/></numatune>").requirements.strict_cells ==
          Numbers{0, 1});
    CHECK(facts_of("<numatune><memory nodeset='1'/><memnode cellid='0' mode='restrictive' nodeset='2'/></numatune>")
              .requirements.strict_cells == Numbers{1, 2});
    for (const char* mode : {"preferred", "interleave"})
        CHECK(facts_of("<numatune><memory mode='" + std::string(mode) + "' nodeset='1'/></numatune>")
                  .requirements.strict_cells.empty());
}

TEST_CASE("Memory on huge pages is told by their size") {
    CHECK(pages_of("") == Pages{{Bytes{}, gib(4)}});
    CHECK(pages_of("<page size='2048' unit='KiB'/>") == Pages{{mib(2), gib(4)}});
    CHECK(pages_of("<page size='1' unit='GiB'/>") == Pages{{gib(1), gib(4)}});
    CHECK(pages_of("<page size='4' unit='KiB'/>").empty());
    CHECK(facts_of("").requirements.huge_pages.empty());
}

TEST_CASE("Each cell of a guest may be on pages of its own") {
    const std::string numa =
        "<cpu><numa><cell id='0' memory='1048576' unit='KiB'/><cell id='1' memory='3' unit='GiB'/></numa></cpu>";
    CHECK(pages_of("<page size='1' unit='GiB' nodeset='1'/><page size='2' unit='MiB' nodeset='0'/>", numa) ==
          Pages{{mib(2), gib(1)}, {gib(1), gib(3)}});
    CHECK(pages_of("<page size='1' unit='GiB' nodeset='1'/>", numa) == Pages{{gib(1), gib(3)}});
    CHECK(pages_of("<page size='2' unit='MiB'/><page size='1' unit='GiB' nodeset='0'/>", numa) ==
          Pages{{gib(1), gib(1)}, {mib(2), gib(3)}});
}

TEST_CASE("Owners reserve CPU and memory, and keep VMs together, in the metadata") {
    const auto wishes_of = [](const std::string& wishes) {
        return facts_of("<metadata><b:vm xmlns:b='urn:ballast:vm:1'>" + wishes + "</b:vm></metadata>").wishes;
    };
    const VmWishes wishes = wishes_of(
        "<b:reserved-cpu>1.5</b:reserved-cpu><b:reserved-memory unit='GiB'>2</b:reserved-memory>"
        "<b:keep-together>app db</b:keep-together>");
    CHECK(wishes.reserved_cpus == 1.5);
    CHECK(wishes.reserved_memory == gib(2));
    CHECK(wishes.keep_together == std::vector<std::string>{"app", "db"});
    CHECK(wishes.problem.empty());
    for (const char* bad : {"-1", "nan", "inf", "two", "1e9", ""}) {
        INFO(bad);
        const VmWishes problem = wishes_of("<b:reserved-cpu>" + std::string(bad) + "</b:reserved-cpu>");
        CHECK_FALSE(problem.reserved_cpus);
        CHECK(problem.problem == "reserved-cpu '" + std::string(bad) + "' is no number of CPUs");
    }
    CHECK_FALSE(wishes_of("<b:reserved-memory>lots</b:reserved-memory>").problem.empty());
}

TEST_CASE("Devices of each kind that ties a guest down are found") {
    const char* devices[] = {
        "<hostdev mode='subsystem' type='pci'/>",       "<hostdev mode='subsystem' type='usb'/>",
        "<hostdev mode='subsystem' type='mdev'/>",      "<hostdev mode='subsystem' type='scsi'/>",
        "<hostdev mode='subsystem' type='scsi_host'/>",
    };
    for (const char* device : devices) {
        INFO(device);
        const auto blockers = facts_of("<devices>" + std::string(device) + "</devices>").blockers;
        REQUIRE(blockers.size() == 1);
        CHECK(blockers[0].reason == Reason::host_device);
    }
    const char* virtiofs =
        "<devices><filesystem type='mount'><driver type='virtiofs'/><target dir='t'/></filesystem></devices>";
    CHECK(facts_of(virtiofs).blockers.at(0).reason == Reason::shared_folder);
}

TEST_CASE("An ISO in a drive has to be shared like a disk") {
    const char* iso =
        "<devices><disk type='file' device='cdrom'><source file='/home/me/install.iso'/><target dev='sda'/><readonly/>"
        "</disk></devices>";
    CHECK(facts_of(iso).requirements.files == std::set<std::string>{"/home/me/install.iso"});
}

TEST_CASE("A host's cells tell their CPUs, memory and huge pages, ordinary pages left out") {
    const std::string capabilities =
        "<capabilities><host><cpu><pages unit='KiB' size='4'/><pages unit='KiB' size='2048'/>"
        "<pages unit='KiB' size='1048576'/></cpu><topology><cells num='2'>"
        "<cell id='0'><memory unit='KiB'>8388608</memory><pages unit='KiB' size='4'>2000000</pages>"
        "<pages unit='KiB' size='2048'>512</pages><pages unit='KiB' size='1048576'>0</pages>"
        "<cpus num='2'><cpu id='0'/><cpu id='2'/></cpus></cell>"
        "<cell id='3'><memory unit='KiB'>4194304</memory><cpus num='1'><cpu id='1'/></cpus></cell>"
        "</cells></topology></host></capabilities>";
    const auto cells = cells_from(capabilities);
    REQUIRE(cells.size() == 2);
    CHECK(cells.at(0) == NumaCell{{0, 2}, gib(8), {{mib(2), 512}, {gib(1), 0}}});
    CHECK(cells.at(3) == NumaCell{{1}, gib(4), {}});
    CHECK(cells_from("nonsense").empty());

    HostFacts facts;
    facts.cells = cells;
    const PagePools pools = page_pools(facts);
    CHECK(pools.cells == 4);
    CHECK(pools.sizes == std::set<Bytes>{mib(2)});
}
