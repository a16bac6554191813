/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A slot of a leaf that is filled, removed and filled again in place: src/map/leaf.c
 *
 * Reviewed with: src/map/leaf.c a23243a13c3ef0ff
 * Reviewed with: src/map/node.h 90f0be3d0fbd4fec
 * Reviewed with: src/map/follow.h 390e2f8f02235b7e
 *
 * Step: src/map/leaf.c leaf_insert FILL_KEY: atomic_store_explicit(&leaf->last[i], range->last, memory_order_relaxed)
 * Step: src/map/leaf.c leaf_insert -: atomic_load_explicit(&leaf->live, memory_order_relaxed)
 * Step: src/map/leaf.c leaf_remove -: atomic_load_explicit(&leaf->live, memory_order_relaxed)
 * Step: src/map/change.c leaf_publish PUBLISH REMOVE NO_RELEASE_OF_LIVE: atomic_store_explicit(&leaf->live, live, memory_order_release)
 * Step: src/map/node.h leaf_live LOOK NO_ACQUIRE_OF_LIVE: atomic_load_explicit(&leaf->live, memory_order_acquire)
 * Elsewhere: NO_GRACE_PERIOD: sections.pml NO_WAIT
 *
 * The writer fills a slot with two stores, the key and the rest, and makes it live. It removes the
 * range by one store, waits for a grace period, and fills the slot again. A reader that saw the slot
 * live must find the key and the rest of one range. Threads run on weakly ordered processors, as in
 * sections.pml, which has the fences of sections: here a section begins and ends at one moment.
 *
 * With one of NO_... defined, a history must exist in which a reader finds parts of two ranges;
 * without, there must be none.
 */

#define N_READERS 2
#define N_RANGES  3
#define MODULUS   4
#define ME        (_pid)

#ifdef NO_RELEASE_OF_LIVE
#define RELEASE_OF_LIVE(before) true
#else
#define RELEASE_OF_LIVE(before) (before)
#endif
#ifdef NO_ACQUIRE_OF_LIVE
#define ACQUIRE_OF_LIVE(before) true
#else
#define ACQUIRE_OF_LIVE(before) (before)
#endif

byte key, rest;
bool live;
byte sections[N_READERS];

active [N_READERS] proctype reader()
{
	byte found_key, found_rest;
	bool entered, looked, is_live, has_key, has_rest;

	do
	:: d_step { !entered -> sections[ME] = (sections[ME] + 1) % MODULUS; entered = true }
	:: d_step { entered && !looked -> is_live = live; looked = true } /* LOOK */
	:: d_step { entered && !has_key && ACQUIRE_OF_LIVE(looked) -> found_key = key; has_key = true }
	:: d_step { entered && !has_rest && ACQUIRE_OF_LIVE(looked) ->
	   found_rest = rest;
	   has_rest = true }
	:: d_step { looked && has_key && has_rest ->
	   assert(!is_live || found_key == found_rest);
	   sections[ME] = (sections[ME] + 1) % MODULUS;
	   entered = false;
	   looked = false;
	   is_live = false;
	   has_key = false;
	   has_rest = false;
	   found_key = 0;
	   found_rest = 0 }
	od
}

/* A reader that was in a section when the range had been removed. */
inline look_at(i)
{
	d_step {
		seen[i] = sections[i];
		ended[i] = !(seen[i] % 2);
		seen_once[i] = true
	}
}

/* The two stores to `live` are to one location, and in order. */
active proctype writer()
{
	byte n, seen[N_READERS];
	bool has_key, has_rest, published, removed, seen_once[N_READERS], ended[N_READERS];

	do
	:: !has_key -> key = n; has_key = true /* FILL_KEY */
	:: !has_rest -> rest = n; has_rest = true
	:: d_step { !published && RELEASE_OF_LIVE(has_key && has_rest) ->
	   live = true; /* PUBLISH */
	   published = true }
	:: d_step { published && !removed -> live = false; removed = true } /* REMOVE */
	:: removed && !seen_once[0] -> look_at(0)
	:: removed && !seen_once[1] -> look_at(1)
	:: seen_once[0] && !ended[0] && sections[0] != seen[0] -> ended[0] = true
	:: seen_once[1] && !ended[1] && sections[1] != seen[1] -> ended[1] = true
#ifdef NO_GRACE_PERIOD
	:: removed && !ended[0] -> ended[0] = true
	:: removed && !ended[1] -> ended[1] = true
#endif
	:: d_step { has_key && has_rest && removed && ended[0] && ended[1] ->
	   n = (n + 1) % N_RANGES;
	   has_key = false;
	   has_rest = false;
	   published = false;
	   removed = false;
	   seen_once[0] = false;
	   seen_once[1] = false;
	   ended[0] = false;
	   ended[1] = false }
	od
}
