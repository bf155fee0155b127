/* Facts about one card, or about a slice where the real library tells them of slices too. */
#include "device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_V2 0x02000028u
#define RECOVERY_ACTION 230u
#define UNSIGNED_INT 1u

typedef struct { unsigned long long total, free, used; } Memory;
typedef struct { unsigned version; unsigned long long total, reserved, free, used; } Memory2;
typedef struct { unsigned gpu, memory; } Utilisation;
typedef struct {
    char bus_id_legacy[16];
    unsigned domain, bus, device, pci_device_id, pci_subsystem_id;
    char bus_id[32];
} Pci;
typedef struct {
    unsigned field, scope;
    long long timestamp, latency;
    unsigned type;
    int code;
    union { unsigned number; unsigned long long wide; } value;
} Field;

int nvmlDeviceGetUUID(Device *device, char *into, unsigned size)
{
    Line *told;
    int code = begin_for("nvmlDeviceGetUUID", device, &told);
    return code ? code : give(into, size, device->uuid);
}

int nvmlDeviceGetName(Device *device, char *into, unsigned size)
{
    Line *told;
    char name[160];
    int code = begin_for("nvmlDeviceGetName", device, &told);
    if (code) return code;
    if (!device->card) return give(into, size, told->word[3]);
    const char *card = word(find("device", device->card->uuid), 3);
    snprintf(name, sizeof name, "%s MIG %s", card, told->word[4]);
    return give(into, size, name);
}

int nvmlDeviceGetPciInfo_v3(Device *device, Pci *into)
{
    Line *told;
    int code = begin_for_card("nvmlDeviceGetPciInfo_v3", device, &told);
    if (code) return code;
    memset(into, 0, sizeof *into);
    sscanf(told->word[2], "%x:%x:%x", &into->domain, &into->bus, &into->device);
    return give(into->bus_id, sizeof into->bus_id, told->word[2]);
}

int nvmlDeviceGetCudaComputeCapability(Device *device, int *major, int *minor)
{
    Line *told;
    int code = begin_for_card("nvmlDeviceGetCudaComputeCapability", device, &told);
    if (!code) sscanf(told->word[4], "%d.%d", major, minor);
    return code;
}

static int memory(const char *function, Device *device, Memory2 *into)
{
    Line *told;
    int code = begin_for(function, device, &told), total = device->card ? 7 : 5;
    if (code) return code;
    if (untold(word(told, total))) return NOT_SUPPORTED;
    Line *curve = find("used", device->uuid);
    into->total = mib(word(told, total));
    into->reserved = device->card ? 0 : mib(word(told, 6));
    into->used = curve ? along(word(curve, 2)) : mib(word(told, device->card ? 8 : 7));
    into->free = into->total - into->reserved - into->used;
    return OK;
}

int nvmlDeviceGetMemoryInfo(Device *device, Memory *into)
{
    Memory2 found;
    int code = memory("nvmlDeviceGetMemoryInfo", device, &found);
    /* The older record has no word for what the driver keeps: it counts as used. */
    if (!code) *into = (Memory){ found.total, found.free, found.total - found.free };
    return code;
}

int nvmlDeviceGetMemoryInfo_v2(Device *device, Memory2 *into)
{
    Memory2 found = { .version = into->version };
    int code = memory("nvmlDeviceGetMemoryInfo_v2", device, &found);
    if (code || into->version != MEMORY_V2) return code ? code : VERSION_MISMATCH;
    *into = found;
    return OK;
}

int nvmlDeviceGetUtilizationRates(Device *device, Utilisation *into)
{
    unsigned gpu;
    int code = number_of("nvmlDeviceGetUtilizationRates", device, "vitals", 2, &gpu);
    if (!code && find("mig", device->uuid)) return NOT_SUPPORTED;
    if (!code) *into = (Utilisation){ gpu, 0 };
    return code;
}

int nvmlDeviceGetTemperature(Device *device, unsigned sensor, unsigned *into)
{
    (void)sensor;
    return number_of("nvmlDeviceGetTemperature", device, "vitals", 3, into);
}

static int milliwatts(const char *function, Device *device, int at, unsigned *into)
{
    int code = number_of(function, device, "vitals", at, into);
    if (!code) *into *= 1000;
    return code;
}

int nvmlDeviceGetPowerUsage(Device *device, unsigned *into)
{
    return milliwatts("nvmlDeviceGetPowerUsage", device, 4, into);
}

int nvmlDeviceGetEnforcedPowerLimit(Device *device, unsigned *into)
{
    return milliwatts("nvmlDeviceGetEnforcedPowerLimit", device, 5, into);
}

int nvmlDeviceGetPowerManagementDefaultLimit(Device *device, unsigned *into)
{
    return milliwatts("nvmlDeviceGetPowerManagementDefaultLimit", device, 6, into);
}

int nvmlDeviceGetDisplayActive(Device *device, unsigned *into)
{
    return flag_of("nvmlDeviceGetDisplayActive", device, "display", 2, into);
}

int nvmlDeviceGetDisplayMode(Device *device, unsigned *into)
{
    return flag_of("nvmlDeviceGetDisplayMode", device, "display", 3, into);
}

int nvmlDeviceGetPersistenceMode(Device *device, unsigned *into)
{
    return flag_of("nvmlDeviceGetPersistenceMode", device, "persistence", 2, into);
}

int nvmlDeviceGetRemappedRows(Device *device, unsigned *correctable, unsigned *uncorrectable,
                              unsigned *is_pending, unsigned *has_failed)
{
    *correctable = *uncorrectable = 0;
    int code = number_of("nvmlDeviceGetRemappedRows", device, "ecc", 2, is_pending);
    return code ? code : number_of("nvmlDeviceGetRemappedRows", device, "ecc", 3, has_failed);
}

int nvmlDeviceGetRetiredPagesPendingStatus(Device *device, unsigned *into)
{
    return number_of("nvmlDeviceGetRetiredPagesPendingStatus", device, "ecc", 4, into);
}

int nvmlDeviceGetFieldValues(Device *device, int count, Field *into)
{
    Line *told;
    int code = begin_for_card("nvmlDeviceGetFieldValues", device, &told);
    for (int i = 0; !code && i < count; i++) {
        const char *action = word(find("recovery", device->uuid), 2);
        int is_known = into[i].field == RECOVERY_ACTION && *action != '?';
        into[i].code = is_known ? OK : NOT_SUPPORTED;
        into[i].type = UNSIGNED_INT;
        into[i].value.number = (unsigned)atoi(action);
    }
    return code;
}
