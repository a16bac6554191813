/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Named components of an IORT, as devices
 *
 * A single mapping gives a device one ID. A range maps the input IDs that the device's driver
 * names.
 */
#include "base/hash.h"
#include "tables/findings/findings.h"
#include "read.h"
#include "tables/model/topology.h"

/* The members that a device and a further ID have in common. */
struct ids {
	const char *iommu;
	uint32_t id, n_ids, input;
	bool has_input;
};

/* False if the mapping does not lead to an IOMMU. */
static bool read_ids(const struct iort_reading *reading, struct hash *firsts,
		     const struct record *record, struct ids *ret)
{
	const struct iort_mapping *mapping = record->host;
	uint32_t nth = iort_effective_id_count(firsts, mapping);

	ret->iommu = iort_iommu_at(reading, mapping->output_reference);
	ret->id = mapping->output_base;
	ret->has_input = !(mapping->flags & IORT_MAPPING_SINGLE);
	ret->input = ret->has_input ? mapping->input_base : 0;
	ret->n_ids = ret->has_input && nth && nth < UINT32_MAX ? nth + 1 : 0;
	if (!ret->iommu && iort_its_at(reading, mapping->output_reference))
		iort_report_dropped(reading, "iort-silent-msi", record,
				    "MSIs of a device that bypasses");
	return ret->iommu;
}

/* The name is the path in the table, valid or not. */
static void add_device(const struct iort_reading *reading, const struct record *node,
		       const char *name, const struct ids *ids)
{
	const struct iort_named_component *fields = node->host;
	struct viommu_platform_device device = {
		.size = sizeof(device),
		.name = name,
		.iommu = ids->iommu,
		.id = ids->id,
		.n_ids = ids->n_ids,
		.has_input = ids->has_input,
		.input_first = ids->input,
		.pasid_bits =
			fields->flags >> IORT_COMPONENT_PASID_SHIFT & IORT_COMPONENT_PASID_MASK,
		.stall = fields->flags & IORT_COMPONENT_STALL,
		.incoherent = !fields->memory.cache_coherent,
		.access = iort_read_access(&fields->memory),
		.place = table_place(reading->table, node->at),
	};

	if (fields->address_limit < IORT_ADDRESS_BITS)
		device.address_bits = fields->address_limit;
	if (topology_add_platform_device(reading->topology, &device) < 0)
		iort_report_dropped(reading, "iort-silent-device", node,
				    "a second device of this path, or a path that is not text");
	else
		iort_note_linux(reading, node, OBJECT_PLATFORM_DEVICE);
}

/* The place is that of the mapping, since findings about the ID concern the mapping. */
static void add_device_id(const struct iort_reading *reading, const struct record *record,
			  const char *name, const struct ids *ids)
{
	const struct viommu_device_id device_id = {
		.size = sizeof(device_id),
		.device = name,
		.iommu = ids->iommu,
		.id = ids->id,
		.n_ids = ids->n_ids,
		.has_input = ids->has_input,
		.input_first = ids->input,
		.place = table_place(reading->table, record->at),
	};

	topology_add_device_id(reading->topology, &device_id);
}

/* The first mapping is the device's own ID, the others are further IDs. */
void iort_read_component(struct iort_reading *reading, const struct record *node)
{
	const struct iort_named_component *fields = node->host;
	auto_free char *name = iort_text(node);
	auto_hash struct hash *firsts = iort_first_ids(node);
	const struct record *record;
	struct ids ids = { 0 };
	guint i = 0;

	while ((record = iort_next(node, &iort_mapping_layout, &i)))
		if (read_ids(reading, firsts, record, &ids))
			break;
	if (!record)
		ids = (struct ids){ 0 };
	add_device(reading, node, name, &ids);
	iort_check_memory_properties(reading, node, &fields->memory);
	while (record && (record = iort_next(node, &iort_mapping_layout, &i)))
		if (read_ids(reading, firsts, record, &ids))
			add_device_id(reading, record, name, &ids);
}
