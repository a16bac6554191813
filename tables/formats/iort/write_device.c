/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Named component nodes of an IORT: devices that are not PCI functions
 *
 * A device is identified by its path in the ACPI namespace. Linux compares the path as a string,
 * with one whose names are padded to four characters by underscores: without these it never finds
 * the device.
 *
 * A device whose driver does not name an input ID gets a single mapping; Linux asks for no other.
 */
#include <string.h>

#include "base/array.h"
#include "base/hash.h"
#include "tables/findings/findings.h"
#include "write.h"
#include "tables/model/topology.h"

/* The checks report a path that ACPI cannot generate. */
static bool is_path(const char *name)
{
	return name && *name == '\\';
}

/* -- last stream IDs ------------------------------------------------------------- */

/* Rounded up to the last requester ID, as for functions. */
static void note_device_id(struct iort_writing *writing, const char *iommu, uint32_t id,
			   uint32_t n_ids)
{
	struct iort_iommu_state *state = iort_find_iommu(writing, iommu);

	if (state)
		state->last_id = MAX(state->last_id, (id + (MAX(n_ids, 1) - 1)) | UINT16_MAX);
}

/* SMMU nodes precede device nodes, and have to cover all stream IDs. */
void iort_note_device_ids(struct iort_writing *writing)
{
	const struct viommu_platform_device *device;
	const struct viommu_device_id *id;

	for_each_object(i, device, writing->topology, OBJECT_PLATFORM_DEVICE)
		if (is_path(device->name))
			note_device_id(writing, device->iommu, device->id, device->n_ids);
	for_each_object(i, id, writing->topology, OBJECT_DEVICE_ID)
		if (is_path(id->device))
			note_device_id(writing, id->iommu, id->id, id->n_ids);
}

/* -- ID mappings ----------------------------------------------------------------- */

/* Several IDs are a range, even if the driver names none of them. */
static void add_mapping(struct iort_writing *writing, const struct viommu_device_id *id,
			struct array *mappings)
{
	const struct iort_iommu_state *state = iort_find_iommu(writing, id->iommu);
	struct iort_mapping mapping = {
		.input_base = id->input_first,
		.id_count = MAX(id->n_ids, 1) - 1,
		.output_base = id->id,
		.flags = !id->has_input && id->n_ids <= 1 ? IORT_MAPPING_SINGLE : 0,
	};

	if (!state || !iort_has_room(writing, mappings))
		return;
	mapping.output_reference = (uint32_t)state->at;
	array_append(mappings, mapping);
}

/* The device's own ID first, then further IDs in the order of the topology. */
static struct array *mappings_of(struct iort_writing *writing,
				 const struct viommu_platform_device *device,
				 const struct pointers *further)
{
	struct array *mappings = array_new(sizeof(struct iort_mapping));
	const struct viommu_device_id own = {
		.iommu = device->iommu,
		.id = device->id,
		.n_ids = device->n_ids,
		.has_input = device->has_input,
		.input_first = device->input_first,
	};

	add_mapping(writing, &own, mappings);
	for (guint i = 0; further && i < further->len; i++)
		add_mapping(writing, further->pdata[i], mappings);
	return mappings;
}

/* -- nodes ----------------------------------------------------------------------- */

/* Defaults are those of all generators: coherent, 64 address bits. */
static void write_component(struct iort_writing *writing,
			    const struct viommu_platform_device *device,
			    const struct array *mappings)
{
	static const uint8_t e_b = 4;
	struct iort_named_component fields = {
		.node.revision = writing->revision >= IORT_REVISION_E_B ? e_b : 0,
		.flags = (device->stall ? IORT_COMPONENT_STALL : 0u) |
			 device->pasid_bits << IORT_COMPONENT_PASID_SHIFT,
		.memory = iort_memory_of(device->incoherent, &device->access),
		.address_limit =
			(uint8_t)(device->address_bits ? device->address_bits : IORT_ADDRESS_BITS),
	};
	struct record *node = iort_begin_node(writing, IORT_NAMED_COMPONENT, &fields);

	iort_add_path(node, device->name);
	hash_insert(writing->components, (gpointer)device->name, GSIZE_TO_POINTER(node->at));
	iort_add_mappings(node, mappings);
	iort_end_node(writing, node);
	if (device->has_proximity_domain)
		report(writing->findings, "iort-silent-domain", device->place,
		       "describe it in SRAT, or by _PXM", "IORT has no proximity domain for \"%s\"",
		       device->name);
}

/*
 * A device behind an IOMMU of another table belongs to that table. A device that bypasses needs no
 * mapping.
 */
static void write_device(struct iort_writing *writing, const struct viommu_platform_device *device,
			 const struct pointers *further)
{
	auto_array struct array *mappings = mappings_of(writing, device, further);

	if (is_path(device->name) && (mappings->len || !device->iommu))
		write_component(writing, device, mappings);
	else if (mappings->len)
		report(writing->findings, "iort-silent-device", device->place,
		       "name it by its path in the ACPI namespace, such as \\_SB_.DEV0",
		       "IORT identifies devices by their paths; this one was omitted");
}

void iort_write_components(struct iort_writing *writing)
{
	auto_hash struct hash *further = topology_ids_by_device(writing->topology);
	const struct viommu_platform_device *device;

	for_each_object(i, device, writing->topology, OBJECT_PLATFORM_DEVICE)
		write_device(writing, device,
			     device->name ? hash_lookup(further, device->name) : NULL);
}
