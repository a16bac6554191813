/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Read-side sections and the writer's grace period: src/sync/readers.h
 *
 * Reviewed with: src/sync/readers.c acd0b5b8a151a41b
 * Reviewed with: src/sync/readers.h 2bbf4a1b21dfc45b
 * Reviewed with: src/sync/fence.h f800e1a13c16bf68
 *
 * Step: src/sync/readers.c add -: atomic_load_explicit(&readers->first, memory_order_relaxed)
 * Step: src/sync/readers.c add LIST: atomic_compare_exchange_weak(&readers->first, &reader->next, reader)
 * Step: src/sync/readers.h reader_enter -: atomic_load_explicit(&reader->sections, memory_order_relaxed)
 * Step: src/sync/readers.h reader_enter ENTER: atomic_store_explicit(&reader->sections, sections + 1, memory_order_release)
 * Step: src/sync/readers.h reader_enter NO_FENCE_OF_READER: fence()
 * Step: src/sync/readers.h reader_leave -: atomic_load_explicit(&reader->sections, memory_order_relaxed)
 * Step: src/sync/readers.h reader_leave LEAVE NO_RELEASE: atomic_store_explicit(&reader->sections, sections + 1, memory_order_release)
 * Step: src/sync/readers.h reader_leave -: atomic_load_explicit(&reader->is_awaited, memory_order_relaxed)
 * Step: src/sync/readers.c readers_synchronize NO_FENCE_OF_WRITER: fence()
 * Step: src/sync/readers.c first_of LISTED: atomic_load_explicit(&readers->first, memory_order_acquire)
 * Step: src/sync/readers.c wait_for SEEN NO_ACQUIRE: atomic_load_explicit(&reader->sections, memory_order_acquire)
 * Step: src/sync/readers.c wait_for CHANGED NO_WAIT NO_ACQUIRE: atomic_load_explicit(&reader->sections, memory_order_acquire)
 * Step: src/sync/readers.c wait_for -: atomic_store_explicit(&reader->is_awaited, 0, memory_order_relaxed)
 * Elsewhere: NO_RELEASE_OF_POINTER: walk.pml NO_RELEASE_OF_CHANGE
 *
 * Readers find one of two nodes through `pointer`, and write to what it says: DMA. The writer
 * publishes the other one, waits for a grace period, and then owns the first: no reader may use it,
 * and what readers wrote is there for the writer's loads.
 *
 * The threads run on weakly ordered processors, as of Arm and RISC-V: memory is one, and a processor
 * does its loads and stores in any order that fences, release, acquire, dependencies and the order of
 * accesses to one location permit. Each access is a step that becomes possible when the steps that
 * must precede it are done, and any possible step may be next. (x86 reorders less.)
 *
 * That a reader wakes the writer is left out: the writer looks at sections again whether it was woken or
 * not.
 *
 * With one of NO_... defined, a history must exist in which a promise is broken; without, there must
 * be none.
 */

#define N_READERS 2
#define MODULUS   4 /* sections are counted up to here: enough to tell one from the next */
#define ME        (_pid)

#ifdef NO_FENCE_OF_READER
#define FENCE_OF_READER(before) true
#else
#define FENCE_OF_READER(before) (before)
#endif
#ifdef NO_FENCE_OF_WRITER
#define FENCE_OF_WRITER(before) true
#else
#define FENCE_OF_WRITER(before) (before)
#endif
#ifdef NO_RELEASE
#define RELEASE(before) true
#else
#define RELEASE(before) (before)
#endif
#ifdef NO_RELEASE_OF_POINTER
#define RELEASE_OF_POINTER(before) true
#else
#define RELEASE_OF_POINTER(before) (before)
#endif
#ifdef NO_ACQUIRE
#define ACQUIRE(before) true
#else
#define ACQUIRE(before) (before)
#endif

bool owned[2];
bool complete[2] = { true, false };
bool written[2];
byte pointer;
byte sections[N_READERS];
bool listed[N_READERS];

/* A section is four accesses. ENTER and LEAVE are stores to one location, and so in order. */
active [N_READERS] proctype reader()
{
	byte found;
	bool entered, looked, used, left;

	do
	:: !listed[ME] -> listed[ME] = true /* LIST */
	:: !entered && FENCE_OF_READER(listed[ME]) ->
	   sections[ME] = (sections[ME] + 1) % MODULUS; /* ENTER */
	   entered = true
	:: d_step { !looked && FENCE_OF_READER(entered && listed[ME]) ->
	   found = pointer;
	   looked = true }
	/* The address depends on what was found. */
	:: d_step { looked && !used ->
	   assert(!owned[found] && complete[found]);
	   written[found] = true;
	   used = true }
	:: entered && !left && RELEASE(used) ->
	   sections[ME] = (sections[ME] + 1) % MODULUS; /* LEAVE */
	   left = true
	:: d_step { listed[ME] && entered && looked && used && left ->
	   entered = false;
	   looked = false;
	   used = false;
	   left = false }
	od
}

/* LISTED and SEEN: a reader that is not listed, or in no section, need not be waited for. */
inline look_at(i)
{
	d_step {
		seen[i] = sections[i];
		ended[i] = !listed[i] || !(seen[i] % 2);
		seen_once[i] = true
	}
}

active proctype writer()
{
	byte old, seen[N_READERS];
	bool seen_once[N_READERS], ended[N_READERS];
	bool filled, published, loaded, value;

	do
	:: !filled -> complete[1 - old] = true; filled = true
	:: !published && RELEASE_OF_POINTER(filled) -> pointer = 1 - old; published = true
	:: !seen_once[0] && FENCE_OF_WRITER(published) -> look_at(0)
	:: !seen_once[1] && FENCE_OF_WRITER(published) -> look_at(1)
	:: seen_once[0] && !ended[0] && sections[0] != seen[0] -> ended[0] = true /* CHANGED */
	:: seen_once[1] && !ended[1] && sections[1] != seen[1] -> ended[1] = true
#ifdef NO_WAIT
	:: seen_once[0] && !ended[0] -> ended[0] = true
	:: seen_once[1] && !ended[1] -> ended[1] = true
#endif
	/* The writer's load of what readers wrote to its node. */
	:: d_step { !loaded && ACQUIRE(ended[0] && ended[1]) ->
	   value = written[old];
	   loaded = true }
	/* A store depends on the loads that decided about it. */
	:: d_step { filled && published && ended[0] && ended[1] && loaded ->
	   owned[old] = true;
	   assert(value == written[old]);
	   old = 1 - old;
	   owned[1 - old] = false;
	   complete[1 - old] = false;
	   written[1 - old] = false;
	   filled = false;
	   published = false;
	   loaded = false;
	   seen_once[0] = false;
	   seen_once[1] = false;
	   ended[0] = false;
	   ended[1] = false }
	od
}
