/* SPDX-License-Identifier: BSD-3-Clause */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

#include "sync/readers.h"

/*
 * Readers are made when a thread first needs one, and are used again when it is gone; so
 * there are as many as ever were needed at once. They are in a list that only grows, which
 * the writer can walk while others add to it, and are freed with what they read.
 *
 * A thread may outlive what it has read, and what is read its threads. So a reader that a
 * thread has found belongs to both, and the last to let go frees it: see the states.
 */

_Static_assert(sizeof(struct reader) <= READER_BYTES, "a reader has lines of its own");

/* -- readers come and go ------------------------------------------------------------- */

static struct reader *first_of(const struct readers *readers)
{
	struct reader *reader = atomic_load_explicit(&readers->first, memory_order_acquire);

	annotate_acquire(&readers->first);
	return reader;
}

static struct reader *take_free(struct readers *readers)
{
	struct reader *reader = first_of(readers);

	for (; reader; reader = reader->next) {
		enum reader_state free_one = READER_FREE;

		if (atomic_compare_exchange_strong(&reader->state, &free_one, READER_TAKEN))
			break;
	}
	if (reader)
		annotate_acquire(&reader->state);
	return reader;
}

static void add(struct readers *readers, struct reader *reader)
{
	reader->next = atomic_load_explicit(&readers->first, memory_order_relaxed);
	do
		annotate_release(&readers->first);
	while (!atomic_compare_exchange_weak(&readers->first, &reader->next, reader));
}

struct reader *reader_new(struct readers *readers)
{
	struct reader *reader = take_free(readers);

	if (reader)
		return reader;
	reader = aligned_alloc(READER_BYTES, READER_BYTES);
	if (!reader)
		return NULL;
	reader->of = readers;
	reader->next_of_thread = NULL;
	annotate_release(&reader->sections);
	atomic_init(&reader->sections, 0);
	annotate_release(&reader->state);
	atomic_init(&reader->state, READER_TAKEN);
	add(readers, reader);
	return reader;
}

/* A section that its thread did not live to end is over: the next owner begins outside of one. */
void reader_free(struct reader *reader)
{
	enum reader_state taken = READER_TAKEN;

	if (atomic_load_explicit(&reader->sections, memory_order_relaxed) & 1)
		reader_leave(reader);
	annotate_release(&reader->state);
	if (!atomic_compare_exchange_strong(&reader->state, &taken, READER_FREE))
		free(reader);
}

void readers_fini(struct readers *readers)
{
	struct reader *reader = first_of(readers);

	while (reader) {
		struct reader *next = reader->next;

		if (atomic_exchange(&reader->state, READER_ORPHAN) == READER_FREE)
			free(reader);
		reader = next;
	}
}

/* -- each thread's own ------------------------------------------------------------------ */

/*
 * A thread's memory of a library that was loaded while the program ran is made when the thread
 * first asks for it; where there is none then, glibc ends the process. What a thread is born with
 * it has; and it is found without a call.
 */
#ifdef __GLIBC__
#define TLS_INITIAL_EXEC __attribute__((tls_model("initial-exec")))
#else
#define TLS_INITIAL_EXEC
#endif

/* The readers that this thread has found, the latest first. */
static _Thread_local struct reader *found TLS_INITIAL_EXEC;

/* Has no value of interest, but somebody to call when a thread ends. */
static pthread_key_t at_exit;
static bool at_exit_works;

static void leave_thread(void *unused)
{
	(void)unused;
	while (found) {
		struct reader *reader = found;

		found = reader->next_of_thread;
		reader_free(reader);
	}
}

static void prepare(void)
{
	at_exit_works = !pthread_key_create(&at_exit, leave_thread);
}

/* The library may be unloaded before its threads end. */
__attribute__((destructor)) static void unload(void)
{
	if (at_exit_works)
		pthread_key_delete(at_exit);
}

