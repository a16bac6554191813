/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Threads that cannot have a reader, and the writer that waits for them: src/sync/readers.c
 *
 * As in sections.pml there are two nodes, and `pointer` says which of them is found; the writer shows
 * the other one, waits, and then owns what was shown before. Its stores reach memory later,
 * unless it waits for that. Strangers are counted by exchanges, which wait in no buffer and let nothing
 * that comes after them be done before.
 *
 * With one of NO_... defined there must be a history in which a thread looks at a node that the
 * writer owns; without, there must be none.
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
	:: enter();
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
	   ending = phase;
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
