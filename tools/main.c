/* SPDX-License-Identifier: BSD-3-Clause */
/* Only main(): fuzz/command.c links everything else and calls command_main(). */
#include <limits.h>
#include <stdlib.h>

#ifdef __GLIBC__
#include <malloc.h>
#define MAPPED_LEAST (32 << 20) /* the most that glibc sets by itself */
#endif

#include "command.h"

/* The process ends soon: the kernel would only have to clear again what it was given back. */
static void keep_freed_memory(void)
{
#ifdef __GLIBC__
	mallopt(M_TRIM_THRESHOLD, INT_MAX);
	mallopt(M_MMAP_THRESHOLD, MAPPED_LEAST);
#endif
}

int main(int argc, char **argv)
{
	keep_freed_memory();
	return command_main(argc, argv);
}
