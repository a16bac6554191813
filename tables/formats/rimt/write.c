/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The RIMT of a topology
 *
 * IOMMU nodes come first, then a root complex for each segment, then platform devices, each kind in
 * the order of the topology. Ranges of functions are disjoint, and an ID count is the number of IDs
 * less one, which Linux expects: so no ID is in two mappings there.
 */
#include <string.h>

#include "base/hash.h"
#include "tables/findings/findings.h"
#include "tables/model/topology.h"
#include "rimt.h"

#define PATH_ALIGNMENT 4u

/* Host bridges of a segment share a node: Linux uses the first one of a segment. */
struct segment {
	uint16_t number;
	struct array *mappings; /* struct rimt_mapping */
	uint32_t flags;
	bool has_iommu, voted; /* of a bridge with an IOMMU; `flags` are those of a bridge */
};

struct writing {
	struct viommu_table *table;
	const struct viommu_topology *topology;
	struct hash *offsets;      /* of IOMMU nodes, by name */
	struct hash *by_number;    /* segments */
	struct pointers *segments; /* in the order of the topology; owns them */
	size_t end, n_nodes, n;    /* of the last node; nodes; nodes and their elements */
	bool too_large;
	struct viommu_findings *findings;
};

/* -- nodes ------------------------------------------------------------------------------ */

static bool has_room(struct writing *writing)
{
	writing->too_large |= writing->n >= RIMT_MAX_RECORDS;
	return !writing->too_large;
}

/* Nodes that are too large are counted, and not written. */
static struct record *begin_node(struct writing *writing, enum rimt_type type, size_t length,
				 void *host)
{
	const struct layout *layout = rimt_layout(type);
	struct rimt_node *node = host;

	writing->too_large |= length > UINT16_MAX || writing->end > UINT32_MAX - length;
	if (!has_room(writing))
		return NULL;
	node->type = (uint8_t)type;
	node->revision = RIMT_REVISION;
	node->length = (uint16_t)length;
	writing->n++;
	return record_from_host(writing->table->root, layout, host, writing->end);
}

static void end_node(struct writing *writing, struct record *node)
{
	writing->end += record_length(node);
	writing->n_nodes++;
	record_add_child(writing->table->root, node);
}

static void add_element(struct writing *writing, struct record *node, const struct layout *layout,
			const void *host)
{
	writing->n++;
	record_add_child(node,
			 record_from_host(node, layout, host, node->at + record_length(node)));
}

static void add_mappings(struct writing *writing, struct record *node, const struct array *mappings)
{
	for (size_t i = 0; i < mappings->len; i++)
		add_element(writing, node, &rimt_mapping_layout,
			    &array_index(mappings, struct rimt_mapping, i));
}

static uint16_t next_identifier(const struct writing *writing)
{
	return (uint16_t)writing->n_nodes;
}

/* -- IOMMUs -------------------------------------------------------------------------------- */

static struct rimt_iommu fields_of_iommu(const struct writing *writing,
					 const struct viommu_iommu *iommu)
{
	bool pci = iommu->kind == VIOMMU_RISCV_PCI;
	const char *hardware = iommu->riscv.hardware_id;
	struct rimt_iommu fields = {
		.node.identifier = iommu->has_identifier ? (uint16_t)iommu->identifier
							 : next_identifier(writing),
		.base = pci ? 0 : iommu->base,
		.flags = (pci ? RIMT_IOMMU_PCI : 0u) |
			 (iommu->has_proximity_domain ? RIMT_IOMMU_DOMAIN : 0u),
		.proximity_domain = iommu->has_proximity_domain ? iommu->proximity_domain : 0,
		.segment = pci ? iommu->segment : 0,
		.bdf = pci ? iommu->bdf : 0,
		.wire_count = (uint16_t)iommu->n_interrupts,
		.wire_offset = rimt_layout(RIMT_IOMMU)->length,
	};

	if (!hardware)
		hardware = pci ? RIMT_HARDWARE_OF_FUNCTION : RIMT_HARDWARE_OF_WINDOW;
	memcpy(fields.hardware_id, hardware, strnlen(hardware, sizeof(fields.hardware_id)));
	return fields;
}

static void write_iommu(struct writing *writing, const struct viommu_iommu *iommu)
{
	struct rimt_iommu fields = fields_of_iommu(writing, iommu);
	size_t wires = (size_t)rimt_wire_layout.length * iommu->n_interrupts;
	struct record *node =
		begin_node(writing, RIMT_IOMMU, rimt_layout(RIMT_IOMMU)->length + wires, &fields);

	if (!node)
		return;
	hash_insert(writing->offsets, (gpointer)iommu->name, GSIZE_TO_POINTER(node->at));
	for (unsigned i = 0; i < iommu->n_interrupts; i++)
		add_element(writing, node, &rimt_wire_layout,
			    &(struct rimt_wire){ iommu->interrupts[i], iommu->riscv.wire_flags });
	end_node(writing, node);
}

