/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu resolve --all: the whole map
 *
 * One line for each run of functions with the same route. Translated functions come first, then
 * other devices, then what bypasses.
 */
#include <inttypes.h>
#include <stdio.h>

#include "command.h"
#include "json.h"
#include "resolve.h"
#include "route_text.h"

#define SEGMENT_LENGTH 0x10000u

/* Printed in this order. */
enum { TRANSLATED, DEVICES, UNKNOWN, BYPASSING, LINUX_DIFFERS };

/* -- cells ------------------------------------------------------------------------- */

static uint64_t n_functions(const struct viommu_route_range *range)
{
	return (uint64_t)(range->bdf_last - range->bdf_first) + 1;
}

/* IDs of a segment begin 0x10000 after those of the segment before: are others in between? */
static bool has_holes(const struct viommu_route_range *range)
{
	return range->segment_first < range->segment_last && n_functions(range) < SEGMENT_LENGTH;
}

/* Up to the first hole. */
static uint64_t n_ids(const struct viommu_route_range *range, bool one)
{
	uint64_t more = (uint64_t)(range->segment_last - range->segment_first) * SEGMENT_LENGTH;

	return one ? 1 : (has_holes(range) ? 0 : more) + n_functions(range);
}

/* "0x1000-0x1fff to 0x31000-0x31fff": of four segments, with holes. */
static char *ids_cell(const struct viommu_route_range *range, uint32_t first, bool one)
{
	uint32_t more = (uint32_t)(range->segment_last - range->segment_first) * SEGMENT_LENGTH;
	g_autofree char *begin = ids_text(first, n_ids(range, one));
	g_autofree char *end = ids_text(first + more, n_ids(range, one));

	return one || !has_holes(range) ? g_steal_pointer(&begin)
					: g_strdup_printf("%s to %s", begin, end);
}

static char *msis_cell(const struct viommu_route_range *range)
{
	const struct viommu_route *route = &range->route;
	g_autofree char *ids = ids_cell(range, route->device_id, range->shared_device_id);

	return route->its ? g_strdup_printf("%s %s", route->its->name, ids) : NULL;
}

static char *from_cell(const struct viommu_route_range *range)
{
	g_autofree char *place = viommu_place_text(&range->route.place);

	if (range->n_entries == 1)
		return g_steal_pointer(&place);
	return g_strdup_printf("%s and %zu more", place, range->n_entries - 1);
}

/* -- text -------------------------------------------------------------------------- */

static const char *const titles[MAP_PARTS][MAX_COLUMNS] = {
	[TRANSLATED] = { "PCI functions", "IOMMU", "IDs", "MSIs", "by" },
	[DEVICES] = { "other devices", "IOMMU", "IDs", NULL, "by" },
	[UNKNOWN] = { "below bridges with unknown buses", "IOMMU", NULL, NULL, "by" },
	[BYPASSING] = { "bypassing", NULL, NULL, "MSIs", "by" },
	[LINUX_DIFFERS] = { "Linux differs", "IOMMU", "IDs", "MSIs", "by" },
};

static void add_line(struct map_listing *listing, int part, char *const cells[MAX_COLUMNS])
{
	struct columns *columns = &listing->parts[part];
	char *title[MAX_COLUMNS];

	if (!listing->begun[part]) {
		columns_begin(columns);
		for (int i = 0; i < MAX_COLUMNS; i++)
			title[i] = g_strdup(titles[part][i]);
		columns_add(columns, title);
	}
	listing->begun[part] = true;
	columns_add(columns, cells);
}

/* Counts the line if it is one of too many. */
static bool is_only_counted(struct map_listing *listing, int part)
{
	struct columns *columns = &listing->parts[part];

	if (columns->n_lines <= listing->most)
		return false;
	columns->n_lines++;
	return true;
}

