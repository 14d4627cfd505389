// Disks that are copied along with a VM: their images on the target before the call, and what becomes of the images on
// either side after it. On the source nothing is ever removed. On the target only what this operation created, and only
// while it is certain that the guest never ran from it.
#include <algorithm>

#include "executor/executor.h"
#include "executor/run.h"

namespace ballast::executor {

namespace {

bool was_left(const VmRecord* record, const HostId& host, const std::string& file) {
    if (record == nullptr) return false;
    const auto& images = record->images;
    return std::find(images.begin(), images.end(), LeftImage{host, file}) != images.end();
}

std::string joined(const std::vector<std::string>& words) {
    std::string all;
    for (const std::string& word : words) all += (all.empty() ? "" : ", ") + word;
    return all;
}

}  // namespace

// As the disks are now, not as they were when the operation was asked for.
Result<void> Executor::find_disks(Run& run, const VmFacts& facts) const {
    run.disks.clear();
    run.notes.copied.clear();
    run.op.disk = {};
    for (const std::string& name : run.op.disks) {
        const auto& disks = facts.requirements.disks;
        const auto disk = std::find_if(disks.begin(), disks.end(), [&](const VmDisk& d) { return d.target == name; });
        if (disk == disks.end()) return Error{ErrorCode::conflict, run.op.vm_name, "has no disk " + name + " any more"};
        const bool overwrite = was_left(records_.find(run.op.vm), run.op.to, disk->source);
        run.disks.push_back({name, disk->source, disk->format, disk->capacity, disk->allocated, overwrite});
        run.op.disk += disk->capacity;
        run.notes.copied.push_back(disk->source);
    }
    // Until the guest is handed over the copies follow what it writes; afterwards nobody would bring what is missing.
    if (!run.disks.empty()) run.settings.post_copy = false;
    return {};
}

Executor::Task<void> Executor::create_images(RunPtr run) {
    for (const DiskCopy& disk : run->disks) {
        HostId to = run->op.to;
        DiskCopy wanted = disk;
        const auto created = co_await hypervisor_.create_image(std::move(to), std::move(wanted));
        if (created) {
            run->notes.images.push_back(disk.file);
            continue;
        }
        const bool there = created.error().code == ErrorCode::conflict;
        if (!there || !disk.overwrite) co_return created.error();
    }
    co_return Result<void>();
}

// What could not be removed stays noted.
Executor::Task<void> Executor::remove_images(RunPtr run) {
    while (!run->notes.images.empty()) {
        HostId to = run->op.to;
        std::string file = run->notes.images.back();
        const auto removed = co_await hypervisor_.remove_image(std::move(to), std::move(file));
        if (!removed) co_return removed.error();
        run->notes.images.pop_back();
    }
    co_return Result<void>();
}

std::string Executor::images_left(const Run& run) {
    if (run.notes.images.empty()) return {};
    return "; images created for it are left on " + run.op.to.value + ": " + joined(run.notes.images);
}

// Returns what people are told of it.
std::string Executor::leave_images(Run& run) {
    if (run.op.disks.empty()) return {};
    const std::vector<std::string> files = run.notes.copied;
    const VmRecord* known = records_.find(run.op.vm);
    if (known != nullptr) {
        VmRecord record = *known;
        std::erase_if(record.images, [&](const LeftImage& image) { return image.host == run.op.to; });
        for (const std::string& file : files)
            if (!was_left(&record, run.op.from, file)) record.images.push_back({run.op.from, file});
        records_.set(std::move(record));
    }
    return "; its disks were copied, the images on " + run.op.from.value + " stay as they were then: " + joined(files);
}

}  // namespace ballast::executor
