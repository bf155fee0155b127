/* Cards that are split. */
#include "device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int nvmlDeviceGetMigMode(Device *device, unsigned *now, unsigned *later)
{
    Line *told;
    int code = begin_for_card("nvmlDeviceGetMigMode", device, &told);
    if (code) return code;
    /* Cards for the desk cannot be split at all, and say so. */
    if (!find("mig", device->uuid) && strstr(told->word[3], "GeForce")) return NOT_SUPPORTED;
    *now = *later = find("mig", device->uuid) != NULL;
    return OK;
}

int nvmlDeviceGetMaxMigDeviceCount(Device *device, unsigned *count)
{
    Line *told;
    int code = begin_for_card("nvmlDeviceGetMaxMigDeviceCount", device, &told);
    if (!code) *count = find("mig", device->uuid) ? SLICES_MAX : 0;
    return code;
}

int nvmlDeviceGetMigDeviceHandleByIndex(Device *device, unsigned index, Device **handle)
{
    Line *told;
    int code = begin_for_card("nvmlDeviceGetMigDeviceHandleByIndex", device, &told);
    if (code) return code;
    for (int i = 0; i < line_count; i++) {
        Line *line = &lines[i];
        if (strcmp(line->word[0], "slice") || strcmp(word(line, 1), device->uuid)) continue;
        if ((unsigned)atoi(word(line, 2)) != index || index >= SLICES_MAX) continue;
        Device *slice = &device->slices[index];
        snprintf(slice->uuid, sizeof slice->uuid, "%s", word(line, 3));
        *handle = slice;
        return OK;
    }
    return NOT_FOUND;
}

static int part(const char *function, Device *device, int at, unsigned *into)
{
    Line *told;
    int code = begin_for(function, device, &told);
    if (!code && !device->card) return NOT_SUPPORTED;
    if (!code) *into = (unsigned)atoi(word(told, at));
    return code;
}

int nvmlDeviceGetGpuInstanceId(Device *device, unsigned *into)
{
    return part("nvmlDeviceGetGpuInstanceId", device, 5, into);
}

int nvmlDeviceGetComputeInstanceId(Device *device, unsigned *into)
{
    return part("nvmlDeviceGetComputeInstanceId", device, 6, into);
}
