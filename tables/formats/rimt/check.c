/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of single RIMT nodes
 *
 * Decoding reports what prevents decoding; check_mappings.c has the rules of ID mappings. Linux
 * checks only that a node begins before the end of the table.
 */
#include <string.h>

#include "tables/findings/findings.h"
#include "tables/table/frame.h"
#include "rimt.h"

static void check_revision(const struct table_check *check)
{
	const struct rimt_head *head = check->table->root->host;

	if (head->acpi.revision != RIMT_REVISION)
		report(check->findings, check->rule_id,
		       table_place_of(check->table, check->table->root, "Revision"), "write 1",
		       "the revision is %u, but only 1 is known", head->acpi.revision);
}

/* Nodes of unknown type have revisions of their own. */
static void check_node_revisions(const struct table_check *check)
{
	const struct record *record;

	for (guint i = 0; (record = rimt_next_node(check->table, &i));) {
		const struct rimt_node *node = record->host;

		if (rimt_type_of(record) != RIMT_UNKNOWN && node->revision != RIMT_REVISION)
			report(check->findings, check->rule_id,
			       table_place_of(check->table, record, "Revision"), "write 1",
			       "the revision of %s is %u, but only 1 is known",
			       record->layout->name, node->revision);
	}
}

static void check_identifiers(const struct table_check *check)
{
	auto_hash struct hash *seen = hash_new(&hash_direct);
	const struct record *record;

	for (guint i = 0; (record = rimt_next_node(check->table, &i));) {
		const struct rimt_node *node = record->host;

		if (!hash_add(seen, GUINT_TO_POINTER(node->identifier)))
			report(check->findings, check->rule_id,
			       table_place_of(check->table, record, "Identifier"),
			       "give every node an identifier of its own",
			       "%s has identifier %u, as another node has", record->layout->name,
			       node->identifier);
	}
}

/* -- IOMMUs and root complexes ------------------------------------------------------ */

/* The next node of that type, or NULL. */
static const struct record *next_of(const struct table_check *check, unsigned type, guint *i)
{
	const struct record *node;

	while ((node = rimt_next_node(check->table, i)) && rimt_type_of(node) != type)
		;
	return node;
}

/* The field by which Linux finds the IOMMU, and a number that no other IOMMU has there. */
static const char *location_of(const struct rimt_iommu *iommu, uint64_t *ret_location)
{
	bool pci = iommu->flags & RIMT_IOMMU_PCI;

	*ret_location = pci ? (uint64_t)iommu->segment << 16 | iommu->bdf : iommu->base;
	return pci ? "PCI BDF" : "Base address";
}

/* Linux connects the driver to the first node of its address or function. */
static void check_iommus(const struct table_check *check)
{
	auto_hash struct hash *functions = hash_new(&hash_direct);
	auto_hash struct hash *bases = hash_new(&hash_direct);
	const struct record *node;

	for (guint i = 0; (node = next_of(check, RIMT_IOMMU, &i));) {
		const struct rimt_iommu *iommu = node->host;
		uint64_t location;
		const char *field = location_of(iommu, &location);

		if (!hash_add(iommu->flags & RIMT_IOMMU_PCI ? functions : bases,
			      GSIZE_TO_POINTER(location)))
			report(check->findings, check->rule_id,
			       table_place_of(check->table, node, field), "omit one of the nodes",
			       "another IOMMU node has the same %s",
			       iommu->flags & RIMT_IOMMU_PCI ? "PCI function" : "base address");
	}
}

/* The specification allows several nodes, for parts of a segment. Linux does not support them. */
static void check_segments(const struct table_check *check)
{
	auto_hash struct hash *segments = hash_new(&hash_direct);
	const struct record *node;

	for (guint i = 0; (node = next_of(check, RIMT_ROOT_COMPLEX, &i));) {
		const struct rimt_root_complex *complex = node->host;

		if (!hash_add(segments, GUINT_TO_POINTER(complex->segment)))
			report(check->findings, check->rule_id,
			       table_place_of(check->table, node, "PCI segment"),
			       "put all ID mappings of a segment into one node",
			       "another root complex has segment 0x%x", complex->segment);
	}
}

/* -- object paths --------------------------------------------------------------- */

static void check_text(const struct table_check *check)
{
	const struct record *node, *text;

	for (guint i = 0; (node = next_of(check, RIMT_PLATFORM_DEVICE, &i));) {
		text = rimt_text_of(node);
		if (!text || !memchr(record_text(text), '\0', text->rest->len))
			report(check->findings, check->rule_id, table_place(check->table, node->at),
			       "add a NUL inside the node", "the object path of %s has no NUL",
			       node->layout->name);
	}
}

/* ACPI pads names with underscores and Linux compares paths as strings. */
static void check_paths(const struct table_check *check)
{
	const struct record *node;

	for (guint i = 0; (node = next_of(check, RIMT_PLATFORM_DEVICE, &i));) {
		auto_free char *path = rimt_text(node);

		if (path && !acpi_is_path(path))
			report(check->findings, check->rule_id,
			       table_place(check->table, rimt_text_of(node)->at),
			       "write every name with 4 characters, as in \\_SB_.DEV0",
			       "no device of the ACPI namespace can have this path");
	}
}

const struct table_rule rimt_rules[] = {
	{ "rimt-revision", check_revision },
	{ "rimt-node-count", check_structure_count },
	{ "rimt-node-type", check_unknown_types },
	{ "rimt-node-length", check_lengths },
	{ "rimt-node-revision", check_node_revisions },
	{ "rimt-reserved", check_reserved_bytes },
	{ "rimt-value", check_undefined_values },
	{ "rimt-identifier", check_identifiers },
	{ "rimt-iommu-twice", check_iommus },
	{ "rimt-segment-twice", check_segments },
	{ "rimt-text", check_text },
	{ "rimt-path", check_paths },
	{ "rimt-reference", rimt_check_references },
	{ "rimt-reference-null", rimt_check_null_references },
	{ "rimt-mapping-wrap", rimt_check_wrap },
	{ "rimt-mapping-overlap", rimt_check_overlap },
	{ "rimt-id-count", rimt_check_id_counts },
	{ NULL, NULL },
};
