#include "hypervisor/event_loop.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <mutex>
#include <pthread.h>
#include <signal.h>
#include <thread>

#include "model/result.h"

namespace ballast::hypervisor {

namespace {
void ignore_error(void*, virErrorPtr) {}  // errors are read by last_error, not printed by libvirt

void keep_awake(int, void*) {}

void run() {
    pthread_setname_np(pthread_self(), "libvirt-events");
    for (;;) virEventRunDefaultImpl();
}
}  // namespace

void start_event_loop() {
    static std::once_flag once;
    std::call_once(once, [] {
        virSetErrorFunc(nullptr, ignore_error);
        BALLAST_ASSERT(virInitialize() == 0);
        BALLAST_ASSERT(virEventRegisterDefaultImpl() == 0);
        // Without any handle the default loop returns at once and would spin.
        BALLAST_ASSERT(virEventAddTimeout(60'000, keep_awake, nullptr, nullptr) >= 0);
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        std::thread(run).detach();
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
    });
}

}  // namespace ballast::hypervisor
