/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of the bytes of a DMAR, which hold whatever it means
 *
 * What is wrong with a table so that it cannot be taken apart, decoding has said already. Rules of
 * one structure come first, then those of scopes, then those that hold for all together.
 */
#include <inttypes.h>

#include "dmar.h"
#include "findings.h"

static struct viommu_place place_of(const struct table_check *check, const struct record *record,
				    const char *field_name)
{
	return table_place_of(check->table, record, field_name);
}

/* -- the head ------------------------------------------------------------------------ */

/* Firmware writes 1 or, since there are SATCs, 2. */
static void check_revision(const struct table_check *check)
{
	const struct dmar_head *head = check->table->root->host;

	if (head->acpi.revision != 1 && head->acpi.revision != 2)
		report(check->findings, check->rule_id,
		       place_of(check, check->table->root, "Revision"), "write 1",
		       "revision is %u, and only 1 and 2 are known", head->acpi.revision);
}

static void check_width(const struct table_check *check)
{
	const struct dmar_head *head = check->table->root->host;

	if (head->width < DMAR_MIN_WIDTH)
		report(check->findings, check->rule_id,
		       place_of(check, check->table->root, "Host address width"),
		       "write the number of bits of a host address, less 1",
		       "host address width is %u, which stands for %u bits", head->width,
		       head->width + 1u);
}

/* -- one structure ---------------------------------------------------------------------- */

/* Structures of a type, to be looked at one by one. */
typedef void structure_function(const struct table_check *check, const struct record *structure);

static void for_each_of(const struct table_check *check, unsigned type, structure_function *look)
{
	const struct record *structure;

	for_each_structure(structure, check->table)
		if (dmar_type_of(structure) == type)
			look(check, structure);
}

/* A unit whose registers are nowhere makes Linux give up all of them. */
static void look_at_base(const struct table_check *check, const struct record *structure)
{
	const struct dmar_drhd *drhd = structure->host;

	if (!drhd->base || drhd->base % DMAR_PAGE)
		report(check->findings, check->rule_id,
		       place_of(check, structure, "Register base address"),
		       "write where the registers of the unit are",
		       "no registers can be at 0x%" PRIx64, drhd->base);
}

static void check_bases(const struct table_check *check)
{
	for_each_of(check, DMAR_DRHD, look_at_base);
}

/* The limit is the last byte, so that it is one less than an address of a page. */
static void look_at_pages(const struct table_check *check, const struct record *structure)
{
	const struct dmar_rmrr *rmrr = structure->host;

	if (rmrr->base % DMAR_PAGE || (rmrr->limit + 1) % DMAR_PAGE)
		report(check->findings, check->rule_id, place_of(check, structure, "Base address"),
		       "write whole pages: a base of ...000, and a limit of ...fff",
		       "0x%" PRIx64 "-0x%" PRIx64 " is not a number of whole pages", rmrr->base,
		       rmrr->limit);
}

static void check_pages(const struct table_check *check)
{
	for_each_of(check, DMAR_RMRR, look_at_pages);
}

static void look_at_name(const struct table_check *check, const struct record *structure)
{
	if (!dmar_object_name(structure))
		report(check->findings, check->rule_id, table_place(check->table, structure->at),
		       "end the name with a byte of 0 inside the structure",
		       "the name of an ACPI object does not end");
}

static void check_names(const struct table_check *check)
{
	for_each_of(check, DMAR_ANDD, look_at_name);
}

/* ALL_PORTS speaks of every root port of the segment, and Linux looks no further. */
static void look_at_all_ports(const struct table_check *check, const struct record *structure)
{
	const struct dmar_ports *atsr = structure->host;

	if (atsr->flags & DMAR_ALL_PORTS && dmar_scope(structure, 0))
		report(check->findings, check->rule_id, place_of(check, structure, "Flags"),
		       "clear ALL_PORTS, or leave the scopes out",
		       "all root ports have ATS, and some are named besides");
}

