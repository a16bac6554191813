/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A walk over several nodes beside changes: map_walk_is_consistent() in src/map/map.c
 *
 * Reviewed with: src/map/map.c 66618be5026f6668
 * Reviewed with: src/map/change.c 311473133e365db6
 * Reviewed with: src/map/node.h 90f0be3d0fbd4fec
 * Reviewed with: src/map/follow.h 390e2f8f02235b7e
 *
 * Step: src/map/change.c version_make_odd -: atomic_load_explicit(&map->version, memory_order_relaxed)
 * Step: src/map/change.c version_make_odd ODD NO_ODD_VERSION: atomic_store_explicit(&map->version, version + 1, memory_order_relaxed)
 * Step: src/map/change.c tree_exchange CHANGE NO_RELEASE_OF_CHANGE: atomic_store_explicit(&step->inner->child[step->i], node, memory_order_release)
 * Step: src/map/change.c tree_exchange CHANGE NO_RELEASE_OF_CHANGE: atomic_store_explicit(&map->root, (uintptr_t)node | height, memory_order_release)
 * Step: src/map/change.c leaf_publish CHANGE NO_RELEASE_OF_CHANGE: atomic_store_explicit(&leaf->live, live, memory_order_release)
 * Step: src/map/change.c version_make_even EVEN NO_RELEASE_OF_VERSION: atomic_store_explicit(&map->version, version + 2, memory_order_release)
 * Step: src/map/map.c map_walk BEFORE NO_ACQUIRE_OF_VERSION: atomic_load_explicit(&map->version, memory_order_acquire)
 * Step: src/map/node.h map_root FIRST SECOND NO_ACQUIRE_OF_NODE: atomic_load_explicit(&map->root, memory_order_acquire)
 * Step: src/map/node.h inner_child FIRST SECOND NO_ACQUIRE_OF_NODE: atomic_load_explicit(&inner->child[i], memory_order_acquire)
 * Step: src/map/node.h leaf_live FIRST SECOND NO_ACQUIRE_OF_NODE: atomic_load_explicit(&leaf->live, memory_order_acquire)
 * Step: src/map/map.c map_walk_is_consistent AFTER NO_SECOND_LOOK NO_LOOK_FOR_ODD: atomic_load_explicit(&walk->map->version, memory_order_relaxed)
 *
 * A change is one store, to `root`, which stands for a child pointer and for the live slots of a leaf as
 * well. A walk reads it twice, for each of two nodes, and takes what it
 * saw for the map at one moment if the version was the same even number before and after. Threads run
 * on weakly ordered processors, as in sections.pml.
 *
 * With one of NO_... defined, a history must exist in which a walk accepts what it saw before and
 * after a change; without, there must be none.
 */

#define N_CHANGES 3

#ifdef NO_RELEASE_OF_CHANGE
#define RELEASE_OF_CHANGE(before) true
#else
#define RELEASE_OF_CHANGE(before) (before)
#endif
#ifdef NO_RELEASE_OF_VERSION
#define RELEASE_OF_VERSION(before) true
#else
#define RELEASE_OF_VERSION(before) (before)
#endif
#ifdef NO_ACQUIRE_OF_VERSION
#define ACQUIRE_OF_VERSION(before) true
#else
#define ACQUIRE_OF_VERSION(before) (before)
#endif
#ifdef NO_ACQUIRE_OF_NODE
#define ACQUIRE_OF_NODE(before) true
#else
#define ACQUIRE_OF_NODE(before) (before)
#endif

byte version, root;

/* The stores of two changes to one location are in order, and so are ODD and EVEN. */
active proctype writer()
{
	byte n = 1, changed;
	bool odd, even;

	do
	:: n > N_CHANGES -> break
	:: n <= N_CHANGES && !odd ->
#ifndef NO_ODD_VERSION
	   version = 2 * n - 1; /* ODD */
#endif
	   odd = true
	:: d_step { n <= N_CHANGES && changed < n && RELEASE_OF_CHANGE(odd) ->
	   root = n; /* CHANGE */
	   changed = n }
	:: d_step { n <= N_CHANGES && odd && !even && RELEASE_OF_VERSION(changed == n) ->
	   version = 2 * n; /* EVEN */
	   even = true }
	:: d_step { n <= N_CHANGES && odd && even && changed == n ->
	   n++;
	   odd = false;
	   even = false }
	od
}

active [2] proctype reader()
{
	byte before, after, first, second;
	bool looked, got_first, got_second, looked_again;

	do
	:: d_step { !looked -> before = version; looked = true } /* BEFORE */
	:: d_step { !got_first && ACQUIRE_OF_VERSION(looked) ->
	   first = root; /* FIRST */
	   got_first = true }
	:: d_step { !got_second && ACQUIRE_OF_VERSION(looked) && ACQUIRE_OF_NODE(got_first) ->
	   second = root; /* SECOND */
	   got_second = true }
	/* The two loads of the version are of one location. */
	:: d_step { !looked_again && looked && ACQUIRE_OF_NODE(got_first && got_second) ->
	   after = version; /* AFTER */
	   looked_again = true }
	:: d_step { looked && got_first && got_second && looked_again ->
	   if
#ifndef NO_LOOK_FOR_ODD
	   :: before % 2
#endif
#ifndef NO_SECOND_LOOK
	   :: before != after
#endif
	   :: else -> assert(first == second)
	   fi;
	   looked = false;
	   got_first = false;
	   got_second = false;
	   looked_again = false }
	od
}
