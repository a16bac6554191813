/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"

/*
 * Memory of the guest, from which libviommu reads the guest's page tables
 *
 * QEMU reports all sections of memory after each change, between `begin` and `commit`. libviommu gets
 * them as one list, and does not use the old one any more when it has taken it.
 */

/* The list of the latest change is kept, for another device of libviommu. */
static void change_begin(MemoryListener *listener)
{
	struct iommu *iommu = container_of(listener, struct iommu, memory);

	if (iommu->ranges)
		g_array_free(iommu->ranges, true);
	iommu->ranges = g_array_new(false, false, sizeof(struct viommu_memory));
}

static bool is_memory(const MemoryRegionSection *section)
{
	MemoryRegion *region = section->mr;

	return memory_region_is_ram(region) && !memory_region_is_ram_device(region) &&
	       !memory_region_is_romd(region) && int128_nz(section->size);
}

static void add_section(MemoryListener *listener, MemoryRegionSection *section)
{
	struct iommu *iommu = container_of(listener, struct iommu, memory);
	struct viommu_memory range = { .read_only = section->readonly };
	uint64_t first = section->offset_within_address_space;

	if (!is_memory(section))
		return;
	range.first = first;
	range.last = first + (int128_get64(section->size) - 1);
	range.host = (char *)memory_region_get_ram_ptr(section->mr) +
		     section->offset_within_region;
	if (((uintptr_t)range.host - first) % sizeof(uint64_t) == 0)
		g_array_append_val(iommu->ranges, range);
}

static void change_commit(MemoryListener *listener)
{
	memory_report(container_of(listener, struct iommu, memory));
}

void memory_report(struct iommu *iommu)
{
	GArray *ranges = iommu->ranges;
	int status;

	if (!ranges)
		return;
	status = viommu_set_memory(iommu->core, (const struct viommu_memory *)(void *)ranges->data,
				   ranges->len);
	if (status)
		error_report(TYPE_VIOMMU_DEVICE ": page tables cannot be read: %s",
			     g_strerror(-status));
}

void memory_start(struct iommu *iommu)
{
	if (!iommu->formats->len)
		return;
	iommu->memory = (MemoryListener){
		.name = TYPE_VIOMMU_DEVICE,
		.begin = change_begin,
		.region_add = add_section,
		.region_nop = add_section,
		.commit = change_commit,
	};
	memory_listener_register(&iommu->memory, &address_space_memory);
}

void memory_stop(struct iommu *iommu)
{
	if (!iommu->ranges)
		return;
	memory_listener_unregister(&iommu->memory);
	g_array_free(iommu->ranges, true);
	iommu->ranges = NULL;
}

void memory_mark_dirty(void *opaque, uint64_t address, uint64_t length)
{
	MemoryRegionSection section = memory_region_find(get_system_memory(), address, length);

	if (!section.mr)
		return;
	memory_region_set_dirty(section.mr, section.offset_within_region, length);
	memory_region_unref(section.mr);
}
