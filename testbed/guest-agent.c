/*
 * The only user-space program of a test guest: /init and its agent.
 *
 * It writes one heartbeat line every 100 ms to the first serial port, burns CPU as a duty cycle on each vCPU, dirties
 * memory at a set rate over a set working set, writes to the disk if there is one, and obeys one-line commands that
 * arrive on the virtio-serial port org.ballast.testbed.0:
 *
 *     ID set cpu=30 dirty=8 ws=16     ->  ID ok cpu=30 dirty=8 ws=16
 *     ID stat                         ->  ID ok seq=... up_ms=... cpu=...
 *     ID poweroff                     ->  ID ok
 *
 * Heartbeat line: "hb <seq> <monotonic ms> <boot>"; <boot> is a random number drawn at each boot, so that a guest that
 * was started twice can be told from a guest that was moved.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum {
    BEAT_MS = 100,       /* the contract with the testbed's heartbeat monitor */
    CPU_PERIOD_MS = 40,  /* duty cycle: short enough to look smooth, long enough to be cheap under emulation */
    DIRTY_TICK_MS = 20,
    DISK_PERIOD_MS = 1000,
    PAGE = 4096,
    SECTOR = 4096,
    MAX_VCPUS = 64,
    RESERVE_MIB = 8, /* left to the kernel when a working set is granted */
};

#define PORT_NAME "org.ballast.testbed.0"

static atomic_int cpu_percent;
static atomic_int dirty_mib_per_s;
static atomic_int working_set_mib = 16;
static atomic_ulong dirtied_pages, disk_writes, disk_errors, late_beats;
static atomic_ulong beat_sequence;
static atomic_int drivers_loaded;
static uint32_t boot_number;

static uint64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void sleep_until_ms(uint64_t deadline) {
    struct timespec t = {deadline / 1000, deadline % 1000 * 1000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR) {}
}

static void power_off(void) {
    sync();
    reboot(RB_POWER_OFF);
}

/* ---- CPU ---- */

/* A chunk of work between two looks at the clock, which is dear under emulation. */
static void burn_chunk(void) {
    for (volatile int i = 0; i < 20000; i++) {}
}

static void *cpu_loop(void *argument) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((intptr_t)argument, &set);
    sched_setaffinity(0, sizeof set, &set);
    for (uint64_t start = now_ms();; start = now_ms()) {
        int percent = atomic_load(&cpu_percent);
        uint64_t busy_until = start + (uint64_t)CPU_PERIOD_MS * percent / 100;
        while (percent > 0 && now_ms() < busy_until) burn_chunk();
        /* Idle guests look for a new setting only now and then: each wake-up costs the host. */
        if (percent < 100) sleep_until_ms(start + (percent ? CPU_PERIOD_MS : 250));
    }
    return NULL;
}

/* ---- memory ---- */

static uint8_t *area;
static size_t area_pages;
static size_t touched_pages; /* of the area; the rest is not backed by memory yet */

static void resize_area(size_t pages) {
    if (pages == area_pages) return;
    if (area) munmap(area, area_pages * PAGE);
    area = pages ? mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : NULL;
    if (area == MAP_FAILED) area = NULL, pages = 0;
    if (area) madvise(area, pages * PAGE, MADV_NOHUGEPAGE);
    area_pages = pages;
    touched_pages = 0;
}

static void touch_pages(size_t count) {
    static size_t next;
    static uint64_t stamp;
    for (size_t i = 0; i < count && area_pages; i++) {
        next = next + 1 < area_pages ? next + 1 : 0;
        *(volatile uint64_t *)(area + next * PAGE) = ++stamp;
    }
    atomic_fetch_add(&dirtied_pages, count);
    touched_pages = touched_pages + count < area_pages ? touched_pages + count : area_pages;
}

static void *dirty_loop(void *unused) {
    (void)unused;
    uint64_t last = now_ms();
    for (double owed = 0;;) {
        int rate = atomic_load(&dirty_mib_per_s);
        sleep_until_ms(now_ms() + (rate ? DIRTY_TICK_MS : 250));
        uint64_t now = now_ms(), elapsed = now - last;
        last = now;
        if (!rate) continue;
        resize_area((size_t)atomic_load(&working_set_mib) * (1048576 / PAGE));
        if (elapsed > 250) elapsed = 250; /* a guest that stood still must not catch up in one burst */
        owed += rate * (1048576.0 / PAGE) * elapsed / 1000;
        touch_pages((size_t)owed);
        owed -= (size_t)owed;
    }
    return NULL;
}

/* ---- disk ---- */