static bool is_of(const struct reader *reader, const struct readers *readers)
{
	return reader->of == readers &&
	       atomic_load_explicit(&reader->state, memory_order_relaxed) == READER_TAKEN;
}

/* Take the thread's reader out of its list, if there is one; orphans go meanwhile. */
static struct reader *unlink_from_thread(const struct readers *readers)
{
	struct reader **at = &found;

	while (*at) {
		struct reader *reader = *at;
		bool is_orphan = atomic_load(&reader->state) == READER_ORPHAN;

		if (!is_orphan && !is_of(reader, readers)) {
			at = &reader->next_of_thread;
			continue;
		}
		*at = reader->next_of_thread;
		if (!is_orphan)
			return reader;
		free(reader);
	}
	return NULL;
}

static struct reader *find_or_make(struct readers *readers)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct reader *reader;

	pthread_once(&once, prepare);
	if (!at_exit_works || pthread_setspecific(at_exit, &at_exit))
		return NULL;
	reader = unlink_from_thread(readers);
	if (!reader)
		reader = reader_new(readers);
	if (!reader)
		return NULL;
	reader->next_of_thread = found;
	found = reader;
	return reader;
}

struct reader *readers_of_thread(struct readers *readers)
{
	struct reader *reader = found;

	return reader && is_of(reader, readers) ? reader : find_or_make(readers);
}

/* -- threads without a reader
 * -------------------------------------------------------------------------- */

/*
 * A thread without memory is counted, in the phase that is on when it enters. A writer that has
 * to wait for some begins the other phase and waits for those of the old one: so strangers who keep
 * coming do not keep it waiting. Whoever is counted and then still sees the phase on is waited
 * for by the writer who ends it; whoever does not may have come too late, and enters again.
 * tests/model/unregistered.pml has all histories of this.
 */
unsigned readers_enter_unregistered(struct readers *readers)
{
	for (;;) {
		unsigned phase = atomic_load(&readers->phase);

		atomic_fetch_add(&readers->unregistered[phase], 1);
		fence();
		if (atomic_load(&readers->phase) == phase)
			return phase;
		atomic_fetch_sub(&readers->unregistered[phase], 1);
	}
}

void readers_leave_unregistered(struct readers *readers, unsigned phase)
{
	annotate_release(&readers->unregistered[phase]);
	atomic_fetch_sub(&readers->unregistered[phase], 1);
}

/* -- the writer ------------------------------------------------------------------------- */

/* A section is short, unless its thread has lost its processor, or waits for something. */
static void back_off(unsigned turn)
{
	enum { SPINS = 100, YIELDS = 20 };
	static const struct timespec nap = { .tv_nsec = 50000 };

	if (turn < SPINS)
		return;
	if (turn < SPINS + YIELDS)
		sched_yield();
	else
		nanosleep(&nap, NULL);
}

/* Wait for the section that the reader is in, if it is in one. */
static void wait_for(const struct reader *reader)
{
	uint64_t sections = atomic_load_explicit(&reader->sections, memory_order_acquire);

	for (unsigned turn = 0; sections & 1; turn++) {
		if (atomic_load_explicit(&reader->sections, memory_order_acquire) != sections)
			break;
		back_off(turn);
	}
	annotate_acquire(&reader->sections);
}

/* Nobody is counted in the other phase: the writer before has waited for them. */
static void wait_for_unregistered(struct readers *readers)
{
	unsigned phase = atomic_load_explicit(&readers->phase, memory_order_relaxed);

	if (atomic_load_explicit(&readers->unregistered[phase], memory_order_acquire)) {
		atomic_store(&readers->phase, !phase);
		for (unsigned turn = 0; atomic_load(&readers->unregistered[phase]); turn++)
			back_off(turn);
	}
	annotate_acquire(&readers->unregistered[phase]);
}

void readers_synchronize(struct readers *readers)
{
	const struct reader *reader;

	fence();
	reader = first_of(readers);
	for (; reader; reader = reader->next)
		wait_for(reader);
	wait_for_unregistered(readers);
}
