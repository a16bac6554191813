/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PCI host bridges of a device tree, and the functions below them
 *
 * A map that gives all functions of a bridge to one node, each as its segment and BDF, is what a
 * topology says in the bridge itself; the function of the IOMMU may be missing. Any other map
 * becomes ranges. Where MSIs go a topology says of the IOMMU where there is one, for most tables
 * do.
 */
#include <string.h>

#include "base/array.h"
#include "base/hash.h"
#include "read.h"
#include "tables/findings/findings.h"
#include "tables/model/topology.h"

#define SEGMENT_SHIFT 16
#define BUS_SHIFT     8
#define LAST_BUS      0xff
#define LAST_DEVFN    0xff

/* -- segments ---------------------------------------------------------------------- */

static const char domain[] = "linux,pci-domain";

/* One that has no number gets the next that is free, in the order of the tree, as in Linux. */
void dt_number_bridges(struct dt_reading *reading)
{
	uint32_t next = 0;

	for_each_dt_node(node, reading->tree) if (dt_is_host_bridge(node) && dt_is_available(node))
		hash_insert(reading->bridges, node,
			    GUINT_TO_POINTER(dt_has_number(node, domain)
						     ? dt_number(node, domain, 0) & G_MAXUINT16
						     : next++));
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

/* A finding about a bridge points at the property that says it. */
static struct viommu_place place_of(const struct bridge *b, const char *property)
{
	return dt_place(b->reading->tree, b->node, property);
}

/*
 * A range that makes no sense is no range. Linux scans all buses then, and so does everybody who
 * asks this topology.
 */
static void read_buses(struct bridge *b)
{
	const struct dt_property *range = dt_property(b->node, "bus-range");
	uint32_t first = dt_cell(range, 0), last = dt_cell(range, 1);
	bool said = dt_cells(range) == 2 && first <= last && last <= LAST_BUS;

	if (range && !said)
		report(b->reading->findings, "dt-bus-range", place_of(b, "bus-range"),
		       "write the first and the last bus", "no range of buses: taken for 00-ff");
	b->bridge.bus_first = said ? (uint8_t)first : 0;
	b->bridge.bus_last = said ? (uint8_t)last : LAST_BUS;
	b->first = (uint16_t)(b->bridge.bus_first << BUS_SHIFT);
	b->last = (uint16_t)(b->bridge.bus_last << BUS_SHIFT | LAST_DEVFN);
}

static const struct dt_run *run_at(const struct array *runs, size_t i)
{
	return &array_index(runs, struct dt_run, i);
}

/* Is each of them known by segment and BDF? */
static bool is_identity(const struct bridge *b, const struct dt_run *run)
{
	uint32_t id = (uint32_t)b->bridge.segment << SEGMENT_SHIFT | run->first;

	return run->id == id && (!run->one_id || run->first == run->last);
}

/* The function of an IOMMU, if it is one of this bridge; else one that is not there. */
static uint32_t own_function(const struct bridge *b, const struct dt_node *iommu)
{
	const struct dt_node *bridge = iommu->parent;
	uint16_t bdf;

	while (bridge && bridge != b->node)
		bridge = bridge->parent;
	return bridge && dt_is_pci_function(iommu) && dt_function_bdf(iommu, &bdf) ? bdf
										   : UINT32_MAX;
}

/* The hole that a topology knows of by itself: it has functions of virtio-iommus only. */
static uint32_t hole_of(const struct bridge *b, const struct dt_node *iommu)
{
	return iommu && dt_is_virtio_function(iommu) ? own_function(b, iommu) : UINT32_MAX;
}

/* One run behind the other, to one node, with no hole but where the node itself is. */
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

/* -- what runs say ----------------------------------------------------------------------- */

/* Targets of a map are IOMMUs that are there: dt_iommu_of() has seen to that. */
static const char *iommu_name(const struct bridge *b, const struct dt_node *target)
{
	const struct dt_iommu *iommu = hash_lookup(b->reading->iommus, target);

	return iommu->name;
}

/* A finding, and the range stays: what a guest would see is what the tree says. */
static void look_for_own(const struct bridge *b, const struct dt_run *run)
{
	uint32_t own = own_function(b, run->target);

	if (run->first <= own && own <= run->last)
		report(b->reading->findings, "dt-map-own", place_of(b, dt_iommu_map.property),
		       "leave its function out",
		       "the map gives the IOMMU %s its own function to translate",
		       run->target->name);
}

/* Beyond this a topology takes no more, so a tree that says more is not read on. */
static bool is_full(const struct dt_reading *reading)
{
	return reading->n_ranges > VIOMMU_MAX_SEGMENTS;
}

/* As many as a topology would take of PCI ranges; what is beyond is told once. */
static bool has_room(const struct bridge *b, const struct viommu_place *place)
{
	if (!is_full(b->reading) && ++b->reading->n_ranges > VIOMMU_MAX_SEGMENTS)
		report(b->reading->findings, "topology-segments", *place,
		       "write maps that say it in fewer entries",
		       "all maps together come to more than 262144 ranges: the rest is left out");
	return !is_full(b->reading);
}

/*
 * IDs of functions are what the map says, even where they are the functions' own: the bridge itself
 * speaks for all of its functions or for none.
 */
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
		.one_id = run->one_id,
		.place = b->iommus_place,
	};

	if (has_room(b, &b->iommus_place))
		topology_add_pci_range(b->reading->topology, &range);
}

