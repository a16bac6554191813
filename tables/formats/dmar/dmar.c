/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DMAR, the DMA Remapping Reporting table (Intel VT-d, chapter 8)
 *
 * The table is a list of structures with type and length. A remapping unit has scopes for the
 * devices behind it. A scope names a device by a start bus and the path of bridges down to it, so
 * it stays valid when buses are renumbered. One unit of a segment may have everything that no
 * scope names (INCLUDE_PCI_ALL).
 *
 * Decoding has three levels: structures, their scopes, and the hops of a path. Rows are in
 * layout.c, rules of the bytes in check.c and check_scope.c.
 */
#include "dmar.h"
#include "tables/findings/findings.h"
#include "tables/table/frame.h"
#include "tables/table/unsupported.h"

/* Far above any real machine. */
#define MAX_RECORDS ((size_t)1 << 20)

/* All scope types have the same fields. */
static const struct layout *scope_layout(uint64_t type)
{
	(void)type;
	return &dmar_scope_layout;
}

/* An odd byte at the end belongs to no hop, and is kept behind them. */
static void decode_hops(struct decoding *decoding, struct record *scope, size_t at, size_t end)
{
	for (; wire_fits(at, dmar_hop_layout.length, end); at += dmar_hop_layout.length)
		record_add_child(scope,
				 record_new(scope, &dmar_hop_layout, decoding->bytes + at, at));
	record_add_rest(scope, decoding->bytes + at, end - at);
	decoding->records += dmar_hops(scope);
	if (!dmar_hops(scope) || at != end)
		report(decoding->findings, "dmar-scope-length",
		       table_place(decoding->table, scope->at),
		       "write 6, plus 2 for each hop of the path",
		       "the scope has %zu bytes, which is not a whole number of hops",
		       end - scope->at);
}

/*
 * Type and length have one byte each, unlike in the structure around it. A length of 0 would be an
 * endless loop in Linux.
 */
static const struct frame scopes = {
	.framing = FRAMING(1, 1, 1, 6),
	.noun = "device scope",
	.parent = "structure",
	.layout = scope_layout,
	.inside = decode_hops,
	.too_short = "dmar-scope-length",
	.too_long = "dmar-scope-length",
};

static void decode_scopes(struct decoding *decoding, struct record *structure, size_t at,
			  size_t end)
{
	at = frame_decode_inside(decoding, &scopes, structure, at, end);
	if (at < end)
		record_add_child(structure,
				 record_new_bytes(structure, decoding->bytes + at, end - at, at));
}

/* Decode what follows the fixed part: scopes, a name, or bytes without meaning. */
static void decode_inside(struct decoding *decoding, struct record *structure, size_t at,
			  size_t end)
{
	unsigned type = dmar_type_of(structure);

	if (type == DMAR_ANDD)
		record_add_child(structure, record_new_text(structure, "ACPI object name",
							    decoding->bytes + at, end - at, at));
	else if (type == DMAR_UNKNOWN || type == DMAR_RHSA)
		record_add_rest(structure, decoding->bytes + at, end - at);
	else
		decode_scopes(decoding, structure, at, end);
}

/*
 * The length covers the scopes. Linux stops at a length of 0 without a message, and misses the
 * structures behind it.
 */
static const struct frame structures = {
	.framing = FRAMING(2, 2, 2, 4),
	.noun = "structure",
	.parent = "table",
	.layout = dmar_layout,
	.inside = decode_inside,
	.too_short = "dmar-length",
	.too_long = "dmar-end",
	.max = MAX_RECORDS,
	.too_many = "dmar-too-large",
};

/* A DMAR can express only the default IDs, segment << 16 | BDF. */
static bool has_other_ids(const void *object)
{
	const struct viommu_pci_range *range = object;

	return range->shared_id ||
	       range->id_first != ((uint32_t)range->segment_first << 16 | range->bdf_first);
}

static const struct unsupported unsupported[] = {
	{ OBJECT_IOMMU, OF_OTHERS, NULL, "dmar-silent-iommu",
	  "describe it in the table of its own platform",
	  .reason = "the table describes only VT-d units" },
	{ OBJECT_PCI_RANGE, OF_DESCRIBED, has_other_ids, "dmar-silent-ids", "omit `first-id`",
	  .part = "the IDs" },
	{ OBJECT_PLATFORM_DEVICE, OF_DESCRIBED, dmar_cannot_name, "dmar-silent-device",
	  "write `name: \\_SB.PCI0.I2C0`, `number: 1`, and one `id`",
	  .reason = "it lacks a name or a number, or has more than one ID" },
	{ OBJECT_RESERVED_MEMORY, OF_ALL, dmar_is_no_rmrr, "dmar-silent-memory",
	  "omit it, or write `kind: identity` and `functions`",
	  .reason = "functions have a driver before they use it" },
	UNSUPPORTED_HOTPLUG(OF_DESCRIBED),
	NO_MORE_UNSUPPORTED,
};

const struct format dmar_format = {
	.signature = "DMAR",
	.name = "DMA Remapping Reporting table",
	.head = &dmar_head_layout,
	.frame = &structures,
	.decode = frame_decode,
	.rules = dmar_rules,
	.to_topology = dmar_read,
	.to_header = dmar_read_header,
	.unsupported = unsupported,
	.describes = dmar_describes,
	.from_topology = dmar_write,
	.linux_reads = linux_dmar,
	.rejections = dmar_rejections,
};
