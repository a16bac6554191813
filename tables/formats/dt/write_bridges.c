/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PCI host bridges in a generated device tree
 *
 * The map of the topology (routes/map.c) has the route of every function; its part for a bridge
 * gives the bridge's iommu-map and msi-map. If the topology has no host bridges, as one read from a
 * VIOT, those of the base are used, or one per segment.
 */
#include <inttypes.h>

#include "base/array.h"
#include "base/hash.h"
#include "write.h"
#include "tables/findings/findings.h"
#include "tables/routes/map.h"
#include "tables/model/topology.h"

#define SEGMENT_SHIFT 16
#define BUS_SHIFT     8
#define LAST_BUS      0xff
#define LAST_DEVFN    0xff
#define LAST_BDF      0xffff

/* Identified by its segment and buses. */
struct bridge {
	uint16_t segment;
	uint8_t bus_first, bus_last;
	struct dt_node *node;
	const struct viommu_host_bridge *described; /* in the topology; NULL: not there */
};

struct bridges {
	struct dt_writing *writing;
	struct array *nodes; /* struct bridge, of the base; sorted */
	struct array *list;  /* struct bridge, to be written; sorted */
	struct array *map;   /* struct viommu_route_range */
	bool many_segments;
};

/* -- lists of bridges ----------------------------------------------------------------- */

static const struct bridge *at(const struct array *list, size_t i)
{
	return i < list->len ? &array_index(list, struct bridge, i) : NULL;
}

/* Orders buses by segment and number. */
static uint32_t position(const struct bridge *bridge)
{
	return (uint32_t)bridge->segment << BUS_SHIFT | bridge->bus_first;
}

static gint compare(gconstpointer a, gconstpointer b)
{
	uint32_t one = position(a), other = position(b);

	return (one > other) - (one < other);
}

