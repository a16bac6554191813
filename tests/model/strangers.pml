/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Strangers, who have no reader and are counted: src/sync/readers.c
 *
 * As in sections.pml, the writer shows one of two nodes and then owns the other. Counting is by
 * exchanges, which wait in no buffer; so only the writer has one.
 *
 * With one of NO_... defined there must be a history in which a stranger looks at a node that the
 * writer owns; without, there must be none.
 */

#define N_STRANGERS 3

bool owned[2] = { false, true };
byte pointer, phase;
byte strangers[2];

chan stores = [1] of { byte };

active proctype memory()
{
	byte value;

	do
	:: d_step { stores?value -> pointer = value }
	od
}

inline look()
{
	assert(!owned[found])
}

active [N_STRANGERS] proctype stranger()
{
	byte mine, found;

	do
	:: mine = phase;
	   strangers[mine]++;
#ifndef NO_SECOND_LOOK
	   if
	   :: phase != mine ->
		strangers[mine]--;
		goto again
	   :: else
	   fi;
#endif
	   found = pointer;
	   look();
	   look();
	   strangers[mine]--;
again:
	   skip
	od
}

active proctype writer()
{
	byte old, before;

	do
	:: old = pointer;
	   owned[1 - old] = false;
	   stores!1 - old;
#ifndef NO_FENCE_OF_WRITER
	   empty(stores);
#endif
#ifndef NO_WAIT
	   before = phase;
	   if
	   :: strangers[before] ->
		phase = 1 - phase;
		!strangers[before]
	   :: else
	   fi;
#endif
	   owned[old] = true;
	   empty(stores)
	od
}