static void list_functions(void *opaque, const struct viommu_route_range *range)
{
	const struct viommu_route *route = &range->route;
	int part = route->iommu ? TRANSLATED : BYPASSING;
	char *cells[MAX_COLUMNS] = { NULL };

	if (is_only_counted(opaque, part))
		return;
	cells[0] = viommu_functions_text(range);
	if (route->iommu) {
		cells[1] = g_strdup(route->iommu->name);
		cells[2] = ids_cell(range, route->id, range->shared_id);
	}
	cells[3] = msis_cell(range);
	cells[4] = from_cell(range);
	add_line(opaque, part, cells);
}

/* The reason is a sentence, too long for a line; `resolve DEVICE` prints it. */
static void list_linux_difference(void *opaque, const struct viommu_route_range *range,
				  const char *why)
{
	const struct viommu_route *route = &range->route;
	char *cells[MAX_COLUMNS] = { NULL };

	(void)why;
	if (is_only_counted(opaque, LINUX_DIFFERS))
		return;
	cells[0] = viommu_functions_text(range);
	cells[1] = g_strdup(route->iommu ? route->iommu->name : "none");
	if (route->iommu)
		cells[2] = ids_cell(range, route->id, range->shared_id);
	cells[3] = msis_cell(range);
	cells[4] = from_cell(range);
	add_line(opaque, LINUX_DIFFERS, cells);
}

/* A name that `resolve` accepts. */
static char *name_of(const struct viommu_platform_device *device)
{
	if (device->name)
		return g_strdup(device->name);
	return g_strdup_printf("0x%" PRIx64, device->base);
}

/* Further IDs get their own lines, since they may be behind other IOMMUs. */
static void list_devices(struct map_listing *listing, const struct viommu_topology *topology)
{
	const struct viommu_platform_device *device;
	const struct viommu_device_id *more;

	for (size_t i = 0; (device = viommu_topology_platform_device(topology, i)); i++)
		if (!is_only_counted(listing, device->iommu ? DEVICES : BYPASSING))
			add_line(listing, device->iommu ? DEVICES : BYPASSING,
				 (char *[MAX_COLUMNS]){
					 name_of(device), g_strdup(device->iommu),
					 device->iommu ? ids_text(device->id, device->n_ids) : NULL,
					 NULL, viommu_place_text(&device->place) });
	for (size_t i = 0; (more = viommu_topology_device_id(topology, i)); i++)
		if (!is_only_counted(listing, more->iommu ? DEVICES : BYPASSING))
			add_line(listing, more->iommu ? DEVICES : BYPASSING,
				 (char *[MAX_COLUMNS]){
					 g_strdup(more->device), g_strdup(more->iommu),
					 more->iommu ? ids_text(more->id, more->n_ids) : NULL, NULL,
					 viommu_place_text(&more->place) });
}

/* Functions whose bus numbers the table does not give are not in the map; they are listed here. */
static void list_unknown(struct map_listing *listing, const struct viommu_topology *topology)
{
	const struct viommu_pci_range *range;

	for (size_t i = 0; (range = viommu_topology_pci_range(topology, i)); i++) {
		struct viommu_route_range functions = {
			.segment_first = range->segment_first,
			.segment_last = range->segment_last,
			.bdf_first = range->bdf_first,
			.bdf_last = range->bdf_last,
		};
		g_autofree char *text = viommu_functions_text(&functions);
		bool below = range->scope == VIOMMU_SCOPE_BRIDGE;

		if ((range->path || (below && !range->secondary_bus)) &&
		    !is_only_counted(listing, UNKNOWN))
			add_line(listing, UNKNOWN,
				 (char *[MAX_COLUMNS]){
					 g_strconcat(text, range->path ? "/" : "",
						     range->path ? range->path : "",
						     below ? " and below" : "", NULL),
					 g_strdup(range->iommu ? range->iommu : "-"), NULL, NULL,
					 viommu_place_text(&range->place) });
	}
}

bool map_listing_collect(struct map_listing *listing, const struct viommu_topology *topology,
			 guint most)
{
	struct linux_visitor visitor = { list_linux_difference, listing };

	*listing = (struct map_listing){ .most = most };
	viommu_topology_for_each_route(topology, list_functions, listing);
	list_devices(listing, topology);
	list_unknown(listing, topology);
	return for_each_linux_difference(topology, &visitor);
}