/* Functions and not IDs, for a map is asked with the requester ID, whoever translates. */
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

/* A mask gives many functions one device ID, which a range of MSIs can only say one by one. */
static void add_msi_run(const struct bridge *b, const struct dt_run *run)
{
	if (!run->one_id) {
		add_msi_range(b, run->first, run->last, run->target, run->id);
		return;
	}
	for (uint32_t bdf = run->first; bdf <= run->last; bdf++)
		add_msi_range(b, (uint16_t)bdf, (uint16_t)bdf, run->target, run->id);
}

/*
 * MSIs of functions that an IOMMU translates: it can say where they go if it has no other place for
 * anybody's, and knows the functions as the ITS does.
 */
static bool iommu_can_say(struct dt_iommu *iommu, const char *its)
{
	if (iommu->its && strcmp(iommu->its, its) != 0)
		return false;
	iommu->its = its;
	return true;
}

/* Where the IOMMU cannot say it, ranges of MSIs do, which count more than what it says. */
static void say_in_iommus(struct bridge *b)
{
	for (size_t i = 0; b->bridge.its && i < b->iommus->len; i++) {
		const struct dt_run *run = run_at(b->iommus, i);
		struct dt_iommu *iommu = hash_lookup(b->reading->iommus, run->target);

		if (!is_identity(b, run) || !iommu_can_say(iommu, b->bridge.its))
			add_msi_range(b, run->first, run->last, run_at(b->msis, 0)->target,
				      (uint32_t)b->bridge.segment << SEGMENT_SHIFT | run->first);
	}
}

/* -- reading ----------------------------------------------------------------------------- */

/* Without a map, `msi-parent` says where MSIs go, and each function is known by its own ID. */
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

/* Both maps first: what the bridge says of itself depends on all runs of each. */
static void read_maps(struct bridge *b)
{
	const struct dt_node *iommu, *its;

	b->iommus_place = place_of(b, dt_iommu_map.property);
	b->msis_place = place_of(b, dt_msi_map.property);
	b->iommus = dt_map_read(b->reading, &dt_iommu_map, b->node, b->first, b->last);
	b->msis = dt_map_read(b->reading, &dt_msi_map, b->node, b->first, b->last);
	read_msi_parent(b);
	iommu = target_of_all(b, b->iommus);
	its = target_of_all(b, b->msis);
	b->bridge.iommu = iommu ? iommu_name(b, iommu) : NULL;
	b->bridge.its = its ? hash_lookup(b->reading->its, its) : NULL;
}

/* Behind the bridge, for the first that was added counts, and a range is always above it. */
static void add_runs(struct bridge *b)
{
	for (size_t i = 0; i < b->iommus->len; i++) {
		look_for_own(b, run_at(b->iommus, i));
		if (!b->bridge.iommu)
			add_range(b, run_at(b->iommus, i));
	}
	for (size_t i = 0; !b->bridge.its && i < b->msis->len; i++)
		add_msi_run(b, run_at(b->msis, i));
	say_in_iommus(b);
}

/* PASIDs and page requests have no property: what a root complex can do, its driver knows. */
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
	for_each_dt_node(node, reading->tree)
	{
		gpointer segment;

		if (hash_lookup_value(reading->bridges, node, &segment) && !is_full(reading))
			read_bridge(reading, node, (uint16_t)GPOINTER_TO_UINT(segment));
	}
}
