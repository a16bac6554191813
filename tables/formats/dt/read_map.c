/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * iommu-map and msi-map: the node and ID of each function of a host bridge
 *
 * Both are lists of <RID-BASE PHANDLE OUT-BASE... LENGTH>: LENGTH requester IDs from RID-BASE have
 * the IDs from OUT-BASE at the node, whose #iommu-cells or #msi-cells gives the cells of OUT-BASE.
 * A mask is applied to the requester ID first. Linux uses the first matching entry, and stops at an
 * entry that violates the mask; so entries are read up to there.
 *
 * Until ccb2fd725d41 (2026), Linux read one cell of OUT-BASE in any case, and trees were written
 * for that. Such a map is still read if it has no other reading: see dt_map_is_legacy().
 */
#include "base/array.h"
#include "base/hash.h"
#include "read.h"
#include "tables/findings/findings.h"

/* RID-BASE, PHANDLE and LENGTH, which is a count and not a count less 1 as in an IORT. */
#define OTHER_CELLS  3
#define LEGACY_CELLS (OTHER_CELLS + 1)

/* Bounds hostile input; bindings have far fewer. */
#define OUT_CELLS_MAX 64u

#define ALL_RIDS 0xffffu

/* A map being read. */
struct reading_map {
	struct dt_reading *reading;
	const struct dt_map *map;
	const struct dt_node *bridge;
	uint16_t first, last;     /* functions of the bridge */
	struct array *entries;    /* struct dt_entry */
	struct pointers *targets; /* of each entry, or NULL */
	struct array *runs;       /* struct dt_run */
};

static struct viommu_place place_of(const struct reading_map *m)
{
	return dt_place(m->reading->tree, m->bridge, m->map->property);
}

/* -- entries ---------------------------------------------------------------------- */

/* No function matches such an entry, so Linux refuses the map. */
static bool obeys_mask(const struct reading_map *m, const struct dt_entry *entry, uint32_t mask)
{
	if (!(entry->rid & ~mask))
		return true;
	report(m->reading->findings, "dt-map-mask", place_of(m),
	       "write the requester ID with the mask applied",
	       "entry %zu has requester ID 0x%x, but the mask is 0x%x", m->entries->len, entry->rid,
	       mask);
	return false;
}

/* 1 if the node or its property is missing. */
static size_t cells_of(const struct devicetree *tree, const struct dt_map *map, uint32_t phandle)
{
	const struct dt_node *target = dt_target(tree, phandle);
	size_t cells = target ? dt_cell_count(target, map->cells, 1) : 1;

	return MIN(cells, OUT_CELLS_MAX);
}

/* Do entries with the cells of their nodes end with the property? */
static bool is_whole(const struct devicetree *tree, const struct dt_map *map,
		     const struct dt_property *property)
{
	size_t n = dt_cells(property), i = 0;

	while (i + OTHER_CELLS <= n)
		i += OTHER_CELLS + cells_of(tree, map, dt_cell(property, i + 1));
	return i == n && property->length == n * sizeof(uint32_t);
}

uint32_t dt_map_other_cells(const struct devicetree *tree, const struct dt_map *map,
			    const struct dt_property *property)
{
	size_t cells;

	for (size_t i = 0; i + OTHER_CELLS <= dt_cells(property); i += OTHER_CELLS + cells) {
		cells = cells_of(tree, map, dt_cell(property, i + 1));
		if (cells != 1)
			return (uint32_t)cells;
	}
	return 1;
}

/* Newer kernels still read four cells per entry if there is one node, and all lengths are 1. */
static bool is_kept_by_linux(const struct dt_property *property)
{
	size_t n = dt_cells(property);

	for (size_t i = 0; i + LEGACY_CELLS <= n; i += LEGACY_CELLS)
		if (dt_cell(property, i + 1) != dt_cell(property, 1) ||
		    dt_cell(property, i + LEGACY_CELLS - 1) != 1)
			return false;
	return n && !(n % LEGACY_CELLS);
}

bool dt_map_is_legacy(const struct devicetree *tree, const struct dt_map *map,
		      const struct dt_property *property, bool *ret_kept)
{
	bool four = property->length && !(property->length % (LEGACY_CELLS * sizeof(uint32_t)));

	*ret_kept = four && is_kept_by_linux(property);
	return four && (*ret_kept || !is_whole(tree, map, property));
}