void print_map(const struct viommu_topology *topology)
{
	struct map_listing listing;
	bool several = false, compared = map_listing_collect(&listing, topology, G_MAXUINT);

	for (int part = 0; part < MAP_PARTS; part++) {
		if (!listing.begun[part])
			continue;
		fputs(several ? "\n" : "", stdout);
		columns_end(&listing.parts[part]);
		several = true;
	}
	if (!several)
		puts("no device is described");
	if (!compared)
		puts("\nToo many entries to show where Linux differs: resolve single devices.");
}

/* -- JSON -------------------------------------------------------------------------- */

/* Always [first, last], even for one ID. */
static void add_ids(struct json *json, const char *key, uint32_t first, uint64_t n)
{
	json_key(json, key);
	json_open(json, '[');
	json_add_number(json, first);
	json_add_number(json, (int64_t)(first + n - 1));
	json_close(json, ']');
}

/* The IDs above are those of the first segment. */
static void add_step(struct json *json, const struct viommu_route_range *range)
{
	if (has_holes(range) && (!range->shared_id || !range->shared_device_id))
		json_number(json, "segment_step", SEGMENT_LENGTH);
}

static void add_functions(void *opaque, const struct viommu_route_range *range)
{
	struct json *json = opaque;
	const struct viommu_route *route = &range->route;
	g_autofree char *functions = viommu_functions_text(range);

	json_open(json, '{');
	json_string(json, "functions", functions);
	json_route(json, route);
	json_number(json, "entries", range->n_entries);
	if (route->iommu)
		add_ids(json, "ids", route->id, n_ids(range, range->shared_id));
	if (route->its) {
		json_string(json, "its", route->its->name);
		add_ids(json, "device_ids", route->device_id,
			n_ids(range, range->shared_device_id));
	}
	add_step(json, range);
	json_number(json, "pasid_bits", route->pasid_bits);
	json_close(json, '}');
}

/* n_ids 0 and 1 both mean one ID. */
static void add_devices(struct json *json, const struct viommu_topology *topology)
{
	const struct viommu_platform_device *device;

	for (size_t i = 0; (device = viommu_topology_platform_device(topology, i)); i++) {
		g_autofree char *name = name_of(device);

		json_open(json, '{');
		json_string(json, "device", name);
		json_string(json, "iommu", device->iommu);
		if (device->iommu)
			add_ids(json, "ids", device->id, MAX(device->n_ids, 1));
		json_place(json, &device->place);
		json_close(json, '}');
	}
}

static void add_linux_difference(void *opaque, const struct viommu_route_range *range,
				 const char *why)
{
	struct json *json = opaque;
	g_autofree char *functions = viommu_functions_text(range);

	json_open(json, '{');
	json_string(json, "functions", functions);
	json_route(json, &range->route);
	if (range->route.iommu)
		add_ids(json, "ids", range->route.id, n_ids(range, range->shared_id));
	add_step(json, range);
	json_string(json, "why", why);
	json_close(json, '}');
}

/* Absent if not compared; an empty list means no difference. */
static void add_linux(struct json *json, const struct viommu_topology *topology)
{
	struct linux_visitor visitor = { add_linux_difference, json };

	if (!for_each_linux_difference(topology, NULL))
		return;
	json_key(json, "linux");
	json_open(json, '[');
	for_each_linux_difference(topology, &visitor);
	json_close(json, ']');
}

void add_map(struct json *json, const char *name, const struct viommu_topology *topology)
{
	json_open(json, '{');
	json_string(json, "file", name);
	json_key(json, "functions");
	json_open(json, '[');
	viommu_topology_for_each_route(topology, add_functions, json);
	json_close(json, ']');
	json_key(json, "devices");
	json_open(json, '[');
	add_devices(json, topology);
	json_close(json, ']');
	add_linux(json, topology);
	json_close(json, '}');
}
