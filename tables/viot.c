/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VIOT, the Virtual I/O Translation table (ACPI 6.5)
 *
 * IOMMU nodes say where a virtio-iommu is; endpoint nodes say which PCI functions or
 * devices it translates, by the offset of its node in the table. The offset has 16 bits,
 * so IOMMU nodes are written first.
 *
 * All bounds are the cursor's (record.c). What a node says is turned into a topology, and
 * whatever is wrong with its meaning is found there, once for all tables.
 */
#include <errno.h>
#include <inttypes.h>

#include "findings.h"
#include "format.h"
#include "topology.h"

enum node_type { PCI_RANGE = 1, MMIO_ENDPOINT = 2, VIRTIO_PCI = 3, VIRTIO_MMIO = 4 };

/* -- layouts --------------------------------------------------------------------- */

struct viot_head {
	struct acpi_header acpi;
	uint16_t node_count, node_offset;
	uint8_t reserved[8];
};

#define HEAD_LENGTH 48
static const struct field head_fields[] = {
	ACPI_ROWS(struct viot_head),
	ROW(struct viot_head, 36, NUMBER, node_count, "Node count"),
	ROW(struct viot_head, 38, OFFSET, node_offset, "Node offset"),
	ROW(struct viot_head, 40, RESERVED, reserved, "Reserved"),
};
static const struct layout head_layout =
	LAYOUT("Virtual I/O Translation table", 0, HEAD_LENGTH, struct viot_head, head_fields);

static const struct field_name node_types[] = {
	{ PCI_RANGE, "PCI range" },
	{ MMIO_ENDPOINT, "MMIO endpoint" },
	{ VIRTIO_PCI, "virtio-iommu, PCI" },
	{ VIRTIO_MMIO, "virtio-iommu, MMIO" },
	{ 0, NULL },
};

/* Every node begins with these. */
struct node {
	uint8_t type, reserved;
	uint16_t length;
};

#define NODE_ROWS(host) \
	ROW_NAMED(host, 0, TYPE, node.type, "Type", node_types), \
		ROW(host, 1, RESERVED, node.reserved, "Reserved"), \
		ROW(host, 2, LENGTH, node.length, "Length")

struct pci_range {
	struct node node;
	uint32_t endpoint_start;
	uint16_t segment_start, segment_end, bdf_start, bdf_end, output_node;
	uint8_t reserved[6];
};
static const struct field pci_range_fields[] = {
	NODE_ROWS(struct pci_range),
	ROW(struct pci_range, 4, HEX, endpoint_start, "Endpoint start"),
	ROW(struct pci_range, 8, HEX, segment_start, "PCI segment start"),
	ROW(struct pci_range, 10, HEX, segment_end, "PCI segment end"),
	ROW(struct pci_range, 12, BDF, bdf_start, "PCI BDF start"),
	ROW(struct pci_range, 14, BDF, bdf_end, "PCI BDF end"),
	ROW(struct pci_range, 16, OFFSET, output_node, "Output node"),
	ROW(struct pci_range, 18, RESERVED, reserved, "Reserved"),
};

struct mmio_endpoint {
	struct node node;
	uint32_t endpoint;
	uint64_t base_address;
	uint16_t output_node;
	uint8_t reserved[6];
};
static const struct field mmio_endpoint_fields[] = {
	NODE_ROWS(struct mmio_endpoint),
	ROW(struct mmio_endpoint, 4, HEX, endpoint, "Endpoint"),
	ROW(struct mmio_endpoint, 8, HEX, base_address, "Base address"),
	ROW(struct mmio_endpoint, 16, OFFSET, output_node, "Output node"),
	ROW(struct mmio_endpoint, 18, RESERVED, reserved, "Reserved"),
};

struct virtio_pci {
	struct node node;
	uint16_t segment, bdf;
	uint8_t reserved[8];
};
static const struct field virtio_pci_fields[] = {
	NODE_ROWS(struct virtio_pci),
	ROW(struct virtio_pci, 4, HEX, segment, "PCI segment"),
	ROW(struct virtio_pci, 6, BDF, bdf, "PCI BDF"),
	ROW(struct virtio_pci, 8, RESERVED, reserved, "Reserved"),
};

struct virtio_mmio {
	struct node node;
	uint32_t reserved;
	uint64_t base_address;
};
static const struct field virtio_mmio_fields[] = {
	NODE_ROWS(struct virtio_mmio),
	ROW(struct virtio_mmio, 4, RESERVED, reserved, "Reserved"),
	ROW(struct virtio_mmio, 8, HEX, base_address, "Base address"),
};

