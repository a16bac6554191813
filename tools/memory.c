/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The command without memory
 *
 * libviommu-tables returns an error without memory. GLib, which the command itself uses, stops the
 * program as if it had crashed; and where there is not even enough for its message, it calls itself
 * until the stack is full. To a user it is an answer like any other, with an exit status: nothing
 * was done. So allocation is asked here, for all that the program is made of. A file that was to be
 * replaced is still as it was, for nothing is allocated while that is done (output.c).
 *
 * The C library of GNU lets a program put its own functions in the place of these, and has its own
 * under another name. Elsewhere the command ends as GLib has it; so it does under sanitizers, which
 * take these places themselves (meson.build).
 */
#include <stdlib.h>
#include <unistd.h>

#include "command.h"

#ifdef __GLIBC__

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);

/* What standard output holds back is not written: half an answer would look like one. */
static void *checked(void *memory, size_t size)
{
	static const char text[] = "viommu: out of memory: give it more, or a smaller input\n";

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
