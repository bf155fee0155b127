/* NVML as pynvml calls it, without a driver: answers come from a scenario file.
 *
 * The file is named by XINF_TEST_NVML and read anew at every call, so that a test may change it
 * while somebody asks. One fact a line, words separated by '|':
 *
 *     driver|580.95.05
 *     init|9                                  what nvmlInit answers; 0 = fine
 *     stuck                                   every call hangs until this line is gone
 *     slow|200                                every call takes that many milliseconds
 *     device|UUID|BUS ID|NAME|12.0|TOTAL MiB|RESERVED MiB|USED MiB
 *     fault|UUID|15                           what everything about this device answers
 *     refuse|nvmlDeviceGetComputeRunningProcesses_v3|3    what one call answers for all devices
 *     process|UUID|compute|4242|1024|/usr/bin/python3     1024 MiB; "?" where it is not told
 *
 * As in the real library, what is there is decided by nvmlInit, and a card that was lost stays lost
 * until the next one. Records and numbers as in NVIDIA's public nvml.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { OK = 0, UNINITIALIZED = 1, INVALID_ARGUMENT = 2, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7,
       VERSION_MISMATCH = 25, GPU_IS_LOST = 15 };
#define DEVICES_MAX 16
#define LINES_MAX 256
#define WORDS_MAX 8
#define MEMORY_V2 0x02000028u
#define NOT_TOLD 0xffffffffffffffffull
#define MIB (1024ull * 1024ull)

typedef struct { char text[256]; char *word[WORDS_MAX]; int words; } Line;
typedef struct { char uuid[96]; int is_lost; } Device;

typedef struct { unsigned long long total, free, used; } Memory;
typedef struct { unsigned version; unsigned long long total, reserved, free, used; } Memory2;
typedef struct { unsigned pid; unsigned long long memory; unsigned gpu_instance, compute_instance; }
    Process;
typedef struct {
    char bus_id_legacy[16];
    unsigned domain, bus, device, pci_device_id, pci_subsystem_id;
    char bus_id[32];
} Pci;

static Line lines[LINES_MAX];
static int line_count;
static Device devices[DEVICES_MAX];
static int device_count;
static int sessions;

static void nap(long milliseconds)
{
    struct timespec left = { milliseconds / 1000, milliseconds % 1000 * 1000000L };
    nanosleep(&left, NULL);
}

static void read_scenario(void)
{
    const char *path = getenv("XINF_TEST_NVML");
    FILE *file = path ? fopen(path, "r") : NULL;
    line_count = 0;
    while (file && line_count < LINES_MAX && fgets(lines[line_count].text, 256, file)) {
        Line *line = &lines[line_count];
        line->text[strcspn(line->text, "\n")] = 0;
        line->words = 0;
        for (char *at = line->text; at && line->words < WORDS_MAX;) {
            line->word[line->words++] = at;
            at = strchr(at, '|');
            if (at) *at++ = 0;
        }
        if (line->text[0]) line_count++;
    }
    if (file) fclose(file);
}

/* The first line that begins with these words; NULL matches any. */
static Line *find(const char *first, const char *second)
{
    for (int i = 0; i < line_count; i++) {
        if (strcmp(lines[i].word[0], first)) continue;
        if (!second || (lines[i].words > 1 && !strcmp(lines[i].word[1], second))) return &lines[i];
    }
    return NULL;
}

/* What comes before every answer: time passes, and nobody may ask before the beginning. */
static int begin(const char *function)
{
    read_scenario();
    while (find("stuck", NULL)) {
        nap(20);
        read_scenario();
    }
    Line *slow = find("slow", NULL), *refused = find("refuse", function);
    if (slow) nap(atol(slow->word[1]));
    if (!sessions) return UNINITIALIZED;
    return refused ? atoi(refused->word[2]) : OK;
}

static int begin_for(const char *function, Device *device, Line **told)
{
    int code = begin(function);
    if (code) return code;
    Line *fault = find("fault", device->uuid);
    if (fault && atoi(fault->word[2]) == GPU_IS_LOST) device->is_lost = 1;
    if (device->is_lost) return GPU_IS_LOST;
    if (fault) return atoi(fault->word[2]);
    *told = find("device", device->uuid);
    return *told ? OK : GPU_IS_LOST;
}

static unsigned long long mib(const char *word) { return strtoull(word, NULL, 10) * MIB; }

static int give(char *into, unsigned size, const char *text)
{
    if (strlen(text) + 1 > size) return INSUFFICIENT_SIZE;
    strcpy(into, text);
    return OK;
}

int nvmlInitWithFlags(unsigned flags)
{
    (void)flags;
    sessions++;
    begin("nvmlInitWithFlags");
    Line *init = find("init", NULL);
    int code = init ? atoi(init->word[1]) : OK;
    if (code) {
        sessions--;
        return code;
    }
    device_count = 0;
    for (int i = 0; i < line_count && device_count < DEVICES_MAX; i++) {
        if (strcmp(lines[i].word[0], "device")) continue;
        snprintf(devices[device_count].uuid, sizeof devices[0].uuid, "%s", lines[i].word[1]);
        devices[device_count++].is_lost = 0;
    }
    return OK;
}

