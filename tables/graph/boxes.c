/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The boxes of a picture: sources of accesses
 *
 * A host bridge is a box, with a line for all functions that have the same route in the map.
 * Functions without a host bridge, such as all functions of a VIOT, have a box for their segment.
 * Platform devices behind one IOMMU share a box.
 */
#include <inttypes.h>
#include <string.h>

#include "base/array.h"
#include "base/hash.h"
#include "tables/model/partition.h"
#include "graph.h"
#include "tables/routes/map.h"
#include "tables/text/text.h"

#define SEGMENT_SHIFT 16
#define BUS_SHIFT     8
#define LAST_DEVFN    0xff

/* Lines come in the order of the map, not box by box; a hash table finds the box of a line. */
struct collector {
	const struct viommu_topology *topology;
	struct boxes boxes;
	struct hash *by_owner; /* host bridge, segment or IOMMU -> index of its box, from 1 */
};

/* A line owns its texts, because their sources are freed before the picture is drawn. */
static void line_clear(gpointer pointer)
{
	struct line *line = pointer;

	memory_free(line->what);
	memory_free(line->ids);
	memory_free(line->device_ids);
}

static void box_clear(gpointer pointer)
{
	struct box *box = pointer;

	memory_free(box->title);
	memory_free(box->subtitle);
	array_free(box->lines);
}

/* The box of an owner, created if necessary; NULL if there are too many. */
static struct box *box_of(struct collector *collector, gconstpointer owner)
{
	struct array *list = collector->boxes.list;
	size_t index = GPOINTER_TO_SIZE(hash_lookup(collector->by_owner, owner));
	struct box box = { 0 };

	if (index)
		return index > list->len ? NULL : &array_index(list, struct box, index - 1);
	index = list->len < MAX_BOXES ? list->len + 1 : MAX_BOXES + 1;
	hash_insert(collector->by_owner, (gpointer)owner, GSIZE_TO_POINTER(index));
	if (index > MAX_BOXES) {
		collector->boxes.n_more++;
		return NULL;
	}
	box.lines = array_new(sizeof(struct line));
	array_set_clear(box.lines, line_clear);
	array_append(list, box);
	return &array_index(list, struct box, index - 1);
}

/* Counts the line if it is one of too many. */
static bool is_only_counted(struct box *box)
{
	if (box->lines->len < MAX_LINES)
		return false;
	box->n_more++;
	return true;
}

/* -- functions -------------------------------------------------------------------- */

/* The en dash is for people: no program parses the picture. */
static char *ids_text(uint32_t first, uint64_t n, bool one)
{
	if (one || n <= 1)
		return memory_printf("0x%" PRIx32, first);
	return memory_printf("0x%" PRIx32 "\xe2\x80\x93"
			     "0x%" PRIx32,
			     first, (uint32_t)(first + n - 1));
}

/* Device IDs are drawn only if they differ from the default. */
static bool has_default_device_ids(const struct viommu_route_range *range)
{
	const struct viommu_route *route = &range->route;
	uint32_t by_default = route->iommu ? route->id : (uint32_t)range_first(range);

	return !route->its || route->device_id == by_default;
}

/* Without the segment, which is in the subtitle of the box. */
static char *functions_of(const struct viommu_route_range *range)
{
	static const char segment[] = "0000:";
	auto_free char *text = functions_text(range);

	return memory_text(text + strlen(segment));
}

/* A range that bypasses has an empty cell for its IDs, where the arrow of the bypass starts. */
static void draw_range(struct box *box, const struct viommu_route_range *range)
{
	uint64_t n = range_length(range);
	const struct viommu_route *route = &range->route;
	struct line line = { .iommu = route->iommu, .its = route->its };

	if (is_only_counted(box))
		return;
	line.what = functions_of(range);
	if (route->iommu)
		line.ids = ids_text(route->id, n, range->shared_id);
	if (!has_default_device_ids(range))
		line.device_ids = ids_text(route->device_id, n, range->shared_device_id);
	array_append(box->lines, line);
}

/* A box without a title is new. */
static struct box *box_of_bridge(struct collector *collector,
				 const struct viommu_host_bridge *bridge)
{
	struct box *box = box_of(collector, bridge);

	if (!box || box->title)
		return box;
	box->title = memory_text(bridge->name ? bridge->name : "host bridge");
	box->subtitle = memory_printf("segment %04x, buses %02x\xe2\x80\x93%02x", bridge->segment,
				      bridge->bus_first, bridge->bus_last);
	box->has_domain = bridge->has_proximity_domain;
	box->domain = bridge->proximity_domain;
	return box;
}

