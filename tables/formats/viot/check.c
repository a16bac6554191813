/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of the bytes of a VIOT
 *
 * Decoding reports what prevents decoding.
 *
 * Linux stops at the first invalid node and keeps the nodes before it, so a table can be in effect
 * in part. It drops an endpoint node whose IOMMU it cannot find. Each finding therefore names its
 * node.
 */
#include "base/array.h"
#include "tables/findings/findings.h"
#include "tables/table/frame.h"
#include "viot.h"

/* -- the head ------------------------------------------------------------------------ */

/* All generators write 0. */
static void check_revision(const struct table_check *check)
{
	const struct viot_head *head = check->table->root->host;

	if (head->acpi.revision)
		report(check->findings, check->rule_id,
		       table_place_of(check->table, check->table->root, "Revision"), "write 0",
		       "the revision is %u, but only 0 is known", head->acpi.revision);
}

/* -- offsets of nodes ---------------------------------------------------------- */

/* An output node is an offset of 16 bits, so generators write IOMMUs first. */
static void check_beyond(const struct table_check *check)
{
	const struct record *node;

	for_each_child(i, node, check->table->root) {
		unsigned type = viot_type_of(node);

		if (node->at > G_MAXUINT16 && (type == VIOT_VIRTIO_PCI || type == VIOT_VIRTIO_MMIO))
			report(check->findings, check->rule_id, table_place(check->table, node->at),
			       "put the nodes of IOMMUs first",
			       "%s is beyond the first 64 KiB: no output node can refer to it",
			       node->layout->name);
	}
}

/* Nodes of endpoints alone have no IOMMU to refer to. A damaged table may have lost it. */
static void check_iommus(const struct table_check *check)
{
	const struct viot_head *head = check->table->root->host;
	const struct record *node;

	if (head->node_count != check->table->root->children.len)
		return;

	for_each_structure(node, check->table) {
		unsigned type = viot_type_of(node);

		if (type == VIOT_VIRTIO_PCI || type == VIOT_VIRTIO_MMIO)
			return;
	}
	report(check->findings, check->rule_id,
	       table_place_of(check->table, check->table->root, "Node count"),
	       "describe the virtio-iommu, or omit the table", "the table has no virtio-iommu");
}

static void check_endpoint_bases(const struct table_check *check)
{
	const struct record *node;

	for_each_structure(node, check->table)
		if (viot_type_of(node) == VIOT_MMIO_ENDPOINT &&
		    !((const struct viot_mmio_endpoint *)node->host)->base_address)
			report(check->findings, check->rule_id,
			       table_place_of(check->table, node, "Base address"),
			       "write the address of the device's registers",
			       "the registers of an endpoint cannot be at 0x0");
}

const struct table_rule viot_rules[] = {
	{ "viot-revision", check_revision },
	{ "viot-node-count", check_structure_count },
	{ "viot-node-type", check_unknown_types },
	{ "viot-node-length", check_lengths },
	{ "viot-reserved", check_reserved_bytes },
	{ "viot-node-beyond", check_beyond },
	{ "viot-iommu-none", check_iommus },
	{ "viot-endpoint-base", check_endpoint_bases },
	{ NULL, NULL },
};
