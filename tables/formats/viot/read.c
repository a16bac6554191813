/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a VIOT means, as a topology
 *
 * IOMMU nodes become viommu0, viommu1, ... in the order of the table, whether an endpoint
 * node refers to them or not; PCI range nodes become ranges, and MMIO endpoint nodes devices.
 * Each has its offset as its place: so whatever is wrong with the meaning is found once for
 * all tables (check.c), and still points at bytes.
 */
#include <errno.h>

#include "base/array.h"
#include "base/hash.h"
#include "tables/findings/findings.h"
#include "tables/model/topology.h"
#include "viot.h"

struct reading {
	const struct viommu_table *table;
	struct viommu_topology *topology;
	struct hash *names;  /* of IOMMUs, by the offset of their node */
	struct hash *starts; /* of all nodes that are whole */
	struct viommu_findings *findings;
};

/*
 * A VIOT has no names for its IOMMUs. The order of the table gives them: the same table always
 * means the same text.
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
	viommu_topology_add_iommu(reading->topology, &iommu);
	hash_insert(reading->names, GSIZE_TO_POINTER(record->at), g_steal_pointer(&name));
}

/*
 * The IOMMU that a node outputs to, or NULL with a finding. Linux drops such a node, and leaves its
 * devices without an IOMMU; so does the topology. Whether the offset hits another node or none
 * tells people which mistake it is: a wrong number, or nodes that have moved.
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

/*
 * Taken as it stands, even where it holds the function of its own IOMMU, as QEMU writes it: a table
 * made of the topology again is then the same. Only what a topology cannot hold is left out.
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
	r = viommu_topology_add_pci_range(reading->topology, &range);
	if (r == -ENOSPC)
		report(reading->findings, "topology-segments",
		       table_place(reading->table, record->at),
		       "leave out segments that the machine lacks",
		       "ranges speak of more than 262144 segments: this one is left out");
	else if (r < 0)
		report(reading->findings, "viot-range-inverted",
		       table_place(reading->table, record->at), "write the smaller number first",
		       "the range of segments or of functions ends before it begins");
}

/* Every base address and every ID is possible here; what is there twice, check.c finds. */
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

	if (device.iommu)
		viommu_topology_add_platform_device(reading->topology, &device);
}

/* Nodes of a type, or of several that follow each other, in the order of the table. */
static void for_each_node(struct reading *reading, unsigned first_type, unsigned last_type,
			  void (*read)(struct reading *reading, const struct record *record))
{
	const struct pointers *nodes = reading->table->root->children;

	for (guint i = 0; i < nodes->len; i++)
		if (viot_type_of(nodes->pdata[i]) >= first_type &&
		    viot_type_of(nodes->pdata[i]) <= last_type)
			read(reading, nodes->pdata[i]);
}

/*
 * Unknown nodes count as well: an output node that names one is wrong in another way than an offset
 * into the middle of a node.
 */
static void read_start(struct reading *reading, const struct record *record)
{
	hash_add(reading->starts, GSIZE_TO_POINTER(record->at));
}

/* Endpoint nodes may stand before the IOMMU that they name, so all IOMMUs are read first. */
struct viommu_topology *viot_read(const struct viommu_table *table,
				  struct viommu_findings *findings)
{
	struct reading reading = {
		.table = table,
		.topology = viommu_topology_new(),
		.names = hash_new_full(&hash_direct, NULL, memory_free),
		.starts = hash_new(&hash_direct),
		.findings = findings,
	};

	for_each_node(&reading, VIOT_PCI_RANGE, VIOT_UNKNOWN, read_start);
	for_each_node(&reading, VIOT_VIRTIO_PCI, VIOT_VIRTIO_MMIO, read_iommu);
	for_each_node(&reading, VIOT_PCI_RANGE, VIOT_PCI_RANGE, read_pci_range);
	for_each_node(&reading, VIOT_MMIO_ENDPOINT, VIOT_MMIO_ENDPOINT, read_mmio_endpoint);
	hash_free(reading.starts);
	hash_free(reading.names);
	return reading.topology;
}