void dt_map_for_each_target(const struct devicetree *tree, const struct dt_map *map,
			    const struct dt_property *property,
			    void (*each)(void *opaque, size_t cell, uint32_t phandle), void *opaque)
{
	bool kept, legacy = dt_map_is_legacy(tree, map, property, &kept);
	size_t cells;

	for (size_t i = 1; i < dt_cells(property); i += OTHER_CELLS + cells) {
		cells = legacy ? 1 : cells_of(tree, map, dt_cell(property, i));
		each(opaque, i, dt_cell(property, i));
	}
}

/*
 * Targets are looked up even if no function uses the entry, so that dangling phandles are reported.
 */
static void read_entries(struct reading_map *m, const struct dt_property *property, uint32_t mask,
			 bool legacy)
{
	size_t cells;

	for (size_t i = 0; i + OTHER_CELLS <= dt_cells(property); i += OTHER_CELLS + cells) {
		struct dt_entry entry = {
			.rid = dt_cell(property, i),
			.phandle = dt_cell(property, i + 1),
		};

		cells = legacy ? 1 : cells_of(m->reading->tree, m->map, entry.phandle);
		entry.out = cells ? dt_cell(property, i + 2) : 0;
		entry.length = dt_cell(property, i + 2 + cells);
		if (!obeys_mask(m, &entry, mask))
			break;
		array_append(m->entries, entry);
		pointers_add(m->targets, (gpointer)m->map->target(m->reading, m->bridge,
								  m->map->property, entry.phandle));
	}
}

/* An entry may extend beyond the last bus, as QEMU's do, but must not lie outside. */
static void check_outside(const struct reading_map *m, size_t i)
{
	const struct dt_entry *entry = &array_index(m->entries, struct dt_entry, i);
	uint64_t end = (uint64_t)entry->rid + entry->length;

	if (entry->length && entry->rid <= m->last && end > m->first)
		return;
	report(m->reading->findings, "dt-map-outside", place_of(m),
	       "omit the entry, or correct it or `bus-range`",
	       "entry %zu has no function of this host bridge: %u from 0x%x", i, entry->rid,
	       entry->length);
}

/* -- runs -------------------------------------------------------------------------- */

/* Without a mask, functions that share an ID need an entry each. */
static bool shares_id(const struct dt_run *run, const struct dt_run *next)
{
	return run->target == next->target && run->last + 1 == next->first && run->id == next->id &&
	       (run->shared_id || run->first == run->last) &&
	       (next->shared_id || next->first == next->last);
}

/* Neighbours that share an ID become one run. Entries without a valid target are dropped. */
static void add_run(void *opaque, size_t entry, const struct dt_run *run)
{
	struct reading_map *m = opaque;
	struct dt_run known = *run;
	struct dt_run *before =
		m->runs->len ? &array_index(m->runs, struct dt_run, m->runs->len - 1) : NULL;

	known.target = m->targets->pdata[entry];
	if (before && known.target && shares_id(before, &known)) {
		before->last = known.last;
		before->shared_id = true;
	} else if (known.target) {
		array_append(m->runs, known);
	}
}

/* The part of each entry on buses of the bridge. */
static void add_plain_runs(struct reading_map *m)
{
	for (size_t i = 0; i < m->entries->len; i++) {
		const struct dt_entry *entry = &array_index(m->entries, struct dt_entry, i);
		uint64_t end = MIN((uint64_t)entry->rid + entry->length, m->last + UINT64_C(1));
		uint64_t first = MAX(entry->rid, m->first);

		check_outside(m, i);
		if (first < end)
			add_run(m, i,
				&(struct dt_run){ .first = (uint16_t)first,
						  .last = (uint16_t)(end - 1),
						  .id = entry->out +
							(uint32_t)(first - entry->rid) });
	}
}

/* Has any entry another number of cells than four? */
static bool has_other_cells(const struct reading_map *m, const struct dt_property *property)
{
	return dt_map_other_cells(m->reading->tree, m->map, property) != 1;
}

static int by_rid(const void *a, const void *b)
{
	const struct dt_entry *one = a, *other = b;

	return (one->rid > other->rid) - (one->rid < other->rid);
}

/*
 * Two ranges of an IOMMU are checked as ranges of the topology. The topology has only the
 * resulting ranges of MSIs, so overlaps are reported here.
 */
