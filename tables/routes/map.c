/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The map: the routes of all PCI functions
 *
 * Four partitions select what decides about a function: ranges, host bridges, ranges of MSIs, and
 * the functions of IOMMUs, which their host bridge excludes. One walk along all four cuts the
 * functions into runs with the same matching entries. Each run is routed as a single function
 * (route.c), so map and resolve agree. Consecutive runs with the same route are joined into one
 * range (range.c).
 *
 * Positions are `segment << 16 | BDF`. The time is O(n log n) in the number of entries, however
 * they overlap.
 */

#include "base/array.h"
#include "base/hash.h"
#include "map.h"
#include "route.h"
#include "tables/model/partition.h"
#include "tables/model/topology.h"

enum { RANGES, BRIDGES, MSIS, OWN, N_PARTITIONS };

#define SEGMENT_SHIFT 16
#define BUS_SHIFT     8
#define LAST_DEVFN    0xff
#define LAST_BDF      0xffff

/* Functions with the same matching entries. */
struct run {
	uint64_t first, last;
	const void *owners[N_PARTITIONS];
};

/* A walk that can be suspended between two ranges, so that the caller can stop at any time. */
struct map {
	const struct viommu_topology *topology;
	struct array *partitions[N_PARTITIONS];
	size_t at[N_PARTITIONS]; /* the next index in each partition */
	struct hash *ids;        /* name of an IOMMU -> partition of its IDs by ranges of MSIs */

	uint64_t position;         /* of the next function */
	struct run run;            /* the current run, if `position` is in it */
	const struct array *cut;   /* split the run by these IDs; NULL: do not split */
	size_t cut_at;             /* the next index in `cut` */
	uint64_t id;               /* of the first function of the run */
	struct viommu_place place; /* of the last entry that decided */

	bool has_next;
	struct viommu_route_range next; /* it may be extended by the next range */
};

/* One number line for all segments, so that a partition can hold functions of every segment. */
static uint64_t position(unsigned segment, uint16_t bdf)
{
	return (uint64_t)segment << SEGMENT_SHIFT | bdf;
}

/* -- partitions -------------------------------------------------------------------- */

/* A range has the same functions in each of its segments: one span per segment. */
static void add_range(struct array *partition, const struct viommu_pci_range *range)
{
	uint16_t first, last;

	if (!range_is_known(range))
		return;
	for (unsigned s = range->segment_first; s <= range->segment_last; s++) {
		partition_add(partition, position(s, range->bdf_first),
			      position(s, range->bdf_last), range);
		if (range_below(range, &first, &last) && first <= last)
			partition_add(partition, position(s, first), position(s, last), range);
	}
}

/* In the order of the topology, because the first range that has a function wins. */
static void add_ranges(struct map *map)
{
	const struct viommu_pci_range *range;

	for_each_object(i, range, map->topology, OBJECT_PCI_RANGE)
		add_range(map->partitions[RANGES], range);
}

/* Whole buses. The bridge is included even if it bypasses. */
static void add_bridges(struct map *map)
{
	const struct viommu_host_bridge *bridge;

	for_each_object(i, bridge, map->topology, OBJECT_HOST_BRIDGE) {
		uint16_t first = (uint16_t)(bridge->bus_first << BUS_SHIFT);
		uint16_t last = (uint16_t)(bridge->bus_last << BUS_SHIFT | LAST_DEVFN);

		partition_add(map->partitions[BRIDGES], position(bridge->segment, first),
			      position(bridge->segment, last), bridge);
	}
}

/*
 * A host bridge excludes its IOMMU's own function. Routing decides whether that IOMMU is the
 * bridge's.
 */
static void add_own_functions(struct map *map)
{
	const struct viommu_iommu *iommu;

	for_each_object(i, iommu, map->topology, OBJECT_IOMMU) {
		uint64_t own = position(iommu->segment, iommu->bdf);

		if (iommu_is_function(iommu) && !iommu->translates_itself)
			partition_add(map->partitions[OWN], own, own, iommu);
	}
}

/* IDs behind different IOMMUs are unrelated, so each IOMMU has a partition of its own. */
static struct array *ids_behind(struct map *map, const char *iommu)
{
	struct array *partition = hash_lookup(map->ids, iommu);

	if (!partition) {
		partition = partition_new();
		hash_insert(map->ids, (void *)iommu, partition);
	}
	return partition;
}

/*
 * Ranges of functions are in the partition of functions, ranges of IDs in the partitions of their
 * IOMMUs.
 */
