/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A host: its objects, how they are found, and their order
 */
#include <string.h>

#include "model.h"
#include "numbers.h"

#define BLOCK 65536

/* -- making and freeing ---------------------------------------------------------------- */

static void free_iommu(gpointer data)
{
	struct host_iommu *iommu = data;

	g_ptr_array_unref(iommu->devices);
	g_free(iommu->path);
	g_free(iommu);
}

static void free_device(gpointer data)
{
	struct host_device *device = data;

	if (device->vfs)
		g_ptr_array_unref(device->vfs);
	g_free(device->firmware_name);
	g_free(device->path);
	g_free(device);
}

static void free_group(gpointer data)
{
	struct host_group *group = data;

	g_ptr_array_unref(group->devices);
	g_array_unref(group->regions);
	g_free(group);
}

static void free_egm(gpointer data)
{
	struct host_egm *egm = data;

	g_ptr_array_unref(egm->gpus);
	g_free(egm);
}

static void free_table(gpointer data)
{
	viommu_table_free(data);
}

struct viommu_host *host_new(const char *name)
{
	struct viommu_host *host = g_new0(struct viommu_host, 1);

	host->name = g_strdup(name);
	host->strings = g_string_chunk_new(BLOCK);
	host->iommus = g_ptr_array_new_with_free_func(free_iommu);
	host->devices = g_ptr_array_new_with_free_func(free_device);
	host->groups = g_ptr_array_new_with_free_func(free_group);
	host->segments = g_ptr_array_new_with_free_func(g_free);
	host->nodes = g_ptr_array_new_with_free_func(g_free);
	host->egm = g_ptr_array_new_with_free_func(free_egm);
	host->tables = g_ptr_array_new_with_free_func(free_table);
	host->iommu_by_name = g_hash_table_new(g_str_hash, g_str_equal);
	host->device_by_name = g_hash_table_new(g_str_hash, g_str_equal);
	host->host_of_table = g_hash_table_new(g_direct_hash, g_direct_equal);
	host->group_by_number = g_hash_table_new(g_direct_hash, g_direct_equal);
	return host;
}

struct viommu_host *viommu_host_free(struct viommu_host *host)
{
	if (!host)
		return NULL;
	viommu_topology_free(host->topology);
	g_ptr_array_unref(host->tables);
	g_ptr_array_unref(host->egm);
	g_ptr_array_unref(host->nodes);
	g_ptr_array_unref(host->segments);
	g_ptr_array_unref(host->groups);
	g_ptr_array_unref(host->devices);
	g_ptr_array_unref(host->iommus);
	g_hash_table_unref(host->iommu_by_name);
	g_hash_table_unref(host->device_by_name);
	g_hash_table_unref(host->group_by_number);
	g_hash_table_unref(host->host_of_table);
	g_string_chunk_free(host->strings);
	g_free(host->cmdline);
	g_free(host->name);
	g_free(host);
	return NULL;
}

const char *host_string(struct viommu_host *host, const char *text)
{
	g_autofree char *valid = NULL;

	if (!text)
		return NULL;
	valid = g_utf8_make_valid(text, -1);
	for (char *at = valid; *at; at++)
		if (g_ascii_iscntrl(*at))
			*at = '?';
	return g_string_chunk_insert_const(host->strings, valid);
}

/* -- adding -------------------------------------------------------------------------- */

struct host_iommu *host_add_iommu(struct viommu_host *host, const char *name)
{
	struct host_iommu *iommu = g_new0(struct host_iommu, 1);

	iommu->shown.name = host_string(host, name);
	iommu->shown.numa_node = -1;
	iommu->devices = g_ptr_array_new();
	g_ptr_array_add(host->iommus, iommu);
	g_hash_table_insert(host->iommu_by_name, (char *)iommu->shown.name, iommu);
	return iommu;
}

struct host_device *host_add_device(struct viommu_host *host, const char *name, const char *path)
{
	struct host_device *device = g_new0(struct host_device, 1);
	struct viommu_host_device *shown = &device->shown;