int nvmlShutdown(void)
{
    if (!sessions) return UNINITIALIZED;
    sessions--;
    return OK;
}

const char *nvmlErrorString(int code)
{
    (void)code;
    return "a word of the imitated library";
}

int nvmlSystemGetDriverVersion(char *into, unsigned size)
{
    int code = begin("nvmlSystemGetDriverVersion");
    Line *driver = find("driver", NULL);
    return code ? code : give(into, size, driver ? driver->word[1] : "580.95.05");
}

int nvmlSystemGetProcessName(unsigned pid, char *into, unsigned size)
{
    int code = begin("nvmlSystemGetProcessName");
    if (code) return code;
    for (int i = 0; i < line_count; i++)
        if (!strcmp(lines[i].word[0], "process") && (unsigned)atol(lines[i].word[3]) == pid)
            return lines[i].words > 5 ? give(into, size, lines[i].word[5]) : NOT_FOUND;
    return NOT_FOUND;
}

int nvmlDeviceGetCount_v2(unsigned *count)
{
    int code = begin("nvmlDeviceGetCount_v2");
    if (!code) *count = (unsigned)device_count;
    return code;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, Device **handle)
{
    int code = begin("nvmlDeviceGetHandleByIndex_v2");
    if (code) return code;
    if (index >= (unsigned)device_count) return INVALID_ARGUMENT;
    *handle = &devices[index];
    return OK;
}

int nvmlDeviceGetUUID(Device *device, char *into, unsigned size)
{
    Line *told;
    int code = begin_for("nvmlDeviceGetUUID", device, &told);
    return code ? code : give(into, size, told->word[1]);
}

int nvmlDeviceGetName(Device *device, char *into, unsigned size)
{
    Line *told;
    int code = begin_for("nvmlDeviceGetName", device, &told);
    return code ? code : give(into, size, told->word[3]);
}

int nvmlDeviceGetPciInfo_v3(Device *device, Pci *into)
{
    Line *told;
    int code = begin_for("nvmlDeviceGetPciInfo_v3", device, &told);
    if (code) return code;
    memset(into, 0, sizeof *into);
    sscanf(told->word[2], "%x:%x:%x", &into->domain, &into->bus, &into->device);
    return give(into->bus_id, sizeof into->bus_id, told->word[2]);
}

int nvmlDeviceGetCudaComputeCapability(Device *device, int *major, int *minor)
{
    Line *told;
    int code = begin_for("nvmlDeviceGetCudaComputeCapability", device, &told);
    if (!code) sscanf(told->word[4], "%d.%d", major, minor);
    return code;
}

int nvmlDeviceGetMemoryInfo(Device *device, Memory *into)
{
    Line *told;
    int code = begin_for("nvmlDeviceGetMemoryInfo", device, &told);
    if (code) return code;
    into->total = mib(told->word[5]);
    into->used = mib(told->word[6]) + mib(told->word[7]);
    into->free = into->total - into->used;
    return OK;
}

int nvmlDeviceGetMemoryInfo_v2(Device *device, Memory2 *into)
{
    Line *told;
    int code = begin_for("nvmlDeviceGetMemoryInfo_v2", device, &told);
    if (code) return code;
    if (into->version != MEMORY_V2) return VERSION_MISMATCH;
    into->total = mib(told->word[5]);
    into->reserved = mib(told->word[6]);
    into->used = mib(told->word[7]);
    into->free = into->total - into->reserved - into->used;
    return OK;
}

static int processes(const char *function, const char *kind, Device *device, unsigned *count,
                     Process *into)
{
    Line *told;
    int code = begin_for(function, device, &told);
    unsigned found = 0, room = into ? *count : 0;
    if (code) return code;
    for (int i = 0; i < line_count; i++) {
        Line *line = &lines[i];
        if (strcmp(line->word[0], "process") || strcmp(line->word[1], device->uuid)) continue;
        if (strcmp(line->word[2], kind)) continue;
        if (found < room) {
            unsigned long long memory = *line->word[4] == '?' ? NOT_TOLD : mib(line->word[4]);
            into[found] = (Process){ (unsigned)atol(line->word[3]), memory, ~0u, ~0u };
        }
        found++;
    }
    *count = found;
    return found > room ? INSUFFICIENT_SIZE : OK;
}

int nvmlDeviceGetComputeRunningProcesses_v3(Device *device, unsigned *count, Process *into)
{
    return processes("nvmlDeviceGetComputeRunningProcesses_v3", "compute", device, count, into);
}

int nvmlDeviceGetGraphicsRunningProcesses_v3(Device *device, unsigned *count, Process *into)
{
    return processes("nvmlDeviceGetGraphicsRunningProcesses_v3", "graphics", device, count, into);
}
