// What a host's capabilities say about the CPUs and machines it can offer.
#include "hypervisor/host_facts.h"

#include <catch2/catch.hpp>

#include "hypervisor/preflight.h"

using namespace ballast;
using namespace ballast::hypervisor;

namespace {

using Names = std::set<std::string>;

const std::string domcaps =
    "<domainCapabilities><arch>x86_64</arch><cpu>"
    "<mode name='host-passthrough' supported='yes'/>"
    "<mode name='host-model' supported='yes'><model fallback='forbid'>Haswell</model><vendor>Intel</vendor>"
    "<feature policy='require' name='vmx'/><feature policy='disable' name='hle'/><feature name='pcid'/></mode>"
    "<mode name='custom' supported='yes'><model usable='yes'>Haswell</model><model usable='no'>EPYC</model>"
    "<model usable='unknown'>qemu64</model></mode></cpu></domainCapabilities>";

const std::string capabilities =
    "<capabilities><host><uuid>00000000-0000-4000-8000-000000000001</uuid>"
    "<cpu><arch>x86_64</arch><model>EPYC</model><feature name='svm'/></cpu></host>"
    "<guest><arch name='i686'><machine>isapc</machine></arch></guest>"
    "<guest><arch name='x86_64'><machine canonical='pc-q35-7.2'>q35</machine><machine>pc-i440fx-6.2</machine></arch>"
    "</guest></capabilities>";

}  // namespace

TEST_CASE("Models are those a host can offer without loss, machines those of its architecture, under both names") {
    const CpuSupport support = cpu_support_from(domcaps, capabilities);
    CHECK(support.models == Names{"Haswell", "qemu64"});
    CHECK(support.features == Names{"vmx", "pcid"});
    CHECK(support.host_model == "Intel Haswell");
    CHECK(support.machines == Names{"q35", "pc-q35-7.2", "pc-i440fx-6.2"});
}

TEST_CASE("Capabilities that are no XML give no CPUs") {
    const CpuSupport support = cpu_support_from("nonsense", "<capabilities/>");
    CHECK(support.models.empty());
    CHECK(support.machines.empty());
}

TEST_CASE("The host model can be handed back to libvirt as a CPU") {
    const std::string cpu = host_model_cpu_from(domcaps);
    CHECK(cpu.starts_with("<cpu mode=\"custom\" match=\"exact\"><model fallback=\"forbid\">Haswell</model>"));
    CHECK(features_from_cpu_xml(cpu) == Names{"vmx", "pcid"});
    CHECK(host_model_cpu_from("nonsense").empty());
    CHECK(host_model_cpu_from("<domainCapabilities><cpu><mode name='host-model' supported='no'/></cpu>"
                              "</domainCapabilities>")
              .empty());
}

TEST_CASE("A host's identity and physical CPU are found in its capabilities") {
    CHECK(host_uuid_from(capabilities) == "00000000-0000-4000-8000-000000000001");
    CHECK(host_uuid_from("<capabilities/>").empty());
    CHECK(features_from_cpu_xml(host_cpu_from(capabilities)) == Names{"svm"});
    CHECK(host_cpu_from("<capabilities><host/></capabilities>").empty());
}

TEST_CASE("A storage pool tells its place, its size and where it comes from") {
    const PreflightPool pool = pool_from_xml(
        "<pool type='netfs'><name>vms</name><capacity unit='bytes'>8589934592</capacity>"
        "<available unit='bytes'>4294967296</available><source><host name='storage'/><dir path='/export/vms'/>"
        "<format type='nfs'/></source><target><path>/srv/vms</path></target></pool>");
    CHECK(pool.name == "vms");
    CHECK(pool.type == "netfs");
    CHECK(pool.path == "/srv/vms");
    CHECK(pool.source == "storage:/export/vms");
    CHECK(pool.capacity == gib(8));
    CHECK(pool.available == gib(4));
}

TEST_CASE("The source of a pool is whatever tells it from others") {
    const std::pair<const char*, const char*> rows[] = {
        {"<pool type='dir'><source/><target><path>/srv</path></target></pool>", ""},
        {"<pool type='rbd'><source><host name='mon1' port='6789'/><name>libvirt</name></source></pool>",
         "mon1:libvirt"},
        {"<pool type='iscsi'><source><host name='san'/><device path='iqn.x'/></source></pool>", "san:iqn.x"},
        {"<pool type='logical'><source><device path='/dev/sda'/><name>vg0</name></source></pool>", "vg0"},
        {"nonsense", ""},
    };
    for (const auto& [xml, source] : rows) {
        INFO(xml);
        CHECK(pool_from_xml(xml).source == source);
    }
    CHECK_FALSE(pool_from_xml("<pool/>").capacity);
}

TEST_CASE("A volume is told from a copy of it by the time its inode changed") {
    const PreflightVolume volume = volume_from_xml(
        "<volume type='file'><name>a</name><capacity unit='bytes'>1570304</capacity>"
        "<physical unit='bytes'>1000</physical><target><path>/srv/vms/a</path><timestamps>"
        "<mtime>1795340495.492044947</mtime><ctime>1795343012.175927084</ctime></timestamps></target></volume>");
    CHECK(volume == PreflightVolume{"/srv/vms/a", {1000}, "1795343012.175927084"});
    CHECK(volume_from_xml("<volume/>").changed_at.empty());
}
