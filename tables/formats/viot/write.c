/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The VIOT of a topology
 *
 * IOMMU nodes come first, in the order of the topology, because the 16 bits of an output node reach
 * only the first 64 KiB. PCI ranges follow, sorted and disjoint, so that it does not matter which
 * match a reader prefers; then other devices.
 */
#include "base/hash.h"
#include "tables/findings/findings.h"
#include "tables/model/topology.h"
#include "viot.h"

struct writing {
	struct viommu_table *table;
	const struct viommu_topology *topology;
	struct hash *offsets; /* of IOMMU nodes, by name; never 0 */
	size_t end, n;        /* the offset of the next node; the number of nodes */
	bool too_large;
	struct viommu_findings *findings;
};

/* Counts nodes beyond the limit, but does not create them. */
static void write_node(struct writing *writing, enum viot_type type, void *host)
{
	const struct layout *layout = viot_layout(type);
	struct viot_node *node = host;

	if (writing->n++ >= VIOT_MAX_NODES)
		return;
	node->type = (uint8_t)type;
	node->length = layout->length;
	record_add_child(writing->table->root,
			 record_from_host(writing->table->root, layout, host, writing->end));
	writing->end += layout->length;
}

/* Omits IOMMUs of other kinds: rows in viot.c. */
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
 * The offset of the IOMMU's node; 0 for NULL and for an IOMMU without a node, whose devices are
 * omitted, too.
 */
static size_t offset_of(const struct writing *writing, const char *iommu)
{
	return iommu ? GPOINTER_TO_SIZE(hash_lookup(writing->offsets, iommu)) : 0;
}

/* The offset fits into 16 bits, because IOMMU nodes come first. */
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

/* The IDs of a node are consecutive, so functions that share an ID need a node each. */
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
 * Functions that bypass have no node. A piece with a shared ID is in one segment:
 * topology_for_each_pci_range() does not join them.
 */
static void write_range(void *opaque, const struct viommu_pci_range *range)
{
	struct writing *writing = opaque;
	size_t output = offset_of(writing, range->iommu);

	if (output && range->shared_id)
		write_one_by_one(writing, range, output);
	else if (output)
		write_functions(writing, range, output);
}

/* In the order of the topology: there is nothing to sort or join. */
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
	topology_for_each_pci_range(writing->topology, write_range, writing);
	write_devices(writing);
}

/*
 * Writes all nodes before it checks the limits, so that the finding has the number of nodes;
 * write_node() bounds the memory.
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
	head->node_count = (uint16_t)table->root->children.len;
	if (writing.n <= VIOT_MAX_NODES && !writing.too_large)
		return true;
	report(findings, "viot-too-large", place_of_file(NULL),
	       "give whole host bridges to an IOMMU instead of single functions",
	       "the topology needs %zu nodes, but a VIOT has at most 65535, with its IOMMUs in the "
	       "first 64 KiB",
	       writing.n);
	return false;
}