struct unknown_node {
	struct node node;
};
static const struct field unknown_fields[] = { NODE_ROWS(struct unknown_node) };

static const struct layout layouts[] = {
	[PCI_RANGE] = LAYOUT("PCI range", PCI_RANGE, 24, struct pci_range, pci_range_fields),
	[MMIO_ENDPOINT] = LAYOUT("MMIO endpoint", MMIO_ENDPOINT, 24, struct mmio_endpoint,
				 mmio_endpoint_fields),
	[VIRTIO_PCI] =
		LAYOUT("virtio-iommu on PCI", VIRTIO_PCI, 16, struct virtio_pci, virtio_pci_fields),
	[VIRTIO_MMIO] = LAYOUT("virtio-iommu on MMIO", VIRTIO_MMIO, 16, struct virtio_mmio,
			       virtio_mmio_fields),
};
static const struct layout unknown_layout =
	LAYOUT("Node of unknown type", 0, 4, struct unknown_node, unknown_fields);

static const struct framing node_framing = {
	.type_at = 0, .type_length = 1, .length_at = 2, .length_length = 2, .head = 4
};

static const struct layout *layout_of(uint64_t type)
{
	return type && type < G_N_ELEMENTS(layouts) ? &layouts[type] : &unknown_layout;
}

/* The type of a node that was decoded whole; 0: bytes, or unknown. */
static unsigned type_of(const struct record *record)
{
	return record->layout ? record->layout->type : 0;
}

static struct viommu_place place(const struct viommu_table *table, size_t at)
{
	return place_in_table(table->file, at);
}

static struct viommu_place place_of(const struct viommu_table *table, const struct record *record,
				    const char *name)
{
	const struct field *field = layout_field(record->layout, name);

	return place(table, record->at + field->at);
}

/* -- decoding --------------------------------------------------------------------- */

static struct record *decode_node(const struct viommu_table *table, const uint8_t *bytes,
				  const struct cursor *cursor, struct viommu_findings *findings)
{
	const struct layout *layout = layout_of(cursor->type);
	struct record *record;

	if (cursor->length < layout->length) {
		report(findings, "viot-node-length", place(table, cursor->at),
		       "write the length that the node has",
		       "a node of type %u with %u bytes, and it has %u", (unsigned)cursor->type,
		       (unsigned)cursor->length, layout->length);
		return record_new_bytes(bytes + cursor->at, cursor->length, cursor->at);
	}
	record = record_new(layout, bytes + cursor->at, cursor->at);
	record_add_rest(record, bytes + cursor->at + layout->length,
			cursor->length - layout->length);
	return record;
}

/* Where the walk begins: what lies before it is kept as bytes. */
static size_t first_node(struct viommu_table *table, const uint8_t *bytes, size_t length,
			 struct viommu_findings *findings)
{
	const struct viot_head *head = table->root->host;
	size_t at = head->node_offset;

	if (at < HEAD_LENGTH || at > length) {
		report(findings, "viot-node-offset", place_of(table, table->root, "Node offset"),
		       "write 48, where nodes begin", "nodes cannot begin at 0x%zx", at);
		return HEAD_LENGTH;
	}
	if (at > HEAD_LENGTH)
		record_add_child(table->root, record_new_bytes(bytes + HEAD_LENGTH,
							       at - HEAD_LENGTH, HEAD_LENGTH));
	return at;
}

static void report_stop(const struct viommu_table *table, enum cursor_state state,
			const struct cursor *cursor, struct viommu_findings *findings)
{
	if (state == CURSOR_SHORT)
		report(findings, "viot-node-length", place(table, cursor->at),
		       "end the table here, or write the length that the node has",
		       "a node of type %u with %u bytes: nothing behind it can be found",
		       (unsigned)cursor->type, (unsigned)cursor->length);
	if (state == CURSOR_PAST)
		report(findings, "viot-node-end", place(table, cursor->at),
		       "end the table behind its last node",
		       "a node reaches past the end of the table, at 0x%zx", cursor->end);
}

/* A table in its form of 2019 wraps another one where nodes would be. */
static bool is_draft(const struct viot_head *head, const uint8_t *bytes, size_t length)
{
	return !head->node_count && !head->node_offset && length > HEAD_LENGTH + 4 &&
	       g_ascii_isupper((gchar)bytes[HEAD_LENGTH]);
}

