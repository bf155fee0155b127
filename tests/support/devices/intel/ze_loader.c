/* libze_loader.so.1 for machines without Intel's drivers: the six calls of Sysman that xinf makes.
 *
 * The file that ZE_SCENARIO names says what there is, one fact a line:
 *   driver                                   what follows belongs to another driver
 *   device DOMAIN BUS DEVICE FUNCTION        hexadecimal, as in a PCI address
 *   memory SIZE FREE                         a module of the device above, bytes
 *   fail zesMemoryGetState 0x78000003        this call fails
 *   crash                                    in zesInit
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { uint64_t size, free; } module_t;
typedef struct { uint32_t domain, bus, device, function, modules; module_t module[4]; } device_t;
typedef struct { uint32_t devices; device_t device[8]; } driver_t;
typedef struct { uint32_t stype; void *next; uint32_t domain, bus, device, function;
                 int32_t gen, width; int64_t bandwidth; uint8_t has[3]; } pci_properties_t;
typedef struct { uint32_t stype; const void *next; uint32_t health; uint64_t free, size; } mem_state_t;

_Static_assert(sizeof(pci_properties_t) == 56, "zes_pci_properties_t");
_Static_assert(sizeof(mem_state_t) == 40, "zes_mem_state_t");

enum { INVALID_STYPE = 0x78000004 };

static driver_t driver[4];
static uint32_t drivers;
static char failing[64];
static int failure;

#define REFUSE_IF_TOLD_TO if (!strcmp(failing, __func__)) return failure

static void read_line(const char *line) {
    driver_t *last = drivers ? &driver[drivers - 1] : NULL;
    device_t *of = last && last->devices ? &last->device[last->devices - 1] : NULL;
    device_t d = {0};
    module_t m;
    if (!strncmp(line, "driver", 6)) drivers++;
    else if (!strncmp(line, "crash", 5)) abort();
    else if (sscanf(line, "fail %63s %i", failing, &failure) == 2) return;
    else if (last && sscanf(line, "device %x %x %x %x", &d.domain, &d.bus, &d.device, &d.function) == 4)
        last->device[last->devices++] = d;
    else if (of && sscanf(line, "memory %lu %lu", &m.size, &m.free) == 2)
        of->module[of->modules++] = m;
}

int zesInit(uint32_t flags) {
    (void)flags;
    char line[256];
    FILE *file = fopen(getenv("ZE_SCENARIO"), "r");
    if (!file) return 0x78000001;
    while (fgets(line, sizeof line, file)) read_line(line);
    fclose(file);
    REFUSE_IF_TOLD_TO;
    return 0;
}

static int list(uint32_t there, char *first, size_t each, uint32_t *count, void **handles) {
    if (handles) for (uint32_t i = 0; i < there && i < *count; i++) handles[i] = first + i * each;
    if (!handles || *count > there) *count = there;
    return 0;
}

int zesDriverGet(uint32_t *count, void **handles) {
    REFUSE_IF_TOLD_TO;
    return list(drivers, (char *)driver, sizeof *driver, count, handles);
}

int zesDeviceGet(driver_t *of, uint32_t *count, void **handles) {
    REFUSE_IF_TOLD_TO;
    return list(of->devices, (char *)of->device, sizeof *of->device, count, handles);
}

int zesDevicePciGetProperties(device_t *of, pci_properties_t *told) {
    REFUSE_IF_TOLD_TO;
    if (told->stype != 0x2) return INVALID_STYPE;
    told->domain = of->domain, told->bus = of->bus;
    told->device = of->device, told->function = of->function;
    return 0;
}

int zesDeviceEnumMemoryModules(device_t *of, uint32_t *count, void **handles) {
    REFUSE_IF_TOLD_TO;
    return list(of->modules, (char *)of->module, sizeof *of->module, count, handles);
}

int zesMemoryGetState(module_t *of, mem_state_t *told) {
    REFUSE_IF_TOLD_TO;
    if (told->stype != 0x1e) return INVALID_STYPE;
    told->size = of->size, told->free = of->free;
    return 0;
}
