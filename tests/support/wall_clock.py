"""A wall clock for one process that a test may correct; the clock of the machine stays as it is."""

import mmap
import os
import shutil
import struct
import subprocess

# Only CLOCK_REALTIME: what is measured with other clocks goes on as it was.
SOURCE = """
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static volatile long *ahead_s;

__attribute__((constructor)) static void find(void) {
    const char *path = getenv("CLOCK_AHEAD_FILE");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *map = fd < 0 ? MAP_FAILED : mmap(0, sizeof(long), PROT_READ, MAP_SHARED, fd, 0);
    if (map != MAP_FAILED) ahead_s = map;
    if (fd >= 0) close(fd);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = (int)syscall(SYS_clock_gettime, clock, now);
    if (!failed && clock == CLOCK_REALTIME && ahead_s) now->tv_sec += *ahead_s;
    return failed;
}
"""


class WallClock:
    """Start a server with `env`, then move its clock with `set`."""

    def __init__(self, folder):
        source, library, ahead = (folder / name for name in ("clock.c", "clock.so", "ahead"))
        source.write_text(SOURCE)
        ahead.write_bytes(struct.pack("l", 0))
        compiler = shutil.which("cc") or shutil.which("gcc")
        assert compiler, "a C compiler is needed, as for the build"
        subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", library, source], check=True)
        file = os.open(ahead, os.O_RDWR)
        self.map = mmap.mmap(file, struct.calcsize("l"))
        os.close(file)
        self.env = {"LD_PRELOAD": str(library), "CLOCK_AHEAD_FILE": str(ahead)}

    def set(self, seconds):
        """The clock is this much ahead of the machine's from now on."""
        self.map[:] = struct.pack("l", seconds)
