/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sections that name what they reach everything through: src/sync/readers.h, src/device/concern.c
 *
 * Reviewed with: src/sync/readers.c acd0b5b8a151a41b
 * Reviewed with: src/sync/readers.h 2bbf4a1b21dfc45b
 * Reviewed with: src/device/concern.c 204ef73109112c36
 *
 * Step: src/sync/readers.c reader_begin -: atomic_store_explicit(&reader->thread, number, memory_order_relaxed)
 * Step: src/sync/readers.c reader_begin -: atomic_store_explicit(&reader->subject, 0, memory_order_relaxed)
 * Step: src/sync/readers.c reader_begin CLEAR NO_CLEAR: atomic_store_explicit(&reader->scope, NULL, memory_order_relaxed)
 * Step: src/sync/readers.h reader_enter -: atomic_load_explicit(&reader->sections, memory_order_relaxed)
 * Step: src/sync/readers.h reader_enter ENTER NO_RELEASE_OF_ENTRY: atomic_store_explicit(&reader->sections, sections + 1, memory_order_release)
 * Step: src/sync/readers.h reader_enter NO_FENCE_OF_READER: fence()
 * Step: src/sync/readers.h reader_reach -: atomic_load_explicit(&reader->scope, memory_order_relaxed)
 * Step: src/sync/readers.h reader_name -: atomic_store_explicit(&reader->subject, subject, memory_order_relaxed)
 * Step: src/sync/readers.h reader_name NAME: atomic_store_explicit(&reader->scope, object, memory_order_release)
 * Step: src/sync/readers.h reader_name -: atomic_load_explicit(&reader->scope, memory_order_relaxed)
 * Step: src/sync/readers.h reader_name WIDEN NO_WIDENING: atomic_store_explicit(&reader->scope, NULL, memory_order_relaxed)
 * Step: src/sync/readers.h reader_name NO_FENCE_OF_WIDENING: fence()
 * Step: src/sync/readers.h reader_leave -: atomic_load_explicit(&reader->sections, memory_order_relaxed)
 * Step: src/sync/readers.h reader_leave LEAVE NO_RELEASE: atomic_store_explicit(&reader->sections, sections + 1, memory_order_release)
 * Step: src/sync/readers.h reader_leave -: atomic_load_explicit(&reader->is_awaited, memory_order_relaxed)
 * Step: src/sync/readers.c readers_synchronize NO_FENCE_OF_WRITER: fence()
 * Step: src/sync/readers.c wait_for SEEN NO_ACQUIRE: atomic_load_explicit(&reader->sections, memory_order_acquire)
 * Step: src/sync/readers.c wait_for CHANGED NO_ACQUIRE: atomic_load_explicit(&reader->sections, memory_order_acquire)
 * Step: src/sync/readers.c wait_for -: atomic_store_explicit(&reader->is_awaited, 0, memory_order_relaxed)
 * Step: src/sync/readers.c is_concerned SCOPE NO_ACQUIRE_OF_SCOPE: atomic_load_explicit(&reader->scope, memory_order_acquire)
 * Call: src/device/concern.c endpoint_is_concerned NO_CONCERN_OF_ALL: device->concerns_all
 * Call: src/device/concern.c endpoint_is_concerned NO_CONCERN: endpoint->concerned == device->grace_period
 *
 * Sections find an endpoint, and then one of two nodes through its pointer, and write to the node:
 * DMA. Some go on with the other endpoint. The writer exchanges the pointer of an
 * endpoint, which concerns that endpoint, or removes an endpoint, which concerns all. It waits
 * for a grace period, and then owns the node that nobody finds any more, or frees the endpoint. No
 * section may use what is owned or freed, what it wrote is there for the writer's loads, and
 * the writer itself does not look at an endpoint that is freed. A map that has changed without
 * need to wait is no part of this.
 *
 * The threads run on weakly ordered processors, as in sections.pml.
 *
 * With one of NO_... defined, a history must exist in which a promise is broken; without, there must
 * be none.
 */

#define MODULUS 4 /* as in sections.pml */
#define ANY     2 /* instead of an endpoint */
#define NODE(e) (2 * (e) + pointer[e])

#ifdef NO_FENCE_OF_READER
#define FENCE_OF_READER(before) true
#else
#define FENCE_OF_READER(before) (before)
#endif
#ifdef NO_FENCE_OF_WIDENING
#define FENCE_OF_WIDENING(before) true
#else
#define FENCE_OF_WIDENING(before) (before)
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
#ifdef NO_RELEASE_OF_ENTRY
#define RELEASE_OF_ENTRY(before) true
#else
#define RELEASE_OF_ENTRY(before) (before)
#endif
#ifdef NO_ACQUIRE
#define ACQUIRE(before) true
#else
#define ACQUIRE(before) (before)
#endif
#ifdef NO_ACQUIRE_OF_SCOPE
#define ACQUIRE_OF_SCOPE(before) true
#else
#define ACQUIRE_OF_SCOPE(before) (before)
#endif
#ifdef NO_CLEAR
#define CLEARED scope
#else
#define CLEARED ANY
#endif
#ifdef NO_WIDENING
#define WIDENED scope
#else
#define WIDENED ANY
#endif
#ifdef NO_CONCERN
#define CONCERNS(e) false
#else
#define CONCERNS(e) (scope == (e))
#endif
#ifdef NO_CONCERN_OF_ALL
#define CONCERNS_ALL false
#else
#define CONCERNS_ALL removes
#endif

