/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_SYNC_READERS_H
#define VIOMMU_SYNC_READERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "sync/fence.h"
#include "sync/annotate.h"

/*
 * Sections of readers, and how a writer waits for them
 *
 * A reader enters a section, looks at what a writer may be changing, and leaves. It takes no
 * lock, never waits, and writes to a cache line of its own and no other. The writer first
 * makes its change visible to whoever enters from now on; then readers_synchronize() returns when
 * every section is over that may not have seen it.
 *
 *     reader:  sections = odd        writer:  change
 *              fence                          fence
 *              look                           sections odd? wait until it is another number
 *              sections = even
 *
 * Of two such stores, each with a fence and a load behind it, at least one load sees the
 * other's store. So either the reader sees the change, or the writer sees the reader. That
 * the section ended with release semantics, and was seen to with acquire semantics, orders
 * all that the reader did in it before all that the writer does next. A reader that is new is in
 * the list before its first fence: a writer that misses it there has stored before that fence.
 * tests/model/sections.pml shows that this is enough, and that nothing of it can be left out.
 */

/* Two cache lines: processors fetch the neighbour of a line as well. */
#define READER_BYTES 128

struct reader;

/* Zero bytes are readers that nobody is one of. */
struct readers {
	_Atomic(struct reader *) first; /* of all that there ever were */

	/* Strangers in a section, of this phase and of the one before; see readers.c. */
	_Atomic(uint64_t) unregistered[2];
	_Atomic(unsigned) phase;
};

enum reader_state {
	READER_FREE,   /* for whoever needs one */
	READER_TAKEN,  /* somebody's */
	READER_ORPHAN, /* somebody's, who is to free it: what it read is gone */
};

struct reader {
	_Atomic(uint64_t) sections; /* begun and ended: odd in a section. Only ever counts up */
	struct readers *of;
	_Atomic(enum reader_state) state;
	struct reader *next;           /* of those of the same readers */
	struct reader *next_of_thread; /* of those that a thread has found by readers_of_thread() */
};

/* Nobody is in a section, or will be. Threads may still have their readers. */
void readers_fini(struct readers *readers);

/* A reader for the caller to keep, and to give back. NULL when out of memory. */
struct reader *reader_new(struct readers *readers);
void reader_free(struct reader *reader);

/* The calling thread's own, which goes with the thread. NULL when out of memory. */
struct reader *readers_of_thread(struct readers *readers);

/*
 * A section without a reader, for a thread that cannot have one: any number of threads may be in
 * such sections. All of them write to one cache line. Leave with what entering returned.
 */
unsigned readers_enter_unregistered(struct readers *readers);
void readers_leave_unregistered(struct readers *readers, unsigned phase);

/* One thread at a time, and not in a section. */
void readers_synchronize(struct readers *readers);

/* Nobody is in two sections of one reader. */
static inline void reader_enter(struct reader *reader)
{
	uint64_t sections = atomic_load_explicit(&reader->sections, memory_order_relaxed);

	atomic_store_explicit(&reader->sections, sections + 1, memory_order_relaxed);
	fence();
}

static inline void reader_leave(struct reader *reader)
{
	uint64_t sections = atomic_load_explicit(&reader->sections, memory_order_relaxed);

	annotate_release(&reader->sections);
	atomic_store_explicit(&reader->sections, sections + 1, memory_order_release);
}

#endif