	shown->name = host_string(host, name);
	shown->numa_node = -1;
	shown->pci = parse_function_name(name, &shown->segment, &shown->bdf);
	device->path = g_strdup(path);
	g_ptr_array_add(host->devices, device);
	g_hash_table_insert(host->device_by_name, (char *)shown->name, device);
	return device;
}

struct host_group *host_add_group(struct viommu_host *host, uint32_t number)
{
	struct host_group *group =
		g_hash_table_lookup(host->group_by_number, GUINT_TO_POINTER(number));

	if (group)
		return group;
	group = g_new0(struct host_group, 1);
	group->shown.number = number;
	group->devices = g_ptr_array_new();
	group->regions = g_array_new(FALSE, TRUE, sizeof(struct viommu_host_region));
	g_ptr_array_add(host->groups, group);
	g_hash_table_insert(host->group_by_number, GUINT_TO_POINTER(number), group);
	return group;
}

struct host_egm *host_add_egm(struct viommu_host *host, const char *name)
{
	struct host_egm *egm = g_new0(struct host_egm, 1);

	egm->shown.name = host_string(host, name);
	egm->gpus = g_ptr_array_new();
	g_ptr_array_add(host->egm, egm);
	return egm;
}

struct host_device *host_device_by_name(const struct viommu_host *host, const char *name)
{
	return name ? g_hash_table_lookup(host->device_by_name, name) : NULL;
}

struct host_iommu *host_iommu_by_name(const struct viommu_host *host, const char *name)
{
	return name ? g_hash_table_lookup(host->iommu_by_name, name) : NULL;
}

/* -- order --------------------------------------------------------------------------- */

/* Names of SMMUs have addresses, which are not decimal numbers. */
static bool is_smmu(const struct viommu_host_iommu *iommu)
{
	return iommu->kind == VIOMMU_HOST_SMMU_V3 || iommu->kind == VIOMMU_HOST_SMMU_V2;
}

static gint compare_iommus(gconstpointer a, gconstpointer b)
{
	const struct viommu_host_iommu *x = &(*(const struct host_iommu *const *)a)->shown;
	const struct viommu_host_iommu *y = &(*(const struct host_iommu *const *)b)->shown;
	int r = compare_natural(x->name, y->name);

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (is_smmu(x) && x->base != y->base)
		return x->base < y->base ? -1 : 1;
	return r ? r : strcmp(x->name, y->name);
}

/* PCI functions first, by number; others by name. */
static gint compare_devices(gconstpointer a, gconstpointer b)
{
	const struct viommu_host_device *x = &(*(const struct host_device *const *)a)->shown;
	const struct viommu_host_device *y = &(*(const struct host_device *const *)b)->shown;
	int r;

	if (x->pci != y->pci)
		return x->pci ? -1 : 1;
	if (x->pci && x->segment != y->segment)
		return x->segment < y->segment ? -1 : 1;
	if (x->pci && x->bdf != y->bdf)
		return x->bdf < y->bdf ? -1 : 1;
	r = compare_natural(x->name, y->name);
	return r ? r : strcmp(x->name, y->name);
}

static gint compare_egm(gconstpointer a, gconstpointer b)
{
	const struct host_egm *x = *(const struct host_egm *const *)a;
	const struct host_egm *y = *(const struct host_egm *const *)b;
	int r = compare_natural(x->shown.name, y->shown.name);

	return r ? r : strcmp(x->shown.name, y->shown.name);
}

/* Names of groups and nodes start with a number. */
static gint compare_numbers(gconstpointer a, gconstpointer b)
{
	uint32_t x = **(const uint32_t *const *)a, y = **(const uint32_t *const *)b;

	return x < y ? -1 : x > y;
}

void host_sort(struct viommu_host *host)
{
	g_ptr_array_sort(host->iommus, compare_iommus);
	g_ptr_array_sort(host->devices, compare_devices);
	g_ptr_array_sort(host->nodes, compare_numbers);
	g_ptr_array_sort(host->egm, compare_egm);
	for (guint i = 0; i < host->iommus->len; i++)
		((struct host_iommu *)host->iommus->pdata[i])->shown.index = i;
	for (guint i = 0; i < host->devices->len; i++)
		((struct host_device *)host->devices->pdata[i])->shown.index = i;
}

