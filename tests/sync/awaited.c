/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A reader whose section the writer sleeps for wakes it at the end: src/sync/readers.c
 *
 * Otherwise a writer whose processor has such a reader would get one grace period in each time
 * slice of the reader. The calls of the code itself are counted by hooks.
 */
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static _Atomic(int) wakes, yields, naps;

static long count_call(long call, ...);
static int count_yield(void);
static int count_nap(const struct timespec *nap, struct timespec *left);

#ifdef WITHOUT_FUTEX
#undef SYS_futex
#endif
#define syscall     count_call
#define sched_yield count_yield
#define nanosleep   count_nap
#include "../../src/sync/readers.c"
#undef syscall
#undef sched_yield
#undef nanosleep

#ifdef SYS_futex
enum { HAS_FUTEX = 1 };
#else
enum { HAS_FUTEX = 0 };
#endif

static bool is_old_kernel = !HAS_FUTEX;

/* A wake is counted; a sleep is not one, as if it were short. An old kernel has neither. */
static long count_call(long call, ...)
{
	va_list arguments;

	va_start(arguments, call);
	if (call != SYS_gettid) {
		va_arg(arguments, void *);
		wakes += !is_old_kernel && va_arg(arguments, int) == FUTEX_WAKE_PRIVATE;
	}
	va_end(arguments);
	errno = is_old_kernel ? ENOSYS : EINTR;
	return -1;
}

static int count_nap(const struct timespec *nap, struct timespec *left)
{
	naps++;
	return nanosleep(nap, left);
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

/* The writer sleeps for the section. */
static void leave_awaited(struct reader *reader)
{
	pthread_t writer;

	reader_enter(reader);
	pthread_create(&writer, NULL, synchronize, NULL);
	while (!reader->is_awaited || (is_old_kernel && !naps))
		sched_yield();
	reader_leave(reader);
	pthread_join(writer, NULL);
}

/* A section without a waiting writer; one that a writer sleeps for; and another without one. */
static int complain_of_wakes(struct reader *reader)
{
	reader_enter(reader);
	reader_leave(reader);
	if (wakes || yields)
		return complain("a reader that no writer waits for makes a system call");
	leave_awaited(reader);
	if (wakes != 1 || yields != 1 || naps)
		return complain("a reader does not wake the writer that sleeps for it");
	reader_enter(reader);
	reader_leave(reader);
	if (wakes != 1)
		return complain("a reader wakes a writer that is gone");
	return 0;
}

/* A kernel without the call, at first or at all: the writer does not spin. */
int main(void)
{
	struct reader *reader = reader_new(&readers);

	if (HAS_FUTEX && complain_of_wakes(reader))
		return 1;
	is_old_kernel = true;
	yields = 0;
	leave_awaited(reader);
	if (!naps || yields != 1)
		return complain("a writer does not sleep on a kernel that cannot wake it");
	reader_free(reader);
	readers_fini(&readers);
	return 0;
}