/* The offset of the IOMMU's node; 0: another table describes it, or there is none. */
static uint32_t offset_of(const struct writing *writing, const char *iommu)
{
	return iommu ? (uint32_t)GPOINTER_TO_SIZE(hash_lookup(writing->offsets, iommu)) : 0;
}

/* -- root complexes --------------------------------------------------------------------- */

static void free_segment(void *opaque)
{
	struct segment *segment = opaque;

	array_free(segment->mappings);
	memory_free(segment);
}

/* Appends the segment if there is none of that number. */
static struct segment *segment_of(struct writing *writing, uint16_t number)
{
	gpointer key = GUINT_TO_POINTER(number + 1u);
	struct segment *segment = hash_lookup(writing->by_number, key);

	if (segment)
		return segment;
	segment = memory_new(struct segment, 1);
	segment->number = number;
	segment->mappings = array_new(sizeof(struct rimt_mapping));
	hash_insert(writing->by_number, key, segment);
	pointers_add(writing->segments, segment);
	return segment;
}

/* ATS requests go to an IOMMU. So a bridge without one is ignored if others of the segment have
 * one. */
static void take_flags(struct writing *writing, const struct viommu_host_bridge *bridge)
{
	struct segment *segment = segment_of(writing, bridge->segment);
	uint32_t flags = (bridge->ats ? RIMT_ATS : 0u) | (bridge->pri ? RIMT_PRI : 0u);

	if (segment->has_iommu && !bridge->iommu)
		return;
	if (segment->voted && flags != segment->flags)
		report(writing->findings, "rimt-silent-bridge", bridge->place,
		       "give all host bridges of the segment the same properties",
		       "host bridges of segment %u share a root complex node, which has only what "
		       "all of them have",
		       bridge->segment);
	segment->flags = segment->voted ? segment->flags & flags : flags;
	segment->voted = true;
}

static void collect_bridges(struct writing *writing)
{
	const struct viommu_host_bridge *bridge;

	for_each_object(i, bridge, writing->topology, OBJECT_HOST_BRIDGE)
		segment_of(writing, bridge->segment)->has_iommu |= bridge->iommu != NULL;
	for_each_object(i, bridge, writing->topology, OBJECT_HOST_BRIDGE)
		take_flags(writing, bridge);
}

static void add_mapping(struct writing *writing, struct array *mappings,
			const struct rimt_mapping *mapping)
{
	if (writing->n + mappings->len < RIMT_MAX_RECORDS)
		array_append(mappings, *mapping);
	else
		writing->too_large = true;
}

/* Functions that share an ID need a mapping each. */
static void add_functions(struct writing *writing, struct segment *segment,
			  const struct viommu_pci_range *range, uint32_t id)
{
	unsigned n = range->shared_id ? 1 : range->bdf_last - range->bdf_first + 1u;

	for (unsigned bdf = range->bdf_first; bdf <= range->bdf_last && !writing->too_large;
	     bdf += n)
		add_mapping(writing, segment->mappings,
			    &(struct rimt_mapping){
				    .source_base = bdf,
				    .id_count = n - 1,
				    .device_base = id,
				    .iommu = offset_of(writing, range->iommu),
			    });
}

static void collect_range(void *opaque, const struct viommu_pci_range *range)
{
	struct writing *writing = opaque;
	uint32_t id = range->id_first;

	if (!offset_of(writing, range->iommu))
		return;
	for (unsigned s = range->segment_first; s <= range->segment_last; s++) {
		add_functions(writing, segment_of(writing, (uint16_t)s), range, id);
		id += range->shared_id ? 0 : 0x10000;
	}
}

static void write_segment(struct writing *writing, const struct segment *segment)
{
	size_t head = rimt_layout(RIMT_ROOT_COMPLEX)->length;
	size_t length = head + rimt_mapping_layout.length * segment->mappings->len;
	struct rimt_root_complex fields = {
		.node.identifier = next_identifier(writing),
		.flags = segment->flags,
		.segment = segment->number,
		.mapping_offset = (uint16_t)head,
		.mapping_count = (uint16_t)segment->mappings->len,
	};
	struct record *node = begin_node(writing, RIMT_ROOT_COMPLEX, length, &fields);

	if (!node)
		return;
	add_mappings(writing, node, segment->mappings);
	end_node(writing, node);
}

/* -- platform devices -------------------------------------------------------------------- */