static void decode(struct viommu_table *table, const uint8_t *bytes, size_t length,
		   struct viommu_findings *findings)
{
	struct cursor cursor = { .framing = &node_framing, .table = bytes, .end = length };
	enum cursor_state state;

	cursor.at = HEAD_LENGTH;
	if (is_draft(table->root->host, bytes, length)) {
		report(findings, "viot-draft", place(table, HEAD_LENGTH), NULL,
		       "the form of 2019, which wraps another table: kept, and not understood yet");
		record_add_rest(table->root, bytes + HEAD_LENGTH, length - HEAD_LENGTH);
		return;
	}
	cursor.at = first_node(table, bytes, length, findings);
	while ((state = cursor_look(&cursor)) == CURSOR_AT) {
		record_add_child(table->root, decode_node(table, bytes, &cursor, findings));
		cursor.at += cursor.length;
	}
	report_stop(table, state, &cursor, findings);
	record_add_rest(table->root, bytes + cursor.at, length - cursor.at);
}

/* -- rules of the bytes --------------------------------------------------------------- */

/* Nodes, whether understood or not; not what lies before them. */
static unsigned count_nodes(const struct viommu_table *table)
{
	const struct viot_head *head = table->root->host;
	unsigned n = 0;

	for (guint i = 0; i < table->root->children->len; i++) {
		const struct record *record = table->root->children->pdata[i];

		n += record->at >= head->node_offset ||
		     head->node_offset > record_length(table->root);
	}
	return n;
}

struct check {
	const struct viommu_table *table;
	const struct record *record;
	struct viommu_findings *findings;
};

static void report_field(void *data, const struct field *field, uint64_t value)
{
	const struct check *check = data;

	if (field->kind == FIELD_RESERVED)
		report(check->findings, "viot-reserved",
		       place(check->table, check->record->at + field->at), "write 0",
		       "reserved bytes of %s are not 0", check->record->layout->name);
	else if (field->kind == FIELD_LENGTH)
		report(check->findings, "viot-node-length",
		       place(check->table, check->record->at + field->at),
		       "write the length that the node has",
		       "%s has %" PRIu64 " bytes, and %u are known", check->record->layout->name,
		       value, check->record->layout->length);
	else
		report(check->findings, "viot-node-type",
		       place(check->table, check->record->at + field->at), NULL,
		       "nodes of type %" PRIu64 " are not known: skipped", value);
}

static void check_record(struct check *check)
{
	if (check->record->layout)
		layout_check(check->record->layout, check->record->host,
			     check->record->layout != &unknown_layout, report_field, check);
}

static void check(const struct viommu_table *table, struct viommu_findings *findings)
{
	const struct viot_head *head = table->root->host;
	struct check check = { table, table->root, findings };
	unsigned n = count_nodes(table);

	check_record(&check);
	for (guint i = 0; i < table->root->children->len; i++) {
		check.record = table->root->children->pdata[i];
		check_record(&check);
	}
	if (head->acpi.revision)
		report(findings, "viot-revision", place_of(table, table->root, "Revision"),
		       "write 0", "revision is %u, and only 0 is known", head->acpi.revision);
	if (head->node_count != n)
		report(findings, "viot-node-count", place_of(table, table->root, "Node count"),
		       "write the number of nodes", "node count is %u, and there are %u",
		       head->node_count, n);
}

/* -- meaning ---------------------------------------------------------------------------- */

struct reading {
	const struct viommu_table *table;
	struct viommu_topology *topology;
	GHashTable *names;  /* of IOMMUs, by the offset of their node */
	GHashTable *starts; /* of all nodes */
	struct viommu_findings *findings;
};

static void read_iommu(struct reading *reading, const struct record *record)
{
	struct viommu_iommu iommu = { .size = sizeof(iommu) };
	g_autofree char *name = g_strdup_printf("viommu%u", g_hash_table_size(reading->names));

	iommu.name = name;
	iommu.place = place(reading->table, record->at);
	if (type_of(record) == VIRTIO_PCI) {
		const struct virtio_pci *node = record->host;

		iommu.kind = VIOMMU_VIRTIO_PCI;
		iommu.segment = node->segment;
		iommu.bdf = node->bdf;
	} else {
		const struct virtio_mmio *node = record->host;

		iommu.kind = VIOMMU_VIRTIO_MMIO;
		iommu.base = node->base_address;
	}
	viommu_topology_add_iommu(reading->topology, &iommu);
	g_hash_table_insert(reading->names, GSIZE_TO_POINTER(record->at), g_steal_pointer(&name));
}

