/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of the bytes of an SRAT
 *
 * For CPUs and memory, only rules that need no other table.
 */
#include "base/hash.h"
#include "tables/findings/findings.h"
#include "srat.h"

/* Domains of more than 8 bits came with revision 2, initiators with 3. */
static void check_revision(const struct table_check *check)
{
	const struct srat_head *head = check->table->root->host;

	if (!head->acpi.revision || head->acpi.revision > SRAT_REVISION)
		report(check->findings, check->rule_id,
		       table_place_of(check->table, check->table->root, "Revision"), "write 3",
		       "the revision is %u, but only 1 to 3 are known", head->acpi.revision);
}

/* Linux truncates the number to 8 bits, which is another domain. */
static void check_domains(const struct table_check *check)
{
	static const uint32_t most = 255;
	const struct srat_head *head = check->table->root->host;
	const struct record *structure;
	uint32_t domain;

	for_each_structure(structure, check->table)
		if (head->acpi.revision < 2 && srat_domain(structure, &domain) && domain > most)
			report(check->findings, check->rule_id,
			       table_place(check->table, structure->at),
			       "write revision 3, or number domains up to 255",
			       "proximity domain %u does not fit into the 8 bits of revision %u",
			       domain, head->acpi.revision);
}

static bool is_initiator(const struct record *structure)
{
	return structure->layout && structure->layout->type == SRAT_INITIATOR &&
	       (srat_is_function(structure) || srat_is_device(structure));
}

/* Linux treats it as an error, and reads no further initiators. */
static void check_disabled(const struct table_check *check)
{
	const struct record *structure;

	for_each_structure(structure, check->table)
		if (is_initiator(structure) && !srat_is_enabled(structure))
			report(check->findings, check->rule_id,
			       table_place_of(check->table, structure, "Flags"),
			       "set the flag, or omit the structure",
			       "a generic initiator is not enabled");
}

/* A PCI handle would select another layout. */
static void check_handles(const struct table_check *check)
{
	const struct record *structure;

	for_each_structure(structure, check->table) {
		const struct srat_device *device = structure->host;

		if (srat_is_device(structure) && device->handle_type != SRAT_HANDLE_ACPI)
			report(check->findings, check->rule_id,
			       table_place_of(check->table, structure, "Device handle type"),
			       "write 0 or 1", "handle type %u is unknown", device->handle_type);
	}
}

/* Two initiators of one function are a mistake, even with the same domain. */
static void check_twice(const struct table_check *check)
{
	struct hash *functions = hash_new(&hash_direct);
	const struct record *structure;

	for_each_structure(structure, check->table)
		if (record_is(structure, &srat_initiator_layout) &&
		    !hash_add(functions, GUINT_TO_POINTER(srat_function_id(structure))))
			report(check->findings, check->rule_id,
			       table_place(check->table, structure->at), "omit one of them",
			       "a second generic initiator has the same PCI function");
	hash_free(functions);
}

const struct table_rule srat_rules[] = {
	{ "srat-revision", check_revision },
	{ "srat-type", check_unknown_types },
	{ "acpi-structure-length", check_lengths },
	{ "srat-reserved", check_reserved_bytes },
	{ "srat-domain", check_domains },
	{ "srat-disabled", check_disabled },
	{ "srat-handle", check_handles },
	{ "srat-initiator-twice", check_twice },
	{ NULL, NULL },
};
