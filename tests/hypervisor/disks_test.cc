// Disks as a definition has them, and what libvirt is told when some of them are copied.
#include <catch2/catch.hpp>

#include "hypervisor/domain_xml.h"
#include "hypervisor/images.h"
#include "hypervisor/migration.h"

using namespace ballast;
using namespace ballast::hypervisor;

namespace {

VmDisk only_disk(const std::string& disk) {
    const auto facts = vm_facts_from_xml("<domain type='qemu'><devices>" + disk + "</devices></domain>");
    REQUIRE(facts.has_value());
    REQUIRE(facts->requirements.disks.size() == 1);
    return facts->requirements.disks.front();
}

}  // namespace

TEST_CASE("A disk with an image is told with its format and its name in the guest") {
    const VmDisk disk = only_disk(
        "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/images/a.qcow2'/>"
        "<backingStore/><target dev='vda' bus='virtio'/></disk>");
    CHECK(disk.target == "vda");
    CHECK(disk.type == "file");
    CHECK(disk.source == "/images/a.qcow2");
    CHECK(disk.format == "qcow2");
    CHECK_FALSE(disk.read_only);
    CHECK_FALSE(disk.shareable);
    CHECK_FALSE(disk.has_backing);
}

TEST_CASE("What makes a disk another matter is told") {
    CHECK(
        only_disk("<disk type='file' device='cdrom'><source file='/iso/a.iso'/><target dev='sda'/></disk>").read_only);
    CHECK(only_disk("<disk type='file'><source file='/a'/><target dev='vda'/><readonly/></disk>").read_only);
    CHECK(only_disk("<disk type='file'><source file='/a'/><target dev='vda'/><shareable/></disk>").shareable);
    CHECK(only_disk("<disk type='file'><source file='/a'/><backingStore type='file'><source file='/b'/></backingStore>"
                    "<target dev='vda'/></disk>")
              .has_backing);
    CHECK(only_disk("<disk type='network'><source protocol='rbd' name='vms/web'/><target dev='vda'/></disk>").source ==
          "rbd vms/web");
    CHECK(only_disk("<disk type='volume'><source pool='vms' volume='web'/><target dev='vda'/></disk>").source ==
          "pool vms, volume web");
    CHECK(only_disk("<disk type='block'><source dev='/dev/sdb'/><target dev='vda'/></disk>").type == "block");
}

TEST_CASE("An empty drive is no disk") {
    const auto facts = vm_facts_from_xml(
        "<domain type='qemu'><devices><disk type='file' device='cdrom'><target dev='sda'/></disk></devices></domain>");
    REQUIRE(facts.has_value());
    CHECK(facts->requirements.disks.empty());
}

TEST_CASE("Disks are copied only where some are named") {
    MigrationRequest request;
    CHECK((migration_flags(request) & VIR_MIGRATE_NON_SHARED_DISK) == 0);
    request.disks = {{"vda", "/images/a.raw", "raw", gib(1), gib(1), false}};
    CHECK((migration_flags(request) & VIR_MIGRATE_NON_SHARED_DISK) != 0);
    CHECK((migration_flags(request) & VIR_MIGRATE_NON_SHARED_INC) == 0);
}

TEST_CASE("The image for a copy is as large as the disk, of its format, and takes no room beforehand") {
    const DiskCopy disk{"vda", "/images/a&b.qcow2", "qcow2", mib(10), mib(1), false};
    CHECK(volume_xml(disk) ==
          "<volume><name>a&amp;b.qcow2</name><capacity>10485760</capacity><allocation>0</allocation>"
          "<target><format type=\"qcow2\"/></target></volume>");
}
