/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A walk over several nodes beside changes: map_walk_is_consistent() in src/map/map.c
 *
 * Reviewed with: src/map/map.c 00d6d1b892e8bcab
 * Reviewed with: src/map/change.c d1f5a21e883ce89a
 *
 * A change is one store, to `root`. A walk reads it twice, for each of two nodes, and takes what it
 * saw for the map at one moment if the version was the same even number before and after. The
 * writer's stores reach memory in order, as their release semantics require.
 *
 * With one of NO_... defined, a history must exist in which a walk accepts what it saw before and
 * after a change; without, there must be none.
 */

#define N_CHANGES 3

byte version, root;

mtype = { VERSION, ROOT };
chan stores = [3] of { mtype, byte };

active proctype memory()
{
	byte value;

	do
	:: d_step { stores?VERSION, value -> version = value }
	:: d_step { stores?ROOT, value -> root = value }
	od
}

active proctype writer()
{
	byte n;

	for (n : 1 .. N_CHANGES) {
#ifndef NO_ODD_VERSION
		stores!VERSION, 2 * n - 1;
#endif
		stores!ROOT, n;
		stores!VERSION, 2 * n
	}
}

active [2] proctype reader()
{
	byte before, after, first, second;

	do
	:: before = version;
	   first = root;
	   second = root;
	   after = version;
	   if
#ifndef NO_LOOK_FOR_ODD
	   :: before % 2
#endif
#ifndef NO_SECOND_LOOK
	   :: before != after
#endif
	   :: else -> assert(first == second)
	   fi
	od
}
