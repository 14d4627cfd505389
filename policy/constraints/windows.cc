// When a VM may be moved. An operator's own move may go against it, and so may emptying a host in maintenance or one
// that fails, unless the window says that it holds for that too. No window holds on a host that is to be left at once.
#include "policy/constraints/constraint.h"

namespace ballast::policy::constraints {

namespace {

// "by window nights, until Mon 22:00 (Europe/Berlin)"
std::string told(const std::string& name, const WindowState& state) {
    return "by window " + name + (state.until.empty() ? "" : ", " + state.until);
}

}  // namespace

void windows(const Context& context, const Vm& vm, Purpose purpose, Objections& out) {
    if (purpose == Purpose::rescue) return;
    bool open = false, denied = false;
    std::string closed;  // the first window that lets it move at other times
    for (const std::uint32_t index : context.rules_of(vm.id).windows) {
        const Window& window = context.options.windows[index];
        const WindowState& state = context.book.windows[index];
        if (purpose == Purpose::evacuation && !window.maintenance) continue;
        if (state.denies) out.push_back({Reason::window, told(window.name, state)});
        denied = denied || state.denies;
        open = open || state.allows;
        if (state.grants && closed.empty()) closed = told(window.name, state);
    }
    if (!closed.empty() && !open && !denied) out.push_back({Reason::window, closed});
}

}  // namespace ballast::policy::constraints
