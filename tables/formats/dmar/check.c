/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of the bytes of a DMAR, which hold whatever it means
 *
 * What is wrong with a table so that it cannot be taken apart, decoding has said already. Rules of
 * one structure come first, then those that hold for all together; those of scopes are in
 * dmar_check_scope.c.
 */
#include <inttypes.h>

#include "check.h"
#include "tables/findings/findings.h"

/* -- the head -------------------------------------------------------------------- */

/* Firmware writes 1 or, since there are SATCs, 2. */
static void check_revision(const struct table_check *check)
{
	const struct dmar_head *head = check->table->root->host;

	if (head->acpi.revision != 1 && head->acpi.revision != 2)
		report(check->findings, check->rule_id,
		       dmar_place_of(check, check->table->root, "Revision"), "write 1",
		       "revision is %u, and only 1 and 2 are known", head->acpi.revision);
}

/* Linux refuses a table with less, since a page would not fit: all units with it. */
static void check_width(const struct table_check *check)
{
	const struct dmar_head *head = check->table->root->host;

	if (head->width < DMAR_MIN_WIDTH)
		report(check->findings, check->rule_id,
		       dmar_place_of(check, check->table->root, "Host address width"),
		       "write the number of bits of a host address, less 1",
		       "host address width is %u, which stands for %u bits", head->width,
		       head->width + 1u);
}

/* -- one structure --------------------------------------------------------------- */

/* Structures of a type, to be looked at one by one. */
typedef void structure_check(const struct table_check *check, const struct record *structure);

/* Types that are not known have no rows, and so nothing that could be looked at. */
static void for_each_of(const struct table_check *check, unsigned type, structure_check *look)
{
	const struct record *structure;

	for_each_structure(structure, check->table)
		if (dmar_type_of(structure) == type)
			look(check, structure);
}

/* A unit whose registers are nowhere makes Linux give up all of them. */
static void check_base(const struct table_check *check, const struct record *structure)
{
	const struct dmar_drhd *drhd = structure->host;

	if (!drhd->base || drhd->base % DMAR_PAGE)
		report(check->findings, check->rule_id,
		       dmar_place_of(check, structure, "Register base address"),
		       "write where the registers of the unit are",
		       "no registers can be at 0x%" PRIx64, drhd->base);
}

/* Bits below a page would be lost in the mapping of the registers. */
static void check_bases(const struct table_check *check)
{
	for_each_of(check, DMAR_DRHD, check_base);
}

/* The limit is the last byte, so that it is one less than an address of a page. */
static void check_region_pages(const struct table_check *check, const struct record *structure)
{
	const struct dmar_rmrr *rmrr = structure->host;

	if (rmrr->base % DMAR_PAGE || (rmrr->limit + 1) % DMAR_PAGE)
		report(check->findings, check->rule_id,
		       dmar_place_of(check, structure, "Base address"),
		       "write whole pages: a base of ...000, and a limit of ...fff",
		       "0x%" PRIx64 "-0x%" PRIx64 " is not a number of whole pages", rmrr->base,
		       rmrr->limit);
}

/* An IOMMU maps pages, so what lies on the same page as the region is open to its devices too. */
static void check_pages(const struct table_check *check)
{
	for_each_of(check, DMAR_RMRR, check_region_pages);
}

/* Linux compares the whole field, and gives the table up before it reads behind the structure. */
static void check_name(const struct table_check *check, const struct record *structure)
{
	if (!dmar_object_name(structure))
		report(check->findings, check->rule_id, table_place(check->table, structure->at),
		       "end the name with a byte of 0 inside the structure",
		       "the name of an ACPI object does not end");
}

static void check_names(const struct table_check *check)
{
	for_each_of(check, DMAR_ANDD, check_name);
}

/* ALL_PORTS speaks of every root port of the segment, and Linux looks no further. */
static void check_atsr(const struct table_check *check, const struct record *structure)
{
	const struct dmar_ports *atsr = structure->host;

	if (atsr->flags & DMAR_ALL_PORTS && dmar_scope(structure, 0))
		report(check->findings, check->rule_id, dmar_place_of(check, structure, "Flags"),
		       "clear ALL_PORTS, or leave the scopes out",
		       "all root ports have ATS, and some are named besides");
}

/* Nothing is lost by it, hence a note: whoever wrote both may have meant only one. */
static void check_all_ports(const struct table_check *check)
{
	for_each_of(check, DMAR_ATSR, check_atsr);
}

/* -- several structures ---------------------------------------------------------- */

/* Structures that are not known have any place: they mean nothing. */
static void check_order(const struct table_check *check)
{
	const struct record *structure;
	unsigned last = 0;

	for_each_structure(structure, check->table) {
		unsigned type = dmar_type_of(structure);

		if (type == DMAR_UNKNOWN)
			continue;
		if (type < last)
			report(check->findings, check->rule_id,
			       dmar_place_of(check, structure, "Type"), "sort structures by type",
			       "%s stands behind %s", structure->layout->name,
			       dmar_layout(last)->name);
		last = MAX(last, type);
	}
}