static void check_overlap(const struct reading_map *m)
{
	struct array *entries = array_new(sizeof(struct dt_entry));
	uint64_t end = 0;

	for (size_t i = 0; i < m->entries->len; i++)
		array_append(entries, array_index(m->entries, struct dt_entry, i));
	array_sort(entries, by_rid);
	for (size_t i = 0; i < entries->len; i++) {
		const struct dt_entry *entry = &array_index(entries, struct dt_entry, i);

		if (entry->length && entry->rid < end) {
			report(m->reading->findings, "dt-msi-overlap", place_of(m),
			       "put each function into one entry",
			       "two entries have requester ID 0x%x: the first one counts",
			       entry->rid);
			break;
		}
		end = MAX(end, (uint64_t)entry->rid + entry->length);
	}
	array_free(entries);
}

/* How the map is read: with four cells for each entry or not, or not at all. */
static bool choose_cells(struct reading_map *m, const struct dt_property *property,
			 bool *ret_legacy)
{
	struct dt_reading *reading = m->reading;
	bool kept, legacy = dt_map_is_legacy(reading->tree, m->map, property, &kept);
	bool four = property->length && !(property->length % (LEGACY_CELLS * sizeof(uint32_t)));
	bool whole = property->length && is_whole(reading->tree, m->map, property);

	reading->differs_before |= whole && !legacy && has_other_cells(m, property);
	reading->differs_since |= legacy && !kept && has_other_cells(m, property);
	*ret_legacy = reading->kernels == DT_BEFORE || legacy;
	if (reading->kernels == DT_BEFORE)
		return four;
	return reading->kernels == DT_SINCE ? kept || (whole && !legacy) : legacy || whole;
}

/* If the length is not a multiple of an entry, no entry is read. */
static void read_map(struct reading_map *m, const struct dt_property *property)
{
	uint32_t mask = dt_number(m->bridge, m->map->mask, UINT32_MAX);
	bool legacy;

	if (!choose_cells(m, property, &legacy)) {
		report(m->reading->findings, "dt-map-length", place_of(m),
		       "write RID-BASE, PHANDLE, OUT-BASE with the cells of the node, and LENGTH",
		       "%zu bytes are not a whole number of entries", property->length);
		return;
	}
	read_entries(m, property, mask, legacy);
	if (m->map == &dt_msi_map)
		check_overlap(m);
	if ((mask & ALL_RIDS) == ALL_RIDS)
		add_plain_runs(m);
	else
		dt_mask_apply(m->entries, mask & ALL_RIDS, m->first, m->last, add_run, m);
}

struct array *dt_map_read(struct dt_reading *reading, const struct dt_map *map,
			  const struct dt_node *bridge, uint16_t first, uint16_t last)
{
	const struct dt_property *property = dt_property(bridge, map->property);
	struct reading_map m = {
		.reading = reading,
		.map = map,
		.bridge = bridge,
		.first = first,
		.last = last,
		.entries = array_new(sizeof(struct dt_entry)),
		.targets = pointers_new(NULL),
		.runs = array_new(sizeof(struct dt_run)),
	};

	if (property)
		read_map(&m, property);
	array_free(m.entries);
	pointers_free(m.targets);
	return m.runs;
}

/* -- the two maps ---------------------------------------------------------------------- */

static const struct dt_node *iommu_target(struct dt_reading *reading, const struct dt_node *bridge,
					  const char *property, uint32_t phandle)
{
	const struct dt_iommu *iommu = dt_iommu_of(reading, bridge, property, phandle);

	return iommu ? iommu->node : NULL;
}

/* MSI controllers other than an ITS are unrepresentable, without a finding. */
static const struct dt_node *msi_target(struct dt_reading *reading, const struct dt_node *bridge,
					const char *property, uint32_t phandle)
{
	const struct dt_node *target = dt_target(reading->tree, phandle);

	if (!target && !dt_is_unresolved(reading->tree, phandle))
		report(reading->findings, "dt-dangling", dt_place(reading->tree, bridge, property),
		       "write the phandle of an MSI controller", "no node has phandle 0x%x",
		       phandle);
	return target && hash_contains(reading->its, target) ? target : NULL;
}

const struct dt_map dt_iommu_map = { "iommu-map", "iommu-map-mask", "#iommu-cells", iommu_target };
const struct dt_map dt_msi_map = { "msi-map", "msi-map-mask", "#msi-cells", msi_target };
