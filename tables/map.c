/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The map: which way every PCI function goes
 *
 * Four covers say who decides where: ranges, host bridges, ranges of MSIs, and the IOMMUs' own
 * functions, which do not go as their neighbours do. One walk along all four cuts the functions
 * into runs of which everything is alike, and each run gets its route as a single function does
 * (resolve.c), so both always say the same. Runs that go on in the same way are one range then,
 * whoever said it.
 *
 * Positions are segment << 16 | BDF. For n entries that is O(n log n), however they overlap.
 */
#include <string.h>

#include "cover.h"
#include "map.h"
#include "resolve.h"
#include "topology.h"

#define SEGMENT_SHIFT  16
#define BUS_SHIFT      8
#define LAST_DEVFN     0xff
#define LAST_BDF       0xffff
#define SEGMENT_LENGTH 0x10000u

enum { RANGES, BRIDGES, MSIS, OWN, N_COVERS };

struct map {
	const struct viommu_topology *topology;
	GArray *covers[N_COVERS];
	size_t at[N_COVERS];       /* how far the walk has come in each */
	GHashTable *ids;           /* name of an IOMMU -> cover of its IDs by ranges of MSIs */
	GArray *rows;              /* struct viommu_route_range: the result */
	struct viommu_place place; /* of the last entry that went into it */
};

/* Functions of which one and the same decide. */
struct run {
	uint64_t first, last;
	const void *owners[N_COVERS];
};

static uint64_t position(unsigned segment, uint16_t bdf)
{
	return (uint64_t)segment << SEGMENT_SHIFT | bdf;
}

/* -- who decides where ---------------------------------------------------------- */

static void cover_range(GArray *cover, const struct viommu_pci_range *range)
{
	uint16_t first, last;

	if (!range_is_known(range))
		return;
	for (unsigned s = range->segment_first; s <= range->segment_last; s++) {
		cover_add(cover, position(s, range->bdf_first), position(s, range->bdf_last),
			  range);
		if (range_below(range, &first, &last) && first <= last)
			cover_add(cover, position(s, first), position(s, last), range);
	}
}

static void cover_ranges(struct map *map)
{
	const struct viommu_pci_range *range;

	for_each_object(i, range, map->topology, OBJECT_PCI_RANGE)
		cover_range(map->covers[RANGES], range);
}

static void cover_bridges(struct map *map)
{
	const struct viommu_host_bridge *bridge;

	for_each_object(i, bridge, map->topology, OBJECT_HOST_BRIDGE) {
		uint16_t first = (uint16_t)(bridge->bus_first << BUS_SHIFT);
		uint16_t last = (uint16_t)(bridge->bus_last << BUS_SHIFT | LAST_DEVFN);

		cover_add(map->covers[BRIDGES], position(bridge->segment, first),
			  position(bridge->segment, last), bridge);
	}
}

static void cover_own_functions(struct map *map)
{
	const struct viommu_iommu *iommu;

	for_each_object(i, iommu, map->topology, OBJECT_IOMMU) {
		uint64_t own = position(iommu->segment, iommu->bdf);

		if (iommu_is_function(iommu) && !iommu->include_self)
			cover_add(map->covers[OWN], own, own, iommu);
	}
}

/* The IDs behind an IOMMU are a world of their own, with a cover of its own. */
static GArray *ids_behind(struct map *map, const char *iommu)
{
	GArray *cover = g_hash_table_lookup(map->ids, iommu);

	if (!cover) {
		cover = cover_new();
		g_hash_table_insert(map->ids, (void *)iommu, cover);
	}
	return cover;
}

static void cover_msis(struct map *map)
{
	const struct viommu_msi_range *msi;

	for_each_object(i, msi, map->topology, OBJECT_MSI_RANGE)
		if (msi->iommu)
			cover_add(ids_behind(map, msi->iommu), msi->id_first, msi->id_last, msi);
		else
			cover_add(map->covers[MSIS], position(msi->segment, msi->bdf_first),
				  position(msi->segment, msi->bdf_last), msi);
}

static void settle(struct map *map)
{
	GHashTableIter iterator;
	gpointer cover;

	for (int i = 0; i < N_COVERS; i++)
		cover_settle(map->covers[i]);
	g_hash_table_iter_init(&iterator, map->ids);
	while (g_hash_table_iter_next(&iterator, NULL, &cover))
		cover_settle(cover);
}

/* -- ranges that go on ------------------------------------------------------------ */

/*
 * Do n_next IDs from `next` on go on where n IDs from `first` on end: all of them one after the
 * other, or all of them the same? Of a single one nobody knows which; *one_id becomes what it is
 * of all together.
 */
static bool ids_go_on(uint64_t first, uint64_t n, bool *one_id, uint64_t next, uint64_t n_next,
		      bool one_next)
{
	bool may_be_one = (n == 1 || *one_id) && (n_next == 1 || one_next);
	bool may_follow = (n == 1 || !*one_id) && (n_next == 1 || !one_next);

	if (may_be_one && next == first)
		*one_id = true;
	else if (may_follow && next == first + n)
		*one_id = false;
	else
		return false;
	return true;
}

