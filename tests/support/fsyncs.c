/* Preloaded into a process, writes down each file that it has synced, after the sync is done.
 * One path a line, into the file that FSYNCS names. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int synced(const char *name, int fd) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    int result = real(fd), error = errno;
    char link[64], line[PATH_MAX + 1];
    const char *log = getenv("FSYNCS");
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, line, PATH_MAX);
    if (result == 0 && log && length > 0) {
        int out = open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        line[length] = '\n';
        if (out < 0 || write(out, line, length + 1) != length + 1)
            abort();
        close(out);
    }
    errno = error;
    return result;
}

int fsync(int fd) { return synced("fsync", fd); }

int fdatasync(int fd) { return synced("fdatasync", fd); }