/* The IOMMU that a node outputs to, or NULL with a finding. */
static const char *output_of(struct reading *reading, const struct record *record, uint16_t output)
{
	const char *name = g_hash_table_lookup(reading->names, GSIZE_TO_POINTER(output));

	if (!name)
		report(reading->findings, "viot-output-node",
		       place_of(reading->table, record, "Output node"),
		       "write the offset of a virtio-iommu node",
		       g_hash_table_contains(reading->starts, GSIZE_TO_POINTER(output))
			       ? "output node 0x%x is not a virtio-iommu"
			       : "output node 0x%x is not the start of a node",
		       output);
	return name;
}

static void read_pci_range(struct reading *reading, const struct record *record)
{
	const struct pci_range *node = record->host;
	const struct viommu_pci_range range = {
		.size = sizeof(range),
		.segment_first = node->segment_start,
		.segment_last = node->segment_end,
		.bdf_first = node->bdf_start,
		.bdf_last = node->bdf_end,
		.id_first = node->endpoint_start,
		.iommu = output_of(reading, record, node->output_node),
		.place = place(reading->table, record->at),
	};

	if (!range.iommu)
		return;
	if (viommu_topology_add_pci_range(reading->topology, &range) < 0)
		report(reading->findings, "viot-range-inverted", place(reading->table, record->at),
		       "write the smaller number first",
		       "the range of segments or of functions ends before it begins");
}

static void read_mmio_endpoint(struct reading *reading, const struct record *record)
{
	const struct mmio_endpoint *node = record->host;
	const struct viommu_platform_device device = {
		.size = sizeof(device),
		.base = node->base_address,
		.id = node->endpoint,
		.iommu = output_of(reading, record, node->output_node),
		.place = place(reading->table, record->at),
	};

	if (device.iommu)
		viommu_topology_add_platform_device(reading->topology, &device);
}

static void for_each_node(struct reading *reading, unsigned first_type, unsigned last_type,
			  void (*read)(struct reading *reading, const struct record *record))
{
	const GPtrArray *nodes = reading->table->root->children;

	for (guint i = 0; i < nodes->len; i++)
		if (type_of(nodes->pdata[i]) >= first_type && type_of(nodes->pdata[i]) <= last_type)
			read(reading, nodes->pdata[i]);
}

static void read_start(struct reading *reading, const struct record *record)
{
	g_hash_table_add(reading->starts, GSIZE_TO_POINTER(record->at));
}

static struct viommu_topology *to_topology(const struct viommu_table *table,
					   struct viommu_findings *findings)
{
	struct reading reading = {
		.table = table,
		.topology = viommu_topology_new(),
		.names = g_hash_table_new_full(NULL, NULL, NULL, g_free),
		.starts = g_hash_table_new(NULL, NULL),
		.findings = findings,
	};

	for_each_node(&reading, 0, VIRTIO_MMIO, read_start);
	for_each_node(&reading, VIRTIO_PCI, VIRTIO_MMIO, read_iommu);
	for_each_node(&reading, PCI_RANGE, PCI_RANGE, read_pci_range);
	for_each_node(&reading, MMIO_ENDPOINT, MMIO_ENDPOINT, read_mmio_endpoint);
	g_hash_table_destroy(reading.starts);
	g_hash_table_destroy(reading.names);
	return reading.topology;
}

/* -- making ------------------------------------------------------------------------------ */

struct writing {
	struct viommu_table *table;
	const struct viommu_topology *topology;
	GHashTable *offsets; /* of IOMMU nodes, by name; plus 1 */
	size_t end;
	struct viommu_findings *findings;
};

static void write_node(struct writing *writing, enum node_type type, void *host)
{
	const struct layout *layout = &layouts[type];
	struct node *node = host;
	uint8_t wire[24];

	node->type = (uint8_t)type;
	node->length = layout->length;
	layout_encode(layout, host, wire);
	record_add_child(writing->table->root, record_new(layout, wire, writing->end));
	writing->end += layout->length;
}