bool owned[4], written[4];
byte pointer[2];
bool is_gone[2], is_freed[2]; /* the endpoint cannot be found any more; it exists no more */
byte sections, scope = ANY;

#define IS_IN   (entered && cleared)
#define FIRST   (found && (!has || (named && used)))
#define SECOND  (!two || (found && !has) || (sought && (!has_other || (widened && used_other))))

/* Two accesses to one location are in order: CLEAR, NAME and WIDEN; ENTER and LEAVE. */
active proctype reader()
{
	byte first, node, other;
	bool two, chosen, cleared, entered, left;
	bool found, has, named, looked, used;
	bool sought, has_other, widened, looked_at_other, used_other;

	do
	:: d_step { !chosen -> first = 0; two = false; chosen = true }
	:: d_step { !chosen -> first = 0; two = true; chosen = true }
	:: d_step { !chosen -> first = 1; two = false; chosen = true }
	:: chosen && !cleared -> scope = CLEARED; cleared = true /* CLEAR */
	:: chosen && !entered && RELEASE_OF_ENTRY(cleared) ->
	   sections = (sections + 1) % MODULUS; /* ENTER */
	   entered = true
	:: d_step { chosen && !found && FENCE_OF_READER(IS_IN) ->
	   has = !is_gone[first];
	   found = true }
	:: has && cleared && !named -> scope = first; named = true /* NAME */
	/* The address depends on what was found; nothing else must be done before this load. */
	:: d_step { has && !looked ->
	   assert(!is_freed[first]);
	   node = NODE(first);
	   looked = true }
	:: d_step { looked && !used ->
	   assert(!owned[node]);
	   written[node] = true;
	   used = true }
	:: d_step { two && has && !sought && FENCE_OF_READER(IS_IN) ->
	   has_other = !is_gone[1 - first];
	   sought = true }
	:: has_other && named && !widened -> scope = WIDENED; widened = true /* WIDEN */
	:: d_step { has_other && !looked_at_other && FENCE_OF_WIDENING(widened) ->
	   assert(!is_freed[1 - first]);
	   other = NODE(1 - first);
	   looked_at_other = true }
	:: d_step { looked_at_other && !used_other ->
	   assert(!owned[other]);
	   written[other] = true;
	   used_other = true }
	:: entered && !left && RELEASE(FIRST && SECOND) ->
	   sections = (sections + 1) % MODULUS; /* LEAVE */
	   left = true
	:: d_step { left && cleared && FIRST && SECOND ->
	   chosen = false; cleared = false; entered = false; left = false;
	   found = false; has = false; named = false; looked = false; used = false;
	   sought = false; has_other = false; widened = false;
	   looked_at_other = false; used_other = false;
	   first = 0; node = 0; other = 0; two = false }
	od
}

active proctype writer()
{
	byte e, old, seen;
	bool removes, chosen, published, looked, ended, loaded, value;

	do
	:: d_step { !chosen -> e = 0; removes = false; chosen = true }
	:: d_step { !chosen -> e = 1; removes = false; chosen = true }
	:: d_step { !chosen && !is_freed[0] -> e = 0; removes = true; chosen = true }
	:: d_step { !chosen && !is_freed[1] -> e = 1; removes = true; chosen = true }
	/* Another endpoint, at the place of one that is freed. */
	:: d_step { !chosen && is_freed[0] -> is_freed[0] = false; is_gone[0] = false }
	:: d_step { !chosen && is_freed[1] -> is_freed[1] = false; is_gone[1] = false }
	:: d_step { chosen && !published ->
	   if
	   :: removes -> is_gone[e] = true
	   :: else ->
	      old = NODE(e);
	      owned[2 * e + 1 - pointer[e]] = false;
	      written[2 * e + 1 - pointer[e]] = false;
	      pointer[e] = 1 - pointer[e]
	   fi;
	   published = true }
	:: d_step { chosen && !looked && FENCE_OF_WRITER(published) ->
	   seen = sections; /* SEEN */
	   looked = true;
	   ended = !(seen % 2) }
	:: d_step { looked && !ended && sections != seen -> ended = true; loaded = false } /* CHANGED */
	:: d_step { looked && !ended -> /* SCOPE */
	   assert(scope == ANY || !is_freed[scope]);
	   ended = scope != ANY && !CONCERNS_ALL && !CONCERNS(e) }
	/* The writer's load of what sections wrote to its node. */
	:: d_step { chosen && !loaded && ACQUIRE(looked && ACQUIRE_OF_SCOPE(ended)) ->
	   value = written[old];
	   loaded = true }
	:: d_step { published && looked && ended && loaded ->
	   if
	   :: removes -> is_freed[e] = true
	   :: else -> owned[old] = true; assert(value == written[old])
	   fi;
	   chosen = false; published = false; looked = false; ended = false; loaded = false;
	   removes = false; value = false; e = 0; old = 0; seen = 0 }
	od
}