void host_sort_groups(struct viommu_host *host)
{
	g_ptr_array_sort(host->groups, compare_numbers);
}

/* -- asking ---------------------------------------------------------------------------- */

static const void *at(const GPtrArray *all, size_t i)
{
	return all && i < all->len ? all->pdata[i] : NULL;
}

const char *viommu_host_name(const struct viommu_host *host)
{
	return host->name;
}

const char *viommu_host_cmdline(const struct viommu_host *host)
{
	return host->cmdline;
}

size_t viommu_host_count_iommus(const struct viommu_host *host)
{
	return host->iommus->len;
}

size_t viommu_host_count_devices(const struct viommu_host *host)
{
	return host->devices->len;
}

const struct viommu_host_iommu *viommu_host_iommu(const struct viommu_host *host, size_t i)
{
	return at(host->iommus, i);
}

const struct viommu_host_device *viommu_host_device(const struct viommu_host *host, size_t i)
{
	return at(host->devices, i);
}

const struct viommu_host_group *viommu_host_group(const struct viommu_host *host, size_t i)
{
	return at(host->groups, i);
}

const struct viommu_host_segment *viommu_host_segment(const struct viommu_host *host, size_t i)
{
	return at(host->segments, i);
}

const struct viommu_host_node *viommu_host_node(const struct viommu_host *host, size_t i)
{
	return at(host->nodes, i);
}

const struct viommu_host_egm *viommu_host_egm(const struct viommu_host *host, size_t i)
{
	return at(host->egm, i);
}

const struct viommu_table *viommu_host_table(const struct viommu_host *host, size_t i)
{
	return at(host->tables, i);
}

const struct viommu_topology *viommu_host_topology(const struct viommu_host *host)
{
	return host->topology;
}

const struct viommu_host_device *viommu_host_iommu_device(const struct viommu_host_iommu *iommu,
							  size_t i)
{
	return at(((const struct host_iommu *)iommu)->devices, i);
}

const struct viommu_host_device *viommu_host_egm_gpu(const struct viommu_host_egm *egm, size_t i)
{
	return at(((const struct host_egm *)egm)->gpus, i);
}

const struct viommu_host_device *viommu_host_group_device(const struct viommu_host_group *group,
							  size_t i)
{
	return at(((const struct host_group *)group)->devices, i);
}

const struct viommu_host_device *viommu_host_device_vf(const struct viommu_host_device *device,
						       size_t i)
{
	return at(((const struct host_device *)device)->vfs, i);
}

const struct viommu_host_region *viommu_host_group_region(const struct viommu_host_group *group,
							  size_t i)
{
	const GArray *regions = ((const struct host_group *)group)->regions;

	return i < regions->len ? &g_array_index(regions, struct viommu_host_region, i) : NULL;
}

const struct viommu_host_iommu *viommu_host_find_iommu(const struct viommu_host *host,
						       const char *name)
{
	return (const struct viommu_host_iommu *)host_iommu_by_name(host, name);
}

const struct viommu_host_group *viommu_host_find_group(const struct viommu_host *host,
						       uint32_t number)
{
	return g_hash_table_lookup(host->group_by_number, GUINT_TO_POINTER(number));
}

const struct viommu_host_device *viommu_host_find_function(const struct viommu_host *host,
							   uint32_t segment, uint16_t bdf)
{
	guint first = 0, end = host->devices->len;

	while (first < end) {
		guint middle = first + (end - first) / 2;
		const struct viommu_host_device *device = host->devices->pdata[middle];
		bool before = device->pci && (device->segment < segment ||
					      (device->segment == segment && device->bdf < bdf));

		if (device->pci && device->segment == segment && device->bdf == bdf)
			return device;
		if (before)
			first = middle + 1;
		else
			end = middle;
	}
	return NULL;
}

const struct viommu_host_device *viommu_host_find_device(const struct viommu_host *host,
							 const char *name)
{
	uint32_t segment;
	uint16_t bdf;

	if (name && parse_function(name, &segment, &bdf))
		return viommu_host_find_function(host, segment, bdf);
	return (const struct viommu_host_device *)host_device_by_name(host, name);
}
