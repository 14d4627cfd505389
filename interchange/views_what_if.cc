#include "interchange/views_what_if.h"

#include "policy/what_if.h"

namespace ballast::views {

namespace {

json::object cpu_room(const policy::Room& room) {
    return {{"total_cores", room.total},
            {"reserved_cores", room.reserved},
            {"demand_cores", room.demand},
            {"promised_vcpus", room.promised},
            {"free_cores", room.free}};
}

json::object memory_room(const policy::Room& room) {
    const auto whole = [](double bytes) { return static_cast<std::uint64_t>(bytes); };
    return {{"total_bytes", whole(room.total)},
            {"reserved_bytes", whole(room.reserved)},
            {"used_bytes", whole(room.demand)},
            {"promised_bytes", whole(room.promised)},
            {"free_bytes", whole(room.free)}};
}

json::object loss(const policy::LossVerdict& verdict, const VmNames& names) {
    return {{"host", verdict.host.value},
            {"vms", verdict.vms},
            {"absorbed", verdict.stranded.empty()},
            {"stranded", rejections(verdict.stranded, names)}};
}

json::value largest(const std::optional<policy::LargestVm>& vm) {
    if (!vm) return nullptr;
    return json::object{{"host", vm->host.value}, {"memory_bytes", vm->memory.count}, {"cpu_cores", vm->cpu_cores}};
}

}  // namespace

Result<json::object> plan_if(const std::string& what, const Seen& seen) {
    const auto suppositions = policy::parse_what_if(what);
    if (!suppositions) return suppositions.error();
    const auto supposed = policy::suppose(*suppositions, seen.inventory, seen.memory, seen.now);
    if (!supposed) return supposed.error();
    const VmNames names = names_in(seen.inventory);
    const Plan wanted = policy::plan(supposed->inventory, supposed->memory, seen.options, seen.now);
    json::object what_if{{"text", what}, {"assumptions", texts(supposed->assumptions)}};
    return json::object{
        {"paused", false}, {"acts", false}, {"what_if", std::move(what_if)}, {"plan", plan(wanted, names)}};
}

json::object capacity(const Seen& seen, double most_questions) {
    const auto report = policy::capacity(seen.inventory, seen.memory, seen.options, seen.now, most_questions);
    const VmNames names = names_in(seen.inventory);
    return {{"hosts", ids(report.counted)},
            {"hosts_not_counted", ids(report.not_counted)},
            {"cpu", cpu_room(report.cpu)},
            {"memory", memory_room(report.memory)},
            {"survives_any_loss", report.survives_any_loss},
            {"losses", each(report.losses, [&](const policy::LossVerdict& one) { return loss(one, names); })},
            {"losses_not_tried", report.losses_not_tried},
            {"largest_vm_by_memory", largest(report.by_memory)},
            {"largest_vm_by_cpu", largest(report.by_cpu)},
            {"could_be_off", ids(report.could_be_off)},
            {"off_not_tried", report.off_not_tried}};
}

}  // namespace ballast::views
