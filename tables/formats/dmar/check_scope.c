/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of the scopes of a DMAR, and of the numbers that scopes share with ANDDs
 *
 * The structure decides which types its scopes may have. The scope of an ACPI device has a number,
 * to which an ANDD gives a name.
 *
 * Linux also refuses an endpoint's scope that names a bridge, and vice versa. A table does not say
 * which of both a function is, so there is no rule for it.
 */
#include "check.h"
#include "tables/findings/findings.h"

/* -- scopes ---------------------------------------------------------------------- */

typedef void scope_check(const struct table_check *check, const struct record *structure,
			 const struct record *scope);

static void for_each_scope(const struct table_check *check, scope_check *check_one)
{
	const struct record *structure, *scope;

	for_each_structure(structure, check->table)
		for (size_t i = 0; (scope = dmar_scope(structure, i)); i++)
			check_one(check, structure, scope);
}

static unsigned scope_type(const struct record *scope)
{
	return ((const struct dmar_scope *)scope->host)->type;
}

/* A warning only: a reader can skip an unknown type by the scope's length. */
static void check_scope_type(const struct table_check *check, const struct record *structure,
			     const struct record *scope)
{
	unsigned type = scope_type(scope);

	(void)structure;
	if (type < DMAR_SCOPE_ENDPOINT || type > DMAR_SCOPE_NAMESPACE)
		report(check->findings, check->rule_id, dmar_place_of(check, scope, "Type"),
		       "write 1 to 5", "the scope type %u is unknown", type);
}

/* Linux ignores unknown types, so no unit has what the scope names. */
void dmar_check_scope_types(const struct table_check *check)
{
	for_each_scope(check, check_scope_type);
}

/* The scope types that each structure may have; structures not listed have no scopes. */
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

static void check_scope_place(const struct table_check *check, const struct record *structure,
			      const struct record *scope)
{
	if (!scope_belongs(dmar_type_of(structure), scope_type(scope)))
		report(check->findings, check->rule_id, dmar_place_of(check, scope, "Type"),
		       "omit the scope, or move it to a unit", "%s cannot have a scope of type %u",
		       structure->layout->name, scope_type(scope));
}

void dmar_check_scope_places(const struct table_check *check)
{
	for_each_scope(check, check_scope_place);
}

/* A PCI device number has 5 bits, a function number 3. */
static void check_scope_path(const struct table_check *check, const struct record *structure,
			     const struct record *scope)
{
	(void)structure;
	for (size_t i = 0; i < dmar_hops(scope); i++) {
		const struct dmar_hop *hop = dmar_hop(scope, i);

		if (hop->device > DMAR_MAX_DEVICE || hop->function > DMAR_MAX_FUNCTION)
			report(check->findings, check->rule_id,
			       dmar_place_of(check, record_child(scope, i), "Device"),
			       "write a device from 0 to 31 and a function from 0 to 7",
			       "%02x.%x is not a PCI function", hop->device, hop->function);
	}
}

void dmar_check_paths(const struct table_check *check)
{
	for_each_scope(check, check_scope_path);
}

/* -- devices of the ACPI namespace ----------------------------------------------- */

/* The number of a device is a byte, in an ANDD and in a scope. */
#define N_NUMBERS 256

/* Numbers that an ANDD names, and numbers that a scope of a unit has. */
struct numbers {
	bool named[N_NUMBERS], scoped[N_NUMBERS];
};

/* Numbers of other scope types are independent: an IOAPIC may have the number of a device. */
static void collect_scope_numbers(struct numbers *numbers, const struct record *structure)
{
	const struct record *record;

	for (size_t i = 0; (record = dmar_scope(structure, i)); i++) {
		const struct dmar_scope *scope = record->host;

		if (scope->type == DMAR_SCOPE_NAMESPACE)
			numbers->scoped[scope->number] = true;
	}
}

/* Both sets are complete before either is checked, since an ANDD may precede its scope. */
static void collect_numbers(struct numbers *numbers, const struct viommu_table *table)
{
	const struct record *structure;

	for_each_structure(structure, table) {
		if (dmar_is_unit(structure))
			collect_scope_numbers(numbers, structure);
		else if (dmar_type_of(structure) == DMAR_ANDD)
			numbers->named[((const struct dmar_andd *)structure->host)->number] = true;
	}
}

/* Linux searches the named device in vain, and logs it. */
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
			       "add a scope of type 5 with this number to the device's unit",
			       "no unit has a scope for ACPI device %u", andd->number);
	}
}

/* Scopes of units only: other structures refer to devices that a unit has too. */
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

/* Without a name, the scope identifies no device. */
void dmar_check_unnamed_scopes(const struct table_check *check)
{
	struct numbers numbers = { { false }, { false } };
	const struct record *structure;

	collect_numbers(&numbers, check->table);
	for_each_structure(structure, check->table)
		if (dmar_is_unit(structure))
			check_unit_numbers(check, &numbers, structure);
}
