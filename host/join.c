/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Joins sysfs with the tables: which IOMMU of sysfs is which in a table, and the route of each
 * device by the tables
 *
 * The kernel numbers IOMMUs in the order of discovery, so their names do not identify them. Sysfs
 * and the tables both have the register base or the PCI function, which is the key.
 */
#include <string.h>

#include "join.h"
#include "numbers.h"
#include "scan.h"

/* -- IOMMUs ----------------------------------------------------------------------------------- */

/* A key in the top 4 PiB, where no register window is, so that both kinds of keys differ. */
static gint64 key_of_function(uint32_t segment, uint16_t bdf)
{
	return (gint64)(UINT64_C(0xfff) << 52 | (uint64_t)segment << 16 | bdf);
}

static bool table_key(const struct viommu_iommu *iommu, gint64 *ret)
{
	bool function = iommu->kind == VIOMMU_VIRTIO_PCI || iommu->kind == VIOMMU_AMD_VI ||
			iommu->kind == VIOMMU_RISCV_PCI;

	*ret = function ? key_of_function(iommu->segment, iommu->bdf) : (gint64)iommu->base;
	return function || iommu->base;
}

static bool host_key(const struct viommu_host_iommu *iommu, gint64 *ret)
{
	if (iommu->has_bdf)
		*ret = key_of_function(iommu->bdf_segment, iommu->bdf);
	else
		*ret = (gint64)iommu->base;
	return iommu->has_bdf || iommu->has_base;
}

/* The first of two objects with one key counts. */
static GHashTable *index_of(const struct viommu_topology *topology)
{
	GHashTable *index = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	const struct viommu_iommu *iommu;

	for (size_t i = 0; (iommu = viommu_topology_iommu(topology, i)); i++) {
		gint64 key;

		if (table_key(iommu, &key) && !g_hash_table_contains(index, &key))
			g_hash_table_insert(index, g_memdup2(&key, sizeof(key)), (void *)iommu);
	}
	return index;
}

static const struct viommu_iommu *find_in(GHashTable *index, const struct viommu_host_iommu *iommu)
{
	gint64 key;

	return host_key(iommu, &key) ? g_hash_table_lookup(index, &key) : NULL;
}

size_t join_count(const struct viommu_host *host, const struct viommu_topology *topology)
{
	g_autoptr(GHashTable) index = index_of(topology);
	size_t n = 0;

	for (guint i = 0; i < host->iommus->len; i++)
		n += find_in(index, host->iommus->pdata[i]) != NULL;
	return n;
}

/* What sysfs lacks of an IOMMU, the table has. */
static void join_pair(struct viommu_host *host, struct viommu_host_iommu *shown,
		      const struct viommu_iommu *in_table)
{
	shown->in_table = in_table;
	g_hash_table_insert(host->host_of_table, (void *)in_table, shown);
	if (!shown->has_base && in_table->base) {
		shown->has_base = true;
		shown->base = in_table->base;
	}
	if (shown->numa_node < 0 && in_table->has_proximity_domain &&
	    in_table->proximity_domain <= UINT16_MAX) {
		shown->numa_node = (int)in_table->proximity_domain;
		shown->numa_from_table = true;
	}
}

/* The only one without a partner; NULL: there is none, or several. */
static struct viommu_host_iommu *only_riscv(const struct viommu_host *host)
{
	struct viommu_host_iommu *only = NULL;

	for (guint i = 0; i < host->iommus->len; i++) {
		struct viommu_host_iommu *shown = host->iommus->pdata[i];

		if (shown->kind != VIOMMU_HOST_RISCV || shown->in_table || shown->has_base ||
		    shown->has_bdf)
			continue;
		if (only)
			return NULL;
		only = shown;
	}
	return only;
}

static const struct viommu_iommu *only_riscv_in_table(const struct viommu_host *host)
{
	const struct viommu_iommu *iommu, *only = NULL;

	for (size_t i = 0; (iommu = viommu_topology_iommu(host->topology, i)); i++) {
		if (iommu->kind != VIOMMU_RISCV ||
		    g_hash_table_contains(host->host_of_table, iommu))
			continue;
		if (only)
			return NULL;
		only = iommu;
	}
	return only;
}

/* With ACPI, the name of a RISC-V IOMMU is its hardware ID and a number, as in "RSCV0004:00". */
static void join_riscv(struct viommu_host *host)
{
	struct viommu_host_iommu *shown = only_riscv(host);
	const struct viommu_iommu *in_table = shown ? only_riscv_in_table(host) : NULL;

	if (in_table)
		join_pair(host, shown, in_table);
}

static void join_iommus(struct viommu_host *host)
{
	g_autoptr(GHashTable) index = index_of(host->topology);

	for (guint i = 0; i < host->iommus->len; i++) {
		struct viommu_host_iommu *shown =
			&((struct host_iommu *)host->iommus->pdata[i])->shown;

		const struct viommu_iommu *in_table = find_in(index, shown);

		if (in_table)
			join_pair(host, shown, in_table);
	}
	join_riscv(host);
}

const struct viommu_host_iommu *join_back(const struct viommu_host *host,
					  const struct viommu_iommu *iommu)
{
	return iommu ? g_hash_table_lookup(host->host_of_table, iommu) : NULL;
}

/* -- functions --------------------------------------------------------------------------------- */

