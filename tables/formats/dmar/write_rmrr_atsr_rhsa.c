/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * All structures of a DMAR but units: memory, address translation services, affinities and names
 *
 * A topology has one object per function. Consecutive objects that differ only in the function
 * share a structure, and get a scope each.
 *
 * RHSAs follow all units: Linux searches the units that it has already read.
 */
#include <inttypes.h>
#include <string.h>

#include "base/hash.h"
#include "write.h"
#include "tables/findings/findings.h"

static struct record *add_structure(struct dmar_writing *writing, unsigned type, const void *host)
{
	struct record *structure = dmar_new_structure(writing, type, host);

	record_add_child(writing->table->root, structure);
	return structure;
}

/* -- reserved memory ------------------------------------------------------------- */

/* Other memory is reserved for an IOMMU or is not for DMA; firmware describes it elsewhere. */
bool dmar_is_no_rmrr(const void *object)
{
	const struct viommu_reserved_memory *memory = object;

	return memory->kind != VIOMMU_MEMORY_IDENTITY || memory->iommu;
}

static bool same_region(const struct viommu_reserved_memory *one,
			const struct viommu_reserved_memory *other)
{
	return one && one->first == other->first && one->last == other->last &&
	       one->segment == other->segment;
}

static struct record *add_region(struct dmar_writing *writing,
				 const struct viommu_reserved_memory *memory)
{
	return add_structure(writing, DMAR_RMRR,
			     &(struct dmar_rmrr){
				     .segment = memory->segment,
				     .base = memory->first,
				     .limit = memory->last,
			     });
}

/* Equal regions that are not consecutive stay separate, as in the topology. */
static void write_memory(struct dmar_writing *writing)
{
	const struct viommu_reserved_memory *memory, *last = NULL;
	struct record *region = NULL;

	for (size_t i = 0; (memory = viommu_topology_reserved_memory(writing->topology, i)); i++) {
		const struct dmar_target target = {
			.type = dmar_type_of_scope(memory->scope),
			.bdf = memory->bdf_first,
			.path = memory->path,
		};

		if (dmar_is_no_rmrr(memory))
			continue;
		if (!same_region(last, memory))
			region = add_region(writing, memory);
		last = memory;
		if (!dmar_add_scopes(writing, region, target, memory->bdf_last))
			dmar_report_path(writing, memory->place);
	}
}

/* -- address translation services ------------------------------------------------ */

static struct record *add_ports(struct dmar_writing *writing, unsigned type, uint16_t segment,
				uint8_t flags)
{
	return add_structure(writing, type,
			     &(struct dmar_ports){ .flags = flags, .segment = segment });
}

/* ALL_PORTS holds for a segment, so all of its host bridges need ATS. */
static struct hash *segments_with_ats(const struct dmar_writing *writing)
{
	const struct viommu_host_bridge *bridge;
	struct hash *segments = hash_new(&hash_direct);

	for (size_t i = 0; (bridge = viommu_topology_host_bridge(writing->topology, i)); i++)
		if (bridge->ats)
			hash_add(segments, GUINT_TO_POINTER(bridge->segment));
	for (size_t i = 0; (bridge = viommu_topology_host_bridge(writing->topology, i)); i++)
		if (!bridge->ats && hash_remove(segments, GUINT_TO_POINTER(bridge->segment)))
			report(writing->findings, "dmar-silent-ats", bridge->place,
			       "name the root ports in `ats`",
			       "DMAR cannot express that only some host bridges of a segment have "
			       "ATS");
	return segments;
}

/* In the order of host bridges. */
static void write_all_ports(struct dmar_writing *writing, struct hash *segments)
{
	const struct viommu_host_bridge *bridge;
	struct hash *left = hash_new(&hash_direct);

	for (size_t i = 0; (bridge = viommu_topology_host_bridge(writing->topology, i)); i++) {
		gpointer segment = GUINT_TO_POINTER(bridge->segment);

		if (hash_contains(segments, segment) && hash_add(left, segment))
			add_ports(writing, DMAR_ATSR, bridge->segment, DMAR_ALL_PORTS);
	}
	hash_free(left);
}

