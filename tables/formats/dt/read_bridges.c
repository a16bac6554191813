/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PCI host bridges of a device tree, and the functions below them
 *
 * If a map gives all functions of a bridge to one node, each with its segment and BDF as ID, the
 * host bridge of the topology represents it; the function of the IOMMU may be missing. Any other
 * map becomes ranges. The ITS of translated functions is an attribute of the IOMMU where possible,
 * as in most tables.
 */
#include <string.h>

#include "base/array.h"
#include "base/hash.h"
#include "base/pci.h"
#include "read.h"
#include "tables/findings/findings.h"
#include "tables/model/topology.h"

#define SEGMENT_SHIFT 16
#define BUS_SHIFT     8
#define LAST_BUS      0xff
#define LAST_DEVFN    0xff

/* -- segments ---------------------------------------------------------------------- */

static const char domain[] = "linux,pci-domain";

/* Numbers of disabled bridges are not free, either. */
static struct hash *given_numbers(const struct devicetree *tree)
{
	struct hash *given = hash_new(&hash_direct);

	for_each_dt_node(node, tree)
		if (dt_is_host_bridge(node) && dt_has_number(node, domain))
			hash_add(given, GSIZE_TO_POINTER((gsize)dt_number(node, domain, 0) + 1));
	return given;
}

/*
 * As in Linux since 6.1, bridges without a number get the next one that the tree gives to no
 * bridge, in the order of the tree.
 */
void dt_number_bridges(struct dt_reading *reading)
{
	struct hash *given = given_numbers(reading->tree);
	uint32_t next = 0, number;

	for_each_dt_node(node, reading->tree) {
		if (!dt_is_host_bridge(node) || !dt_is_available(node))
			continue;
		while (hash_contains(given, GSIZE_TO_POINTER((gsize)next + 1)))
			next++;
		number = dt_has_number(node, domain) ? dt_number(node, domain, 0) : next++;
		hash_insert(reading->bridges, node, GUINT_TO_POINTER(number & G_MAXUINT16));
	}
	hash_free(given);
}

/* -- one bridge ---------------------------------------------------------------------- */

struct bridge {
	struct dt_reading *reading;
	const struct dt_node *node;
	struct viommu_host_bridge bridge;
	uint16_t first, last;        /* its functions */
	struct array *iommus, *msis; /* runs of its two maps */
	struct viommu_place iommus_place, msis_place;
};

static struct viommu_place place_of(const struct bridge *b, const char *property)
{
	return dt_place(b->reading->tree, b->node, property);
}

/* As in Linux, an invalid range means all buses. */
static void read_buses(struct bridge *b)
{
	const struct dt_property *range = dt_property(b->node, "bus-range");
	uint32_t first = dt_cell(range, 0), last = dt_cell(range, 1);
	bool valid = dt_cells(range) == 2 && first <= last && last <= LAST_BUS;

	if (range && !valid)
		report(b->reading->findings, "dt-bus-range", place_of(b, "bus-range"),
		       "write the first and the last bus",
		       "the bus range is invalid: 00-ff is used");
	b->bridge.bus_first = valid ? (uint8_t)first : 0;
	b->bridge.bus_last = valid ? (uint8_t)last : LAST_BUS;
	b->first = (uint16_t)(b->bridge.bus_first << BUS_SHIFT);
	b->last = (uint16_t)(b->bridge.bus_last << BUS_SHIFT | LAST_DEVFN);
}

static const struct dt_run *run_at(const struct array *runs, size_t i)
{
	return &array_index(runs, struct dt_run, i);
}

/* Is the ID of each function its segment and BDF? */
static bool is_identity(const struct bridge *b, const struct dt_run *run)
{
	uint32_t id = (uint32_t)b->bridge.segment << SEGMENT_SHIFT | run->first;

	return run->id == id && (!run->shared_id || run->first == run->last);
}

/* The BDF of an IOMMU that is a function of this bridge; else UINT32_MAX. */
static uint32_t own_function(const struct bridge *b, const struct dt_node *iommu)
{
	const struct dt_node *bridge = iommu->parent;
	uint16_t bdf;

	while (bridge && bridge != b->node)
		bridge = bridge->parent;
	return bridge && dt_is_pci_function(iommu) && dt_function_bdf(iommu, &bdf) ? bdf
										   : UINT32_MAX;
}

/*
 * The function that may be missing from the map of a host bridge: in a topology, that of a
 * virtio-iommu.
 */
static uint32_t hole_of(const struct bridge *b, const struct dt_node *iommu)
{
	return iommu && dt_is_iommu_function(iommu) ? own_function(b, iommu) : UINT32_MAX;
}