static void add_msis(struct map *map)
{
	const struct viommu_msi_range *msi;

	for_each_object(i, msi, map->topology, OBJECT_MSI_RANGE)
		if (msi->iommu)
			partition_add(ids_behind(map, msi->iommu), msi->id_first, msi->id_last,
				      msi);
		else
			partition_add(map->partitions[MSIS], position(msi->segment, msi->bdf_first),
				      position(msi->segment, msi->bdf_last), msi);
}

/* Makes the spans of each partition disjoint. */
static void resolve_overlaps(struct map *map)
{
	void *iommu, *partition;

	for (int i = 0; i < N_PARTITIONS; i++)
		partition_resolve(map->partitions[i]);
	for (size_t i = 0; i < hash_slots(map->ids); i++)
		if (hash_entry(map->ids, i, &iommu, &partition))
			partition_resolve(partition);
}

/* -- the walk ----------------------------------------------------------------------- */

static struct viommu_device_name function_at(uint64_t position)
{
	return (struct viommu_device_name){ .pci = true,
					    .segment = (uint16_t)(position >> SEGMENT_SHIFT),
					    .bdf = position & LAST_BDF };
}

/* Complete except for the route of MSIs. */
static struct viommu_route_range range_of(const struct map *map, const struct run *piece,
					  const struct viommu_msi_range *msi)
{
	struct viommu_device_name device = function_at(piece->first);
	struct matches matches = { piece->owners[RANGES], piece->owners[BRIDGES], msi };
	struct viommu_route_range range = {
		.segment_first = device.segment,
		.segment_last = device.segment,
		.bdf_first = device.bdf,
		.bdf_last = piece->last & LAST_BDF,
		.route = route_begin(map->topology, &matches, &device),
		.n_entries = 1,
	};

	route_continue(map->topology, &matches, &device, &range.route);
	range.shared_id = range.route.iommu && matches.range && matches.range->shared_id;
	range.shared_device_id = (range.shared_id && !(msi && !msi->iommu)) ||
				 (msi && !msi->iommu && msi->shared_id);
	return range;
}

/* The next position at or behind this one that a partition includes; false if there is none. */
static bool seek(struct map *map, uint64_t *position)
{
	uint64_t nearest = UINT64_MAX;

	for (int i = 0; i < N_PARTITIONS; i++) {
		const struct span *span;

		while ((span = partition_get(map->partitions[i], map->at[i])) &&
		       span->last < *position)
			map->at[i]++;
		if (span)
			nearest = MIN(nearest, MAX(span->first, *position));
	}
	*position = nearest;
	return nearest != UINT64_MAX;
}

/* The run ends at the next boundary in any partition. */
static struct run run_from(const struct map *map, uint64_t position)
{
	struct run run = { .first = position, .last = UINT64_MAX };

	for (int i = 0; i < N_PARTITIONS; i++) {
		const struct span *span = partition_get(map->partitions[i], map->at[i]);

		if (!span)
			continue;
		if (span->first <= position)
			run.owners[i] = span->owner;
		run.last = MIN(run.last, run.owners[i] ? span->last : span->first - 1);
	}
	return run;
}

/* Ranges of MSIs of functions have precedence over those of IDs. */
static void begin_run(struct map *map)
{
	struct viommu_device_name device = function_at(map->position);
	struct matches matches = { 0 };
	struct viommu_route route;

	map->run = run_from(map, map->position);
	matches.range = map->run.owners[RANGES];
	matches.bridge = map->run.owners[BRIDGES];
	route = route_begin(map->topology, &matches, &device);
	map->id = route.id;
	map->cut = NULL;
	if (route.iommu && !map->run.owners[MSIS])
		map->cut = hash_lookup(map->ids, route.iommu->name);
	if (map->cut)
		map->cut_at = partition_seek(map->cut, map->id);
}

/* Do all functions of the run share one ID? */
static bool has_shared_id(const struct run *run)
{
	const struct viommu_pci_range *range = run->owners[RANGES];

	return range && range->shared_id;
}

/* Up to the next boundary between ranges of MSIs. */
static const struct viommu_msi_range *cut_by_ids(struct map *map, struct run *piece)
{
	const struct span *span = partition_get(map->cut, map->cut_at);
	uint64_t nth = has_shared_id(piece) ? 0 : piece->first - map->run.first;
	uint64_t now = map->id + nth;
	bool inside = span && span->first <= now;
	uint64_t end = !span ? UINT64_MAX : inside ? span->last : span->first - 1;

	if (has_shared_id(piece))
		return inside ? span->owner : NULL;
	piece->last = piece->first + MIN(piece->last - piece->first, end - now);
	map->cut_at += inside;
	return inside ? span->owner : NULL;
}