/* Compares the fields of the structure; scopes may differ. */
static bool same_ports(const struct viommu_ats *one, const struct viommu_ats *other)
{
	return one && one->segment == other->segment && one->required == other->required;
}

/* Skips the segments in `done`, whose structure has ALL_PORTS. */
static void write_ats(struct dmar_writing *writing, enum viommu_ats_kind kind, unsigned type,
		      struct hash *done)
{
	const struct viommu_ats *ats, *last = NULL;
	struct record *ports = NULL;

	for (size_t i = 0; (ats = viommu_topology_ats(writing->topology, i)); i++) {
		const struct dmar_target target = {
			.type = dmar_type_of_scope(ats->scope),
			.flags = ats->flags,
			.bdf = ats->bdf,
			.path = ats->path,
		};

		if (ats->kind != kind ||
		    (done && hash_contains(done, GUINT_TO_POINTER(ats->segment))))
			continue;
		if (!same_ports(last, ats))
			ports = add_ports(writing, type, ats->segment, ats->required);
		last = ats;
		if (!dmar_add_scope(ports, &target))
			dmar_report_path(writing, ats->place);
	}
}

/* If all root ports of a segment have ATS, scopes are redundant. */
static void write_root_ports(struct dmar_writing *writing)
{
	struct hash *segments = segments_with_ats(writing);

	write_all_ports(writing, segments);
	write_ats(writing, VIOMMU_ATS_ROOT_PORT, DMAR_ATSR, segments);
	hash_free(segments);
}

/* -- affinities and names -------------------------------------------------------- */

/* In the order of the units. The structure of a virtio-iommu has its domain. */
static void write_affinities(struct dmar_writing *writing)
{
	for (guint i = 0; i < writing->units_in_order->len; i++) {
		const struct dmar_unit *unit = writing->units_in_order->pdata[i];

		if (unit->iommu->kind == VIOMMU_VTD && unit->iommu->has_proximity_domain)
			add_structure(writing, DMAR_RHSA,
				      &(struct dmar_rhsa){
					      .base = unit->iommu->base,
					      .proximity_domain = unit->iommu->proximity_domain,
				      });
	}
}

/*
 * Firmware pads names to 20 bytes, which fits an object two scopes deep; longer names are padded
 * to a multiple of 4.
 */
static size_t room_for(const char *name)
{
	static const size_t least = 20, alignment = 4;
	size_t length = strlen(name) + 1;

	return MAX(least, (length + alignment - 1) / alignment * alignment);
}

/* Linux refuses a table whose name has no NUL. */
static void write_name(struct dmar_writing *writing, const struct viommu_platform_device *device)
{
	const struct dmar_andd host = { .number = (uint8_t)device->number };
	struct record *andd = add_structure(writing, DMAR_ANDD, &host);
	size_t room = room_for(device->name);
	auto_free uint8_t *name = memory_zeroed(1, room);

	memcpy(name, device->name, strlen(device->name));
	record_add_child(andd, record_new_text(andd, "ACPI object name", name, room, 0));
}

/*
 * In the order of their types, as the specification requires: RMRR, ATSR, RHSA, ANDD, SATC, SIDP.
 */
void dmar_write_other_structures(struct dmar_writing *writing)
{
	write_memory(writing);
	write_root_ports(writing);
	write_affinities(writing);
	for (guint i = 0; i < writing->devices->len; i++)
		write_name(writing, writing->devices->pdata[i]);
	write_ats(writing, VIOMMU_ATS_INTEGRATED, DMAR_SATC, NULL);
	write_ats(writing, VIOMMU_ATS_PROPERTIES, DMAR_SIDP, NULL);
}
