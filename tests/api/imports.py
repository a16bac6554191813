#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The functions that libviommu imports from libc, and no others.

    imports.py LIBRARY

Tests of failing allocations and of held memory replace the functions that allocate (tests/device). So the library must
not use other functions that allocate, directly or indirectly.
"""

import re
import subprocess
import sys

# In the place of which tests put their own: see link_args in tests/device/meson.build.
MEMORY = {"malloc", "calloc", "aligned_alloc", "free"}

# These need no memory, or work without: of what is here, qsort() alone asks for some, and sorts in
# place if there is none. pthread_setspecific() says so if it cannot have its own.
HARMLESS = {
    "madvise", "memcpy", "memmove", "memset", "memcmp", "bcmp", "strcmp", "strlen", "vsnprintf", "qsort",
    "nanosleep", "clock_gettime", "sched_yield", "pthread_key_create", "pthread_key_delete", "pthread_mutex_destroy",
    "pthread_mutex_init", "pthread_mutex_lock", "pthread_mutex_clocklock", "pthread_mutex_timedlock",
    "pthread_mutex_trylock", "pthread_mutex_unlock", "pthread_once",
    "pthread_mutexattr_destroy", "pthread_mutexattr_init", "pthread_mutexattr_settype",
    "pthread_cond_broadcast", "pthread_cond_destroy", "pthread_cond_wait",
    "pthread_setspecific", "syscall",
    # pthread_cleanup_push(), which keeps its state on the stack.
    "__pthread_register_cancel", "__pthread_unregister_cancel", "__pthread_unwind_next", "__sigsetjmp",
    # Of src/backend/ alone, which a VMM calls by name: the device itself opens nothing.
    "open", "open64", "close", "ioctl", "readlink", "getdents64", "getrlimit", "getrlimit64",
    "read", "write", "epoll_create1", "epoll_ctl",
    "__errno_location",
}

# What compilers and linkers put in. Not __tls_get_addr: it makes a thread's memory when that is first
# asked for, and ends the process if it cannot.
COMPILERS = {"__cxa_finalize", "__stack_chk_fail", "__gmon_start__"}


def imports(library):
    text = subprocess.run(["nm", "-D", "--undefined-only", library], check=True,
                          capture_output=True, text=True).stdout
    for line in text.splitlines():
        name = line.split()[-1].split("@")[0]
        if not name.startswith("_ITM_"):
            yield name if name in COMPILERS else re.sub(r"^__(\w+)_chk$", r"\1", name)


def main():
    names = set(imports(sys.argv[1]))
    strange = sorted(names - MEMORY - HARMLESS - COMPILERS)
    for name in strange:
        print(f"{name}: does it take memory? see {__file__}", file=sys.stderr)
    print(f"{len(names)} functions of libc")
    return 1 if strange or not MEMORY <= names else 0


sys.exit(main())