/* The number of bridges that begin at or before a bus. */
static size_t count_up_to(const struct array *list, uint32_t position_of_bus)
{
	size_t low = 0, high = list->len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (position(at(list, middle)) <= position_of_bus)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The bridge with this bus, or NULL. */
static const struct bridge *bridge_of(const struct array *list, uint16_t segment, uint8_t bus)
{
	size_t n = count_up_to(list, (uint32_t)segment << BUS_SHIFT | bus);
	const struct bridge *bridge = n ? at(list, n - 1) : NULL;

	return bridge && bridge->segment == segment && bus <= bridge->bus_last ? bridge : NULL;
}

/* -- nodes -------------------------------------------------------------------------- */

/* Without a unit address, because a topology has no registers of bridges. */
static struct dt_node *create_bridge(struct dt_writing *writing, const struct bridge *bridge)
{
	auto_free char *name = memory_printf("pci-%04x-%02x", bridge->segment, bridge->bus_first);
	struct dt_node *node = dt_create_node(writing, writing->tree->root, name);

	node = dt_create_node(writing, node, "pcie");
	dt_set_string(writing, node, "compatible", "pci-host-ecam-generic");
	dt_set_string(writing, node, "device_type", "pci");
	dt_set_number(writing, node, "#address-cells", 3);
	dt_set_number(writing, node, "#size-cells", 2);
	if (!bridge->described || !bridge->described->incoherent)
		dt_set(writing, node, "dma-coherent", NULL, 0);
	return node;
}

/* As read_bridges.c does, an invalid range means all buses. */
static void node_buses(const struct dt_node *node, uint8_t *ret_first, uint8_t *ret_last)
{
	const struct dt_property *range = dt_property(node, "bus-range");
	bool valid = dt_cells(range) == 2 && dt_cell(range, 1) <= LAST_BUS &&
		     dt_cell(range, 0) <= dt_cell(range, 1);

	*ret_first = valid ? (uint8_t)dt_cell(range, 0) : 0;
	*ret_last = valid ? (uint8_t)dt_cell(range, 1) : LAST_BUS;
}

/* A bridge may have no name. */
static void report_missing(struct dt_writing *writing, const struct bridge *bridge)
{
	auto_free char *buses = memory_printf("%04x:%02x-%02x", bridge->segment, bridge->bus_first,
					      bridge->bus_last);

	dt_report_missing(writing, "host bridge",
			  bridge->described->name ? bridge->described->name : buses,
			  bridge->described->place);
}

/* By path, or else the node with its first bus. */
static void add_bridge(struct bridges *bridges, struct bridge bridge)
{
	struct dt_writing *writing = bridges->writing;
	const char *name = bridge.described ? bridge.described->name : NULL;
	const struct bridge *there = bridge_of(bridges->nodes, bridge.segment, bridge.bus_first);

	if (!bridge.node)
		bridge.node = dt_by_name(writing, name);
	if (!bridge.node && there)
		bridge.node = there->node;
	if (!bridge.node && !writing->into)
		bridge.node = create_bridge(writing, &bridge);
	if (bridge.node)
		array_append(bridges->list, bridge);
	else
		report_missing(writing, &bridge);
}

/* Disabled bridges have no segment. */
static void find_nodes(struct bridges *bridges)
{
	for_each_dt_node(node, bridges->writing->tree) {
		struct bridge bridge = { .node = node };
		gpointer segment;

		if (!hash_lookup_value(bridges->writing->before.bridges, node, &segment))
			continue;
		bridge.segment = (uint16_t)GPOINTER_TO_UINT(segment);
		node_buses(node, &bridge.bus_first, &bridge.bus_last);
		array_append(bridges->nodes, bridge);
	}
	array_sort(bridges->nodes, compare);
}

/* -- the list of bridges ------------------------------------------------------- */

/* Bridges of the topology take precedence over those of the base. */
static void use_described(struct bridges *bridges)
{
	const struct viommu_host_bridge *described;

	for_each_object(i, described, bridges->writing->topology, OBJECT_HOST_BRIDGE)
		add_bridge(bridges, (struct bridge){ described->segment, described->bus_first,
						     described->bus_last, NULL, described });
}

/* Each row of the map has one segment. */
static const struct viommu_route_range *row_at(const struct bridges *bridges, size_t i)
{
	return &array_index(bridges->map, struct viommu_route_range, i);
}

/* The map is sorted by segment. */
static void use_segments(struct bridges *bridges)
{
	for (size_t i = 0; i < bridges->map->len; i++)
		if (!i ||
		    row_at(bridges, i)->segment_first != row_at(bridges, i - 1)->segment_first)
			add_bridge(bridges, (struct bridge){ row_at(bridges, i)->segment_first, 0,
							     LAST_BUS, NULL, NULL });
}

static void choose_bridges(struct bridges *bridges)
{
	if (topology_count(bridges->writing->topology, OBJECT_HOST_BRIDGE))
		use_described(bridges);
	else if (bridges->writing->into)
		array_append_many(bridges->list, bridges->nodes->data, bridges->nodes->len);
	else
		use_segments(bridges);
	array_sort(bridges->list, compare);
}

/* -- IOMMUs that are functions ----------------------------------------------------------------- */

/* Behind another bridge, the function would need a node of that bridge. */
static void write_function(struct bridges *bridges, const struct viommu_iommu *iommu)
{
	const struct bridge *bridge =
		bridge_of(bridges->list, iommu->segment, (uint8_t)(iommu->bdf >> BUS_SHIFT));

	if (bridge && iommu->bdf >> BUS_SHIFT == bridge->bus_first) {
		dt_write_function(bridges->writing, bridge->node, iommu);
		return;
	}
	report(bridges->writing->findings, "dt-iommu-bus", iommu->place,
	       "move it to the root bus of a host bridge",
	       "IOMMU %s is not on the root bus of a host bridge", iommu->name);
	bridges->writing->failed = true;
}

/* The binding puts them below their host bridge. write_iommus.c has the other kinds. */
static void write_functions(struct bridges *bridges)
{
	const struct viommu_iommu *iommu;

	for_each_object(i, iommu, bridges->writing->topology, OBJECT_IOMMU)
		if (!iommu_has_window(iommu))
			write_function(bridges, iommu);
}

/* -- maps ---------------------------------------------------------------------- */

/* The first row that ends at or beyond that function. */
static size_t seek_row(const struct bridges *bridges, uint64_t position)
{
	size_t low = 0, high = bridges->map->len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct viommu_route_range *row = row_at(bridges, middle);

		if (((uint64_t)row->segment_first << SEGMENT_SHIFT | row->bdf_last) < position)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Does the next run continue this one? */
static bool continues(const struct dt_run *run, const struct dt_run *next)
{
	uint32_t n = (uint32_t)(run->last - run->first) + 1;

	return run->target == next->target && run->last + 1 == next->first &&
	       run->shared_id == next->shared_id &&
	       next->id == (run->shared_id ? run->id : run->id + n);
}

/* Contiguous runs are merged. */
static void add_run(struct array *runs, const struct dt_run *run)
{
	struct dt_run *before = runs->len ? &array_index(runs, struct dt_run, runs->len - 1) : NULL;

	if (before && continues(before, run))
		before->last = run->last;
	else
		array_append_many(runs, run, 1);
}

/* The part of a row on the bridge, with the ID at the IOMMU or at the ITS. */
static struct dt_run cut(const struct viommu_route_range *row, uint16_t first, uint16_t last,
			 uint32_t id, bool shared_id)
{
	uint16_t from = MAX(row->bdf_first, first);

	return (struct dt_run){ .first = from,
				.last = MIN(row->bdf_last, last),
				.id = shared_id ? id : id + (uint32_t)(from - row->bdf_first),
				.shared_id = shared_id };
}

/* The function of an IOMMU is never in its own map. */
static void add_run_around(struct array *runs, const struct dt_run *run,
			   const struct viommu_iommu *iommu)
{
	struct dt_run before = *run, behind = *run;
	uint16_t own = iommu->bdf;

	if (!iommu_is_function(iommu) || own < run->first || own > run->last) {
		add_run(runs, run);
		return;
	}
	before.last = own - 1;
	behind.first = own + 1;
	behind.id += run->shared_id ? 0 : (uint32_t)(own - run->first) + 1;
	if (own > run->first)
		add_run(runs, &before);
	if (own < run->last)
		add_run(runs, &behind);
}

/* A row has the route to the IOMMU, and that of MSIs to the ITS. */
static void add_row(const struct bridges *bridges, const struct viommu_route_range *row,
		    uint16_t first, uint16_t last, struct array *runs[2])
{
	const struct viommu_route *route = &row->route;
	struct dt_run to_iommu = cut(row, first, last, route->id, row->shared_id);
	struct dt_run to_its = cut(row, first, last, route->device_id, row->shared_device_id);

	if (route->iommu)
		to_iommu.target = hash_lookup(bridges->writing->iommus, route->iommu->name);
	if (route->its)
		to_its.target = hash_lookup(bridges->writing->its, route->its->name);
	if (to_iommu.target)
		add_run_around(runs[0], &to_iommu, route->iommu);
	if (to_its.target)
		add_run(runs[1], &to_its);
}

/* The last bridge of a segment maps all buses beyond it too, as in QEMU and the bindings. */
static void extend_to_last_bus(const struct bridges *bridges, uint16_t segment, uint16_t last,
			       struct array *runs)
{
	struct dt_run *run = runs->len ? &array_index(runs, struct dt_run, runs->len - 1) : NULL;
	size_t n = count_up_to(bridges->list,
			       (uint32_t)segment << BUS_SHIFT | (uint32_t)(last >> BUS_SHIFT));
	const struct bridge *next = at(bridges->list, n);

	if (run && run->last == last && (!next || next->segment != segment))
		run->last = LAST_BDF;
}

/* Without ITS groups the topology does not describe MSIs. */
static bool knows_its(const struct bridges *bridges)
{
	return topology_count(bridges->writing->topology, OBJECT_ITS_GROUP);
}

static void write_maps(struct bridges *bridges, const struct bridge *bridge)
{
	uint16_t first = (uint16_t)(bridge->bus_first << BUS_SHIFT);
	uint16_t last = (uint16_t)(bridge->bus_last << BUS_SHIFT | LAST_DEVFN);
	const struct dt_map *const maps[] = { &dt_iommu_map, &dt_msi_map };
	struct array *runs[] = { array_new(sizeof(struct dt_run)),
				 array_new(sizeof(struct dt_run)) };
	size_t i = seek_row(bridges, (uint64_t)bridge->segment << SEGMENT_SHIFT | first);

	for (; i < bridges->map->len; i++) {
		const struct viommu_route_range *row = row_at(bridges, i);

		if (row->segment_first != bridge->segment || row->bdf_first > last)
			break;
		add_row(bridges, row, first, last, runs);
	}
	for (size_t m = 0; m < G_N_ELEMENTS(maps); m++) {
		extend_to_last_bus(bridges, bridge->segment, last, runs[m]);
		if (maps[m] == &dt_iommu_map || knows_its(bridges))
			dt_write_map(bridges->writing, bridge->node, maps[m], runs[m], first, last);
		array_free(runs[m]);
	}
}

/* -- bridges ------------------------------------------------------------------- */

/* Setting equal values checks those of the base. */
static void write_bridge(struct bridges *bridges, const struct bridge *bridge)
{
	struct dt_writing *writing = bridges->writing;
	const uint32_t buses[] = { bridge->bus_first, bridge->bus_last };
	uint8_t first, last;

	node_buses(bridge->node, &first, &last);
	if (first != bridge->bus_first || last != bridge->bus_last || !writing->into)
		dt_set_cells(writing, bridge->node, "bus-range", buses, G_N_ELEMENTS(buses));
	if (bridges->many_segments || dt_property(bridge->node, "linux,pci-domain"))
		dt_set_number(writing, bridge->node, "linux,pci-domain", bridge->segment);
	if (bridge->described && bridge->described->has_proximity_domain)
		dt_set_number(writing, bridge->node, "numa-node-id",
			      bridge->described->proximity_domain);
	if (bridge->described && bridge->described->ats &&
	    !dt_property(bridge->node, "ats-supported"))
		dt_set(writing, bridge->node, "ats-supported", NULL, 0);
	write_maps(bridges, bridge);
}

/*
 * If a segment is not 0, all bridges need numbers; and so do several of segment 0, since readers
 * number bridges without one, each with a segment of its own.
 */
static bool has_many_segments(const struct bridges *bridges)
{
	if (bridges->list->len > 1)
		return true;
	for (size_t i = 0; i < bridges->list->len; i++)
		if (at(bridges->list, i)->segment)
			return true;
	return false;
}

/* IOMMUs before maps, which refer to their nodes. */
void dt_write_bridges(struct dt_writing *writing)
{
	struct bridges bridges = {
		.writing = writing,
		.nodes = array_new(sizeof(struct bridge)),
		.list = array_new(sizeof(struct bridge)),
		.map = map_new(writing->topology),
	};

	find_nodes(&bridges);
	choose_bridges(&bridges);
	write_functions(&bridges);
	bridges.many_segments = has_many_segments(&bridges);
	for (size_t i = 0; i < bridges.list->len; i++)
		write_bridge(&bridges, at(bridges.list, i));
	array_free(bridges.nodes);
	array_free(bridges.list);
	array_free(bridges.map);
}
