/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of ID mappings of a RIMT
 *
 * The specification has the number of IDs in a mapping, Linux reads it as the offset of the last
 * ID: it accepts one ID more. Two mappings that are adjacent by the specification share an ID in
 * Linux.
 */
#include <inttypes.h>

#include "base/array.h"
#include "tables/findings/findings.h"
#include "rimt.h"

static void report_mapping(const struct table_check *check, const struct record *mapping,
			   const char *field, const char *cure, const char *text)
{
	report(check->findings, check->rule_id, table_place_of(check->table, mapping, field), cure,
	       "%s", text);
}

/* Call `each` for every ID mapping of the table. */
static void walk(const struct table_check *check,
		 void (*each)(const struct table_check *check, const struct record *mapping,
			      const struct hash *nodes))
{
	auto_hash struct hash *nodes = rimt_index(check->table);
	const struct record *node, *mapping;

	for (guint i = 0; (node = rimt_next_node(check->table, &i));)
		for (guint k = 0; (mapping = rimt_next_mapping(node, &k));)
			each(check, mapping, nodes);
}

/* -- destinations ----------------------------------------------------------------- */

/* rimt-reference-null reports an offset of 0, which Linux treats differently. */
static void check_reference(const struct table_check *check, const struct record *record,
			    const struct hash *nodes)
{
	const struct rimt_mapping *mapping = record->host;
	const struct record *target = hash_lookup(nodes, GSIZE_TO_POINTER((gsize)mapping->iommu));

	if (mapping->iommu && (!target || rimt_type_of(target) != RIMT_IOMMU))
		report_mapping(check, record, "Destination IOMMU",
			       "write the offset of an IOMMU node",
			       target ? "the destination is a node, but no IOMMU"
				      : "the destination is not the start of a node");
}

void rimt_check_references(const struct table_check *check)
{
	walk(check, check_reference);
}

static void check_null_reference(const struct table_check *check, const struct record *record,
				 const struct hash *nodes)
{
	const struct rimt_mapping *mapping = record->host;

	(void)nodes;
	if (!mapping->iommu)
		report_mapping(check, record, "Destination IOMMU",
			       "write the offset of an IOMMU node, or omit it",
			       "the ID mapping refers to nothing");
}

void rimt_check_null_references(const struct table_check *check)
{
	walk(check, check_null_reference);
}

/* -- IDs -------------------------------------------------------------------------- */

/* Of the ID that Linux adds, too: the sum wraps there. */
static void check_wrap(const struct table_check *check, const struct record *record,
		       const struct hash *nodes)
{
	const struct rimt_mapping *mapping = record->host;

	(void)nodes;
	if (mapping->id_count > UINT32_MAX - MAX(mapping->source_base, mapping->device_base))
		report_mapping(check, record, "ID count", "end it at 0xffffffff",
			       "the last ID of the mapping needs more than 32 bits");
}

void rimt_check_wrap(const struct table_check *check)
{
	walk(check, check_wrap);
}

/* By first ID, then in the order of the node. */
static gint compare_mappings(gconstpointer a, gconstpointer b)
{
	const struct record *const *one = a, *const *other = b;
	const struct rimt_mapping *m = (*one)->host, *n = (*other)->host;

	if (m->source_base != n->source_base)
		return m->source_base < n->source_base ? -1 : 1;
	return ((*one)->at > (*other)->at) - ((*one)->at < (*other)->at);
}

static struct array *mappings_of(const struct record *node)
{
	struct array *mappings = array_new(sizeof(const struct record *));
	const struct record *mapping;

	for (guint i = 0; (mapping = rimt_next_mapping(node, &i));)
		array_append(mappings, mapping);
	array_sort(mappings, compare_mappings);
	return mappings;
}

/* The first ID behind the mapping, by the specification. */
static uint64_t end_of(const struct record *record)
{
	const struct rimt_mapping *mapping = record->host;

	return (uint64_t)mapping->source_base + mapping->id_count;
}

/*
 * Compares each mapping with the previous one that reaches furthest: a mapping that overlaps any
 * previous one overlaps that one.
 */
static void check_node(const struct table_check *check, const struct record *node, bool adjacent)
{
	auto_array struct array *mappings = mappings_of(node);
	const struct record *before = NULL;

	for (guint i = 0; i < mappings->len; i++) {
		const struct record *record = array_index(mappings, const struct record *, i);
		const struct rimt_mapping *mapping = record->host;
		uint64_t end = before ? end_of(before) : 0;

		if (before && (adjacent ? end == mapping->source_base : end > mapping->source_base))
			report(check->findings, check->rule_id,
			       table_place_of(check->table, adjacent ? before : record,
					      adjacent ? "ID count" : "Source ID base"),
			       adjacent ? "write the number of IDs less one, which Linux expects"
					: "put every ID into one mapping only",
			       adjacent ? "Linux finds ID 0x%" PRIx32 " in two mappings of %s"
					: "ID 0x%" PRIx32 " is in two mappings of %s",
			       mapping->source_base, node->layout->name);
		if (!before || end_of(record) > end)
			before = record;
	}
}

static void check_all(const struct table_check *check, bool adjacent)
{
	const struct record *node;

	for (guint i = 0; (node = rimt_next_node(check->table, &i));)
		check_node(check, node, adjacent);
}

void rimt_check_overlap(const struct table_check *check)
{
	check_all(check, false);
}

/* A rule of its own: the table is right by the specification. */
void rimt_check_id_counts(const struct table_check *check)
{
	check_all(check, true);
}
