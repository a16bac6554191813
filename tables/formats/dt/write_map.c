/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * iommu-map and msi-map, written
 *
 * A run of functions is an entry. Where functions share an ID, a mask says so in a few entries: a
 * bit of the requester ID can be cleared if flipping it changes nobody's way. To find such bits,
 * and to see whether a map that is there means the same in other words, runs are painted: every
 * function with the node and the ID that it goes to.
 *
 * Entries are disjoint. In a device tree the first one that has a function counts, and in a VIOT
 * the last one: who relies on neither can be converted into both.
 */
#include "base/array.h"
#include "write.h"

#define N_RIDS   0x10000u
#define RID_BITS 16
#define ALL_RIDS 0xffffu

/* More than a map of one bridge can say without saying it again. */
#define MAX_PAINTED (16 * N_RIDS)

struct paint {
	uint16_t first, last; /* functions that the bridge can have */
	const struct dt_node *target[N_RIDS];
	uint32_t id[N_RIDS];
};

/* -- painting ------------------------------------------------------------------------- */

/* As in a topology: one for all, or counted from the first. */
static uint32_t run_id(const struct dt_run *run, uint32_t rid)
{
	return run->one_id ? run->id : run->id + (rid - run->first);
}

/* The first run that has a function keeps it. False if there are more than anybody would write. */
static bool paint_runs(struct paint *paint, const struct array *runs)
{
	size_t painted = 0;

	for (size_t i = 0; i < runs->len; i++) {
		const struct dt_run *run = &array_index(runs, struct dt_run, i);

		painted += (size_t)(run->last - run->first) + 1;
		if (painted > MAX_PAINTED)
			return false;
		for (uint32_t rid = run->first; rid <= run->last; rid++)
			if (!paint->target[rid]) {
				paint->target[rid] = run->target;
				paint->id[rid] = run_id(run, rid);
			}
	}
	return true;
}

/* Of what leads nowhere, the ID means nothing. */
static bool is_alike(const struct paint *a, uint32_t one, const struct paint *b, uint32_t other)
{
	return a->target[one] == b->target[other] &&
	       (!a->target[one] || a->id[one] == b->id[other]);
}

/* NULL if it cannot be painted; callers then do without. */
static struct paint *paint_new(const struct array *runs, uint16_t first, uint16_t last)
{
	struct paint *paint = memory_new(struct paint, 1);

	paint->first = first;
	paint->last = last;
	if (paint_runs(paint, runs))
		return paint;
	memory_free(paint);
	return NULL;
}

/* -- does it say so already? ------------------------------------------------------------- */

/* Asked of the base as it was: its map is still there, since nobody else writes it. */
static bool means_the_same(struct dt_writing *writing, const struct dt_node *bridge,
			   const struct dt_map *map, const struct paint *wanted)
{
	struct array *runs =
		dt_map_read(&writing->before, map, bridge, wanted->first, wanted->last);
	struct paint *there = paint_new(runs, wanted->first, wanted->last);
	bool same = there;

	for (uint32_t rid = wanted->first; same && rid <= wanted->last; rid++)
		same = is_alike(wanted, rid, there, rid);
	array_free(runs);
	memory_free(there);
	return same;
}

/* -- masks ---------------------------------------------------------------------------------- */

/* Bits that lead out of the bridge's buses are free, for nobody asks there. */
static bool matters(const struct paint *paint, uint32_t bit)
{
	for (uint32_t rid = paint->first; rid <= paint->last; rid++)
		if ((rid ^ bit) >= paint->first && (rid ^ bit) <= paint->last &&
		    !is_alike(paint, rid, paint, rid ^ bit))
			return true;
	return false;
}

/* What functions come to under the mask; false if two that become one are not alike. */
static bool paint_mask(struct paint *masked, const struct paint *paint, uint32_t mask)
{
	auto_free bool *taken = memory_new(bool, N_RIDS);

	for (uint32_t rid = paint->first; rid <= paint->last; rid++) {
		uint32_t as = rid & mask;

		if (taken[as] && !is_alike(masked, as, paint, rid))
			return false;
		taken[as] = true;
		masked->target[as] = paint->target[rid];
		masked->id[as] = paint->id[rid];
	}
	return true;
}

