/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of a DMAR's scopes, and of the numbers that scopes have in common with names
 *
 * A scope stands inside a structure, which decides what it can speak of. That of a device which is
 * no PCI function has a number, and elsewhere in the table an ANDD gives the number a name.
 *
 * Linux also refuses an endpoint's scope that names a bridge, and the other way round. No table
 * tells which of both a function is, so this is not asked for here.
 */
#include "check.h"
#include "tables/findings/findings.h"

/* -- scopes ---------------------------------------------------------------------- */

typedef void scope_check(const struct table_check *check, const struct record *structure,
			 const struct record *scope);

/*
 * One walk for all rules of a single scope: what is wrong with one does not keep others from being
 * seen.
 */
static void for_each_scope(const struct table_check *check, scope_check *look)
{
	const struct record *structure, *scope;

	for_each_structure(structure, check->table)
		for (size_t i = 0; (scope = dmar_scope(structure, i)); i++)
			look(check, structure, scope);
}

/* The type stands in the scope itself, for all scopes have the same rows. */
static unsigned scope_type(const struct record *scope)
{
	return ((const struct dmar_scope *)scope->host)->type;
}

/* A warning only, since a scope has a length: who does not know its type can go past it. */
static void check_scope_type(const struct table_check *check, const struct record *structure,
			     const struct record *scope)
{
	unsigned type = scope_type(scope);

	(void)structure;
	if (type < DMAR_SCOPE_ENDPOINT || type > DMAR_SCOPE_NAMESPACE)
		report(check->findings, check->rule_id, dmar_place_of(check, scope, "Type"),
		       "write 1 to 5", "a scope has type %u, which is not known", type);
}

/*
 * A type of scope that Linux does not know is ignored by it, and what it named is behind no unit.
 */
void dmar_check_scope_types(const struct table_check *check)
{
	for_each_scope(check, check_scope_type);
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

	if (scope > DMAR_SCOPE_NAMESPACE || structure >= G_N_ELEMENTS(allowed))
		return true;
	return allowed[structure] >> scope & 1;
}

/* Said once for each scope that is in the wrong place, for each may be meant for another one. */
static void check_scope_place(const struct table_check *check, const struct record *structure,
			      const struct record *scope)
{
	if (!scope_belongs(dmar_type_of(structure), scope_type(scope)))
		report(check->findings, check->rule_id, dmar_place_of(check, scope, "Type"),
		       "leave it out, or say it in the structure of a unit",
		       "%s cannot have a scope of type %u", structure->layout->name,
		       scope_type(scope));
}

void dmar_check_scope_places(const struct table_check *check)
{
	for_each_scope(check, check_scope_place);
}

/* A device of PCI has 5 bits, and a function 3. */
static void check_scope_path(const struct table_check *check, const struct record *structure,
			     const struct record *scope)
{
	(void)structure;
	for (size_t i = 0; i < dmar_hops(scope); i++) {
		const struct dmar_hop *hop = dmar_hop(scope, i);

		if (hop->device > DMAR_MAX_DEVICE || hop->function > DMAR_MAX_FUNCTION)
			report(check->findings, check->rule_id,
			       dmar_place_of(check, scope->children->pdata[i], "Device"),
			       "write a device of 0 to 31, and a function of 0 to 7",
			       "there is no PCI function %02x.%x", hop->device, hop->function);
	}
}

void dmar_check_paths(const struct table_check *check)
{
	for_each_scope(check, check_scope_path);
}

/* -- devices of the ACPI namespace ----------------------------------------------- */

/* An ANDD and a scope both have one byte for the number of a device. */
#define N_NUMBERS 256

/* Which numbers have a name, and which a scope of some unit. */
struct numbers {
	bool named[N_NUMBERS], scoped[N_NUMBERS];
};

/* Numbers of other scopes mean other things: an IOAPIC may well have that of a device. */
static void collect_scope_numbers(struct numbers *numbers, const struct record *structure)
{
	const struct record *record;

	for (size_t i = 0; (record = dmar_scope(structure, i)); i++) {
		const struct dmar_scope *scope = record->host;

		if (scope->type == DMAR_SCOPE_NAMESPACE)
			numbers->scoped[scope->number] = true;
	}
}

/* Both sides are collected before either is judged, for a name may stand before its scope. */
static void collect_numbers(struct numbers *numbers, const struct viommu_table *table)
{
	const struct record *structure;

	for_each_structure(structure, table) {
		if (dmar_type_of(structure) == DMAR_DRHD)
			collect_scope_numbers(numbers, structure);
		else if (dmar_type_of(structure) == DMAR_ANDD)
			numbers->named[((const struct dmar_andd *)structure->host)->number] = true;
	}
}

/* A name that no scope refers to is a device that Linux looks for in vain, with a complaint. */
void dmar_check_unused_names(const struct table_check *check)
{
	struct numbers numbers = { { false }, { false } };
	const struct record *structure;

	collect_numbers(&numbers, check->table);
	for_each_structure(structure, check->table) {
		const struct dmar_andd *andd = structure->host;

		if (dmar_type_of(structure) == DMAR_ANDD && !numbers.scoped[andd->number])
			report(check->findings, check->rule_id,
			       dmar_place_of(check, structure, "ACPI device number"),
			       "give the number to a scope of type 5 of the device's unit",
			       "no unit has a scope for ACPI device %u", andd->number);
	}
}

/* Only what a unit has behind it: other structures name devices that some unit has. */
static void check_unit_numbers(const struct table_check *check, const struct numbers *numbers,
			       const struct record *unit)
{
	const struct record *record;

	for (size_t i = 0; (record = dmar_scope(unit, i)); i++) {
		const struct dmar_scope *scope = record->host;

		if (scope->type == DMAR_SCOPE_NAMESPACE && !numbers->named[scope->number])
			report(check->findings, check->rule_id,
			       dmar_place_of(check, record, "Enumeration ID"),
			       "name the device in an ANDD", "no ANDD names ACPI device %u",
			       scope->number);
	}
}

/* Without a name nobody can tell which device it is, and the scope says nothing. */
void dmar_check_unnamed_scopes(const struct table_check *check)
{
	struct numbers numbers = { { false }, { false } };
	const struct record *structure;

	collect_numbers(&numbers, check->table);
	for_each_structure(structure, check->table)
		if (dmar_type_of(structure) == DMAR_DRHD)
			check_unit_numbers(check, &numbers, structure);
}