/* Up to the next change of any decider; false behind the last. */
static bool next_piece(struct map *map, struct viommu_route_range *ret_range)
{
	const struct viommu_msi_range *msi;
	struct run piece;

	if (map->position > map->run.last || map->position < map->run.first) {
		if (!seek(map, &map->position))
			return false;
		begin_run(map);
	}
	piece = map->run;
	piece.first = map->position;
	msi = map->cut ? cut_by_ids(map, &piece) : piece.owners[MSIS];
	*ret_range = range_of(map, &piece, msi);
	map->position = piece.last + 1;
	return true;
}

/* The next piece with a route. */
static bool next_routed(struct map *map, struct viommu_route_range *ret_range)
{
	while (next_piece(map, ret_range))
		if (ret_range->route.reach != VIOMMU_REACH_NOTHING)
			return true;
	return false;
}

/* Does this range continue the pending one? They may come from different entries. */
static bool goes_on_with(struct map *map, const struct viommu_route_range *piece)
{
	bool is_new = !place_is_same(&map->place, &piece->route.place);

	map->place = piece->route.place;
	if (!map->has_next || !range_joins_function(&map->next, piece))
		return false;
	map->next.n_entries += is_new;
	return true;
}

/* A range is pending until the next one shows where it ends. */
bool map_next(struct map *map, struct viommu_route_range *ret_range)
{
	struct viommu_route_range piece;
	bool had_next;

	while (next_routed(map, &piece)) {
		if (goes_on_with(map, &piece))
			continue;
		had_next = map->has_next;
		if (had_next)
			*ret_range = map->next;
		map->next = piece;
		map->has_next = true;
		if (had_next)
			return true;
	}
	had_next = map->has_next;
	if (had_next)
		*ret_range = map->next;
	map->has_next = false;
	return had_next;
}

static void free_partition(gpointer partition)
{
	array_free(partition);
}

/* The walk runs on demand. An empty run marks the start. */
struct map *map_begin(const struct viommu_topology *topology)
{
	struct map *map = memory_new(struct map, 1);

	map->topology = topology;
	map->ids = hash_new_full(&hash_text, NULL, free_partition);
	map->run.first = UINT64_MAX;
	for (int i = 0; i < N_PARTITIONS; i++)
		map->partitions[i] = partition_new();
	add_ranges(map);
	add_bridges(map);
	add_msis(map);
	add_own_functions(map);
	resolve_overlaps(map);
	return map;
}

void map_end(struct map *map)
{
	if (!map)
		return;
	for (int i = 0; i < N_PARTITIONS; i++)
		array_free(map->partitions[i]);
	hash_free(map->ids);
	memory_free(map);
}

/* Only for machines that are described in full elsewhere, as in a device tree. */
struct array *map_new(const struct viommu_topology *topology)
{
	struct array *ranges = array_new(sizeof(struct viommu_route_range));
	struct map *map = map_begin(topology);
	struct viommu_route_range range;

	while (map_next(map, &range))
		array_append(ranges, range);
	map_end(map);
	return ranges;
}

/* Across segments, joins ranges from one entry only. */
static bool join(struct viommu_route_range *range, const struct viommu_route_range *next)
{
	if (!range_joins_segment(range, next))
		return false;
	if (!place_is_same(&range->route.place, &next->route.place))
		range->n_entries += next->n_entries;
	return true;
}

/* Joins equal ranges of consecutive segments. */
static void add(struct array *joined, struct hash *latest, const struct viommu_route_range *range)
{
	gpointer window = range_window(range);
	size_t before = GPOINTER_TO_SIZE(hash_lookup(latest, window));

	if (before && join(&array_index(joined, struct viommu_route_range, before - 1), range))
		return;
	array_append_many(joined, range, 1);
	hash_insert(latest, window, GSIZE_TO_POINTER((size_t)joined->len));
}

/* Collects all ranges first, because the last segment may still extend the first range. */
void topology_for_each_route(const struct viommu_topology *topology,
			     void (*each)(void *opaque, const struct viommu_route_range *range),
			     void *opaque)
{
	struct hash *latest = hash_new(&hash_direct);
	struct array *joined = array_new(sizeof(struct viommu_route_range));
	struct map *map = map_begin(topology);
	struct viommu_route_range range;

	while (map_next(map, &range))
		add(joined, latest, &range);
	for (size_t i = 0; i < joined->len; i++)
		each(opaque, &array_index(joined, struct viommu_route_range, i));
	map_end(map);
	array_free(joined);
	hash_free(latest);
}