/* The node of all functions of the bridge but its own, or NULL. */
static const struct dt_node *target_of_all(const struct bridge *b, const struct array *runs)
{
	const struct dt_node *target = runs->len ? run_at(runs, 0)->target : NULL;
	uint32_t own = hole_of(b, target), at = b->first;

	for (size_t i = 0; target && i < runs->len; i++) {
		const struct dt_run *run = run_at(runs, i);

		at += at == own;
		if (run->target != target || run->first != at || !is_identity(b, run) ||
		    (run->first <= own && own <= run->last))
			return NULL;
		at = run->last + 1u;
	}
	at += at == own;
	return at == b->last + 1u ? target : NULL;
}

/* -- runs ---------------------------------------------------------------------- */

/* iommu_target() accepts only known IOMMUs. */
static const char *iommu_name(const struct bridge *b, const struct dt_node *target)
{
	const struct dt_iommu *iommu = hash_lookup(b->reading->iommus, target);

	return iommu->name;
}

/* Reported, but kept, because the guest sees it too. */
static void check_own(const struct bridge *b, const struct dt_run *run)
{
	uint32_t own = own_function(b, run->target);

	if (run->first <= own && own <= run->last)
		report(b->reading->findings, "dt-map-own", place_of(b, dt_iommu_map.property),
		       "exclude its function",
		       "the map makes the IOMMU %s translate its own function", run->target->name);
}

/* The limit of PCI ranges in a topology. */
static bool is_full(const struct dt_reading *reading)
{
	return reading->n_ranges > VIOMMU_MAX_SEGMENTS;
}

/* Reported once. */
static bool has_room(const struct bridge *b, const struct viommu_place *place)
{
	if (!is_full(b->reading) && ++b->reading->n_ranges > VIOMMU_MAX_SEGMENTS)
		report(b->reading->findings, "topology-segments", *place,
		       "use maps with fewer entries",
		       "the maps have more than 262144 ranges: the rest was dropped");
	return !is_full(b->reading);
}

static void add_range(const struct bridge *b, const struct dt_run *run)
{
	const struct viommu_pci_range range = {
		.size = sizeof(range),
		.segment_first = b->bridge.segment,
		.segment_last = b->bridge.segment,
		.bdf_first = run->first,
		.bdf_last = run->last,
		.iommu = iommu_name(b, run->target),
		.id_first = run->id,
		.shared_id = run->shared_id,
		.place = b->iommus_place,
	};

	if (has_room(b, &b->iommus_place))
		topology_add_pci_range(b->reading->topology, &range);
}

/* By functions, because msi-map is indexed by requester ID even behind an IOMMU. */
static void add_msi_range(const struct bridge *b, uint16_t first, uint16_t last,
			  const struct dt_node *its, uint32_t device_id)
{
	const struct viommu_msi_range range = {
		.size = sizeof(range),
		.segment = b->bridge.segment,
		.bdf_first = first,
		.bdf_last = last,
		.its = hash_lookup(b->reading->its, its),
		.device_id_first = device_id,
		.place = b->msis_place,
	};

	if (has_room(b, &b->msis_place))
		topology_add_msi_range(b->reading->topology, &range);
}

/* A range of MSIs cannot share a device ID, so each function needs one. */
static void add_msi_run(const struct bridge *b, const struct dt_run *run)
{
	if (!run->shared_id) {
		add_msi_range(b, run->first, run->last, run->target, run->id);
		return;
	}
	for (uint32_t bdf = run->first; bdf <= run->last; bdf++)
		add_msi_range(b, (uint16_t)bdf, (uint16_t)bdf, run->target, run->id);
}

/* The IOMMU can represent the ITS of its endpoints if it is the same for all. */
static bool iommu_can_represent(struct dt_iommu *iommu, const char *its)
{
	if (iommu->its && strcmp(iommu->its, its) != 0)
		return false;
	iommu->its = its;
	return true;
}

/* Otherwise ranges of MSIs represent it, which take precedence. */
static void set_its_of_iommus(struct bridge *b)
{
	for (size_t i = 0; b->bridge.its && i < b->iommus->len; i++) {
		const struct dt_run *run = run_at(b->iommus, i);
		struct dt_iommu *iommu = hash_lookup(b->reading->iommus, run->target);

		if (!is_identity(b, run) || !iommu_can_represent(iommu, b->bridge.its))
			add_msi_range(b, run->first, run->last, run_at(b->msis, 0)->target,
				      (uint32_t)b->bridge.segment << SEGMENT_SHIFT | run->first);
	}
}

/* -- reading ----------------------------------------------------------------------------- */

