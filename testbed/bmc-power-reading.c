/* A module of ipmi_sim that answers DCMI's "Get Power Reading" (DCMI 1.5, 6.6.1), which ipmi_sim itself does not know.
 *
 * The watts follow the CPU time that the host has used since the reading before:
 *   off                  standby watts
 *   on                   idle + (peak - idle) * used / allowed
 * Options, one string: "USAGE-FILE SETTINGS-FILE STANDBY IDLE PEAK". USAGE-FILE is the cgroup's cpuacct.usage (v1) or
 * cpu.stat (v2), SETTINGS-FILE the testbed's settings.json of the host with its "cpu" in cores.
 */
#include <OpenIPMI/ipmi_err.h>
#include <OpenIPMI/mcserv.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DCMI_GROUP 0xdc
#define GET_POWER_READING 0x02
#define SYSTEM_POWER 0x01
#define MEASURING 0x40
/* Readings closer together say the same: the kernel's accounting and the quota's 25 ms make shorter ones jump. */
#define LEAST_SECONDS 1.0

int ipmi_mc_is_power_on(lmc_data_t* mc); /* ipmi_sim exports it, no header names it */

static struct {
    char usage_file[256], settings_file[256];
    double standby, idle, peak;
} option;

static struct {
    double at, used, watts, least, most, sum;
    unsigned count;
} seen;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

/* The number after `key` in a file, or the file's first number when it has no such key; 0 when there is none. */
static double number_in(const char* path, const char* key, double unit, double unit_without_key) {
    char text[4096];
    FILE* file = fopen(path, "r");
    size_t length = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
    char* found;
    if (file) fclose(file);
    text[length] = '\0';
    found = strstr(text, key);
    return found ? atof(found + strlen(key)) * unit : atof(text) * unit_without_key;
}

static void measure(int on) {
    double time = now();
    double used = number_in(option.usage_file, "usage_usec ", 1e-6, 1e-9);
    double allowed = number_in(option.settings_file, "\"cpu\": ", 1, 0) * (time - seen.at);
    double share = allowed > 0 && used > seen.used ? (used - seen.used) / allowed : 0;
    if (!on)
        seen.watts = option.standby;
    else if (time - seen.at >= LEAST_SECONDS || seen.watts <= option.standby)
        seen.watts = option.idle + (option.peak - option.idle) * (share < 1 ? share : 1);
    else
        return;
    seen.at = time;
    seen.used = used;
}

static void count(void) {
    if (!seen.count || seen.watts < seen.least) seen.least = seen.watts;
    if (seen.watts > seen.most) seen.most = seen.watts;
    seen.sum += seen.watts;
    seen.count++;
}

static unsigned char* put(unsigned char* at, uint32_t value, int bytes) {
    for (; bytes > 0; bytes--, value >>= 8) *at++ = value & 0xff;
    return at;
}

static void dcmi(lmc_data_t* mc, msg_t* message, unsigned char* reply, unsigned int* length, void* unused) {
    unsigned char* at = reply;
    int on;
    (void)unused;
    *length = 1;
    if (message->cmd != GET_POWER_READING || message->len < 2 || message->data[1] != SYSTEM_POWER) {
        reply[0] = message->cmd == GET_POWER_READING ? IPMI_INVALID_DATA_FIELD_CC : IPMI_INVALID_CMD_CC;
        return;
    }
    on = ipmi_mc_is_power_on(mc);
    if (on < 0) {
        reply[0] = IPMI_UNKNOWN_ERR_CC;
        return;
    }
    measure(on);
    count();
    at = put(at, 0, 1);
    at = put(at, DCMI_GROUP, 1);
    at = put(at, seen.watts + 0.5, 2);
    at = put(at, seen.least + 0.5, 2);
    at = put(at, seen.most + 0.5, 2);
    at = put(at, seen.sum / seen.count + 0.5, 2);
    at = put(at, time(NULL), 4);
    at = put(at, LEAST_SECONDS * 1000, 4);
    at = put(at, MEASURING, 1);
    *length = at - reply;
}

int ipmi_sim_module_print_version(sys_data_t* sys, char* options) {
    (void)sys, (void)options;
    return 0;
}

int ipmi_sim_module_init(sys_data_t* sys, const char* options) {
    (void)sys;
    if (sscanf(options, "%255s %255s %lf %lf %lf", option.usage_file, option.settings_file, &option.standby,
               &option.idle, &option.peak) != 5)
        return 22; /* EINVAL */
    seen.at = now();
    seen.used = number_in(option.usage_file, "usage_usec ", 1e-6, 1e-9);
    ipmi_emu_register_group_extension_handler(DCMI_GROUP, dcmi, NULL);
    return 0;
}
