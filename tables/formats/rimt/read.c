/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The topology of a RIMT
 *
 * IOMMU nodes become riscv0, riscv1, ..., root complexes become host bridges, and
 * their ID mappings become ranges. The place of each object is the offset of its node or mapping.
 *
 * A mapping of n IDs has n + 1 here, as in Linux and in the tables of firmware, unless the next one
 * of the node begins at the last of them.
 */
#include <string.h>

#include "base/hash.h"
#include "tables/findings/findings.h"
#include "tables/model/topology.h"
#include "tables/table/frame.h"
#include "rimt.h"

#define LAST_RID 0xffffu

struct reading {
	const struct viommu_table *table;
	struct viommu_topology *topology;
	struct viommu_findings *findings;
	struct hash *names;     /* of IOMMUs, by the offset of their node */
	struct hash *segments;  /* that a root complex has had */
	struct hash *firsts;    /* the first IDs of the mappings of the current node, plus 1 */
	struct hash *windows;   /* bases of IOMMUs with registers */
	struct hash *functions; /* of IOMMUs on PCI, plus 1 */
	size_t counted_end;     /* of the nodes that the head counts */
};

static void report_dropped(const struct reading *reading, const struct record *record,
			   const char *rule_id, const char *what)
{
	report(reading->findings, rule_id, table_place(reading->table, record->at), NULL,
	       "a topology does not have %s", what);
}

/* -- IOMMUs ------------------------------------------------------------------------------ */

/* All wires of an IOMMU have one trigger in a topology. */
static void read_wires(const struct reading *reading, const struct record *node,
		       struct viommu_iommu *iommu)
{
	const struct record *record;
	bool dropped = false;

	for (guint i = 0; (record = rimt_next_wire(node, &i));) {
		const struct rimt_wire *wire = record->host;

		if (!iommu->n_interrupts)
			iommu->riscv.wire_flags = wire->flags;
		dropped |= iommu->n_interrupts == VIOMMU_MAX_INTERRUPTS ||
			   wire->flags != iommu->riscv.wire_flags;
		if (iommu->n_interrupts < VIOMMU_MAX_INTERRUPTS)
			iommu->interrupts[iommu->n_interrupts++] = wire->number;
	}
	if (dropped)
		report_dropped(reading, node, "rimt-silent-property",
			       "more than 4 interrupts of an IOMMU, or a trigger for each");
}

/* NULL: that of generated tables, or bytes that are no text. */
static char *hardware_id_of(const struct reading *reading, const struct record *record)
{
	const struct rimt_iommu *node = record->host;
	auto_free char *text =
		memory_text_n((const char *)node->hardware_id, sizeof(node->hardware_id));
	bool pci = node->flags & RIMT_IOMMU_PCI, good = *text;

	if (!strcmp(text, pci ? RIMT_HARDWARE_OF_FUNCTION : RIMT_HARDWARE_OF_WINDOW))
		return NULL;
	for (const char *c = text; *c; c++)
		good &= g_ascii_isprint(*c);
	for (size_t i = strlen(text); i < sizeof(node->hardware_id); i++)
		good &= !node->hardware_id[i];
	if (good)
		return g_steal_pointer(&text);
	report_dropped(reading, record, "rimt-silent-property", "a hardware ID that is not text");
	return NULL;
}

/* The driver of an IOMMU takes the first node with its registers, or its function. */
static const char *why_unused(const struct reading *reading, const struct record *record)
{
	struct rimt_iommu *node = record->host;
	gsize function = ((gsize)node->segment << 16 | node->bdf) + 1;
	bool first = node->flags & RIMT_IOMMU_PCI
			     ? hash_add(reading->functions, GSIZE_TO_POINTER(function))
			     : hash_add(reading->windows, &node->base);

	if (record->at >= reading->counted_end)
		return LINUX_COUNTED;
	return first ? NULL
		     : "Linux gives the driver of the IOMMU its first node, and lets devices of "
		       "the other wait forever";
}

