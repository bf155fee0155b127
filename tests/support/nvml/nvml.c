/* NVML as pynvml calls it, without a driver: answers come from a scenario file.
 *
 * The file is named by XINF_TEST_NVML and read anew at every call, so that a test may change it
 * while somebody asks. One fact a line, words separated by '|', '?' for what is not supported:
 *
 *     driver|580.95.05
 *     cuda|13000                              the newest CUDA that the driver serves
 *     init|9                                  what nvmlInit answers; 0 = fine
 *     stuck                                   every call hangs until this line is gone
 *     slow|200                                every call takes that many milliseconds
 *     device|UUID|BUS ID|NAME|12.0|TOTAL MiB|RESERVED MiB|USED MiB     "?" MiB: memory is unified
 *     used|UUID|0:100,2000:900                used MiB from so many milliseconds after the file
 *                                             was written; also of a slice
 *     vitals|UUID|UTILISATION %|CELSIUS|WATTS|LIMIT WATTS|DEFAULT LIMIT WATTS
 *     display|UUID|ACTIVE|ATTACHED            0 or 1; without the line 0
 *     persistence|UUID|1                      without the line 0
 *     ecc|UUID|REMAP PENDING|REMAP FAILED|PAGES PENDING     0 or 1
 *     recovery|UUID|1                         what the driver wants done; without the line nothing
 *     mig|UUID                                this card is in MIG mode
 *     slice|UUID|INDEX|MIG UUID|PROFILE|GPU INSTANCE|COMPUTE INSTANCE|TOTAL MiB|USED MiB
 *     process|UUID|compute|4242|1024|/usr/bin/python3     1024 MiB; "?" where it is not told; UUID
 *                                                         may be a slice's
 *     hidden                                  no process is listed, as in a container
 *     fault|UUID|15                           what everything about this card answers
 *     refuse|nvmlDeviceGetComputeRunningProcesses_v3|3    what one call answers for all devices
 *
 * As in the real library, what is there is decided by nvmlInit, and a card that was lost stays lost
 * until the next one; slices come and go while a session lasts. Records and numbers as in NVIDIA's
 * public nvml.h.
 */
#include "device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Device devices[DEVICES_MAX];
int device_count;
int sessions;

static Device slices[DEVICES_MAX][SLICES_MAX];

int begin(const char *function)
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

static Line *line_of_slice(const char *uuid)
{
    for (int i = 0; i < line_count; i++)
        if (!strcmp(lines[i].word[0], "slice") && !strcmp(word(&lines[i], 3), uuid))
            return &lines[i];
    return NULL;
}

int begin_for(const char *function, Device *device, Line **told)
{
    int code = begin(function);
    if (code) return code;
    Device *card = device->card ? device->card : device;
    Line *fault = find("fault", card->uuid);
    if (fault && atoi(fault->word[2]) == GPU_IS_LOST) card->is_lost = 1;
    if (card->is_lost) return GPU_IS_LOST;
    if (fault) return atoi(fault->word[2]);
    if (!find("device", card->uuid)) return GPU_IS_LOST;
    *told = device->card ? line_of_slice(device->uuid) : find("device", device->uuid);
    return *told ? OK : NOT_FOUND;
}

int begin_for_card(const char *function, Device *device, Line **told)
{
    int code = begin_for(function, device, told);
    return !code && device->card ? INVALID_ARGUMENT : code;
}

int number_of(const char *function, Device *device, const char *kind, int at, unsigned *into)
{
    Line *told;
    int code = begin_for_card(function, device, &told);
    const char *found = word(find(kind, device->uuid), at);
    if (code || untold(found)) return code ? code : NOT_SUPPORTED;
    *into = (unsigned)strtoul(found, NULL, 10);
    return OK;
}

int flag_of(const char *function, Device *device, const char *kind, int at, unsigned *into)
{
    int code = number_of(function, device, kind, at, into);
    if (code != NOT_SUPPORTED || *word(find(kind, device->uuid), at) == '?') return code;
    *into = 0;
    return OK;
}

int give(char *into, unsigned size, const char *text)
{
    if (strlen(text) + 1 > size) return INSUFFICIENT_SIZE;
    strcpy(into, text);
    return OK;
}

static void find_cards(void)
{
    device_count = 0;
    for (int i = 0; i < line_count && device_count < DEVICES_MAX; i++) {
        if (strcmp(lines[i].word[0], "device")) continue;
        Device *card = &devices[device_count];
        snprintf(card->uuid, sizeof card->uuid, "%s", lines[i].word[1]);
        card->is_lost = 0;
        card->slices = slices[device_count++];
        for (int slot = 0; slot < SLICES_MAX; slot++) card->slices[slot].card = card;
    }
}

int nvmlInitWithFlags(unsigned flags)
{
    (void)flags;
    sessions++;
    begin("nvmlInitWithFlags");
    Line *init = find("init", NULL);
    int code = init ? atoi(init->word[1]) : OK;
    if (code) sessions--;
    else find_cards();
    return code;
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

int nvmlSystemGetCudaDriverVersion_v2(int *version)
{
    int code = begin("nvmlSystemGetCudaDriverVersion_v2");
    Line *cuda = find("cuda", NULL);
    if (!code) *version = cuda ? atoi(cuda->word[1]) : 13000;
    return code;
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