static void write_iommu(struct writing *writing, const struct viommu_iommu *iommu)
{
	size_t at = writing->end;

	if (iommu->kind == VIOMMU_VIRTIO_PCI) {
		write_node(writing, VIRTIO_PCI,
			   &(struct virtio_pci){ .segment = iommu->segment, .bdf = iommu->bdf });
	} else if (iommu->kind == VIOMMU_VIRTIO_MMIO) {
		write_node(writing, VIRTIO_MMIO,
			   &(struct virtio_mmio){ .base_address = iommu->base });
	} else {
		report(writing->findings, "viot-silent-iommu", iommu->place,
		       "describe it in the table of its own platform",
		       "VIOT knows virtio-iommus only: %s \"%s\" and what is behind it are left "
		       "out",
		       viommu_iommu_kind_name(iommu->kind), iommu->name);
		return;
	}
	if (iommu->has_proximity_domain)
		report(writing->findings, "viot-silent-domain", iommu->place,
		       "say it in SRAT, or by _PXM", "VIOT has no proximity domain for \"%s\"",
		       iommu->name);
	g_hash_table_insert(writing->offsets, (gpointer)iommu->name, GSIZE_TO_POINTER(at));
}

static size_t offset_of(const struct writing *writing, const char *iommu)
{
	return iommu ? GPOINTER_TO_SIZE(g_hash_table_lookup(writing->offsets, iommu)) : 0;
}

static void write_range(void *opaque, const struct viommu_pci_range *range)
{
	struct writing *writing = opaque;
	size_t output = offset_of(writing, range->iommu);

	if (output)
		write_node(writing, PCI_RANGE,
			   &(struct pci_range){
				   .endpoint_start = range->id_first,
				   .segment_start = range->segment_first,
				   .segment_end = range->segment_last,
				   .bdf_start = range->bdf_first,
				   .bdf_end = range->bdf_last,
				   .output_node = (uint16_t)output,
			   });
}

static void write_device(struct writing *writing, const struct viommu_platform_device *device)
{
	size_t output = offset_of(writing, device->iommu);

	if (output)
		write_node(writing, MMIO_ENDPOINT,
			   &(struct mmio_endpoint){
				   .endpoint = device->id,
				   .base_address = device->base,
				   .output_node = (uint16_t)output,
			   });
}

static void write_nodes(struct writing *writing)
{
	const struct viommu_platform_device *device;
	const struct viommu_reserved_memory *memory;
	const struct viommu_iommu *iommu;

	for (size_t i = 0; (iommu = viommu_topology_iommu(writing->topology, i)); i++)
		write_iommu(writing, iommu);
	viommu_topology_for_each_pci_range(writing->topology, write_range, writing);
	for (size_t i = 0; (device = viommu_topology_platform_device(writing->topology, i)); i++)
		write_device(writing, device);
	for (size_t i = 0; (memory = viommu_topology_reserved_memory(writing->topology, i)); i++)
		report(writing->findings, "viot-silent-memory", memory->place,
		       "let the device say it when it is probed",
		       "VIOT has no reserved memory: 0x%" PRIx64 "-0x%" PRIx64 " is left out",
		       memory->first, memory->last);
}

static bool from_topology(struct viommu_table *table, const struct viommu_topology *topology,
			  struct viommu_findings *findings)
{
	struct viot_head *head = table->root->host;
	struct writing writing = {
		.table = table,
		.topology = topology,
		.offsets = g_hash_table_new(g_str_hash, g_str_equal),
		.end = HEAD_LENGTH,
		.findings = findings,
	};
	size_t iommus_end, n = topology_count(topology, OBJECT_IOMMU);

	iommus_end = HEAD_LENGTH + n * layouts[VIRTIO_PCI].length;
	write_nodes(&writing);
	g_hash_table_destroy(writing.offsets);
	n = table->root->children->len;
	head->node_offset = HEAD_LENGTH;
	head->node_count = (uint16_t)n;
	if (n <= G_MAXUINT16 && iommus_end <= G_MAXUINT16)
		return true;
	report(findings, "viot-too-large", place_of_file(NULL),
	       "give whole host bridges to an IOMMU instead of single functions",
	       "%zu nodes, and a VIOT has at most 65535, its IOMMUs in the first 64 KiB", n);
	return false;
}

const struct format viot_format = {
	.signature = "VIOT",
	.name = "Virtual I/O Translation table",
	.head = &head_layout,
	.decode = decode,
	.check = check,
	.to_topology = to_topology,
	.from_topology = from_topology,
};
