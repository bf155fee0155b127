/* Cards and their MIG slices as handles; what comes before every answer. */
#ifndef DEVICE_H
#define DEVICE_H

#include "scenario.h"

enum { OK = 0, UNINITIALIZED = 1, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6,
       INSUFFICIENT_SIZE = 7, GPU_IS_LOST = 15, VERSION_MISMATCH = 25 };
#define DEVICES_MAX 16
#define SLICES_MAX 7

typedef struct Device Device;
struct Device {
    char uuid[96];
    int is_lost;
    /* Of a slice: its card. NULL for a card. */
    Device *card;
    Device *slices;
};

extern Device devices[DEVICES_MAX];
extern int device_count;
extern int sessions;

/* What comes before every answer: time passes, and nobody may ask before the beginning. */
int begin(const char *function);
/* The same for a question about one device; `told` is its line, a slice's or a card's. */
int begin_for(const char *function, Device *device, Line **told);
/* The same where slices are not asked. */
int begin_for_card(const char *function, Device *device, Line **told);
int give(char *into, unsigned size, const char *text);
/* A number from a line of this kind about this device; NOT_SUPPORTED where it is not told. */
int number_of(const char *function, Device *device, const char *kind, int at, unsigned *into);
/* The same, with what holds where no such line is. */
int flag_of(const char *function, Device *device, const char *kind, int at, unsigned *into);

#endif