static void *disk_loop(void) {
    void *sector;
    int disk = open("/dev/vda", O_RDWR | O_DIRECT | O_SYNC);
    if (disk < 0 || posix_memalign(&sector, SECTOR, SECTOR)) return NULL;
    for (;; sleep_until_ms(now_ms() + DISK_PERIOD_MS)) {
        memset(sector, 0, SECTOR);
        unsigned long sequence = atomic_load(&beat_sequence);
        snprintf(sector, SECTOR, "hb %lu %08x\n", sequence, boot_number);
        ssize_t written = pwrite(disk, sector, SECTOR, (off_t)(sequence % 256) * SECTOR);
        atomic_fetch_add(written == SECTOR ? &disk_writes : &disk_errors, 1);
    }
    return NULL;
}

/* ---- commands ---- */

static int port = -1;

static int open_port(void) {
    char path[64], name[64] = "";
    for (int i = 0; i < 8; i++) {
        snprintf(path, sizeof path, "/sys/class/virtio-ports/vport%dp1/name", i);
        int file = open(path, O_RDONLY);
        if (file < 0) continue;
        ssize_t length = read(file, name, sizeof name - 1);
        close(file);
        if (length < (ssize_t)strlen(PORT_NAME) || strncmp(name, PORT_NAME, strlen(PORT_NAME))) continue;
        snprintf(path, sizeof path, "/dev/vport%dp1", i);
        return open(path, O_RDWR | O_NONBLOCK);
    }
    return -1;
}

static void reply(const char *format, ...) {
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (write(port, line, length) < 0) return; /* nobody listens any more: the tool asks again */
}

static int available_mib(void) {
    struct sysinfo info;
    sysinfo(&info);
    return (int)((uint64_t)info.freeram * info.mem_unit / 1048576) + (int)(touched_pages / (1048576 / PAGE)) - RESERVE_MIB;
}

/* Applies one key=value; returns NULL or what is wrong with it. */
static const char *apply_setting(const char *key, int value) {
    if (!strcmp(key, "cpu")) {
        if (value < 0 || value > 100) return "cpu must be 0..100";
        atomic_store(&cpu_percent, value);
    } else if (!strcmp(key, "dirty")) {
        if (value < 0) return "dirty must not be negative";
        atomic_store(&dirty_mib_per_s, value);
    } else if (!strcmp(key, "ws")) {
        if (value < 1 || value > available_mib()) return "the working set does not fit the guest's memory";
        atomic_store(&working_set_mib, value);
    } else {
        return "unknown setting";
    }
    return NULL;
}

