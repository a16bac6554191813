/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_VIOT_H
#define VIOMMU_TABLES_VIOT_H

#include "tables/table/format.h"

/*
 * The structures of VIOT, with members in the order of the specification. Their rows are in
 * layout.c.
 */

enum viot_type {
	VIOT_PCI_RANGE = 1,
	VIOT_MMIO_ENDPOINT = 2,
	VIOT_VIRTIO_PCI = 3,
	VIOT_VIRTIO_MMIO = 4,

	VIOT_UNKNOWN = LAYOUT_UNKNOWN,
};

#define VIOT_HEAD_LENGTH 48

/* Node count has 16 bits. */
#define VIOT_MAX_NODES 65535u

/* All generators write 48 for the node offset: the head ends there. */
struct viot_head {
	struct acpi_header acpi;
	uint16_t node_count, node_offset;
	uint8_t reserved[8];
};

/* Every node begins with these. */
struct viot_node {
	uint8_t type, reserved;
	uint16_t length;
};

/*
 * Both ends are inclusive. IDs are consecutive within a segment, and continue 0x10000 further in
 * the next one. The output node is an offset of 16 bits, so IOMMUs are in the first 64 KiB.
 */
struct viot_pci_range {
	struct viot_node node;
	uint32_t endpoint_start;
	uint16_t segment_start, segment_end, bdf_start, bdf_end, output_node;
	uint8_t reserved[6];
};

/* Linux identifies the device by the start of its first memory resource. */
struct viot_mmio_endpoint {
	struct viot_node node;
	uint32_t endpoint;
	uint64_t base_address;
	uint16_t output_node;
	uint8_t reserved[6];
};

/* The function must exist when Linux reads the table; the driver does not wait for it. */
struct viot_virtio_pci {
	struct viot_node node;
	uint16_t segment, bdf;
	uint8_t reserved[8];
};

/* A device of the ACPI namespace must have the address in its _CRS. */
struct viot_virtio_mmio {
	struct viot_node node;
	uint32_t reserved;
	uint64_t base_address;
};

/* The layout of a node of that type; an unknown type has that of a node's head. */
const struct layout *viot_layout(uint64_t type);

/* The type of a decoded node; VIOT_UNKNOWN, or 0 for bytes. */
static inline unsigned viot_type_of(const struct record *record)
{
	return record->layout ? record->layout->type : 0;
}

/* draft2019.c: the draft of 2019 if these bytes are one, otherwise NULL. */
const struct format *viot_form_of(const uint8_t *bytes, size_t length);

/* check.c, read.c, write.c */
extern const struct table_rule viot_rules[];
struct viommu_topology *viot_read(const struct viommu_table *table,
				  struct viommu_findings *findings);
bool viot_write(struct viommu_table *table, const struct viommu_topology *topology,
		struct viommu_findings *findings);

/* The ACPI header and what follows it. */
extern const struct layout viot_head_layout;

/* linux.c */
linux_reader linux_viot, linux_draft;

#endif
