/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A thread without a reader that is late to be counted: src/sync/readers.c
 *
 * The thread has read the phase and is stopped, and meanwhile a writer ends this phase. Once it
 * goes on it must not be counted in the old phase, which the next writer does not look at: that
 * writer would not wait for it. The stop is a hook in the atomic addition of the code itself.
 */
#include <stdio.h>
#include <time.h>

#include "sync/readers.h"

static void be_late(void);

#undef atomic_fetch_add
#define atomic_fetch_add(at, n) (be_late(), atomic_fetch_add_explicit(at, n, memory_order_seq_cst))
#include "../../src/sync/readers.c"

static struct readers readers;
static bool is_late; /* the next addition is late */
static atomic_bool done;

static void *synchronize(void *unused)
{
	(void)unused;
	readers_synchronize(&readers);
	done = true;
	return NULL;
}

/* A writer that finds one thread counted ends the phase, and waits until that thread leaves. */
static void be_late(void)
{
	unsigned phase, before = readers.phase;
	pthread_t writer;

	if (!is_late)
		return;
	is_late = false;
	phase = readers_enter_unregistered(&readers);
	pthread_create(&writer, NULL, synchronize, NULL);
	while (readers.phase == before)
		sched_yield();
	readers_leave_unregistered(&readers, phase);
	pthread_join(writer, NULL);
	done = false;
}

int main(void)
{
	static const struct timespec a_while = { .tv_nsec = 50000000 };
	pthread_t writer;
	unsigned phase;
	bool too_early;

	is_late = true;
	phase = readers_enter_unregistered(&readers);
	pthread_create(&writer, NULL, synchronize, NULL);
	nanosleep(&a_while, NULL);
	too_early = done;
	readers_leave_unregistered(&readers, phase);
	pthread_join(writer, NULL);
	if (too_early)
		puts("a writer did not wait for a thread that was late to be counted");
	return too_early;
}