/* Each bit by itself. That all of them together still hold is asked afterwards. */
static uint32_t find_mask(const struct paint *paint)
{
	uint32_t mask = 0;

	for (unsigned bit = 0; bit < RID_BITS; bit++)
		if (matters(paint, 1u << bit))
			mask |= 1u << bit;
	return mask;
}

/* -- entries --------------------------------------------------------------------------------- */

/* The phandle is made with the first entry that needs it. */
static void add_entry(struct dt_writing *writing, struct array *cells, uint32_t rid,
		      const struct dt_node *target, uint32_t id, uint32_t length)
{
	const uint32_t entry[] = { rid, dt_make_phandle(writing, (struct dt_node *)target), id,
				   length };

	if (dt_has_room(writing, G_N_ELEMENTS(entry)))
		array_append_many(cells, entry, G_N_ELEMENTS(entry));
}

/* Without a mask functions that have one ID are as many entries. */
static void add_runs(struct dt_writing *writing, struct array *cells, const struct array *runs)
{
	for (size_t i = 0; i < runs->len; i++) {
		const struct dt_run *run = &array_index(runs, struct dt_run, i);
		uint32_t n = (uint32_t)(run->last - run->first) + 1;

		if (!run->one_id)
			add_entry(writing, cells, run->first, run->target, run->id, n);
		for (uint32_t rid = run->first; run->one_id && rid <= run->last; rid++)
			add_entry(writing, cells, rid, run->target, run->id, 1);
	}
}

/* The next requester ID that can be one under the mask: counted with a carry over cleared bits. */
static uint32_t next_masked(uint32_t rid, uint32_t mask)
{
	return ((rid | (~mask & ALL_RIDS)) + 1) & (mask | N_RIDS);
}

/* Under a mask, requester IDs in between are never asked for, and an entry may go over them. */
static void add_masked(struct dt_writing *writing, struct array *cells, const struct paint *masked,
		       uint32_t mask)
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

/* Only then is it worth looking for a mask, which costs a walk over all functions for each bit. */
static bool is_shared(const struct array *runs)
{
	for (size_t i = 0; i < runs->len; i++) {
		const struct dt_run *run = &array_index(runs, struct dt_run, i);

		if (run->one_id && run->first != run->last)
			return true;
	}
	return false;
}

/* The mask, and the entries under it; all ones if a mask would not help. */
static uint32_t add_entries(struct dt_writing *writing, struct array *cells,
			    const struct array *runs, const struct paint *paint)
{
	uint32_t mask = paint && is_shared(runs) ? find_mask(paint) : ALL_RIDS;
	auto_free struct paint *masked = memory_new(struct paint, 1);

	if (mask == ALL_RIDS || !paint_mask(masked, paint, mask)) {
		add_runs(writing, cells, runs);
		return ALL_RIDS;
	}
	add_masked(writing, cells, masked, mask);
	return mask;
}

/* Both properties, or one that is not needed any more: half of a map would be another map. */
static void set_map(struct dt_writing *writing, struct dt_node *bridge, const struct dt_map *map,
		    const struct array *runs, const struct paint *paint)
{
	struct array *cells = array_new(sizeof(uint32_t));
	uint32_t mask = add_entries(writing, cells, runs, paint);

	dt_set_cells(writing, bridge, map->property, (const uint32_t *)(void *)cells->data,
		     cells->len);
	if (mask != ALL_RIDS)
		dt_set_number(writing, bridge, map->mask, mask);
	else if ((dt_number(bridge, map->mask, ALL_RIDS) & ALL_RIDS) != ALL_RIDS)
		dt_clear(writing, bridge, map->mask);
	array_free(cells);
}

/* Painting costs time and not room: a bridge as much as this many cells. */
#define PAINT_CELLS 16384

/* A map that leads nowhere, to an IOMMU that is disabled perhaps, is as good as none. */
void dt_write_map(struct dt_writing *writing, struct dt_node *bridge, const struct dt_map *map,
		  const struct array *runs, uint16_t first, uint16_t last)
{
	bool there = dt_property(bridge, map->property);
	auto_free struct paint *paint = NULL;

	if ((there || is_shared(runs)) && dt_has_room(writing, PAINT_CELLS))
		paint = paint_new(runs, first, last);
	if (!dt_has_room(writing, 0) ||
	    (there && paint && means_the_same(writing, bridge, map, paint)))
		return;
	if (runs->len)
		set_map(writing, bridge, map, runs, paint);
	else
		dt_clear(writing, bridge, map->property);
}
