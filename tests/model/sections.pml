/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sections of readers, and the writer that waits for them: src/sync/readers.h
 *
 * There are two nodes, and `pointer` says which of them readers find. The writer shows the other
 * one, waits, and then owns what was shown before: nobody may be looking at it.
 *
 * Each thread has a buffer of stores, as processors have, that reach memory in their order but at
 * any time later; a fence waits until the thread's own are there. What is loaded stays in its place,
 * which is what acquire and release are for. A fence holds a load back until stores are seen, so a
 * load that is made early is here a store that is seen late.
 *
 * With one of NO_... defined there must be a history in which a reader looks at a node that the
 * writer owns; without, there must be none.
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
