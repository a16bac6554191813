/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_SYNC_READERS_H
#define VIOMMU_SYNC_READERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "sync/fence.h"
#include "sync/annotate.h"

/*
 * Read-side sections, and grace periods for the writer
 *
 * A reader enters a section, reads what a writer may be changing, and leaves. It takes no lock,
 * waits for no writer, and writes only to its own cache line. The writer first publishes its
 * change. readers_synchronize() then returns when every section has ended that may not have seen
 * it.
 *
 *     reader:  sections = odd        writer:  publish
 *              fence                          fence
 *              read                           sections odd? wait until it changes
 *              sections = even
 *
 * Each side stores, fences, and loads, so at least one of the loads sees the other's store:
 * either the reader sees the change, or the writer sees the reader. The end of a section is
 * stored with release and loaded with acquire semantics, which orders all that the reader did
 * before all that the writer does next. A new reader is in the list before its first fence: a
 * writer that misses it has published before that fence. tests/model/sections.pml shows that this
 * is enough and that no part can be left out.
 *
 * A section may name the object that it reaches everything through, once it has found it:
 * reader_reach(). The writer then waits for it only if it has unpublished something there. A
 * section that has named no object, or a second one, is always waited for. Before it uses a second
 * one, it says so and fences as at its beginning: either the writer sees that, or the section finds
 * nothing that was unpublished. tests/model/scopes.pml shows that.
 *
 * Neither side holds up the other. The writer waits for sections that it found, and for none that
 * begin later. Readers that do nothing but enter sections, on the writer's processor, are mostly
 * preempted inside of one; if the writer then waited for its next time slice, it would get one
 * grace period in each. So readers in a section that takes long wake the writer at its end, by a
 * system call, and give their processor up once. They make no other call.
 */

/* Two cache lines: processors also prefetch the neighbour of a line. */
#define READER_BYTES 128

struct reader;

/* An all-zero struct is a valid, empty reader list. */
struct readers {
	_Atomic(struct reader *) first; /* all readers ever made */

	/* Unregistered readers in a section, by phase; see readers.c. */
	_Atomic(uint64_t) unregistered[2];
	_Atomic(unsigned) phase;

	uint64_t waited_ns; /* of the last readers_synchronize(), for sections that it found */

	/* Called by readers_synchronize() before it waits for the first section, and after the last
	 * one. May be NULL. */
	void (*waits)(const struct readers *readers, bool begins);
	bool is_waiting; /* between these two */

	/*
	 * Called by readers_synchronize() when it has waited patience_ns for one section, and again
	 * after each doubling. `reader` is NULL for an unregistered one. May be NULL.
	 */
	uint64_t patience_ns;
	void (*overdue)(const struct readers *readers, const struct reader *reader,
			uint64_t waited_ns);

	/*
	 * Called by readers_synchronize(): was anything unpublished that sections reach through
	 * this object? They may still be running, so the object must not be freed before every
	 * section has ended that could have found it. NULL: always.
	 */
	bool (*concerns)(const void *object);
};

enum reader_state {
	READER_FREE,   /* without an owner */
	READER_TAKEN,  /* owned by a thread or a DMA section handle */
	READER_ORPHAN, /* owned; the list was freed, so the owner frees the reader */
};

struct reader {
	_Atomic(uint64_t) sections; /* counts beginnings and ends: odd inside a section */
	struct readers *of;
	_Atomic(enum reader_state) state;
	struct reader *next;           /* in the list of `of` */
	struct reader *next_of_thread; /* in the thread's list */
	struct reader *outer;          /* what its thread has entered before; reader_begin() */

	/* What its section reaches everything through; NULL: anything. And, for the thread alone,
	 * the first object that the section has named. */
	_Atomic(const void *) scope;
	const void *reached;

	/*
	 * 1: the writer has waited for long, and sleeps on this word. Its processor may be the one
	 * of the reader's thread. Only a hint, because the sleep is short.
	 */
	_Atomic(uint32_t) is_awaited;

	/* For messages: the thread in the section, and the user's number of what it accesses. 0:
	 * none. */
	_Atomic(int) thread;
	_Atomic(uint64_t) subject;
};

/* No section may be running. Threads may still own readers of the list. */
void readers_fini(struct readers *readers);

/* A reader for the caller; reader_free() returns it. NULL when out of memory. */
struct reader *reader_new(struct readers *readers);
void reader_free(struct reader *reader);

/* The calling thread's reader, released when the thread ends. NULL when out of memory. */
struct reader *readers_of_thread(struct readers *readers);

/*
 * A section without a reader. All such threads share one cache line. Pass the result of entering
 * to leaving.
 */
unsigned readers_enter_unregistered(struct readers *readers);
void readers_leave_unregistered(struct readers *readers, unsigned phase);

/*
 * As reader_enter() and reader_leave(), for a section that ends with its thread if the thread ends
 * inside. The same thread begins and ends it; sections of several readers nest.
 */
void reader_begin(struct reader *reader);
void reader_end(struct reader *reader);

#ifdef VIOMMU_CHECKS
/* Has this thread begun a section and not ended it? One of this reader? */
bool readers_are_entered(void);
bool reader_is_of_thread(const struct reader *reader);
#endif

/* Wait for a grace period. One thread at a time, outside of sections. */
void readers_synchronize(struct readers *readers);

/* Call it outside of the section. */
void reader_wake_writer(struct reader *reader);

/* Sections of one reader do not nest. */
static inline void reader_enter(struct reader *reader)
{
	uint64_t sections = atomic_load_explicit(&reader->sections, memory_order_relaxed);

	annotate_release(&reader->sections);
	atomic_store_explicit(&reader->sections, sections + 1, memory_order_release);
	fence();
}

#define READER_OUTLINED __attribute__((noinline, unused)) static

/* The section reaches another object than before. Not inlined, because most translations continue
 * with the same one. */
READER_OUTLINED void reader_name(struct reader *reader, const void *object, uint64_t subject)
{
	atomic_store_explicit(&reader->subject, subject, memory_order_relaxed);
	if (!reader->reached) {
		reader->reached = object;
		annotate_release(&reader->scope);
		atomic_store_explicit(&reader->scope, object, memory_order_release);
	} else if (atomic_load_explicit(&reader->scope, memory_order_relaxed)) {
		atomic_store_explicit(&reader->scope, NULL, memory_order_relaxed);
		fence();
	}
}

/*
 * In a section of reader_begin(), before it uses what it reaches through the object; `subject` is
 * the user's number of that. What the section has used before must be such that its removal
 * concerns every object.
 */
static inline void reader_reach(struct reader *reader, const void *object, uint64_t subject)
{
	if (atomic_load_explicit(&reader->scope, memory_order_relaxed) != object)
		reader_name(reader, object, subject);
}

static inline void reader_leave(struct reader *reader)
{
	uint64_t sections = atomic_load_explicit(&reader->sections, memory_order_relaxed);

	annotate_release(&reader->sections);
	atomic_store_explicit(&reader->sections, sections + 1, memory_order_release);
	if (__builtin_expect(atomic_load_explicit(&reader->is_awaited, memory_order_relaxed) != 0,
			     0))
		reader_wake_writer(reader);
}

#endif
