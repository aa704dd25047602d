/* Makes each fsync and fdatasync of a program take FSYNC_DELAY_US microseconds longer. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

static int slowed(const char *name, int file) {
    static long delay_us = -1;
    if (delay_us < 0) {
        const char *text = getenv("FSYNC_DELAY_US");
        delay_us = text ? atol(text) : 0;
    }
    usleep((useconds_t)delay_us);
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    return real(file);
}

int fsync(int file) { return slowed("fsync", file); }
int fdatasync(int file) { return slowed("fdatasync", file); }
