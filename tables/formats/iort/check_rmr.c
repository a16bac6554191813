/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of IORT RMR nodes: memory that must stay identity-mapped
 *
 * Firmware or a device still uses this memory. If a guest misses an RMR node, the device fails
 * without a message; each reason for Linux to miss one is therefore a rule.
 *
 * Linux reads RMR nodes from table revision 5 on. It logs a firmware bug for memory that is
 * unaligned, overlapping or empty, and uses it.
 */
#include <inttypes.h>

#include "base/array.h"
#include "tables/findings/findings.h"
#include "check.h"

/* The node exists in table revision 3, but with other flags. */
static void check_rmr_revision(const struct table_check *check, const struct record *node)
{
	report(check->findings, check->rule_id, table_place(check->table, node->at),
	       "write table revision 5", "a table of revision %u cannot have an RMR node",
	       acpi_header(check->table)->revision);
}

/* Reported for each node, because each one is ignored. */
void iort_check_rmr_revision(const struct table_check *check)
{
	if (acpi_header(check->table)->revision < IORT_REVISION_E_D)
		iort_for_each_node(check, IORT_RMR, check_rmr_revision);
}

static void check_rmr_empty(const struct table_check *check, const struct record *node)
{
	const struct iort_rmr *rmr = node->host;

	if (!rmr->node.mapping_count || !rmr->descriptor_count)
		report(check->findings, check->rule_id, table_place(check->table, node->at),
		       "write its IDs and its memory, or omit the node", "the RMR node has no %s",
		       rmr->node.mapping_count ? "memory" : "IDs");
}

/* Checks the counts: arrays that do not fit into the node are another rule. */
void iort_check_rmr_empty(const struct table_check *check)
{
	iort_for_each_node(check, IORT_RMR, check_rmr_empty);
}

/* In tables of older revisions, which cannot have the node, these bits are reserved. */
static void check_rmr_attributes(const struct table_check *check, const struct record *node)
{
	unsigned attributes = IORT_RMR_ATTRIBUTES(((const struct iort_rmr *)node->host)->flags);

	if (acpi_header(check->table)->revision >= IORT_REVISION_E_D &&
	    attributes > IORT_RMR_ATTRIBUTES_LAST)
		report(check->findings, check->rule_id, iort_place(check, node, "Flags"),
		       "write 0 to 3 for device memory, 4 or 5 for normal memory",
		       "the memory attributes 0x%x are undefined", attributes);
}

void iort_check_rmr_attributes(const struct table_check *check)
{
	iort_for_each_node(check, IORT_RMR, check_rmr_attributes);
}

/* 64 KiB is the largest page size, so any guest can map aligned memory. */
static void check_rmr_align(const struct table_check *check, const struct record *node)
{
	const struct record *record;

	for (guint i = 0; (record = iort_next(node, &iort_rmr_descriptor_layout, &i));) {
		const struct iort_rmr_descriptor *memory = record->host;

		if ((memory->base | memory->length) % IORT_RMR_GRANULE || !memory->length ||
		    memory->length - 1 > UINT64_MAX - memory->base)
			report(check->findings, check->rule_id, iort_place(check, record, "Base"),
			       "begin and end at multiples of 64 KiB",
			       "the memory range is unaligned, empty or too long: 0x%" PRIx64
			       " bytes at 0x%" PRIx64,
			       memory->length, memory->base);
	}
}

void iort_check_rmr_align(const struct table_check *check)
{
	iort_for_each_node(check, IORT_RMR, check_rmr_align);
}

/* By address, then in the order of the node. */
static gint compare_memory(gconstpointer a, gconstpointer b)
{
	const struct record *one = *(const struct record *const *)a;
	const struct record *other = *(const struct record *const *)b;
	const struct iort_rmr_descriptor *this = one->host, *that = other->host;

	if (this->base != that->base)
		return this->base < that->base ? -1 : 1;
	return (one->at > other->at) - (one->at < other->at);
}

/* Within one node only: two nodes may have the same memory for different devices. */
static void check_rmr_overlap(const struct table_check *check, const struct record *node)
{
	auto_pointers struct pointers *sorted = pointers_new(NULL);
	const struct record *record;
	uint64_t end = 0;

	for (guint i = 0; (record = iort_next(node, &iort_rmr_descriptor_layout, &i));)
		pointers_add(sorted, (gpointer)record);
	pointers_sort(sorted, compare_memory);
	for (guint i = 0; i < sorted->len; i++) {
		const struct iort_rmr_descriptor *memory;

		record = sorted->pdata[i];
		memory = record->host;
		if (memory->base < end)
			report(check->findings, check->rule_id, iort_place(check, record, "Base"),
			       "put every byte into one range only",
			       "the memory at 0x%" PRIx64 " is in two ranges of the node",
			       memory->base);
		end = MAX(end, memory->length > UINT64_MAX - memory->base
				       ? UINT64_MAX
				       : memory->base + memory->length);
	}
}

void iort_check_rmr_overlap(const struct table_check *check)
{
	iort_for_each_node(check, IORT_RMR, check_rmr_overlap);
}

/* From 2022 to 2023 Linux ignored mappings with a count of 0, which is one ID. */
static void check_rmr_one_id(const struct table_check *check, const struct record *node)
{
	const struct record *record;

	for (guint i = 0; (record = iort_next(node, &iort_mapping_layout, &i));) {
		const struct iort_mapping *mapping = record->host;

		if (!mapping->id_count)
			report(check->findings, check->rule_id,
			       iort_place(check, record, "ID count"), NULL,
			       "the RMR node is for a single ID, 0x%" PRIx32, mapping->output_base);
	}
}

/* A note: current guests read such a mapping correctly. */
void iort_check_rmr_one_id(const struct table_check *check)
{
	iort_for_each_node(check, IORT_RMR, check_rmr_one_id);
}
