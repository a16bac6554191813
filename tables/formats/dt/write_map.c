/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * iommu-map and msi-map of a generated device tree
 *
 * A run of functions is one entry. If functions share an ID, a mask needs few entries: a bit of the
 * requester ID can be cleared if flipping it changes no route. To find such bits, and to compare
 * with an existing map, runs are expanded: every function with its node and ID.
 *
 * Entries are disjoint, so that their order does not matter: in a device tree the first matching
 * entry counts, in a VIOT the last.
 */
#include "base/array.h"
#include "write.h"

#define N_RIDS   0x10000u
#define RID_BITS 16
#define ALL_RIDS 0xffffu

/* Bounds maps with many overlapping runs. */
#define MAX_EXPANDED (16 * N_RIDS)

struct expansion {
	uint16_t first, last; /* functions that the bridge can have */
	const struct dt_node *target[N_RIDS];
	uint32_t id[N_RIDS];
};

/* -- expansion ------------------------------------------------------------------------- */

/* One for all, or consecutive. */
static uint32_t run_id(const struct dt_run *run, uint32_t rid)
{
	return run->shared_id ? run->id : run->id + (rid - run->first);
}

/* The first run of a function counts. False beyond the limit. */
static bool expand_runs(struct expansion *expansion, const struct array *runs)
{
	size_t expanded = 0;

	for (size_t i = 0; i < runs->len; i++) {
		const struct dt_run *run = &array_index(runs, struct dt_run, i);

		expanded += (size_t)(run->last - run->first) + 1;
		if (expanded > MAX_EXPANDED)
			return false;
		for (uint32_t rid = run->first; rid <= run->last; rid++)
			if (!expansion->target[rid]) {
				expansion->target[rid] = run->target;
				expansion->id[rid] = run_id(run, rid);
			}
	}
	return true;
}

/* Without a target, the ID has no meaning. */
static bool is_alike(const struct expansion *a, uint32_t one, const struct expansion *b,
		     uint32_t other)
{
	return a->target[one] == b->target[other] &&
	       (!a->target[one] || a->id[one] == b->id[other]);
}

/* NULL beyond the limit. */
static struct expansion *expansion_new(const struct array *runs, uint16_t first, uint16_t last)
{
	struct expansion *expansion = memory_new(struct expansion, 1);

	expansion->first = first;
	expansion->last = last;
	if (expand_runs(expansion, runs))
		return expansion;
	memory_free(expansion);
	return NULL;
}

/* -- comparison ------------------------------------------------------------------------ */

/* The map of the base has not been written yet. */
static bool is_equivalent(struct dt_writing *writing, const struct dt_node *bridge,
			  const struct dt_map *map, const struct expansion *wanted)
{
	struct array *runs =
		dt_map_read(&writing->before, map, bridge, wanted->first, wanted->last);
	struct expansion *there = expansion_new(runs, wanted->first, wanted->last);
	bool same = there;

	for (uint32_t rid = wanted->first; same && rid <= wanted->last; rid++)
		same = is_alike(wanted, rid, there, rid);
	array_free(runs);
	memory_free(there);
	return same;
}

/* -- masks ---------------------------------------------------------------------------------- */

/* Bits that lead outside of the bridge's buses do not matter. */
static bool matters(const struct expansion *expansion, uint32_t bit)
{
	for (uint32_t rid = expansion->first; rid <= expansion->last; rid++)
		if ((rid ^ bit) >= expansion->first && (rid ^ bit) <= expansion->last &&
		    !is_alike(expansion, rid, expansion, rid ^ bit))
			return true;
	return false;
}

/* The map under the mask; false if functions with the same masked ID differ. */
static bool apply_mask(struct expansion *masked, const struct expansion *expansion, uint32_t mask)
{
	auto_free bool *taken = memory_new(bool, N_RIDS);

	for (uint32_t rid = expansion->first; rid <= expansion->last; rid++) {
		uint32_t as = rid & mask;

		if (taken[as] && !is_alike(masked, as, expansion, rid))
			return false;
		taken[as] = true;
		masked->target[as] = expansion->target[rid];
		masked->id[as] = expansion->id[rid];
	}
	return true;
}

/* Each bit by itself; apply_mask() checks them together. */
static uint32_t find_mask(const struct expansion *expansion)
{
	uint32_t mask = 0;

	for (unsigned bit = 0; bit < RID_BITS; bit++)
		if (matters(expansion, 1u << bit))
			mask |= 1u << bit;
	return mask;
}

/* -- entries --------------------------------------------------------------------------------- */