/* Owners are addresses; numbers from 1 are never addresses, so they identify segments. */
static struct box *box_of_segment(struct collector *collector, unsigned segment)
{
	struct box *box = box_of(collector, GSIZE_TO_POINTER((size_t)segment + 1));

	if (!box || box->title)
		return box;
	box->title = memory_text("PCI functions");
	box->subtitle = memory_printf("segment %04x", segment);
	return box;
}

/* Beyond the limit of boxes, a piece is not drawn; box_of() has counted its box. */
static void draw_piece(struct collector *collector, const struct viommu_route_range *range,
		       const struct viommu_host_bridge *bridge)
{
	struct box *box = bridge ? box_of_bridge(collector, bridge)
				 : box_of_segment(collector, range->segment_first);

	if (box)
		draw_range(box, range);
}

/* Splits the piece at the boundaries of host bridges, so that each part is in one box. */
static void draw_cut(struct collector *collector, const struct viommu_route_range *range,
		     const struct array *bridges)
{
	uint64_t last = range_last(range);

	for (uint64_t at = range_first(range); at <= last;) {
		const struct span *span = partition_get(bridges, partition_seek(bridges, at));
		bool inside = span && span->first <= at;
		uint64_t end = !span ? last : inside ? span->last : span->first - 1;
		struct viommu_route_range piece = range_clip(range, at, MIN(end, last));

		draw_piece(collector, &piece, inside ? span->owner : NULL);
		at = MIN(end, last) + 1;
	}
}

/* As in the map, the first of two bridges with the same bus owns the bus. */
static struct array *bridge_partition(const struct viommu_topology *topology)
{
	struct array *partition = partition_new();
	const struct viommu_host_bridge *bridge;

	for_each_object(i, bridge, topology, OBJECT_HOST_BRIDGE) {
		uint64_t segment = (uint64_t)bridge->segment << SEGMENT_SHIFT;

		partition_add(partition, segment | (uint64_t)bridge->bus_first << BUS_SHIFT,
			      segment | (uint64_t)bridge->bus_last << BUS_SHIFT | LAST_DEVFN,
			      bridge);
	}
	partition_resolve(partition);
	return partition;
}

/* -- devices -------------------------------------------------------------------------- */

/* The collector's own address identifies the box of devices without an IOMMU. */
static struct box *box_of_devices(struct collector *collector,
				  const struct viommu_platform_device *device)
{
	const struct viommu_iommu *iommu =
		viommu_topology_find_iommu(collector->topology, device->iommu);
	struct box *box = box_of(collector, iommu ? (gconstpointer)iommu : collector);

	if (!box || box->title)
		return box;
	box->title = memory_text("platform devices");
	box->has_domain = iommu && iommu->has_proximity_domain;
	box->domain = iommu ? iommu->proximity_domain : 0;
	return box;
}

/* A device has no bridge with a NUMA node, so it is drawn in the node of its IOMMU. */
static void draw_device(struct collector *collector, const struct viommu_platform_device *device)
{
	struct box *box = box_of_devices(collector, device);
	struct line line = { .iommu = viommu_topology_find_iommu(collector->topology,
								 device->iommu) };

	if (!box || is_only_counted(box))
		return;
	line.what = device->name ? memory_text(device->name)
				 : memory_printf("0x%" PRIx64, device->base);
	if (line.iommu)
		line.ids = ids_text(device->id, MAX(device->n_ids, 1), false);
	array_append(box->lines, line);
}

/* -- all boxes ----------------------------------------------------------------- */

/* Functions in the order of the map, then devices in the order of the topology. */
struct boxes graph_boxes(const struct viommu_topology *topology)
{
	struct collector collector = {
		.topology = topology,
		.boxes.list = array_new(sizeof(struct box)),
		.by_owner = hash_new(&hash_direct),
	};
	struct array *bridges = bridge_partition(topology);
	struct map *map = map_begin(topology);
	const struct viommu_platform_device *device;
	struct viommu_route_range range;

	array_set_clear(collector.boxes.list, box_clear);
	while (map_next(map, &range))
		draw_cut(&collector, &range, bridges);
	for_each_object(i, device, topology, OBJECT_PLATFORM_DEVICE)
		draw_device(&collector, device);
	hash_free(collector.by_owner);
	array_free(bridges);
	map_end(map);
	return collector.boxes;
}

void graph_free_boxes(struct boxes *boxes)
{
	array_free(boxes->list);
}
