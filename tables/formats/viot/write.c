/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A topology as a VIOT
 *
 * IOMMU nodes come first, in the order of the topology, for the 16 bits of an output node
 * reach the first 64 KiB only; then PCI ranges, sorted and disjoint, so that no reader's way of
 * choosing between two of them matters; then other devices. What the table has no field for is
 * left out, and said.
 */
#include "base/hash.h"
#include "tables/findings/findings.h"
#include "tables/model/topology.h"
#include "viot.h"

struct writing {
	struct viommu_table *table;
	const struct viommu_topology *topology;
	struct hash *offsets; /* of IOMMU nodes, by name; none is at 0 */
	size_t end, n;        /* where the next node would be, and how many there are */
	bool too_large;
	struct viommu_findings *findings;
};

/* A node too many is counted, but not made. */
static void write_node(struct writing *writing, enum viot_type type, void *host)
{
	const struct layout *layout = viot_layout(type);
	struct viot_node *node = host;
	uint8_t wire[24];

	if (writing->n++ >= VIOT_MAX_NODES)
		return;
	node->type = (uint8_t)type;
	node->length = layout->length;
	layout_encode(layout, host, wire);
	record_add_child(writing->table->root, record_new(layout, wire, writing->end));
	writing->end += layout->length;
}

/* A guest with this VIOT alone finds no device that is behind an IOMMU of another kind. */
static void write_iommu(struct writing *writing, const struct viommu_iommu *iommu)
{
	size_t at = writing->end;

	if (iommu->kind == VIOMMU_VIRTIO_PCI) {
		write_node(
			writing, VIOT_VIRTIO_PCI,
			&(struct viot_virtio_pci){ .segment = iommu->segment, .bdf = iommu->bdf });
	} else if (iommu->kind == VIOMMU_VIRTIO_MMIO) {
		write_node(writing, VIOT_VIRTIO_MMIO,
			   &(struct viot_virtio_mmio){ .base_address = iommu->base });
	} else {
		return;
	}
	writing->too_large |= at > G_MAXUINT16;
	hash_insert(writing->offsets, (gpointer)iommu->name, GSIZE_TO_POINTER(at));
}

/*
 * Where the node of that IOMMU is; 0 for nobody, and for one that has no node here. What it
 * translates is left out with it.
 */
static size_t offset_of(const struct writing *writing, const char *iommu)
{
	return iommu ? GPOINTER_TO_SIZE(hash_lookup(writing->offsets, iommu)) : 0;
}

/* The offset fits: IOMMU nodes are written first, so that they stand where 16 bits reach. */
static void write_functions(struct writing *writing, const struct viommu_pci_range *range,
			    size_t output)
{
	write_node(writing, VIOT_PCI_RANGE,
		   &(struct viot_pci_range){
			   .endpoint_start = range->id_first,
			   .segment_start = range->segment_first,
			   .segment_end = range->segment_last,
			   .bdf_start = range->bdf_first,
			   .bdf_end = range->bdf_last,
			   .output_node = (uint16_t)output,
		   });
}

/* The IDs of a node count on, so functions that share one need a node each. */
static void write_one_by_one(struct writing *writing, const struct viommu_pci_range *range,
			     size_t output)
{
	struct viommu_pci_range one = *range;

	for (unsigned bdf = range->bdf_first;
	     bdf <= range->bdf_last && writing->n <= VIOT_MAX_NODES; bdf++) {
		one.bdf_first = one.bdf_last = (uint16_t)bdf;
		write_functions(writing, &one, output);
	}
}

/*
 * A piece that bypasses is never told of here: saying nothing is how a VIOT says that. One with a
 * single ID is in one segment, for the sweep does not join them.
 */
static void write_range(void *opaque, const struct viommu_pci_range *range)
{
	struct writing *writing = opaque;
	size_t output = offset_of(writing, range->iommu);

	if (output && range->one_id)
		write_one_by_one(writing, range, output);
	else if (output)
		write_functions(writing, range, output);
}

/* Devices are written as they come: they are single, so there is nothing to sort or to join. */
static void write_device(struct writing *writing, const struct viommu_platform_device *device)
{
	size_t output = offset_of(writing, device->iommu);

	if (!output)
		return;
	write_node(writing, VIOT_MMIO_ENDPOINT,
		   &(struct viot_mmio_endpoint){
			   .endpoint = device->id,
			   .base_address = device->base,
			   .output_node = (uint16_t)output,
		   });
}

static void write_devices(struct writing *writing)
{
	const struct viommu_platform_device *device;

	for (size_t i = 0; (device = viommu_topology_platform_device(writing->topology, i)); i++)
		write_device(writing, device);
}

static void write_nodes(struct writing *writing)
{
	const struct viommu_iommu *iommu;

	for (size_t i = 0; (iommu = viommu_topology_iommu(writing->topology, i)); i++)
		write_iommu(writing, iommu);
	viommu_topology_for_each_pci_range(writing->topology, write_range, writing);
	write_devices(writing);
}

/*
 * Everything is written before it is known whether it fits, so that the finding can say by how much
 * it does not; write_node() bounds what that costs.
 */
bool viot_write(struct viommu_table *table, const struct viommu_topology *topology,
		struct viommu_findings *findings)
{
	struct viot_head *head = table->root->host;
	struct writing writing = {
		.table = table,
		.topology = topology,
		.offsets = hash_new(&hash_text),
		.end = VIOT_HEAD_LENGTH,
		.findings = findings,
	};

	write_nodes(&writing);
	hash_free(writing.offsets);
	head->node_offset = VIOT_HEAD_LENGTH;
	head->node_count = (uint16_t)table->root->children->len;
	if (writing.n <= VIOT_MAX_NODES && !writing.too_large)
		return true;
	report(findings, "viot-too-large", place_of_file(NULL),
	       "give whole host bridges to an IOMMU instead of single functions",
	       "%zu nodes, and a VIOT has at most 65535, its IOMMUs in the first 64 KiB",
	       writing.n);
	return false;
}
