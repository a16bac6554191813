/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Device trees as a format of tables
 */
#include "tables/model/topology.h"
#include "tables/table/unsupported.h"
#include "write.h"

static bool access_is_special(const struct viommu_memory_access *access)
{
	return access->hints || access->has_flags;
}

static bool bridge_has_access(const void *object)
{
	return access_is_special(&((const struct viommu_host_bridge *)object)->access);
}

static bool device_has_access(const void *object)
{
	return access_is_special(&((const struct viommu_platform_device *)object)->access);
}

/* Guests with a device tree learn these from the devices, or not at all. */
static const struct unsupported unsupported[] = {
	{ OBJECT_RESERVED_MEMORY, OF_ALL, NULL, "dt-silent", "use another table",
	  .reason = "no binding describes memory by its IOMMU" },
	{ OBJECT_INTERRUPT_SOURCE, OF_ALL, NULL, "dt-silent", "use another table",
	  .reason = "no binding describes sources of interrupts by their IOMMU" },
	{ OBJECT_ATS, OF_ALL, NULL, "dt-silent", "use another table",
	  .reason = "no binding describes functions with ATS" },
	{ OBJECT_HOST_BRIDGE, OF_ALL, bridge_has_access, "dt-silent", "use an IORT",
	  .part = "memory hints and flags" },
	{ OBJECT_PLATFORM_DEVICE, OF_ALL, device_has_access, "dt-silent", "use an IORT",
	  .part = "memory hints and flags" },
	UNSUPPORTED_PATHS(OF_ALL, "dt-silent-path"),
	UNSUPPORTED_HOTPLUG(OF_ALL),
	NO_MORE_UNSUPPORTED,
};

const struct format dt_format = {
	.signature = "DTB",
	.name = "Flattened device tree",
	.bare = true,
	.rules = dt_rules,
	.to_topology = dt_read,
	.from_topology = dt_write,
	.unsupported = unsupported,
	.linux_reads = linux_dt,
};
