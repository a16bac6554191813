/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The topology of a VIOT
 *
 * IOMMU nodes become viommu0, viommu1, ... in the order of the table, with or without endpoint
 * nodes; PCI range nodes become ranges, and MMIO endpoint nodes become devices. The place of each
 * object is the offset of its node, so findings of tables/check/ have offsets in the table.
 */
#include <errno.h>

#include "base/array.h"
#include "base/hash.h"
#include "tables/findings/findings.h"
#include "tables/model/topology.h"
#include "tables/table/frame.h"
#include "viot.h"

struct reading {
	const struct viommu_table *table;
	struct viommu_topology *topology;
	struct hash *names;  /* of IOMMUs, by the offset of their node */
	struct hash *starts; /* the offsets of all decoded nodes */
	size_t read_end;     /* of the nodes that Linux reads */
	const char *why_end; /* why it reads no others */
	struct viommu_findings *findings;
};

/*
 * A VIOT has no names for its IOMMUs. Numbers in the order of the table make the text reproducible.
 */
static void read_iommu(struct reading *reading, const struct record *record)
{
	struct viommu_iommu iommu = { .size = sizeof(iommu) };
	auto_free char *name = memory_printf("viommu%zu", hash_size(reading->names));

	iommu.name = name;
	iommu.place = table_place(reading->table, record->at);
	if (viot_type_of(record) == VIOT_VIRTIO_PCI) {
		const struct viot_virtio_pci *node = record->host;

		iommu.kind = VIOMMU_VIRTIO_PCI;
		iommu.segment = node->segment;
		iommu.bdf = node->bdf;
	} else {
		const struct viot_virtio_mmio *node = record->host;

		iommu.kind = VIOMMU_VIRTIO_MMIO;
		iommu.base = node->base_address;
	}
	topology_add_iommu(reading->topology, &iommu);
	hash_insert(reading->names, GSIZE_TO_POINTER(record->at), g_steal_pointer(&name));
}

/*
 * The IOMMU of the output node, or NULL with a finding. Linux drops such an endpoint node, and so
 * does the topology. The finding tells whether the offset is the start of another node, or of none.
 */
static const char *output_of(struct reading *reading, const struct record *record, uint16_t output)
{
	const char *name = hash_lookup(reading->names, GSIZE_TO_POINTER(output));

	if (!name)
		report(reading->findings, "viot-output-node",
		       table_place_of(reading->table, record, "Output node"),
		       "write the offset of a virtio-iommu node",
		       hash_contains(reading->starts, GSIZE_TO_POINTER(output))
			       ? "output node 0x%x is not a virtio-iommu"
			       : "output node 0x%x is not the start of a node",
		       output);
	return name;
}

/* An endpoint node that Linux does not read; its object was added last. */
static void note_linux(const struct reading *reading, const struct record *record,
		       enum object_type type)
{
	if (record->at >= reading->read_end)
		topology_set_unread(reading->topology,
				    topology_get(reading->topology, type,
						 topology_count(reading->topology, type) - 1),
				    reading->why_end);
}

/*
 * Keeps a range that contains the function of its own IOMMU, as QEMU writes it, so that the table
 * is regenerated unchanged. Drops ranges that a topology cannot represent.
 */
static void read_pci_range(struct reading *reading, const struct record *record)
{
	const struct viot_pci_range *node = record->host;
	const struct viommu_pci_range range = {
		.size = sizeof(range),
		.segment_first = node->segment_start,
		.segment_last = node->segment_end,
		.bdf_first = node->bdf_start,
		.bdf_last = node->bdf_end,
		.id_first = node->endpoint_start,
		.iommu = output_of(reading, record, node->output_node),
		.place = table_place(reading->table, record->at),
	};
	int r;

	if (!range.iommu)
		return;
	r = topology_add_pci_range(reading->topology, &range);
	if (!r)
		note_linux(reading, record, OBJECT_PCI_RANGE);
	else if (r == -ENOSPC)
		report(reading->findings, "topology-segments",
		       table_place(reading->table, record->at),
		       "omit segments that the machine lacks",
		       "ranges cover more than 262144 segments; this one was omitted");
	else if (r < 0)
		report(reading->findings, "viot-range-inverted",
		       table_place(reading->table, record->at), "write the smaller number first",
		       "the range of segments or functions ends before it begins");
}

/* Accepts every address and ID; the rules of topologies report duplicates. */
static void read_mmio_endpoint(struct reading *reading, const struct record *record)
{
	const struct viot_mmio_endpoint *node = record->host;
	const struct viommu_platform_device device = {
		.size = sizeof(device),
		.base = node->base_address,
		.id = node->endpoint,
		.iommu = output_of(reading, record, node->output_node),
		.place = table_place(reading->table, record->at),
	};

	if (device.iommu && !topology_add_platform_device(reading->topology, &device))
		note_linux(reading, record, OBJECT_PLATFORM_DEVICE);
}

/* Calls `read` for nodes whose type is in the closed range, in the order of the table. */
static void for_each_node(struct reading *reading, unsigned first_type, unsigned last_type,
			  void (*read)(struct reading *reading, const struct record *record))
{
	const struct record *node;

	for_each_child(i, node, reading->table->root)
		if (viot_type_of(node) >= first_type && viot_type_of(node) <= last_type)
			read(reading, node);
}

/*
 * Records the starts of all nodes, also of unknown ones, so that output_of() can distinguish a node
 * of the wrong type from the middle of a node.
 */
static void read_start(struct reading *reading, const struct record *record)
{
	hash_add(reading->starts, GSIZE_TO_POINTER(record->at));
}

/* An endpoint node that is too short for its fields ends Linux's walk. */
static bool is_short(const struct record *record)
{
	return !record->layout && record->rest.len &&
	       (record->rest.data[0] == VIOT_PCI_RANGE ||
		record->rest.data[0] == VIOT_MMIO_ENDPOINT);
}

static void find_read_end(struct reading *reading)
{
	const struct record *record;

	reading->read_end = frame_counted_end(reading->table);
	reading->why_end = LINUX_COUNTED;
	for_each_child(i, record, reading->table->root)
		if (is_short(record) && record->at < reading->read_end) {
			reading->read_end = record->at;
			reading->why_end = "Linux prints \"Invalid PCI node size\" or \"Invalid "
					   "MMIO node size\", and reads no node behind that one";
		}
}

/* Reads all IOMMUs first, because endpoint nodes may precede them. */
struct viommu_topology *viot_read(const struct viommu_table *table,
				  struct viommu_findings *findings)
{
	struct reading reading = {
		.table = table,
		.topology = topology_new(),
		.names = hash_new_full(&hash_direct, NULL, memory_free),
		.starts = hash_new(&hash_direct),
		.findings = findings,
	};

	find_read_end(&reading);
	for_each_node(&reading, VIOT_PCI_RANGE, VIOT_UNKNOWN, read_start);
	for_each_node(&reading, VIOT_VIRTIO_PCI, VIOT_VIRTIO_MMIO, read_iommu);
	for_each_node(&reading, VIOT_PCI_RANGE, VIOT_PCI_RANGE, read_pci_range);
	for_each_node(&reading, VIOT_MMIO_ENDPOINT, VIOT_MMIO_ENDPOINT, read_mmio_endpoint);
	topology_note_waiting(
		reading.topology, true, false,
		"Linux lets the IOMMU wait for the one that it is behind, which waits "
		"for it: neither is ever ready, and their devices wait, too");
	hash_free(reading.starts);
	hash_free(reading.names);
	return reading.topology;
}