static void run_set(const char *id, char *rest) {
    char *save = NULL;
    for (char *word = strtok_r(rest, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        char *equals = strchr(word, '=');
        if (!equals) continue;
        *equals = 0;
        const char *wrong = apply_setting(word, atoi(equals + 1));
        if (wrong) {
            reply("%s error %s (%s=%s; at most %d MiB are free)\n", id, wrong, word, equals + 1, available_mib());
            return;
        }
    }
    reply("%s ok cpu=%d dirty=%d ws=%d\n", id, cpu_percent, dirty_mib_per_s, working_set_mib);
}

static void run_stat(const char *id) {
    reply("%s ok seq=%lu up_ms=%llu boot=%08x cpu=%d dirty=%d ws=%d dirtied_mib=%lu disk_writes=%lu disk_errors=%lu "
          "late_beats=%lu free_mib=%d\n",
          id, beat_sequence, (unsigned long long)now_ms(), boot_number, cpu_percent, dirty_mib_per_s, working_set_mib,
          dirtied_pages / (1048576 / PAGE), disk_writes, disk_errors, late_beats, available_mib());
}

static void run_command(char *line) {
    char *save = NULL, *id = strtok_r(line, " ", &save), *verb = strtok_r(NULL, " ", &save);
    if (!id || !verb) return;
    if (!strcmp(verb, "set")) {
        run_set(id, save);
    } else if (!strcmp(verb, "stat")) {
        run_stat(id);
    } else if (!strcmp(verb, "poweroff")) {
        reply("%s ok\n", id);
        power_off();
    } else {
        reply("%s error unknown command %s\n", id, verb);
    }
}

/* Called once a beat. Polling would spin: a port whose host end is closed is always readable. */
static void take_commands(void) {
    static char buffer[512];
    static size_t used;
    if (port < 0 && atomic_load(&drivers_loaded)) port = open_port(); /* which the driver makes a little later */
    if (port < 0) return;
    ssize_t got = read(port, buffer + used, sizeof buffer - 1 - used);
    if (got <= 0) return;
    used += got;
    buffer[used] = 0;
    for (char *end; (end = strchr(buffer, '\n'));) {
        *end = 0;
        run_command(buffer);
        used -= end + 1 - buffer;
        memmove(buffer, end + 1, used + 1);
    }
    if (used >= sizeof buffer - 1) used = 0;
}

/* ---- start ---- */

static void load_modules(int serial) {
    FILE *list = fopen("/modules/list", "r");
    char name[128], path[160];
    while (list && fscanf(list, "%127s", name) == 1) {
        snprintf(path, sizeof path, "/modules/%s", name);
        int file = open(path, O_RDONLY);
        if (file < 0) continue;
        if (syscall(SYS_finit_module, file, "", 0)) dprintf(serial, "module %s: %s\n", name, strerror(errno));
        close(file);
    }
    if (list) fclose(list);
}

static void read_kernel_command_line(void) {
    char text[2048] = "", *save = NULL;
    int file = open("/proc/cmdline", O_RDONLY);
    if (read(file, text, sizeof text - 1) < 0) return;
    close(file);
    for (char *word = strtok_r(text, " \n", &save); word; word = strtok_r(NULL, " \n", &save)) {
        char *equals = strchr(word, '=');
        if (strncmp(word, "ballast.", 8) || !equals) continue;
        *equals = 0;
        apply_setting(word + 8, atoi(equals + 1));
    }
}

static int open_serial(void) {
    int serial = open("/dev/ttyS0", O_RDWR | O_NOCTTY);
    struct termios settings;
    if (serial >= 0 && tcgetattr(serial, &settings) == 0) {
        cfmakeraw(&settings);
        tcsetattr(serial, TCSANOW, &settings);
    }
    return serial;
}

static void bring_up_network(void) {
    struct ifreq request = {.ifr_name = "eth0"};
    int any = socket(AF_INET, SOCK_DGRAM, 0);
    request.ifr_flags = IFF_UP;
    if (any >= 0) ioctl(any, SIOCSIFFLAGS, &request);
}

/* Loading drivers takes an emulated guest half a second, for which the heartbeat need not wait. */
static void *device_loop(void *serial) {
    load_modules((int)(intptr_t)serial);
    bring_up_network();
    atomic_store(&drivers_loaded, 1);
    return disk_loop();
}

static void start_threads(int serial) {
    pthread_t thread;
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 65536);
    long vcpus = sysconf(_SC_NPROCESSORS_ONLN);
    for (long i = 0; i < vcpus && i < MAX_VCPUS; i++) pthread_create(&thread, &small, cpu_loop, (void *)(intptr_t)i);
    pthread_create(&thread, &small, dirty_loop, NULL);
    pthread_create(&thread, &small, device_loop, (void *)(intptr_t)serial);
}

static int open_power_button(void) {
    char path[32];
    for (int i = 0; i < 8; i++) {
        unsigned long keys[KEY_MAX / (8 * sizeof(long)) + 1] = {0};
        snprintf(path, sizeof path, "/dev/input/event%d", i);
        int file = open(path, O_RDONLY | O_NONBLOCK);
        if (file < 0) continue;
        ioctl(file, EVIOCGBIT(EV_KEY, sizeof keys), keys);
        if (keys[KEY_POWER / (8 * sizeof(long))] >> (KEY_POWER % (8 * sizeof(long))) & 1) return file;
        close(file);
    }
    return -1;
}

static void check_power_button(void) {
    static int button = -1;
    struct input_event event;
    if (button < 0 && atomic_load(&drivers_loaded)) button = open_power_button();
    while (button >= 0 && read(button, &event, sizeof event) == sizeof event)
        if (event.type == EV_KEY && event.code == KEY_POWER && event.value) power_off();
}

static void beat(int serial) {
    char line[64];
    unsigned long sequence = atomic_fetch_add(&beat_sequence, 1) + 1;
    int length = snprintf(line, sizeof line, "hb %lu %llu %08x\n", sequence, (unsigned long long)now_ms(), boot_number);
    if (write(serial, line, length) != length) atomic_fetch_add(&late_beats, 1);
}

int main(void) {
    mount("proc", "/proc", "proc", 0, NULL);
    mount("sys", "/sys", "sysfs", 0, NULL);
    mount("dev", "/dev", "devtmpfs", 0, NULL);
    getrandom(&boot_number, sizeof boot_number, GRND_INSECURE);
    int serial = open_serial();
    dprintf(serial, "\nGUEST-UP %llu\n", (unsigned long long)now_ms());
    read_kernel_command_line();
    start_threads(serial);
    /* The beat goes before the load, or a busy guest would look like a stopped one. */
    struct sched_param first = {.sched_priority = 10};
    sched_setscheduler(0, SCHED_FIFO, &first);
    for (uint64_t next = now_ms();; next += BEAT_MS) {
        if (now_ms() > next + BEAT_MS) next = now_ms(), atomic_fetch_add(&late_beats, 1);
        sleep_until_ms(next);
        beat(serial);
        take_commands();
        check_power_button();
    }
}
