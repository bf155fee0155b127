/* Who holds memory. A card that is split lists the processes of its slices, and where they run. */
#include "device.h"

#include <stdlib.h>
#include <string.h>

#define NOT_TOLD 0xffffffffffffffffull
#define NOWHERE 0xffffffffu

typedef struct { unsigned pid; unsigned long long memory; unsigned gpu_instance, compute_instance; }
    Process;

/* The slice that this line's process runs on; NULL for a whole card. */
static Line *slice_of(const Line *process)
{
    for (int i = 0; i < line_count; i++)
        if (!strcmp(lines[i].word[0], "slice") && !strcmp(word(&lines[i], 3), word(process, 1)))
            return &lines[i];
    return NULL;
}

static int runs_on(const Line *process, const Device *device)
{
    Line *slice = slice_of(process);
    return !strcmp(word(process, 1), device->uuid)
        || (slice && !strcmp(word(slice, 1), device->uuid));
}

static Process told_of(const Line *process)
{
    Line *slice = slice_of(process);
    const char *memory = word(process, 4);
    return (Process){
        (unsigned)atol(word(process, 3)),
        untold(memory) ? NOT_TOLD : mib(memory),
        slice ? (unsigned)atoi(word(slice, 5)) : NOWHERE,
        slice ? (unsigned)atoi(word(slice, 6)) : NOWHERE,
    };
}

static int processes(const char *function, const char *kind, Device *device, unsigned *count,
                     Process *into)
{
    Line *told;
    int code = begin_for(function, device, &told);
    unsigned found = 0, room = into ? *count : 0;
    if (code) return code;
    for (int i = 0; i < line_count && !find("hidden", NULL); i++) {
        Line *line = &lines[i];
        if (strcmp(line->word[0], "process") || strcmp(word(line, 2), kind)) continue;
        if (!runs_on(line, device)) continue;
        if (found < room) into[found] = told_of(line);
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
