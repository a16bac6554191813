/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * IOVT, the I/O Virtualization Table of LoongArch (ACPI 6.6)
 *
 * A node is an IOMMU. It translates all functions of a PCI segment, or those that its device
 * entries list: single functions and ranges, as in an IVRS.
 *
 * This file decodes. Rows are in layout.c, device entries in entries.c, rules in check.c, the
 * topology of a table in read.c.
 */
#include "iovt.h"
#include "tables/findings/findings.h"
#include "tables/table/frame.h"

static const struct frame entries = {
	.framing = FRAMING(1, 1, 1, 2),
	.noun = "device entry",
	.parent = "IOMMU",
	.layout = iovt_entry_layout,
	.too_short = "iovt-entry-length",
	.too_long = "iovt-entry-end",
};

/* Entries begin where the node says, behind its fields and inside of it. */
static void decode_entries(struct decoding *decoding, struct record *node, size_t at, size_t end)
{
	const struct iovt_iommu *iommu = node->host;
	size_t first = at;

	if (iovt_is_iommu(node) && iommu->entry_count) {
		first = node->at + (size_t)iommu->entry_offset;
		if (iommu->entry_offset < node->layout->length || first > end) {
			report(decoding->findings, "iovt-entry-offset",
			       table_place_of(decoding->table, node, "Device entry offset"),
			       "write the length of the fields of the IOMMU, 0x40",
			       "no device entry can begin at offset 0x%x of the IOMMU",
			       iommu->entry_offset);
			first = at;
		}
		if (first > at)
			record_add_child(
				node, record_new_bytes(node, decoding->bytes + at, first - at, at));
		at = frame_decode_inside(decoding, &entries, node, first, end);
	}
	record_add_rest(node, decoding->bytes + at, end - at);
}

static const struct frame iommus = {
	.framing = FRAMING(2, 2, 2, 4),
	.noun = "IOMMU",
	.parent = "table",
	.layout = iovt_layout,
	.inside = decode_entries,
	.too_short = "iovt-iommu-length",
	.too_long = "iovt-iommu-end",
	.max = IOVT_MAX_RECORDS,
	.too_many = "iovt-too-large",
	.offset_field = "IOMMU offset",
	.bad_offset = "iovt-iommu-offset",
	.count_field = "IOMMU count",
	.surplus = "iovt-tail",
};

const struct format iovt_format = {
	.signature = "IOVT",
	.name = "I/O Virtualization table",
	.head = &iovt_head_layout,
	.frame = &iommus,
	.decode = frame_decode,
	.rules = iovt_rules,
	.to_topology = iovt_read,
	.linux_reads = linux_iovt,
};
