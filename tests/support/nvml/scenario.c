#include "scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

Line lines[LINES_MAX];
int line_count;

void nap(long milliseconds)
{
    struct timespec left = { milliseconds / 1000, milliseconds % 1000 * 1000000L };
    nanosleep(&left, NULL);
}

static void split(Line *line)
{
    line->text[strcspn(line->text, "\n")] = 0;
    line->words = 0;
    for (char *at = line->text; at && line->words < WORDS_MAX;) {
        line->word[line->words++] = at;
        at = strchr(at, '|');
        if (at) *at++ = 0;
    }
}

void read_scenario(void)
{
    const char *path = getenv("XINF_TEST_NVML");
    FILE *file = path ? fopen(path, "r") : NULL;
    line_count = 0;
    while (file && line_count < LINES_MAX && fgets(lines[line_count].text, sizeof lines[0].text,
                                                   file)) {
        split(&lines[line_count]);
        if (lines[line_count].text[0]) line_count++;
    }
    if (file) fclose(file);
}

Line *find(const char *first, const char *second)
{
    for (int i = 0; i < line_count; i++) {
        if (strcmp(lines[i].word[0], first)) continue;
        if (!second || !strcmp(word(&lines[i], 1), second)) return &lines[i];
    }
    return NULL;
}

const char *word(const Line *line, int at)
{
    return line && at < line->words ? line->word[at] : "";
}

int untold(const char *text) { return !*text || *text == '?'; }

unsigned long long mib(const char *text) { return strtoull(text, NULL, 10) * MIB; }

long long age_ms(void)
{
    const char *path = getenv("XINF_TEST_NVML");
    struct stat written;
    struct timespec now;
    if (!path || stat(path, &written)) return 0;
    clock_gettime(CLOCK_REALTIME, &now);
    return (now.tv_sec - written.st_mtim.tv_sec) * 1000LL
         + (now.tv_nsec - written.st_mtim.tv_nsec) / 1000000LL;
}

unsigned long long along(const char *curve)
{
    long long age = age_ms();
    unsigned long long held = 0;
    while (curve && *curve) {
        char *rest;
        long long at = strtoll(curve, &rest, 10);
        if (*rest != ':') break;
        unsigned long long value = strtoull(rest + 1, &rest, 10);
        if (at <= age) held = value * MIB;
        curve = *rest == ',' ? rest + 1 : NULL;
    }
    return held;
}