static bool is_same_way(const struct viommu_route *a, const struct viommu_route *b)
{
	return a->reach == b->reach && a->iommu == b->iommu && a->its == b->its &&
	       a->pasid_bits == b->pasid_bits;
}

static bool is_same_place(const struct viommu_place *a, const struct viommu_place *b)
{
	return a->at == b->at && a->line == b->line && a->column == b->column &&
	       !g_strcmp0(a->path, b->path);
}

/* IDs count only where they are: one_id of what bypasses is false, and so on. */
static bool goes_on(struct viommu_route_range *range, uint64_t n,
		    const struct viommu_route_range *next, uint64_t n_next)
{
	const struct viommu_route *a = &range->route, *b = &next->route;
	bool one_id = range->one_id, one_device_id = range->one_device_id;

	if (!is_same_way(a, b) ||
	    (a->iommu && !ids_go_on(a->id, n, &one_id, b->id, n_next, next->one_id)) ||
	    (a->its && !ids_go_on(a->device_id, n, &one_device_id, b->device_id, n_next,
				  next->one_device_id)))
		return false;
	range->one_id = one_id;
	range->one_device_id = one_device_id;
	return true;
}

struct viommu_route_range range_clip(const struct viommu_route_range *range, uint64_t first,
				     uint64_t last)
{
	uint32_t nth = (uint32_t)(first - range_first(range));
	struct viommu_route_range piece = *range;

	piece.route.id += range->one_id || !range->route.iommu ? 0 : nth;
	piece.route.device_id += range->one_device_id || !range->route.its ? 0 : nth;
	piece.bdf_first = first & LAST_BDF;
	piece.bdf_last = last & LAST_BDF;
	return piece;
}

bool range_joins_function(struct viommu_route_range *range, const struct viommu_route_range *next)
{
	if (range->segment_last != next->segment_first || range->bdf_last + 1 != next->bdf_first ||
	    !goes_on(range, range_functions(range), next, range_functions(next)))
		return false;
	range->bdf_last = next->bdf_last;
	return true;
}

bool range_joins_segment(struct viommu_route_range *range, const struct viommu_route_range *next)
{
	uint64_t n = (uint64_t)(range->segment_last - range->segment_first + 1) * SEGMENT_LENGTH;

	if (range->segment_last + 1 != next->segment_first || range->bdf_first != next->bdf_first ||
	    range->bdf_last != next->bdf_last || !goes_on(range, n, next, SEGMENT_LENGTH))
		return false;
	range->segment_last = next->segment_last;
	return true;
}

/* Make the last range longer instead of adding another, if that says the same. */
static void add_row(struct map *map, const struct viommu_route_range *row)
{
	struct viommu_route_range *before = NULL;
	bool is_new = !is_same_place(&map->place, &row->route.place);

	if (map->rows->len)
		before = &g_array_index(map->rows, struct viommu_route_range, map->rows->len - 1);
	map->place = row->route.place;
	if (before && range_joins_function(before, row))
		before->n_entries += is_new;
	else
		g_array_append_vals(map->rows, row, 1);
}

/* -- the walk ----------------------------------------------------------------------- */

static struct viommu_device_name function_at(uint64_t position)
{
	return (struct viommu_device_name){ .pci = true,
					    .segment = (uint16_t)(position >> SEGMENT_SHIFT),
					    .bdf = position & LAST_BDF };
}

/* Functions that have one range of MSIs, too, or none: all is known of them now. */
static void add_piece(struct map *map, const struct run *run, const struct viommu_msi_range *msi)
{
	struct viommu_device_name device = function_at(run->first);
	struct deciders deciders = { run->owners[RANGES], run->owners[BRIDGES], msi };
	struct viommu_route_range row = {
		.segment_first = device.segment,
		.segment_last = device.segment,
		.bdf_first = device.bdf,
		.bdf_last = run->last & LAST_BDF,
		.route = route_begin(map->topology, &deciders, &device),
		.n_entries = 1,
	};

	route_go_on(map->topology, &deciders, &device, &row.route);
	row.one_id = row.route.iommu && deciders.range && deciders.range->one_id;
	row.one_device_id = row.one_id && !(msi && !msi->iommu);
	if (row.route.reach != VIOMMU_REACH_NOTHING)
		add_row(map, &row);
}

/* A run is cut where its IDs, from `id` on, pass from one range of MSIs to another, or to none. */
static void cut_by_ids(struct map *map, const struct run *run, const GArray *cover, uint64_t id)
{
	size_t i = cover_seek(cover, id);

	for (uint64_t at = run->first; at <= run->last;) {
		const struct span *span = cover_get(cover, i);
		uint64_t now = id + (at - run->first);
		bool inside = span && span->first <= now;
		uint64_t end = !span ? UINT64_MAX : inside ? span->last : span->first - 1;
		struct run piece = *run;

		piece.first = at;
		piece.last = at + MIN(run->last - at, end - now);
		add_piece(map, &piece, inside ? span->owner : NULL);
		i += inside;
		at = piece.last + 1;
	}
}

