/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Out of memory in the command: one message, exit status 2
 *
 * libviommu-tables returns an error, but GLib, which the command itself uses, would abort, and
 * recurse until the stack overflows if it cannot allocate its own message. So the program replaces
 * malloc() for everything it links. An output file is not affected, because output.c allocates
 * nothing while it replaces it.
 *
 * glibc supports the replacement and keeps its own functions under __libc_ names. With other C
 * libraries, and under sanitizers, which replace malloc() themselves (meson.build), GLib's
 * behaviour remains.
 */
#include <stdlib.h>
#include <unistd.h>

#include "command.h"

#ifdef __GLIBC__

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);

/* _exit() discards buffered output: half an answer would look like a whole one. */
static void *checked(void *memory, size_t size)
{
	static const char text[] = "viommu: out of memory\n";

	if (memory || !size)
		return memory;
	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	_exit(EXIT_COULD_NOT);
}

void *malloc(size_t size)
{
	return checked(__libc_malloc(size), size);
}

void *calloc(size_t n, size_t size)
{
	return checked(__libc_calloc(n, size), n && size);
}

void *realloc(void *old, size_t size)
{
	return checked(__libc_realloc(old, size), size);
}

#endif