static void read_iommu(struct reading *reading, const struct record *record)
{
	const struct rimt_iommu *node = record->host;
	size_t n = hash_size(reading->names);
	auto_free char *name = memory_printf("riscv%zu", n);
	auto_free char *hardware = hardware_id_of(reading, record);
	bool pci = node->flags & RIMT_IOMMU_PCI;
	struct viommu_iommu iommu = {
		.size = sizeof(iommu),
		.name = name,
		.kind = pci ? VIOMMU_RISCV_PCI : VIOMMU_RISCV,
		.segment = pci ? node->segment : 0,
		.bdf = pci ? node->bdf : 0,
		.base = pci ? 0 : node->base,
		.has_proximity_domain = node->flags & RIMT_IOMMU_DOMAIN,
		.proximity_domain = node->flags & RIMT_IOMMU_DOMAIN ? node->proximity_domain : 0,
		.has_identifier = node->node.identifier != n,
		.identifier = node->node.identifier == n ? 0 : node->node.identifier,
		.riscv.hardware_id = hardware,
		.place = table_place(reading->table, record->at),
	};
	const char *unused;

	read_wires(reading, record, &iommu);
	unused = why_unused(reading, record);
	if (!topology_add_iommu(reading->topology, &iommu) && unused)
		topology_set_unused(reading->topology,
				    topology_find(reading->topology, OBJECT_IOMMU, name), unused);
	hash_insert(reading->names, GSIZE_TO_POINTER(record->at), g_steal_pointer(&name));
}

/* -- ID mappings ------------------------------------------------------------------------ */

static void find_firsts(struct reading *reading, const struct record *node)
{
	const struct record *record;

	hash_clear(reading->firsts);
	for (guint i = 0; (record = rimt_next_mapping(node, &i));) {
		const struct rimt_mapping *mapping = record->host;

		hash_add(reading->firsts, GSIZE_TO_POINTER((gsize)mapping->source_base + 1));
	}
}

static uint64_t last_id(const struct reading *reading, const struct rimt_mapping *mapping)
{
	uint64_t last = (uint64_t)mapping->source_base + mapping->id_count;

	return last - (mapping->id_count &&
		       hash_contains(reading->firsts, GSIZE_TO_POINTER((gsize)last + 1)));
}

static const char *iommu_of(const struct reading *reading, const struct rimt_mapping *mapping)
{
	return hash_lookup(reading->names, GSIZE_TO_POINTER((gsize)mapping->iommu));
}

/* An ID that requires ATS or page requests, and nodes that later versions define. */
static void note_others(const struct reading *reading)
{
	const struct record *node, *record;

	for (guint i = 0; (node = rimt_next_node(reading->table, &i));) {
		if (rimt_type_of(node) == RIMT_UNKNOWN)
			report_dropped(reading, node, "rimt-silent-property",
				       "nodes of unknown type");
		for (guint k = 0; (record = rimt_next_mapping(node, &k));)
			if (((const struct rimt_mapping *)record->host)->flags)
				report_dropped(reading, record, "rimt-silent-property",
					       "flags of an ID mapping");
	}
}

/* Linux looks at the first mapping of a node before it takes any. */
static void note_linux(const struct reading *reading, const struct record *node, const void *object)
{
	guint i = 0;
	const struct record *first = rimt_next_mapping(node, &i);
	const struct rimt_mapping *mapping = first ? first->host : NULL;

	if (node->at >= reading->counted_end)
		topology_set_unread(reading->topology, object, LINUX_COUNTED);
	else if (mapping && !mapping->iommu)
		topology_set_unread(reading->topology, object,
				    "Linux prints \"ID map has NULL parent reference\" of the "
				    "node's first ID mapping, and reads none of them");
}

/* -- root complexes ------------------------------------------------------------------ */

static void read_range(const struct reading *reading, uint16_t segment, const struct record *record)
{
	const struct rimt_mapping *mapping = record->host;
	const struct viommu_pci_range range = {
		.size = sizeof(range),
		.segment_first = segment,
		.segment_last = segment,
		.bdf_first = (uint16_t)mapping->source_base,
		.bdf_last = (uint16_t)MIN(last_id(reading, mapping), LAST_RID),
		.iommu = iommu_of(reading, mapping),
		.id_first = mapping->device_base,
		.place = table_place(reading->table, record->at),
	};

	size_t n = topology_count(reading->topology, OBJECT_PCI_RANGE);

	if (mapping->source_base > LAST_RID)
		report_dropped(reading, record, "rimt-silent-mapping",
			       "IDs beyond the last requester ID");
	else if (range.iommu && !topology_add_pci_range(reading->topology, &range) &&
		 last_id(reading, mapping) < (uint64_t)mapping->source_base + mapping->id_count)
		topology_set_unread(reading->topology,
				    topology_get(reading->topology, OBJECT_PCI_RANGE, n),
				    RIMT_ONE_MORE);
}