/* Everything else in a DMAR is about a unit, so without one it says nothing at all. */
static void check_units(const struct table_check *check)
{
	const struct record *structure;

	for_each_structure(structure, check->table)
		if (dmar_type_of(structure) == DMAR_DRHD)
			return;
	report(check->findings, check->rule_id, table_place(check->table, 0),
	       "describe the units, or leave the table out", "there is no remapping unit");
}

/* The unit of its segment that has what no scope names. */
static bool has_include_all(const struct record *structure)
{
	return dmar_type_of(structure) == DMAR_DRHD &&
	       ((const struct dmar_drhd *)structure->host)->flags & DMAR_INCLUDE_PCI_ALL;
}

/* Segments are small numbers, and are keys of hash tables as they are. */
static gpointer segment_of(const struct record *structure)
{
	return GUINT_TO_POINTER(((const struct dmar_drhd *)structure->host)->segment);
}

/* In a segment only one unit can have everything that no scope names. */
static void check_all_twice(const struct table_check *check)
{
	GHashTable *closed = g_hash_table_new(NULL, NULL);
	const struct record *structure;

	for_each_structure(structure, check->table)
		if (has_include_all(structure) && !g_hash_table_add(closed, segment_of(structure)))
			report(check->findings, check->rule_id,
			       dmar_place_of(check, structure, "Flags"),
			       "clear INCLUDE_PCI_ALL, and name the devices of this unit",
			       "a second unit of the segment has INCLUDE_PCI_ALL");
	g_hash_table_destroy(closed);
}

/* Readers that go by the order would give the rest of the segment away before its last unit. */
static void check_all_last(const struct table_check *check)
{
	GHashTable *closed = g_hash_table_new(NULL, NULL);
	const struct record *structure;

	for_each_structure(structure, check->table) {
		if (dmar_type_of(structure) != DMAR_DRHD)
			continue;
		if (has_include_all(structure))
			g_hash_table_add(closed, segment_of(structure));
		else if (g_hash_table_contains(closed, segment_of(structure)))
			report(check->findings, check->rule_id,
			       table_place(check->table, structure->at),
			       "put the unit with INCLUDE_PCI_ALL behind all others of its segment",
			       "a unit stands behind the one of its segment that has the rest");
	}
	g_hash_table_destroy(closed);
}

/* Bases are kept in the tables by where they stand, which is as long as they are needed. */
static void check_bases_twice(const struct table_check *check)
{
	GHashTable *bases = g_hash_table_new(g_int64_hash, g_int64_equal);
	const struct record *structure;

	for_each_structure(structure, check->table) {
		struct dmar_drhd *drhd = structure->host;

		if (dmar_type_of(structure) == DMAR_DRHD && drhd->base &&
		    !g_hash_table_add(bases, &drhd->base))
			report(check->findings, check->rule_id,
			       dmar_place_of(check, structure, "Register base address"),
			       "write all devices of a unit into one structure",
			       "a second unit at 0x%" PRIx64, drhd->base);
	}
	g_hash_table_destroy(bases);
}

/* Linux looks at the units that it has read so far, so a unit has to come before its affinity. */
static void check_affinities(const struct table_check *check)
{
	GHashTable *bases = g_hash_table_new(g_int64_hash, g_int64_equal);
	const struct record *structure;

	for_each_structure(structure, check->table) {
		struct dmar_drhd *drhd = structure->host;
		struct dmar_rhsa *rhsa = structure->host;

		if (dmar_type_of(structure) == DMAR_DRHD)
			g_hash_table_add(bases, &drhd->base);
		else if (dmar_type_of(structure) == DMAR_RHSA &&
			 !g_hash_table_contains(bases, &rhsa->base))
			report(check->findings, check->rule_id,
			       dmar_place_of(check, structure, "Register base address"),
			       "write the base address of a unit that stands before it",
			       "no unit before this is at 0x%" PRIx64, rhsa->base);
	}
	g_hash_table_destroy(bases);
}

/* -- the list -------------------------------------------------------------------- */

const struct table_rule dmar_rules[] = {
	{ "dmar-revision", check_revision },
	{ "dmar-width", check_width },
	{ "dmar-type", check_unknown_types },
	{ "dmar-length", check_lengths },
	{ "dmar-reserved", check_reserved_bytes },
	{ "dmar-units", check_units },
	{ "dmar-order", check_order },
	{ "dmar-base", check_bases },
	{ "dmar-base-twice", check_bases_twice },
	{ "dmar-all-twice", check_all_twice },
	{ "dmar-all-last", check_all_last },
	{ "dmar-scope-type", dmar_check_scope_types },
	{ "dmar-scope-place", dmar_check_scope_places },
	{ "dmar-scope-path", dmar_check_paths },
	{ "dmar-scope-unnamed", dmar_check_unnamed_scopes },
	{ "dmar-rmrr-pages", check_pages },
	{ "dmar-atsr-scopes", check_all_ports },
	{ "dmar-affinity", check_affinities },
	{ "dmar-name", check_names },
	{ "dmar-name-unused", dmar_check_unused_names },
	{ NULL, NULL },
};
