/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Read-side sections and the writer's grace period: src/sync/readers.h
 *
 * Reviewed with: src/sync/readers.c fbd6b5c733e7ade0
 * Reviewed with: src/sync/readers.h a98bc37bccef0cd0
 * Reviewed with: src/sync/fence.h f800e1a13c16bf68
 *
 * Readers find one of two nodes through `pointer`. The writer publishes the other one, waits for a
 * grace period, and then owns the first: no reader may be using it.
 *
 * Each thread has a store buffer, as processors have: stores reach memory in order, at any later
 * time. A fence waits until the thread's own stores are in memory. Loads stay in place, as acquire
 * and release require. A load that a processor does early is here a store that is seen late.
 *
 * With one of NO_... defined, a history must exist in which a reader uses a node that the writer
 * owns; without, there must be none.
 */

#define N_READERS 2
#define MODULUS   4 /* sections are counted up to here: enough to tell one from the next */
#define ME        (_pid - 1)

bool owned[2] = { false, true };
byte pointer;
byte sections[N_READERS];
bool listed[N_READERS];

chan stores[N_READERS] = [2] of { byte };
chan writer_stores = [1] of { byte };

active proctype memory()
{
	byte value;

	do
	:: d_step { stores[0]?value -> sections[0] = value }
	:: d_step { stores[1]?value -> sections[1] = value }
	:: d_step { writer_stores?value -> pointer = value }
	od
}

inline begin_or_end()
{
	count = (count + 1) % MODULUS;
	stores[ME]!count
}

inline look()
{
	assert(!owned[found])
}

/* Readers enter the list by an exchange, which does not wait in a buffer. */
active [N_READERS] proctype reader()
{
	byte found, count;

	listed[ME] = true;
	do
	:: begin_or_end();
#ifndef NO_FENCE_OF_READER
	   empty(stores[ME]);
#endif
	   found = pointer;
	   look();
#ifdef NO_RELEASE
	   begin_or_end();
	   look()
#else
	   look();
	   begin_or_end()
#endif
	od
}

inline wait_for(i)
{
	if
	:: listed[i] ->
		seen = sections[i];
		!(seen % 2) || sections[i] != seen
	:: else
	fi
}

active proctype writer()
{
	byte old, seen;

	do
	:: old = pointer;
	   owned[1 - old] = false;
	   writer_stores!1 - old;
#ifndef NO_FENCE_OF_WRITER
	   empty(writer_stores);
#endif
#ifndef NO_WAIT
	   wait_for(0);
	   wait_for(1);
#endif
	   owned[old] = true;
	   empty(writer_stores)
	od
}