/* Linux never uses the second root complex of a segment, which is a finding of the checks. */
static void read_root_complex(struct reading *reading, const struct record *node)
{
	const struct rimt_root_complex *complex = node->host;
	const struct viommu_host_bridge bridge = {
		.size = sizeof(bridge),
		.segment = complex->segment,
		.bus_last = UINT8_MAX,
		.ats = complex->flags & RIMT_ATS,
		.pri = complex->flags & RIMT_PRI,
		.place = table_place(reading->table, node->at),
	};
	const struct record *record;
	size_t n = topology_count(reading->topology, OBJECT_HOST_BRIDGE);

	if (!hash_add(reading->segments, GUINT_TO_POINTER(complex->segment + 1u)))
		return;
	topology_add_host_bridge(reading->topology, &bridge);
	note_linux(reading, node, topology_get(reading->topology, OBJECT_HOST_BRIDGE, n));
	find_firsts(reading, node);
	for (guint i = 0; (record = rimt_next_mapping(node, &i));)
		read_range(reading, complex->segment, record);
}

/* -- platform devices ----------------------------------------------------------------- */

/* The first mapping is the device's own ID, the others are further IDs. */
static void add_id(const struct reading *reading, const char *name, const struct record *record)
{
	const struct rimt_mapping *mapping = record->host;
	const struct viommu_device_id id = {
		.size = sizeof(id),
		.device = name,
		.iommu = iommu_of(reading, mapping),
		.id = mapping->device_base,
		.n_ids = (uint32_t)MIN(last_id(reading, mapping) - mapping->source_base + 1,
				       UINT32_MAX),
		.has_input = true,
		.input_first = mapping->source_base,
		.place = table_place(reading->table, record->at),
	};

	if (id.iommu && topology_add_device_id(reading->topology, &id) < 0)
		report_dropped(reading, record, "rimt-silent-mapping", "IDs of more than 32 bits");
}

static bool add_device(const struct reading *reading, const char *name, const struct record *node,
		       const struct record *record)
{
	const struct rimt_mapping *mapping = record ? record->host : NULL;
	struct viommu_platform_device device = {
		.size = sizeof(device),
		.name = name,
		.place = table_place(reading->table, node->at),
	};
	size_t n = topology_count(reading->topology, OBJECT_PLATFORM_DEVICE);

	if (mapping && iommu_of(reading, mapping)) {
		device.iommu = iommu_of(reading, mapping);
		device.id = mapping->device_base;
		device.n_ids = (uint32_t)MIN(last_id(reading, mapping) - mapping->source_base + 1,
					     UINT32_MAX);
		device.has_input = mapping->source_base;
		device.input_first = mapping->source_base;
	}
	if (topology_add_platform_device(reading->topology, &device) < 0) {
		report_dropped(reading, node, "rimt-silent-mapping",
			       "a second device of this path, a path that is not text, or IDs of "
			       "more than 32 bits");
		return false;
	}
	note_linux(reading, node, topology_get(reading->topology, OBJECT_PLATFORM_DEVICE, n));
	return true;
}

static void read_device(struct reading *reading, const struct record *node)
{
	auto_free char *name = rimt_text(node);
	guint i = 0;
	const struct record *record = rimt_next_mapping(node, &i);

	find_firsts(reading, node);
	if (!name || !add_device(reading, name, node, record))
		return;
	while ((record = rimt_next_mapping(node, &i)))
		add_id(reading, name, record);
}

static void read_nodes(struct reading *reading, unsigned type,
		       void (*read)(struct reading *reading, const struct record *node))
{
	const struct record *node;

	for (guint i = 0; (node = rimt_next_node(reading->table, &i));)
		if (rimt_type_of(node) == type)
			read(reading, node);
}

/* Reads all IOMMUs first, because other nodes may precede them. */
struct viommu_topology *rimt_read(const struct viommu_table *table,
				  struct viommu_findings *findings)
{
	struct reading reading = {
		.table = table,
		.topology = topology_new(),
		.findings = findings,
		.names = hash_new_full(&hash_direct, NULL, memory_free),
		.segments = hash_new(&hash_direct),
		.firsts = hash_new(&hash_direct),
		.windows = hash_new(&hash_number),
		.functions = hash_new(&hash_direct),
		.counted_end = frame_counted_end(table),
	};

	read_nodes(&reading, RIMT_IOMMU, read_iommu);
	read_nodes(&reading, RIMT_ROOT_COMPLEX, read_root_complex);
	read_nodes(&reading, RIMT_PLATFORM_DEVICE, read_device);
	note_others(&reading);
	topology_note_waiting(reading.topology, false, true,
			      "Linux lets the IOMMU wait until the IOMMU that translates its own "
			      "function is ready: it never is, and its devices wait, too");
	hash_free(reading.functions);
	hash_free(reading.windows);
	hash_free(reading.firsts);
	hash_free(reading.segments);
	hash_free(reading.names);
	return reading.topology;
}