/* All functions of the run send with one ID. */
static void look_up_id(struct map *map, const struct run *run, const GArray *cover, uint64_t id)
{
	const struct span *span = cover_get(cover, cover_seek(cover, id));

	add_piece(map, run, span && span->first <= id ? span->owner : NULL);
}

/* Functions are asked for their MSIs first, then the IDs with which they leave the IOMMU. */
static void add_run(struct map *map, const struct run *run)
{
	const struct viommu_pci_range *range = run->owners[RANGES];
	struct deciders deciders = { range, run->owners[BRIDGES], NULL };
	struct viommu_device_name device = function_at(run->first);
	struct viommu_route route = route_begin(map->topology, &deciders, &device);
	const GArray *cover = route.iommu ? g_hash_table_lookup(map->ids, route.iommu->name) : NULL;

	if (run->owners[MSIS] || !cover)
		add_piece(map, run, run->owners[MSIS]);
	else if (range && range->one_id)
		look_up_id(map, run, cover, route.id);
	else
		cut_by_ids(map, run, cover, route.id);
}

/* Where somebody has something again, from there on; false behind the last. */
static bool seek(struct map *map, uint64_t *position)
{
	uint64_t nearest = UINT64_MAX;

	for (int i = 0; i < N_COVERS; i++) {
		const struct span *span;

		while ((span = cover_get(map->covers[i], map->at[i])) && span->last < *position)
			map->at[i]++;
		if (span)
			nearest = MIN(nearest, MAX(span->first, *position));
	}
	*position = nearest;
	return nearest != UINT64_MAX;
}

/* From there up to the next end of anything. */
static struct run run_from(const struct map *map, uint64_t position)
{
	struct run run = { .first = position, .last = UINT64_MAX };

	for (int i = 0; i < N_COVERS; i++) {
		const struct span *span = cover_get(map->covers[i], map->at[i]);

		if (!span)
			continue;
		if (span->first <= position)
			run.owners[i] = span->owner;
		run.last = MIN(run.last, run.owners[i] ? span->last : span->first - 1);
	}
	return run;
}

static void walk(struct map *map)
{
	for (uint64_t position = 0; seek(map, &position);) {
		struct run run = run_from(map, position);

		add_run(map, &run);
		position = run.last + 1;
	}
}

static void unref_cover(gpointer cover)
{
	g_array_unref(cover);
}

GArray *map_new(const struct viommu_topology *topology)
{
	struct map map = {
		.topology = topology,
		.ids = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, unref_cover),
		.rows = g_array_new(FALSE, FALSE, sizeof(struct viommu_route_range)),
	};

	for (int i = 0; i < N_COVERS; i++)
		map.covers[i] = cover_new();
	cover_ranges(&map);
	cover_bridges(&map);
	cover_msis(&map);
	cover_own_functions(&map);
	settle(&map);
	walk(&map);
	for (int i = 0; i < N_COVERS; i++)
		g_array_unref(map.covers[i]);
	g_hash_table_destroy(map.ids);
	return map.rows;
}

/* -- over segments ------------------------------------------------------------------ */

static bool join(struct viommu_route_range *range, const struct viommu_route_range *next)
{
	if (!range_joins_segment(range, next))
		return false;
	if (!is_same_place(&range->route.place, &next->route.place))
		range->n_entries += next->n_entries;
	return true;
}

/* What is the same in neighbouring segments becomes one range. */
static GArray *join_segments(const GArray *rows)
{
	GHashTable *latest = g_hash_table_new(g_direct_hash, g_direct_equal);
	GArray *joined = g_array_new(FALSE, FALSE, sizeof(struct viommu_route_range));

	for (size_t i = 0; i < rows->len; i++) {
		const struct viommu_route_range *row = map_get(rows, i);
		gpointer window = range_window(row);
		size_t before = GPOINTER_TO_SIZE(g_hash_table_lookup(latest, window));

		if (before &&
		    join(&g_array_index(joined, struct viommu_route_range, before - 1), row))
			continue;
		g_array_append_vals(joined, row, 1);
		g_hash_table_insert(latest, window, GSIZE_TO_POINTER((size_t)joined->len));
	}
	g_hash_table_destroy(latest);
	return joined;
}

void viommu_topology_for_each_route(const struct viommu_topology *topology,
				    void (*each)(void *opaque,
						 const struct viommu_route_range *range),
				    void *opaque)
{
	GArray *rows = map_new(topology), *joined = join_segments(rows);

	for (size_t i = 0; i < joined->len; i++)
		each(opaque, map_get(joined, i));
	g_array_unref(joined);
	g_array_unref(rows);
}
