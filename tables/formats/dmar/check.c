/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of the bytes of a DMAR, whatever they mean
 *
 * Decoding reports what prevents decoding. Rules of single structures come first, then those of
 * several; check_scope.c has those of scopes.
 */
#include <inttypes.h>

#include "base/hash.h"
#include "check.h"
#include "tables/findings/findings.h"
#include "tables/table/others.h"

/* -- the head -------------------------------------------------------------------- */

/* Firmware writes 1, or 2 in tables with SATCs. */
static void check_revision(const struct table_check *check)
{
	const struct dmar_head *head = check->table->root->host;

	if (head->acpi.revision != 1 && head->acpi.revision != 2)
		report(check->findings, check->rule_id,
		       dmar_place_of(check, check->table->root, "Revision"), "write 1",
		       "the revision is %u, but only 1 and 2 are defined", head->acpi.revision);
}

/* Linux refuses the whole table if the width does not cover a page. */
static void check_width(const struct table_check *check)
{
	const struct dmar_head *head = check->table->root->host;

	if (head->width < DMAR_MIN_WIDTH)
		report(check->findings, check->rule_id,
		       dmar_place_of(check, check->table->root, "Host address width"),
		       "write the number of host address bits less 1",
		       "the host address width is %u, which means %u bits", head->width,
		       head->width + 1u);
}

/* A host address has 64 bits at most. */
static void check_values(const struct table_check *check)
{
	const struct dmar_head *head = check->table->root->host;

	check_undefined_values(check);
	if (head->width >= 64)
		report(check->findings, check->rule_id,
		       dmar_place_of(check, check->table->root, "Host address width"),
		       "write the number of host address bits less 1",
		       "the host address width is %u, which means %u bits", head->width,
		       head->width + 1u);
}

/* -- one structure --------------------------------------------------------------- */

/* A rule of one structure of a type. */
typedef void structure_check(const struct table_check *check, const struct record *structure);

static void for_each_of(const struct table_check *check, unsigned type, structure_check *check_one)
{
	const struct record *structure;

	for_each_structure(structure, check->table)
		if (dmar_type_of(structure) == type)
			check_one(check, structure);
}

/* If a unit has no registers, Linux gives up all units. */
static void check_base(const struct table_check *check, const struct record *structure)
{
	const struct dmar_drhd *drhd = structure->host;

	if (!drhd->base || drhd->base % DMAR_PAGE)
		report(check->findings, check->rule_id,
		       dmar_place_of(check, structure, "Register base address"),
		       "write the address of the unit's registers",
		       "the registers of a unit cannot be at 0x%" PRIx64, drhd->base);
}

static void check_bases(const struct table_check *check)
{
	for_each_of(check, DMAR_DRHD, check_base);
}

/* The limit is the last byte. */
static void check_region_pages(const struct table_check *check, const struct record *structure)
{
	const struct dmar_rmrr *rmrr = structure->host;

	if (rmrr->base % DMAR_PAGE || (rmrr->limit + 1) % DMAR_PAGE)
		report(check->findings, check->rule_id,
		       dmar_place_of(check, structure, "Base address"),
		       "write whole pages: a base of ...000 and a limit of ...fff",
		       "0x%" PRIx64 "-0x%" PRIx64 " does not consist of whole pages", rmrr->base,
		       rmrr->limit);
}

/* An IOMMU maps whole pages: devices of the region can access everything else on its pages. */
static void check_pages(const struct table_check *check)
{
	for_each_of(check, DMAR_RMRR, check_region_pages);
}

/* Linux compares the whole field, and refuses the table rather than read beyond the structure. */
static void check_name(const struct table_check *check, const struct record *structure)
{
	if (!dmar_object_name(structure))
		report(check->findings, check->rule_id, table_place(check->table, structure->at),
		       "add a NUL inside the structure", "the ACPI object name has no NUL");
}

static void check_names(const struct table_check *check)
{
	for_each_of(check, DMAR_ANDD, check_name);
}

/* With ALL_PORTS, Linux ignores the scopes. */
static void check_atsr(const struct table_check *check, const struct record *structure)
{
	const struct dmar_ports *atsr = structure->host;

	if (atsr->flags & DMAR_ALL_PORTS && dmar_scope(structure, 0))
		report(check->findings, check->rule_id, dmar_place_of(check, structure, "Flags"),
		       "clear ALL_PORTS, or omit the scopes",
		       "ALL_PORTS makes the scopes of the ATSR redundant");
}

/* A note: nothing is lost, but the generator may have meant only one of both. */
static void check_all_ports(const struct table_check *check)
{
	for_each_of(check, DMAR_ATSR, check_atsr);
}

/* Structures of virtio-iommus are unknown types, unless a VIOT of 2019 wraps the table. */
static void check_types(const struct table_check *check)
{
	const struct record *structure;

	check_unknown_types(check);
	for_each_structure(structure, check->table)
		if (!check->table->base && dmar_is_virtio(structure))
			report(check->findings, check->rule_id,
			       dmar_place_of(check, structure, "Type"),
			       "describe virtio-iommus in a VIOT",
			       "%s is a structure only inside a VIOT of 2019",
			       structure->layout->name);
}

