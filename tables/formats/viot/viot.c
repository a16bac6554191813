/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VIOT, the Virtual I/O Translation table (ACPI 6.5)
 *
 * IOMMU nodes locate virtio-iommus. Endpoint nodes name the PCI functions or devices that a
 * virtio-iommu translates, and refer to it by the offset of its node.
 *
 * This file has the framing, and what a VIOT cannot describe. Rows are in layout.c, rules in
 * check.c, the topology of a table in read.c, the table of a topology in write.c.
 */
#include "tables/table/frame.h"
#include "tables/table/unsupported.h"
#include "viot.h"

/* A length below 4 ends the walk here, and in Linux. */
static const struct frame nodes = {
	.framing = FRAMING(1, 2, 2, 4),
	.noun = "node",
	.parent = "table",
	.layout = viot_layout,
	.too_short = "viot-node-length",
	.too_long = "viot-node-end",
	.max = VIOT_MAX_NODES,
	.too_many = "viot-too-large",
	.offset_field = "Node offset",
	.bad_offset = "viot-node-offset",
	.count_field = "Node count",
};

static bool describes(const struct viommu_table *table, const struct viommu_iommu *iommu)
{
	(void)table;
	return iommu_is_virtio(iommu);
}

static const struct unsupported unsupported[] = {
	{ OBJECT_IOMMU, OF_OTHERS, NULL, "viot-silent-iommu",
	  "describe it in the table of its own platform",
	  .reason = "the table describes only virtio-iommus" },
	{ OBJECT_IOMMU, OF_DESCRIBED, iommu_has_domain, "viot-silent-domain",
	  "describe it in SRAT, or by _PXM", .part = "the proximity domain" },
	UNSUPPORTED_PATHS(OF_ALL, "viot-silent-path"),
	UNSUPPORTED_IDS("viot-silent-ids"),
	{ OBJECT_RESERVED_MEMORY, OF_ALL, NULL, "viot-silent-memory",
	  "let the device report it by PROBE", .reason = "no node describes memory" },
	UNSUPPORTED_HOTPLUG(OF_DESCRIBED),
	NO_MORE_UNSUPPORTED,
};

static bool begins_elsewhere(const struct viommu_table *table)
{
	return frame_begins_inside_head(table) || frame_begins_beyond(table);
}

static const struct table_rejection rejections[] = {
	{ begins_elsewhere, "Linux prints \"Node pointer overflows\" and reads no node" },
	{ NULL, NULL },
};

const struct format viot_format = {
	.signature = "VIOT",
	.name = "Virtual I/O Translation table",
	.head = &viot_head_layout,
	.form_of = viot_form_of,
	.frame = &nodes,
	.decode = frame_decode,
	.rules = viot_rules,
	.to_topology = viot_read,
	.unsupported = unsupported,
	.describes = describes,
	.from_topology = viot_write,
	.linux_reads = linux_viot,
	.rejections = rejections,
};