static void check_all_ports(const struct table_check *check)
{
	for_each_of(check, DMAR_ATSR, look_at_all_ports);
}

/* -- scopes ----------------------------------------------------------------------------------- */

typedef void scope_function(const struct table_check *check, const struct record *structure,
			    const struct record *scope);

static void for_each_scope(const struct table_check *check, scope_function *look)
{
	const struct record *structure, *scope;

	for_each_structure(structure, check->table)
		for (size_t i = 0; (scope = dmar_scope(structure, i)); i++)
			look(check, structure, scope);
}

static unsigned scope_type(const struct record *scope)
{
	return ((const struct dmar_scope *)scope->host)->type;
}

static void look_at_type(const struct table_check *check, const struct record *structure,
			 const struct record *scope)
{
	unsigned type = scope_type(scope);

	(void)structure;
	if (type < DMAR_SCOPE_ENDPOINT || type > DMAR_SCOPE_NAMESPACE)
		report(check->findings, check->rule_id, place_of(check, scope, "Type"),
		       "write 1 to 5", "a scope has type %u, which is not known", type);
}

static void check_scope_types(const struct table_check *check)
{
	for_each_scope(check, look_at_type);
}

/* What each structure can speak of; others have no scopes. */
static bool scope_belongs(unsigned structure, unsigned scope)
{
	static const uint8_t allowed[] = {
		[DMAR_DRHD] = 0xff,
		[DMAR_RMRR] = 1 << DMAR_SCOPE_ENDPOINT | 1 << DMAR_SCOPE_BRIDGE |
			      1 << DMAR_SCOPE_NAMESPACE,
		[DMAR_ATSR] = 1 << DMAR_SCOPE_BRIDGE,
		[DMAR_SATC] = 1 << DMAR_SCOPE_ENDPOINT | 1 << DMAR_SCOPE_BRIDGE,
		[DMAR_SIDP] = 1 << DMAR_SCOPE_ENDPOINT | 1 << DMAR_SCOPE_BRIDGE,
	};

	return scope > DMAR_SCOPE_NAMESPACE || allowed[structure] >> scope & 1;
}

static void look_at_place(const struct table_check *check, const struct record *structure,
			  const struct record *scope)
{
	if (!scope_belongs(dmar_type_of(structure), scope_type(scope)))
		report(check->findings, check->rule_id, place_of(check, scope, "Type"),
		       "leave it out, or say it in the structure of a unit",
		       "%s cannot have a scope of type %u", structure->layout->name,
		       scope_type(scope));
}

static void check_scope_places(const struct table_check *check)
{
	for_each_scope(check, look_at_place);
}

/* A device of PCI has 5 bits, and a function 3. */
static void look_at_path(const struct table_check *check, const struct record *structure,
			 const struct record *scope)
{
	(void)structure;
	for (size_t i = 0; i < dmar_hops(scope); i++) {
		const struct dmar_hop *hop = dmar_hop(scope, i);

		if (hop->device > DMAR_MAX_DEVICE || hop->function > DMAR_MAX_FUNCTION)
			report(check->findings, check->rule_id,
			       place_of(check, scope->children->pdata[i], "Device"),
			       "write a device of 0 to 31, and a function of 0 to 7",
			       "there is no PCI function %02x.%x", hop->device, hop->function);
	}
}

static void check_paths(const struct table_check *check)
{
	for_each_scope(check, look_at_path);
}

/* -- all structures together ------------------------------------------------------------------ */

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
			report(check->findings, check->rule_id, place_of(check, structure, "Type"),
			       "sort structures by type", "%s stands behind %s",
			       structure->layout->name, dmar_layout(last)->name);
		last = MAX(last, type);
	}
}

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
static bool is_all(const struct record *structure)
{
	return dmar_type_of(structure) == DMAR_DRHD &&
	       ((const struct dmar_drhd *)structure->host)->flags & DMAR_INCLUDE_PCI_ALL;
}

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
		if (is_all(structure) && !g_hash_table_add(closed, segment_of(structure)))
			report(check->findings, check->rule_id, place_of(check, structure, "Flags"),
			       "clear INCLUDE_PCI_ALL, and name the devices of this unit",
			       "a second unit of the segment has INCLUDE_PCI_ALL");
	g_hash_table_destroy(closed);
}