/* Without a map, `msi-parent` gives the ITS, and each function has its own ID. */
static void read_msi_parent(struct bridge *b)
{
	const struct dt_property *parent = dt_property(b->node, "msi-parent");
	struct dt_run run = { .first = b->first,
			      .last = b->last,
			      .target = dt_target(b->reading->tree, dt_cell(parent, 0)),
			      .id = (uint32_t)b->bridge.segment << SEGMENT_SHIFT | b->first };

	if (!dt_property(b->node, dt_msi_map.property) && run.target &&
	    hash_contains(b->reading->its, run.target))
		array_append(b->msis, run);
}

#define N_FUNCTIONS 0x10000u

static void mark(uint8_t *functions, const struct dt_run *run)
{
	for (uint32_t bdf = run->first; bdf <= run->last; bdf++)
		functions[bdf / 8] |= (uint8_t)(1u << bdf % 8);
}

/* The first function with an IOMMU but no ITS, or N_FUNCTIONS. */
static uint32_t find_without_its(const struct bridge *b, const uint8_t *functions)
{
	for (size_t i = 0; i < b->iommus->len; i++)
		for (uint32_t bdf = run_at(b->iommus, i)->first; bdf <= run_at(b->iommus, i)->last;
		     bdf++)
			if (!(functions[bdf / 8] >> bdf % 8 & 1))
				return bdf;
	return N_FUNCTIONS;
}

/* For what the map lacks, Linux takes msi-parent, or a controller inside of the host bridge. */
static void check_msis(const struct bridge *b)
{
	uint8_t functions[N_FUNCTIONS / 8] = { 0 };
	uint32_t bdf;

	if (dt_property(b->node, "msi-parent"))
		return;
	for (size_t i = 0; i < b->msis->len; i++)
		mark(functions, run_at(b->msis, i));
	bdf = b->msis->len ? find_without_its(b, functions) : N_FUNCTIONS;
	if (bdf < N_FUNCTIONS)
		report(b->reading->findings, "dt-msi-map", b->msis_place,
		       "add entries for all functions of iommu-map; in a topology, give their "
		       "IOMMU an `its`",
		       "function " PCI_BDF " has an IOMMU, but no MSIs by this map",
		       PCI_BDF_PARTS(bdf));
}

static void read_maps(struct bridge *b)
{
	const struct dt_node *iommu, *its;

	b->iommus_place = place_of(b, dt_iommu_map.property);
	b->msis_place = place_of(b, dt_msi_map.property);
	b->iommus = dt_map_read(b->reading, &dt_iommu_map, b->node, b->first, b->last);
	b->msis = dt_map_read(b->reading, &dt_msi_map, b->node, b->first, b->last);
	check_msis(b);
	read_msi_parent(b);
	iommu = target_of_all(b, b->iommus);
	its = target_of_all(b, b->msis);
	b->bridge.iommu = iommu ? iommu_name(b, iommu) : NULL;
	b->bridge.its = its ? hash_lookup(b->reading->its, its) : NULL;
}

static void add_runs(struct bridge *b)
{
	for (size_t i = 0; i < b->iommus->len; i++) {
		check_own(b, run_at(b->iommus, i));
		if (!b->bridge.iommu)
			add_range(b, run_at(b->iommus, i));
	}
	for (size_t i = 0; !b->bridge.its && i < b->msis->len; i++)
		add_msi_run(b, run_at(b->msis, i));
	set_its_of_iommus(b);
}

/* There is no property for PASIDs and page requests. */
static void read_bridge(struct dt_reading *reading, const struct dt_node *node, uint16_t segment)
{
	auto_free char *path = dt_path(node);
	struct bridge b = {
		.reading = reading,
		.node = node,
		.bridge = {
			.size = sizeof(b.bridge),
			.name = path,
			.segment = segment,
			.has_proximity_domain = dt_has_number(node, "numa-node-id"),
			.proximity_domain = dt_number(node, "numa-node-id", 0),
			.ats = dt_property(node, "ats-supported"),
			.incoherent = !dt_is_coherent(node),
			.place = dt_place(reading->tree, node, NULL),
		},
	};

	read_buses(&b);
	read_maps(&b);
	topology_add_host_bridge(reading->topology, &b.bridge);
	add_runs(&b);
	array_free(b.iommus);
	array_free(b.msis);
}

void dt_read_bridges(struct dt_reading *reading)
{
	for_each_dt_node(node, reading->tree) {
		gpointer segment;

		if (hash_lookup_value(reading->bridges, node, &segment) && !is_full(reading))
			read_bridge(reading, node, (uint16_t)GPOINTER_TO_UINT(segment));
	}
}
