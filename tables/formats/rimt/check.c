/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of single RIMT nodes
 *
 * Decoding reports what prevents decoding; check_mappings.c has the rules of ID mappings. Linux
 * checks only that a node begins before the end of the table.
 */
#include <string.h>

#include "base/hash.h"
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

static bool has_function(const struct rimt_mapping *mapping, const struct rimt_iommu *iommu)
{
	return mapping->source_base <= iommu->bdf &&
	       iommu->bdf - mapping->source_base <= mapping->id_count;
}

/* Linux finds an IOMMU for the driver of the IOMMU, and so lets it wait. */
static void check_own_functions(const struct table_check *check)
{
	auto_hash struct hash *nodes = rimt_index(check->table);
	const struct record *node, *record, *target;

	for (guint i = 0; (node = next_of(check, RIMT_ROOT_COMPLEX, &i));)
		for (guint k = 0; (record = rimt_next_mapping(node, &k));) {
			const struct rimt_root_complex *complex = node->host;
			const struct rimt_mapping *mapping = record->host;
			const struct rimt_iommu *iommu;

			target = hash_lookup(nodes, GSIZE_TO_POINTER((gsize)mapping->iommu));
			iommu = target ? target->host : NULL;
			if (target && rimt_type_of(target) == RIMT_IOMMU &&
			    iommu->flags & RIMT_IOMMU_PCI && iommu->segment == complex->segment &&
			    has_function(mapping, iommu))
				report(check->findings, check->rule_id,
				       table_place(check->table, record->at),
				       "leave the function out: end one mapping before it, and "
				       "begin another behind it",
				       "the ID mapping has the function of the IOMMU itself");
		}
}

static bool is_hardware_id(const char *id, size_t length)
{
	size_t n = 0;

	while (n < length && (g_ascii_isupper(id[n]) || g_ascii_isdigit(id[n])))
		n++;
	for (size_t i = n; i < length; i++)
		if (id[i])
			return false;
	return n;
}

/* Of an IOMMU on PCI, the field may have its vendor and device. */
static void check_hardware_ids(const struct table_check *check)
{
	const struct record *node;

	for (guint i = 0; (node = next_of(check, RIMT_IOMMU, &i));) {
		const struct rimt_iommu *iommu = node->host;

		if (!(iommu->flags & RIMT_IOMMU_PCI) &&
		    !is_hardware_id((const char *)iommu->hardware_id, sizeof(iommu->hardware_id)))
			report(check->findings, check->rule_id,
			       table_place_of(check->table, node, "Hardware ID"),
			       "write capitals and digits, such as RSCV0004",
			       "the hardware ID is empty or has other characters");
	}
}

/* -- object paths --------------------------------------------------------------- */

static void check_text(const struct table_check *check)
{
	const struct record *node, *text;

	for (guint i = 0; (node = next_of(check, RIMT_PLATFORM_DEVICE, &i));) {
		text = rimt_text_of(node);
		if (!text || !memchr(record_text(text), '\0', text->rest.len))
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
	{ "rimt-hardware-id", check_hardware_ids },
	{ "rimt-map-own", check_own_functions },
	{ "rimt-text", check_text },
	{ "rimt-path", check_paths },
	{ "rimt-reference", rimt_check_references },
	{ "rimt-reference-null", rimt_check_null_references },
	{ "rimt-mapping-wrap", rimt_check_wrap },
	{ "rimt-mapping-overlap", rimt_check_overlap },
	{ "rimt-id-count", rimt_check_id_counts },
	{ NULL, NULL },
};