/* The first device that is at or after a function of a segment. */
static guint first_from(const struct viommu_host *host, uint32_t segment, uint16_t bdf)
{
	guint first = 0, end = host->devices->len;

	while (first < end) {
		guint middle = first + (end - first) / 2;
		const struct viommu_host_device *device = host->devices->pdata[middle];

		if (device->pci && (device->segment < segment ||
				    (device->segment == segment && device->bdf < bdf)))
			first = middle + 1;
		else
			end = middle;
	}
	return first;
}

static uint32_t id_in(const struct viommu_route_range *range,
		      const struct viommu_host_device *device)
{
	if (range->shared_id)
		return range->route.id;
	return range->route.id + (device->segment - range->segment_first) * 0x10000u +
	       (uint32_t)(device->bdf - range->bdf_first);
}

static void set_route(struct host_device *device, const struct viommu_route_range *range)
{
	device->reach = range->route.reach;
	device->shown.iommu_in_table = range->route.iommu;
	device->shown.has_id = range->route.iommu;
	device->shown.id = range->route.iommu ? id_in(range, &device->shown) : 0;
}

static void set_routes_in_segment(const struct viommu_host *host, uint32_t segment,
				  const struct viommu_route_range *range)
{
	for (guint i = first_from(host, segment, range->bdf_first); i < host->devices->len; i++) {
		struct host_device *device = host->devices->pdata[i];

		if (!device->shown.pci || device->shown.segment != segment ||
		    device->shown.bdf > range->bdf_last)
			return;
		set_route(device, range);
	}
}

/* Iterates over the host's segments, because a range may cover many segments that the host lacks.
 */
static void set_routes(void *opaque, const struct viommu_route_range *range)
{
	const struct viommu_host *host = opaque;

	for (guint i = 0; i < host->segments->len; i++) {
		const struct viommu_host_segment *segment = host->segments->pdata[i];

		if (range->segment_first <= segment->number &&
		    segment->number <= range->segment_last)
			set_routes_in_segment(host, segment->number, range);
	}
}

/*
 * Tables do not describe devices behind VMD, and a DMAR does not describe VFs. As in the kernel,
 * the function whose requester ID a device uses has its route, and the PF that of its VFs.
 */
static void copy_route_of_other(struct host_device *device)
{
	const struct viommu_host_device *other = device->shown.dma_function;
	const struct host_device *from;

	if (!other && device->shown.pf && !device->shown.iommu_in_table)
		other = device->shown.pf;
	if (!other)
		return;
	from = (const struct host_device *)other;
	device->reach = from->reach;
	device->shown.iommu_in_table = other->iommu_in_table;
	device->shown.has_id = device->shown.dma_function && other->has_id;
	device->shown.id = device->shown.dma_function ? other->id : 0;
}

/* -- other devices ----------------------------------------------------------------------------- */

static void set_route_by_name(struct viommu_host *host, struct host_device *device)
{
	struct viommu_device_name name;
	struct viommu_route route, linux_route;

	if (!device->firmware_name ||
	    viommu_topology_find_device(host->topology, device->firmware_name, &name) < 0)
		return;
	viommu_topology_resolve(host->topology, &name, &route, &linux_route, NULL);
	device->reach = route.reach;
	device->shown.iommu_in_table = route.iommu;
	device->shown.has_id = route.iommu;
	device->shown.id = route.id;
}

/* -- devices without a link ---------------------------------------------------- */

static enum viommu_host_link missing_link_reason(const struct viommu_host *host,
						 const struct host_device *device)
{
	if (device->reach == VIOMMU_REACH_BYPASS)
		return VIOMMU_HOST_BYPASS;
	if (device->reach == VIOMMU_REACH_NOTHING)
		return VIOMMU_HOST_IN_NO_TABLE;
	if (!join_back(host, device->shown.iommu_in_table))
		return VIOMMU_HOST_IOMMU_DOWN;
	return device->shown.driver ? VIOMMU_HOST_LINK_MISSING : VIOMMU_HOST_NO_DRIVER;
}

static void set_link(const struct viommu_host *host, struct host_device *device)
{
	enum viommu_host_link *link = &device->shown.link;

	if (device->shown.iommu || *link == VIOMMU_HOST_IS_IOMMU)
		return;
	if (!host->iommus->len)
		*link = VIOMMU_HOST_NO_IOMMU_UP;
	else if (!host->topology)
		*link = VIOMMU_HOST_LINK_UNKNOWN;
	else
		*link = missing_link_reason(host, device);
}

/* Devices that are not PCI are few, and each needs a walk over the topology. */
#define OTHERS_MAX 4096

void join_all(struct viommu_host *host)
{
	unsigned others = 0;

	for (guint i = 0; i < host->devices->len; i++)
		((struct host_device *)host->devices->pdata[i])->reach = VIOMMU_REACH_NOTHING;
	if (host->topology) {
		join_iommus(host);
		if (viommu_topology_for_each_route(host->topology, set_routes, host) < 0)
			g_error("out of memory for the routes of a host");
	}
	for (guint i = 0; i < host->devices->len; i++) {
		struct host_device *device = host->devices->pdata[i];

		if (device->shown.pci)
			copy_route_of_other(device);
		else if (host->topology && others++ < OTHERS_MAX)
			set_route_by_name(host, device);
		set_link(host, device);
	}
}
