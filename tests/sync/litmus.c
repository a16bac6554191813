/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * litmus SECONDS: does the protocol of readers hold on this processor? It ends at a violation.
 *
 * Two threads run one round after the other. The reader enters a section and looks whether an
 * object is gone; the writer removes it, waits for sections and then frees it. A reader that found
 * the object must not see it freed before its section ends. Exit status 1 if one did.
 *
 * Both sides include the code itself, so that a build by hand with -DWITHOUT_READER_FENCE or
 * -DWITHOUT_WRITER_FENCE shows that this program notices, on a machine that runs both threads at
 * once. Without both fences in place a store can pass a later load on every processor that has
 * store buffers, x86 included. orders.c shows that in every run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sync/fence.h"

#ifdef WITHOUT_READER_FENCE
#define fence() atomic_signal_fence(memory_order_seq_cst)
#endif
#include "sync/readers.h"
#undef fence
#ifdef WITHOUT_WRITER_FENCE
#define fence() atomic_signal_fence(memory_order_seq_cst)
#endif
#include "../../src/sync/readers.c"

enum { ROUNDS = 4096, LOOKS = 24, SPINS = 200, APART = 64 };

struct round {
	_Atomic(int) gone;
	char apart[APART];
	_Atomic(int) freed;
	char apart_too[APART];
};

static struct round rounds[ROUNDS];
static struct readers readers;
static _Atomic(unsigned long) arrived[2][APART];
static atomic_bool stop;
static _Atomic(unsigned long) violations; /* counted by the reader */

/* Both threads begin each round together, give or take a few cycles. */
static void meet(unsigned me, unsigned long round)
{
	atomic_store_explicit(&arrived[me][0], round, memory_order_release);
	for (unsigned spins = 0;
	     atomic_load_explicit(&arrived[!me][0], memory_order_acquire) < round &&
	     !atomic_load_explicit(&stop, memory_order_relaxed);
	     spins++)
		if (spins > SPINS)
			sched_yield();
}

static void read_one(struct reader *reader, struct round *round)
{
	bool seen = false;

	reader_enter(reader);
	if (!atomic_load_explicit(&round->gone, memory_order_relaxed))
		for (unsigned i = 0; i < LOOKS; i++)
			seen |= atomic_load_explicit(&round->freed, memory_order_relaxed) != 0;
	reader_leave(reader);
	if (seen)
		violations++;
}

static void *read_all(void *unused)
{
	struct reader *reader = reader_new(&readers);

	(void)unused;
	for (unsigned long n = 1; !atomic_load_explicit(&stop, memory_order_relaxed); n++) {
		meet(0, n);
		read_one(reader, &rounds[n % ROUNDS]);
	}
	reader_free(reader);
	return NULL;
}

/* Rounds are used again when the reader has long passed them. */
static void write_one(unsigned long n)
{
	struct round *round = &rounds[n % ROUNDS], *next = &rounds[(n + ROUNDS / 2) % ROUNDS];

	atomic_store_explicit(&next->freed, 0, memory_order_relaxed);
	atomic_store_explicit(&next->gone, 0, memory_order_relaxed);
	meet(1, n);
	atomic_store_explicit(&round->gone, 1, memory_order_relaxed);
	readers_synchronize(&readers);
	atomic_store_explicit(&round->freed, 1, memory_order_relaxed);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	enum { CLOCK_EVERY = 1024 };
	double end = now() + (argc > 1 ? strtod(argv[1], NULL) : 1);
	unsigned long n = 0;
	pthread_t thread;

	if (pthread_create(&thread, NULL, read_all, NULL))
		return 2;
	do
		write_one(++n);
	while (n % CLOCK_EVERY || (now() < end && !atomic_load(&violations)));
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	readers_fini(&readers);
	printf("%lu rounds, %lu violations\n", n, atomic_load(&violations));
	return violations ? 1 : 0;
}
