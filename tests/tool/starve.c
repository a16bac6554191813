/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A C library that runs out of memory, for LD_PRELOAD: STARVE=n lets n allocations of a program
 * succeed, and none after them. With STARVE unset, how many there were is the last line of stderr.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);

static long allocations;

static void *real(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

static int is_starved(void)
{
	const char *most = getenv("STARVE");

	if (!most || allocations < atol(most)) {
		allocations++;
		return 0;
	}
	errno = ENOMEM;
	return 1;
}

void *__libc_malloc(size_t size)
{
	static void *(*next)(size_t size);

	next = next ? next : (void *(*)(size_t))real("__libc_malloc");
	return is_starved() ? NULL : next(size);
}

void *__libc_calloc(size_t n, size_t size)
{
	static void *(*next)(size_t n, size_t size);

	next = next ? next : (void *(*)(size_t, size_t))real("__libc_calloc");
	return is_starved() ? NULL : next(n, size);
}

void *__libc_realloc(void *old, size_t size)
{
	static void *(*next)(void *old, size_t size);

	next = next ? next : (void *(*)(void *, size_t))real("__libc_realloc");
	return is_starved() ? NULL : next(old, size);
}

__attribute__((destructor)) static void count(void)
{
	if (!getenv("STARVE"))
		fprintf(stderr, "%ld\n", allocations);
}