static void check_all_last(const struct table_check *check)
{
	GHashTable *closed = g_hash_table_new(NULL, NULL);
	const struct record *structure;

	for_each_structure(structure, check->table) {
		if (dmar_type_of(structure) != DMAR_DRHD)
			continue;
		if (is_all(structure))
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
			       place_of(check, structure, "Register base address"),
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
			       place_of(check, structure, "Register base address"),
			       "write the base address of a unit that stands before it",
			       "no unit before this is at 0x%" PRIx64, rhsa->base);
	}
	g_hash_table_destroy(bases);
}

/* -- devices of the ACPI namespace ---------------------------------------------------------------
 */

#define N_NUMBERS 256

/* Which numbers have a name, and which a scope of some unit. */
struct numbers {
	bool named[N_NUMBERS], scoped[N_NUMBERS];
};

static void number_scopes(struct numbers *numbers, const struct record *structure)
{
	const struct record *record;

	for (size_t i = 0; (record = dmar_scope(structure, i)); i++) {
		const struct dmar_scope *scope = record->host;

		if (scope->type == DMAR_SCOPE_NAMESPACE)
			numbers->scoped[scope->number] = true;
	}
}

static void number_all(struct numbers *numbers, const struct viommu_table *table)
{
	const struct record *structure;

	for_each_structure(structure, table) {
		if (dmar_type_of(structure) == DMAR_DRHD)
			number_scopes(numbers, structure);
		else if (dmar_type_of(structure) == DMAR_ANDD)
			numbers->named[((const struct dmar_andd *)structure->host)->number] = true;
	}
}

static void check_named(const struct table_check *check)
{
	struct numbers numbers = { { false }, { false } };
	const struct record *structure;

	number_all(&numbers, check->table);
	for_each_structure(structure, check->table) {
		const struct dmar_andd *andd = structure->host;

		if (dmar_type_of(structure) == DMAR_ANDD && !numbers.scoped[andd->number])
			report(check->findings, check->rule_id,
			       place_of(check, structure, "ACPI device number"),
			       "give the number to a scope of type 5 of the device's unit",
			       "no unit has a scope for ACPI device %u", andd->number);
	}
}

/* Only what a unit has behind it: other structures name devices that some unit has. */
static void look_at_numbers(const struct table_check *check, const struct numbers *numbers,
			    const struct record *unit)
{
	const struct record *record;

	for (size_t i = 0; (record = dmar_scope(unit, i)); i++) {
		const struct dmar_scope *scope = record->host;

		if (scope->type == DMAR_SCOPE_NAMESPACE && !numbers->named[scope->number])
			report(check->findings, check->rule_id,
			       place_of(check, record, "Enumeration ID"),
			       "name the device in an ANDD", "no ANDD names ACPI device %u",
			       scope->number);
	}
}

static void check_scoped(const struct table_check *check)
{
	struct numbers numbers = { { false }, { false } };
	const struct record *structure;

	number_all(&numbers, check->table);
	for_each_structure(structure, check->table)
		if (dmar_type_of(structure) == DMAR_DRHD)
			look_at_numbers(check, &numbers, structure);
}

/* -- the list
 * -------------------------------------------------------------------------------------- */

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
	{ "dmar-scope-type", check_scope_types },
	{ "dmar-scope-place", check_scope_places },
	{ "dmar-scope-path", check_paths },
	{ "dmar-scope-unnamed", check_scoped },
	{ "dmar-rmrr-pages", check_pages },
	{ "dmar-atsr-scopes", check_all_ports },
	{ "dmar-affinity", check_affinities },
	{ "dmar-name", check_names },
	{ "dmar-name-unused", check_named },
	{ NULL, NULL },
};
