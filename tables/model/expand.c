/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A topology with functions in place of paths through bridges
 *
 * Firmware writes a DMAR before buses have numbers, so it identifies a function by a path. A
 * running machine has the bus numbers.
 */
#include <errno.h>
#include <string.h>

#include <glib.h>

#include <viommu/acpi.h>

#include "others.h"
#include "topology.h"

#define BUS_SHIFT    8
#define DEVICE_SHIFT 3
#define DEVICE_MAX   0x1f
#define FUNCTION_MAX 7

struct buses {
	bool (*below)(void *opaque, uint16_t segment, uint16_t bdf, uint8_t *ret_first,
		      uint8_t *ret_last);
	void *opaque;
};

/* -- paths --------------------------------------------------------------------- */

/* "1c.0", as a device and function on a bus; NULL if invalid. */
static const char *take_step(const char *path, uint8_t bus, uint16_t *ret_bdf)
{
	char *end;
	guint64 device = g_ascii_strtoull(path, &end, 16), function;

	if (end == path || *end != '.' || device > DEVICE_MAX)
		return NULL;
	path = end + 1;
	function = g_ascii_strtoull(path, &end, 16);
	if (end == path || (*end && *end != '/') || function > FUNCTION_MAX)
		return NULL;
	*ret_bdf = (uint16_t)((unsigned)bus << BUS_SHIFT | (unsigned)device << DEVICE_SHIFT |
			      (unsigned)function);
	return *end ? end + 1 : end;
}

static bool buses_of(const struct buses *buses, uint16_t segment, uint16_t bdf, uint8_t *first,
		     uint8_t *last)
{
	return buses->below(buses->opaque, segment, bdf, first, last) && *first <= *last &&
	       *first > bdf >> BUS_SHIFT;
}

/* Bus numbers increase along a path, so the loop ends. */
static bool walk(const struct buses *buses, uint16_t segment, const char *path, uint16_t *bdf)
{
	uint8_t first, last;

	if (!path)
		return true;
	while (path && *path) {
		if (!buses_of(buses, segment, *bdf, &first, &last))
			return false;
		path = take_step(path, first, bdf);
	}
	return path;
}

/* -- objects ------------------------------------------------------------------- */

/* Replaces a path by the function at its end; without a path, or if a bus is unknown, keeps both.
 */
static bool replace_path(const struct buses *buses, uint16_t segment, const char **path,
			 uint16_t *bdf)
{
	uint16_t end = *bdf;

	if (!*path || !walk(buses, segment, *path, &end))
		return false;
	*path = NULL;
	*bdf = end;
	return true;
}

static void expand_range(const struct buses *buses, struct viommu_pci_range *range)
{
	uint16_t segment = range->segment_first;
	uint8_t first, last;

	if (segment != range->segment_last)
		return;
	if (replace_path(buses, segment, &range->path, &range->bdf_first)) {
		range->bdf_last = range->bdf_first;
		range->id_first = (uint32_t)segment << 16 | range->bdf_first;
	}
	if (!range->path && range->scope == VIOMMU_SCOPE_BRIDGE && !range->secondary_bus &&
	    buses_of(buses, segment, range->bdf_first, &first, &last)) {
		range->secondary_bus = first;
		range->subordinate_bus = last;
	}
}

/* -- the topology -------------------------------------------------------------- */

static void add_expanded(struct viommu_topology *to, enum object_type type, const void *object,
			 const struct buses *buses)
{
	union {
		struct viommu_pci_range range;
		struct viommu_ats ats;
		struct viommu_reserved_memory memory;
		struct viommu_interrupt_source source;
	} copy;

	switch (type) {
	case OBJECT_PCI_RANGE:
		copy.range = *(const struct viommu_pci_range *)object;
		expand_range(buses, &copy.range);
		break;
	case OBJECT_ATS:
		copy.ats = *(const struct viommu_ats *)object;
		replace_path(buses, copy.ats.segment, &copy.ats.path, &copy.ats.bdf);
		break;
	case OBJECT_RESERVED_MEMORY:
		copy.memory = *(const struct viommu_reserved_memory *)object;
		if (replace_path(buses, copy.memory.segment, &copy.memory.path,
				 &copy.memory.bdf_first))
			copy.memory.bdf_last = copy.memory.bdf_first;
		break;
	case OBJECT_INTERRUPT_SOURCE:
		copy.source = *(const struct viommu_interrupt_source *)object;
		replace_path(buses, copy.source.segment, &copy.source.path, &copy.source.bdf);
		break;
	default:
		topology_add(to, type, object);
		return;
	}
	if (topology_add(to, type, &copy))
		topology_add(to, type, object);
}

static void copy_headers(struct viommu_topology *to, const struct viommu_topology *from)
{
	const char *signature;

	for (size_t i = 0; (signature = topology_signature(i)); i++)
		viommu_topology_set_header(to, signature, viommu_topology_header(from, signature));
}

/* Objects have the same order in both. */
static void copy_unread(struct viommu_topology *to, const struct viommu_topology *from)
{
	static const enum object_type types[] = { OBJECT_IOMMU, OBJECT_HOST_BRIDGE,
						  OBJECT_PLATFORM_DEVICE, OBJECT_PCI_RANGE };
	const struct viommu_iommu *iommu;
	const void *object;

	for_each_object(i, iommu, from, OBJECT_IOMMU)
		if (topology_unused(from, iommu))
			topology_set_unused(to, topology_get(to, OBJECT_IOMMU, i),
					    topology_unused(from, iommu));
	for (size_t t = 0; t < G_N_ELEMENTS(types); t++)
		for_each_object(i, object, from, types[t])
			if (topology_unread(from, object))
				topology_set_unread(to, topology_get(to, types[t], i),
						    topology_unread(from, object));
}

struct viommu_topology *topology_expand(const struct viommu_topology *topology,
					bool (*below)(void *opaque, uint16_t segment, uint16_t bdf,
						      uint8_t *ret_first, uint8_t *ret_last),
					void *opaque)
{
	struct viommu_topology *copy = topology_new();
	struct buses buses = { .below = below, .opaque = opaque };
	const struct viommu_topology *part;
	const char *kernels;
	const void *object;

	for (int type = 0; type < N_OBJECT_TYPES; type++)
		for_each_object(i, object, topology, (enum object_type)type)
			add_expanded(copy, (enum object_type)type, object, &buses);
	copy_headers(copy, topology);
	topology_set_source(copy, topology_source(topology));
	topology_set_rejection(copy, topology_rejection(topology));
	for (size_t i = 0; viommu_topology_other_system(topology, i); i++)
		topology_add_other_system(copy, viommu_topology_other_system(topology, i));
	copy_unread(copy, topology);
	for (size_t i = 0; (part = topology_part(topology, i)); i++)
		topology_add_part(copy, topology_expand(part, below, opaque));
	for (size_t i = 0; (part = viommu_topology_reading(topology, i, &kernels)); i++)
		topology_add_reading(copy, topology_expand(part, below, opaque), kernels);
	return copy;
}