/* -- several structures ---------------------------------------------------------- */

/* Structures of unknown type may be anywhere. */
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
			       "%s follows %s", structure->layout->name, dmar_layout(last)->name);
		last = MAX(last, type);
	}
}

/* Structures of virtio-iommus are units inside a VIOT of 2019 only. */
static bool is_unit(const struct table_check *check, const struct record *structure)
{
	return dmar_type_of(structure) == DMAR_DRHD ||
	       (check->table->base && dmar_is_virtio(structure));
}

/* All other structures refer to units. */
static void check_units(const struct table_check *check)
{
	const struct record *structure;

	for_each_structure(structure, check->table)
		if (is_unit(check, structure))
			return;
	report(check->findings, check->rule_id, table_place(check->table, 0),
	       "describe the units, or omit the table", "the table has no remapping unit");
}

/* Does the unit have all functions of its segment that no scope names? */
static bool has_include_all(const struct table_check *check, const struct record *structure)
{
	return is_unit(check, structure) &&
	       ((const struct dmar_drhd *)structure->host)->flags & DMAR_INCLUDE_PCI_ALL;
}

static gpointer segment_of(const struct record *structure)
{
	return GUINT_TO_POINTER(((const struct dmar_drhd *)structure->host)->segment);
}

static void check_all_twice(const struct table_check *check)
{
	struct hash *closed = hash_new(&hash_direct);
	const struct record *structure;

	for_each_structure(structure, check->table)
		if (has_include_all(check, structure) && !hash_add(closed, segment_of(structure)))
			report(check->findings, check->rule_id,
			       dmar_place_of(check, structure, "Flags"),
			       "clear INCLUDE_PCI_ALL, and add scopes for the devices of this unit",
			       "a second unit of the segment has INCLUDE_PCI_ALL");
	hash_free(closed);
}

/* Readers that stop at INCLUDE_PCI_ALL would give it the functions of later units. */
static void check_all_last(const struct table_check *check)
{
	struct hash *closed = hash_new(&hash_direct);
	const struct record *structure;

	for_each_structure(structure, check->table) {
		if (dmar_type_of(structure) != DMAR_DRHD)
			continue;
		if (has_include_all(check, structure))
			hash_add(closed, segment_of(structure));
		else if (hash_contains(closed, segment_of(structure)))
			report(check->findings, check->rule_id,
			       table_place(check->table, structure->at),
			       "move the unit with INCLUDE_PCI_ALL behind all others of its "
			       "segment",
			       "a unit follows the unit of its segment with INCLUDE_PCI_ALL");
	}
	hash_free(closed);
}

static void check_bases_twice(const struct table_check *check)
{
	struct hash *bases = hash_new(&hash_number);
	const struct record *structure;

	for_each_structure(structure, check->table) {
		struct dmar_drhd *drhd = structure->host;

		if (dmar_type_of(structure) == DMAR_DRHD && drhd->base &&
		    !hash_add(bases, &drhd->base))
			report(check->findings, check->rule_id,
			       dmar_place_of(check, structure, "Register base address"),
			       "write all devices of a unit into one structure",
			       "a second unit has its registers at 0x%" PRIx64, drhd->base);
	}
	hash_free(bases);
}

/* Linux searches the units that it has already read, so a unit has to precede its RHSA. */
static void check_affinities(const struct table_check *check)
{
	struct hash *bases = hash_new(&hash_number);
	const struct record *structure;

	for_each_structure(structure, check->table) {
		struct dmar_drhd *drhd = structure->host;
		struct dmar_rhsa *rhsa = structure->host;

		if (dmar_type_of(structure) == DMAR_DRHD)
			hash_add(bases, &drhd->base);
		else if (dmar_type_of(structure) == DMAR_RHSA && !hash_contains(bases, &rhsa->base))
			report(check->findings, check->rule_id,
			       dmar_place_of(check, structure, "Register base address"),
			       "write the base address of a preceding unit",
			       "no preceding unit has its registers at 0x%" PRIx64, rhsa->base);
	}
	hash_free(bases);
}

static void check_other_systems(const struct table_check *check)
{
	check_others(check, dmar_others);
}

/* -- the list -------------------------------------------------------------------- */

const struct table_rule dmar_rules[] = {
	{ "dmar-revision", check_revision },
	{ "dmar-width", check_width },
	{ "dmar-type", check_types },
	{ "dmar-length", check_lengths },
	{ "dmar-reserved", check_reserved_bytes },
	{ "dmar-value", check_values },
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
	{ "dmar-name-twice", dmar_check_names_twice },
	{ "dmar-name-path", dmar_check_object_paths },
	{ "dmar-handle-twice", dmar_check_handles_twice },
	{ "dmar-affinity-twice", dmar_check_affinities_twice },
	{ "dmar-segment-unserved", dmar_check_segments },
	{ "dmar-beyond-width", dmar_check_addresses },
	{ "dmar-size", dmar_check_sizes },
	{ "dmar-start-bus", dmar_check_start_buses },
	{ "dmar-graphics", dmar_check_graphics },
	{ "dmar-others", check_other_systems },
	{ NULL, NULL },
};