static void add_ids(struct writing *writing, struct array *mappings, const char *iommu,
		    const struct viommu_device_id *ids)
{
	const struct rimt_mapping mapping = {
		.source_base = ids->has_input ? ids->input_first : 0,
		.id_count = MAX(ids->n_ids, 1) - 1,
		.device_base = ids->id,
		.iommu = offset_of(writing, iommu),
	};

	if (mapping.iommu)
		add_mapping(writing, mappings, &mapping);
}

static struct array *mappings_of(struct writing *writing,
				 const struct viommu_platform_device *device,
				 const struct pointers *further)
{
	struct array *mappings = array_new(sizeof(struct rimt_mapping));
	const struct viommu_device_id own = {
		.id = device->id,
		.n_ids = device->n_ids,
		.has_input = device->has_input,
		.input_first = device->input_first,
	};

	add_ids(writing, mappings, device->iommu, &own);
	for (size_t i = 0; further && i < further->len; i++) {
		const struct viommu_device_id *id = further->pdata[i];

		add_ids(writing, mappings, id->iommu, id);
	}
	return mappings;
}

static void write_path(struct writing *writing, const char *path, const struct array *mappings)
{
	size_t head = rimt_layout(RIMT_PLATFORM_DEVICE)->length, length = strlen(path) + 1;
	size_t end = (head + length + PATH_ALIGNMENT - 1) / PATH_ALIGNMENT * PATH_ALIGNMENT;
	struct rimt_platform_device fields = {
		.node.identifier = next_identifier(writing),
		.mapping_offset = (uint16_t)end,
		.mapping_count = (uint16_t)mappings->len,
	};
	struct record *node = begin_node(writing, RIMT_PLATFORM_DEVICE,
					 end + rimt_mapping_layout.length * mappings->len, &fields);
	auto_free uint8_t *text = node ? memory_zeroed(1, end - head) : NULL;

	if (!node)
		return;
	memcpy(text, path, length);
	record_add_child(node,
			 record_new_text(node, RIMT_PATH_NAME, text, end - head, node->at + head));
	add_mappings(writing, node, mappings);
	end_node(writing, node);
}

static void write_device(struct writing *writing, const struct viommu_platform_device *device,
			 const struct pointers *further)
{
	auto_array struct array *mappings = mappings_of(writing, device, further);
	bool is_path = device->name && *device->name == '\\';

	if (is_path && (mappings->len || !device->iommu))
		write_path(writing, device->name, mappings);
	else if (mappings->len)
		report(writing->findings, "rimt-silent-device", device->place,
		       "name it by its path in the ACPI namespace, such as \\_SB_.DEV0",
		       "RIMT identifies devices by their paths; this one was omitted");
}

static void write_devices(struct writing *writing)
{
	auto_hash struct hash *further = topology_ids_by_device(writing->topology);
	const struct viommu_platform_device *device;

	for_each_object(i, device, writing->topology, OBJECT_PLATFORM_DEVICE)
		write_device(writing, device,
			     device->name ? hash_lookup(further, device->name) : NULL);
}

/* -- all of it ----------------------------------------------------------------------------- */

static void write_nodes(struct writing *writing)
{
	const struct viommu_iommu *iommu;

	for_each_object(i, iommu, writing->topology, OBJECT_IOMMU)
		if (iommu_is_riscv(iommu))
			write_iommu(writing, iommu);
	collect_bridges(writing);
	topology_for_each_pci_range(writing->topology, collect_range, writing);
	for (size_t i = 0; i < writing->segments->len; i++)
		write_segment(writing, writing->segments->pdata[i]);
	write_devices(writing);
}

bool rimt_write(struct viommu_table *table, const struct viommu_topology *topology,
		struct viommu_findings *findings)
{
	struct rimt_head *head = table->root->host;
	struct writing writing = {
		.table = table,
		.topology = topology,
		.offsets = hash_new(&hash_text),
		.by_number = hash_new(&hash_direct),
		.segments = pointers_new(free_segment),
		.end = RIMT_HEAD_LENGTH,
		.findings = findings,
	};

	write_nodes(&writing);
	hash_free(writing.offsets);
	hash_free(writing.by_number);
	pointers_free(writing.segments);
	head->acpi.revision = RIMT_REVISION;
	head->node_offset = RIMT_HEAD_LENGTH;
	head->node_count = (uint32_t)writing.n_nodes;
	if (!writing.too_large)
		return true;
	report(findings, "rimt-too-large", place_of_file(NULL),
	       "give whole host bridges to an IOMMU instead of single functions",
	       "a node of the RIMT would be longer than 65535 bytes, or there are more than "
	       "262144 nodes and ID mappings");
	return false;
}
