/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * iommu-map and msi-map: which node knows the functions of a host bridge, and as what
 *
 * Both are lists of <RID-BASE PHANDLE OUT-BASE... LENGTH>: requester IDs from RID-BASE on, LENGTH
 * of them, are known to the node as OUT-BASE and what follows. OUT-BASE has as many cells as the
 * node's #iommu-cells or #msi-cells says. A mask beside the map is applied to the requester ID
 * first. Linux takes the first entry that has the function, and gives up at an entry that breaks
 * the mask; so entries are read up to there.
 *
 * Linux took one cell of OUT-BASE whatever the node says, until ccb2fd725d41 (2026), and trees were
 * written for that. Such a map is still read if it can be nothing else: see dt_map_is_legacy().
 */
#include "base/array.h"
#include "base/hash.h"
#include "read.h"
#include "tables/findings/findings.h"

/*
 * Requester ID, phandle and length beside OUT-BASE. The length is a plain count, not one less as in
 * an IORT.
 */
#define OTHER_CELLS  3
#define LEGACY_CELLS (OTHER_CELLS + 1)

/* Far more than any binding has; a hostile tree may say anything. */
#define OUT_CELLS_MAX 64u

#define ALL_RIDS 0xffffu

/* A map being read: its entries, and the nodes they lead to. */
struct reading_map {
	struct dt_reading *reading;
	const struct dt_map *map;
	const struct dt_node *bridge;
	uint16_t first, last;     /* functions that the bridge can have */
	struct array *entries;    /* struct dt_entry */
	struct pointers *targets; /* of each entry, or NULL */
	struct array *runs;       /* struct dt_run */
};

static struct viommu_place place_of(const struct reading_map *m)
{
	return dt_place(m->reading->tree, m->bridge, m->map->property);
}

/* -- entries ---------------------------------------------------------------------- */

/* No function could ever match such an entry, so Linux takes it for a damaged map. */
static bool obeys_mask(const struct reading_map *m, const struct dt_entry *entry, uint32_t mask)
{
	if (!(entry->rid & ~mask))
		return true;
	report(m->reading->findings, "dt-map-mask", place_of(m),
	       "write the requester ID as it is under the mask",
	       "entry %zu has requester ID 0x%x, and the mask is 0x%x", m->entries->len, entry->rid,
	       mask);
	return false;
}

/* A node that is not there, or does not say, has one cell. */
static size_t cells_of(const struct devicetree *tree, const struct dt_map *map, uint32_t phandle)
{
	const struct dt_node *target = dt_target(tree, phandle);
	uint32_t cells = target ? dt_number(target, map->cells, 1) : 1;

	return MIN(cells, OUT_CELLS_MAX);
}

/* Do entries of as many cells as their nodes ask for end where the property does? */
static bool is_whole(const struct devicetree *tree, const struct dt_map *map,
		     const struct dt_property *property)
{
	size_t n = dt_cells(property), i = 0;

	while (i + OTHER_CELLS <= n)
		i += OTHER_CELLS + cells_of(tree, map, dt_cell(property, i + 1));
	return i == n && property->length == n * sizeof(uint32_t);
}

/* One node, and every length 1: of such a map newer kernels still read four cells an entry. */
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

/*
 * Targets are looked up once for each entry, whatever becomes of it: a dangling one is reported
 * even if no function uses it.
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

/* An entry may well go on behind the last bus, as QEMU's do; it must not be there alone. */
static void look_outside(const struct reading_map *m, size_t i)
{
	const struct dt_entry *entry = &array_index(m->entries, struct dt_entry, i);
	uint64_t end = (uint64_t)entry->rid + entry->length;

	if (entry->length && entry->rid <= m->last && end > m->first)
		return;
	report(m->reading->findings, "dt-map-outside", place_of(m),
	       "leave the entry out, or correct it or `bus-range`",
	       "entry %zu has no function of this host bridge: 0x%x, and %u of them", i, entry->rid,
	       entry->length);
}

/* -- runs -------------------------------------------------------------------------- */

/* Functions that have one ID, said one by one: without a mask a map has no other way. */
static bool shares_id(const struct dt_run *run, const struct dt_run *next)
{
	return run->target == next->target && run->last + 1 == next->first && run->id == next->id &&
	       (run->one_id || run->first == run->last) &&
	       (next->one_id || next->first == next->last);
}

/*
 * Neighbours that share an ID become a single run with one ID, however many entries said it. What
 * goes to a target that is not there is left out: nobody translates it.
 */
static void add_run(void *opaque, size_t entry, const struct dt_run *run)
{
	struct reading_map *m = opaque;
	struct dt_run known = *run;
	struct dt_run *before =
		m->runs->len ? &array_index(m->runs, struct dt_run, m->runs->len - 1) : NULL;

	known.target = m->targets->pdata[entry];
	if (before && known.target && shares_id(before, &known)) {
		before->last = known.last;
		before->one_id = true;
	} else if (known.target) {
		array_append(m->runs, known);
	}
}

/* Of each entry what is on buses of the bridge. */
static void add_plain_runs(struct reading_map *m)
{
	for (size_t i = 0; i < m->entries->len; i++) {
		const struct dt_entry *entry = &array_index(m->entries, struct dt_entry, i);
		uint64_t end = MIN((uint64_t)entry->rid + entry->length, m->last + UINT64_C(1));
		uint64_t first = MAX(entry->rid, m->first);

		look_outside(m, i);
		if (first < end)
			add_run(m, i,
				&(struct dt_run){ .first = (uint16_t)first,
						  .last = (uint16_t)(end - 1),
						  .id = entry->out +
							(uint32_t)(first - entry->rid) });
	}
}

/* A length that is no number of entries leaves open where each begins; so none of them is read. */
static void read_map(struct reading_map *m, const struct dt_property *property)
{
	uint32_t mask = dt_number(m->bridge, m->map->mask, UINT32_MAX);
	bool kept, legacy = dt_map_is_legacy(m->reading->tree, m->map, property, &kept);

	if (!property->length || (!legacy && !is_whole(m->reading->tree, m->map, property))) {
		report(m->reading->findings, "dt-map-length", place_of(m),
		       "write requester ID, phandle, as many cells as the node asks for, and "
		       "length",
		       "%zu bytes, which is no number of entries", property->length);
		return;
	}
	read_entries(m, property, mask, legacy);
	if ((mask & ALL_RIDS) == ALL_RIDS)
		add_plain_runs(m);
	else
		dt_mask_apply(m->entries, mask & ALL_RIDS, m->first, m->last, add_run, m);
}

/* Without the property there are no runs, and nothing is wrong. */
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

/* By its node, for that is what runs are compared by. */
static const struct dt_node *iommu_target(struct dt_reading *reading, const struct dt_node *bridge,
					  const char *property, uint32_t phandle)
{
	const struct dt_iommu *iommu = dt_iommu_of(reading, bridge, property, phandle);

	return iommu ? iommu->node : NULL;
}

/* Other controllers than an ITS take MSIs too, and have no name in a topology: no finding. */
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
