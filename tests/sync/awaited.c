/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A reader whose section the writer sleeps for wakes it at the end: src/sync/readers.c
 *
 * Otherwise a writer whose processor has such a reader would get one grace period in each time
 * slice of the reader. The calls of the code itself are counted by hooks.
 */
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

static _Atomic(int) wakes, yields;

static long count_call(long call, ...);
static int count_yield(void);

#define syscall     count_call
#define sched_yield count_yield
#include "../../src/sync/readers.c"
#undef syscall
#undef sched_yield

/* A wake is counted; a sleep is not one, as if it were short. */
static long count_call(long call, ...)
{
	va_list arguments;

	va_start(arguments, call);
	if (call == SYS_futex) {
		va_arg(arguments, void *);
		wakes += va_arg(arguments, int) == FUTEX_WAKE_PRIVATE;
	}
	va_end(arguments);
	return 1;
}

static int count_yield(void)
{
	yields++;
	return sched_yield();
}

static struct readers readers;

static void *synchronize(void *unused)
{
	(void)unused;
	readers_synchronize(&readers);
	return NULL;
}

static int complain(const char *what)
{
	puts(what);
	return 1;
}

/* A section that nobody waits for; one that the writer sleeps for; and another that nobody does. */
int main(void)
{
	struct reader *reader = reader_new(&readers);
	pthread_t writer;

	reader_enter(reader);
	reader_leave(reader);
	if (wakes || yields)
		return complain("a reader that no writer waits for makes a system call");
	reader_enter(reader);
	pthread_create(&writer, NULL, synchronize, NULL);
	while (!reader->is_awaited)
		sched_yield();
	reader_leave(reader);
	pthread_join(writer, NULL);
	if (wakes != 1 || yields != 1)
		return complain("a reader does not wake the writer that sleeps for it");
	reader_enter(reader);
	reader_leave(reader);
	if (wakes != 1)
		return complain("a reader wakes a writer that is gone");
	reader_free(reader);
	readers_fini(&readers);
	return 0;
}
