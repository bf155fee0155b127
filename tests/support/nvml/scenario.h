/* What the imitated driver says now, read anew from its file at every call. See nvml.c. */
#ifndef SCENARIO_H
#define SCENARIO_H

#define LINES_MAX 256
#define WORDS_MAX 12
#define MIB (1024ull * 1024ull)

typedef struct { char text[512]; char *word[WORDS_MAX]; int words; } Line;

extern Line lines[LINES_MAX];
extern int line_count;

void read_scenario(void);
/* The first line that begins with these words; NULL matches any. */
Line *find(const char *first, const char *second);
/* A word of a line; "" where the line has none there, or is not there itself. */
const char *word(const Line *line, int at);
/* Whether the scenario says nothing: no word, or "?". */
int untold(const char *text);
unsigned long long mib(const char *text);
/* Milliseconds since the scenario was written. */
long long age_ms(void);
/* What a curve like "0:100,2000:900" (milliseconds:MiB) is at now, in bytes. */
unsigned long long along(const char *curve);
void nap(long milliseconds);

#endif
