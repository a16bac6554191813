/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of the RMR nodes of an IORT: memory that must stay mapped to itself
 *
 * Firmware still uses it, or devices do. A guest that overlooks such a node breaks what it was
 * there for without a word, so whatever makes Linux overlook one is a rule.
 *
 * Linux reads these nodes from table revision 5 on. What is not aligned to 64 KiB, overlaps or is
 * empty it calls a bug of the firmware, and uses it all the same.
 */
#include <inttypes.h>

#include "tables/findings/findings.h"
#include "check.h"

/* Such a node was in revision 3 already, but with flags that meant something else. */
static void check_rmr_revision(const struct table_check *check, const struct record *node)
{
	report(check->findings, check->rule_id, table_place(check->table, node->at),
	       "write table revision 5", "an RMR node in a table of revision %u",
	       acpi_header(check->table)->revision);
}

/* Asked of the table, and blamed on each node: it is the node that is overlooked. */
void iort_check_rmr_revision(const struct table_check *check)
{
	if (acpi_header(check->table)->revision < IORT_REVISION_E_D)
		iort_for_each_node(check, IORT_RMR, check_rmr_revision);
}

/* Without either the node says nothing, and somebody meant it to. */
static void check_rmr_empty(const struct table_check *check, const struct record *node)
{
	const struct iort_rmr *rmr = node->host;

	if (!rmr->node.mapping_count || !rmr->descriptor_count)
		report(check->findings, check->rule_id, table_place(check->table, node->at),
		       "name its IDs and its memory, or leave it out", "an RMR node without %s",
		       rmr->node.mapping_count ? "memory" : "IDs");
}

/* Counts, not what was decoded: an array that lies outside is another rule. */
void iort_check_rmr_empty(const struct table_check *check)
{
	iort_for_each_node(check, IORT_RMR, check_rmr_empty);
}

/* 64 KiB is the largest page there is, so that any guest can map it. */
static void check_rmr_align(const struct table_check *check, const struct record *node)
{
	const struct record *record;

	for (guint i = 0; (record = iort_next(node, &iort_rmr_descriptor_layout, &i));) {
		const struct iort_rmr_descriptor *memory = record->host;

		if ((memory->base | memory->length) % IORT_RMR_GRANULE || !memory->length ||
		    memory->length - 1 > UINT64_MAX - memory->base)
			report(check->findings, check->rule_id, iort_place(check, record, "Base"),
			       "begin and end at multiples of 64 KiB",
			       "memory of 0x%" PRIx64 " bytes at 0x%" PRIx64, memory->length,
			       memory->base);
	}
}

/* The end has to fit into 64 bits as well. */
void iort_check_rmr_align(const struct table_check *check)
{
	iort_for_each_node(check, IORT_RMR, check_rmr_align);
}

/* By address; of two at the same one, in the order of the node. */
static gint compare_memory(gconstpointer a, gconstpointer b)
{
	const struct record *one = *(const struct record *const *)a;
	const struct record *other = *(const struct record *const *)b;
	const struct iort_rmr_descriptor *this = one->host, *that = other->host;

	if (this->base != that->base)
		return this->base < that->base ? -1 : 1;
	return (one->at > other->at) - (one->at < other->at);
}

/* Of one node: two nodes may give the same memory to different devices. */
static void check_rmr_overlap(const struct table_check *check, const struct record *node)
{
	g_autoptr(GPtrArray) sorted = g_ptr_array_new();
	const struct record *record;
	uint64_t end = 0;

	for (guint i = 0; (record = iort_next(node, &iort_rmr_descriptor_layout, &i));)
		g_ptr_array_add(sorted, (gpointer)record);
	g_ptr_array_sort(sorted, compare_memory);
	for (guint i = 0; i < sorted->len; i++) {
		const struct iort_rmr_descriptor *memory;

		record = sorted->pdata[i];
		memory = record->host;
		if (memory->base < end)
			report(check->findings, check->rule_id, iort_place(check, record, "Base"),
			       "let every byte be in one of them",
			       "memory at 0x%" PRIx64 " is in two ranges of its node",
			       memory->base);
		end = MAX(end, memory->length > UINT64_MAX - memory->base
				       ? UINT64_MAX
				       : memory->base + memory->length);
	}
}

/* Sorted for each node, in n log n. */
void iort_check_rmr_overlap(const struct table_check *check)
{
	iort_for_each_node(check, IORT_RMR, check_rmr_overlap);
}

/* Between 2022 and 2023 Linux took a count of 0 for no ID, and not for one. */
static void check_rmr_one_id(const struct table_check *check, const struct record *node)
{
	const struct record *record;

	for (guint i = 0; (record = iort_next(node, &iort_mapping_layout, &i));) {
		const struct iort_mapping *mapping = record->host;

		if (!mapping->id_count)
			report(check->findings, check->rule_id,
			       iort_place(check, record, "ID count"), NULL,
			       "an RMR node for the ID 0x%" PRIx32 " alone", mapping->output_base);
	}
}

/* A note: guests of today read it well. */
void iort_check_rmr_one_id(const struct table_check *check)
{
	iort_for_each_node(check, IORT_RMR, check_rmr_one_id);
}