/* The phandle is assigned at its first use. */
static void add_entry(struct dt_writing *writing, struct array *cells, uint32_t rid,
		      const struct dt_node *target, uint32_t id, uint32_t length)
{
	const uint32_t entry[] = { rid, dt_ensure_phandle(writing, (struct dt_node *)target), id,
				   length };

	if (dt_has_room(writing, G_N_ELEMENTS(entry)))
		array_append_many(cells, entry, G_N_ELEMENTS(entry));
}

/* Without a mask, functions that share an ID need an entry each. */
static void add_runs(struct dt_writing *writing, struct array *cells, const struct array *runs)
{
	for (size_t i = 0; i < runs->len; i++) {
		const struct dt_run *run = &array_index(runs, struct dt_run, i);
		uint32_t n = (uint32_t)(run->last - run->first) + 1;

		if (!run->shared_id)
			add_entry(writing, cells, run->first, run->target, run->id, n);
		for (uint32_t rid = run->first; run->shared_id && rid <= run->last; rid++)
			add_entry(writing, cells, rid, run->target, run->id, 1);
	}
}

/* The next masked requester ID: the addition carries over cleared bits. */
static uint32_t next_masked(uint32_t rid, uint32_t mask)
{
	return ((rid | (~mask & ALL_RIDS)) + 1) & (mask | N_RIDS);
}

/* Requester IDs between masked ones never occur, so an entry may cover them. */
static void add_masked(struct dt_writing *writing, struct array *cells,
		       const struct expansion *masked, uint32_t mask)
{
	uint32_t rid = 0, next, end;

	while (rid < N_RIDS) {
		const struct dt_node *target = masked->target[rid];

		next = rid;
		do {
			end = next;
			next = next_masked(next, mask);
		} while (next < N_RIDS && masked->target[next] == target &&
			 (!target || masked->id[next] == masked->id[rid] + (next - rid)));
		if (target)
			add_entry(writing, cells, rid, target, masked->id[rid], end - rid + 1);
		rid = next;
	}
}

/* -- the map ----------------------------------------------------------------------------------- */

/* Only shared IDs justify the search for a mask, a walk over all functions per bit. */
static bool is_shared(const struct array *runs)
{
	for (size_t i = 0; i < runs->len; i++) {
		const struct dt_run *run = &array_index(runs, struct dt_run, i);

		if (run->shared_id && run->first != run->last)
			return true;
	}
	return false;
}

/* Add the entries and return their mask; all ones if no mask is possible. */
static uint32_t add_entries(struct dt_writing *writing, struct array *cells,
			    const struct array *runs, const struct expansion *expansion)
{
	uint32_t mask = expansion && is_shared(runs) ? find_mask(expansion) : ALL_RIDS;
	auto_free struct expansion *masked = memory_new(struct expansion, 1);

	if (mask == ALL_RIDS || !apply_mask(masked, expansion, mask)) {
		add_runs(writing, cells, runs);
		return ALL_RIDS;
	}
	add_masked(writing, cells, masked, mask);
	return mask;
}

/* A map and its mask change together. */
static void set_map(struct dt_writing *writing, struct dt_node *bridge, const struct dt_map *map,
		    const struct array *runs, const struct expansion *expansion)
{
	struct array *cells = array_new(sizeof(uint32_t));
	uint32_t mask = add_entries(writing, cells, runs, expansion);

	dt_set_cells(writing, bridge, map->property, (const uint32_t *)(void *)cells->data,
		     cells->len);
	if (mask != ALL_RIDS)
		dt_set_number(writing, bridge, map->mask, mask);
	else if ((dt_number(bridge, map->mask, ALL_RIDS) & ALL_RIDS) != ALL_RIDS)
		dt_clear(writing, bridge, map->mask);
	array_free(cells);
}

/* Expansion takes time like this many cells. */
#define EXPANSION_CELLS 16384

/* A map without valid targets is removed. */
void dt_write_map(struct dt_writing *writing, struct dt_node *bridge, const struct dt_map *map,
		  const struct array *runs, uint16_t first, uint16_t last)
{
	bool there = dt_property(bridge, map->property);
	auto_free struct expansion *expansion = NULL;

	if ((there || is_shared(runs)) && dt_has_room(writing, EXPANSION_CELLS))
		expansion = expansion_new(runs, first, last);
	if (!dt_has_room(writing, 0) ||
	    (there && expansion && is_equivalent(writing, bridge, map, expansion)))
		return;
	if (runs->len)
		set_map(writing, bridge, map, runs, expansion);
	else
		dt_clear(writing, bridge, map->property);
}
