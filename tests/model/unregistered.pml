/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Unregistered readers and the writer's grace period: src/sync/readers.c
 *
 * Reviewed with: src/sync/readers.c acd0b5b8a151a41b
 * Reviewed with: src/sync/fence.h f800e1a13c16bf68
 *
 * Step: src/sync/readers.c readers_enter_unregistered ENTER: atomic_load(&readers->phase)
 * Step: src/sync/readers.c readers_enter_unregistered ENTER: atomic_fetch_add(&readers->unregistered[phase], 1)
 * Step: src/sync/readers.c readers_enter_unregistered -: fence()
 * Step: src/sync/readers.c readers_enter_unregistered NO_SECOND_LOOK: atomic_load(&readers->phase)
 * Step: src/sync/readers.c readers_enter_unregistered ENTER: atomic_fetch_sub(&readers->unregistered[phase], 1)
 * Step: src/sync/readers.c readers_leave_unregistered NO_STAY: atomic_fetch_sub(&readers->unregistered[phase], 1)
 * Step: src/sync/readers.c readers_synchronize NO_FENCE_OF_WRITER: fence()
 * Step: src/sync/readers.c wait_for_unregistered PHASE: atomic_load_explicit(&readers->phase, memory_order_relaxed)
 * Step: src/sync/readers.c wait_for_unregistered PHASE: atomic_load_explicit(&readers->unregistered[phase], memory_order_acquire)
 * Step: src/sync/readers.c wait_for_unregistered PHASE: atomic_store(&readers->phase, !phase)
 * Step: src/sync/readers.c wait_for_unregistered NO_WAIT: atomic_load(&readers->unregistered[phase])
 *
 * As in sections.pml, readers find one of two nodes through `pointer`; the writer publishes the
 * other one, waits, and then owns the first. Its stores reach memory later, unless it waits for
 * that. Unregistered readers use sequentially consistent accesses only, which are in order on every
 * processor; their fence is what the language asks for, because the writer looks with acquire.
 *
 * With one of NO_... defined, a history must exist in which a thread uses a node that the writer
 * owns; without, there must be none.
 */

#define N_THREADS 2

bool owned[2] = { false, true };
byte pointer;
bit phase;
byte unregistered[2];

chan writer_stores = [1] of { byte };

active proctype memory()
{
	byte value;

	do
	:: d_step { writer_stores?value -> pointer = value }
	od
}

inline enter()
{
	inside = false;
	do
	:: !inside ->
		mine = phase;
		unregistered[mine]++;
#ifdef NO_SECOND_LOOK
		inside = true
#else
		if
		:: phase == mine -> inside = true
		:: else -> unregistered[mine]--
		fi
#endif
	:: inside -> break
	od
}

active [N_THREADS] proctype thread()
{
	byte found;
	bit mine;
	bool inside;

	do
	:: enter(); /* ENTER */
	   found = pointer;
	   assert(!owned[found]);
#ifdef NO_STAY
	   unregistered[mine]--;
	   assert(!owned[found])
#else
	   assert(!owned[found]);
	   unregistered[mine]--
#endif
	od
}

active proctype writer()
{
	byte old;
	bit ending;

	do
	:: old = pointer;
	   owned[1 - old] = false;
	   writer_stores!1 - old;
#ifndef NO_FENCE_OF_WRITER
	   empty(writer_stores);
#endif
	   ending = phase; /* PHASE */
	   if
	   :: unregistered[ending] ->
		phase = 1 - ending;
#ifndef NO_WAIT
		!unregistered[ending]
#endif
	   :: else
	   fi;
	   owned[old] = true;
	   empty(writer_stores)
	od
}
