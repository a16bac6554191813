/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of a DMAR that compare structures: numbers given twice, segments without a unit, addresses
 * beyond the host address width, paths that begin at no root bus
 */
#include <inttypes.h>
#include <string.h>

#include "base/hash.h"
#include "check.h"
#include "tables/findings/findings.h"

/* -- numbers ------------------------------------------------------------------------ */

/* Linux 6.1 and 6.12 panic (BUG in dmar_acpi_dev_scope_init) when the second device has a scope. */
void dmar_check_names_twice(const struct table_check *check)
{
	bool seen[UINT8_MAX + 1] = { false };
	const struct record *structure;

	for_each_structure(structure, check->table) {
		const struct dmar_andd *andd = structure->host;

		if (dmar_type_of(structure) != DMAR_ANDD)
			continue;
		if (seen[andd->number])
			report(check->findings, check->rule_id,
			       dmar_place_of(check, structure, "ACPI device number"),
			       "give each device a number of its own",
			       "a second device has the number %u", andd->number);
		seen[andd->number] = true;
	}
}

/*
 * The handle of an IOAPIC is its APIC ID, that of an HPET its number. An HPET may have a scope for
 * each of its comparators, all in one unit.
 */
void dmar_check_handles_twice(const struct table_check *check)
{
	const struct record *first[DMAR_SCOPE_NAMESPACE + 1][UINT8_MAX + 1] = { { NULL } };
	const struct record *structure, *record;

	for_each_structure(structure, check->table)
		for (size_t i = 0; (record = dmar_scope(structure, i)); i++) {
			const struct dmar_scope *scope = record->host;
			bool hpet = scope->type == DMAR_SCOPE_HPET;
			const struct record *before;

			if (!hpet && scope->type != DMAR_SCOPE_IOAPIC)
				continue;
			before = first[scope->type][scope->number];
			if (before && !(hpet && before == structure))
				report(check->findings, check->rule_id,
				       dmar_place_of(check, record, "Enumeration ID"),
				       "name each IOAPIC and HPET in one scope",
				       "a second scope is that of %s %u", hpet ? "HPET" : "IOAPIC",
				       scope->number);
			first[scope->type][scope->number] = structure;
		}
}

void dmar_check_affinities_twice(const struct table_check *check)
{
	struct hash *bases = hash_new(&hash_number);
	const struct record *structure;

	for_each_structure(structure, check->table) {
		const struct dmar_rhsa *rhsa = structure->host;

		if (dmar_type_of(structure) == DMAR_RHSA && !hash_add(bases, &rhsa->base))
			report(check->findings, check->rule_id,
			       dmar_place_of(check, structure, "Register base address"),
			       "write one RHSA for each unit",
			       "a second RHSA is that of the unit at 0x%" PRIx64, rhsa->base);
	}
	hash_free(bases);
}

/* -- names ---------------------------------------------------------------------------- */

static bool is_name_character(char c, bool first)
{
	return (c >= 'A' && c <= 'Z') || c == '_' || (!first && c >= '0' && c <= '9');
}

/* "\_SB.PCI0.I2C0": a root, then names of 1 to 4 characters. */
static bool is_object_path(const char *path)
{
	unsigned length = 0;

	if (*path++ != '\\')
		return false;
	for (; *path; path++) {
		if (*path == '.' && length) {
			length = 0;
			continue;
		}
		if (++length > 4 || !is_name_character(*path, length == 1))
			return false;
	}
	return length;
}

void dmar_check_object_paths(const struct table_check *check)
{
	const struct record *structure;

	for_each_structure(structure, check->table) {
		const char *name =
			dmar_type_of(structure) == DMAR_ANDD ? dmar_object_name(structure) : NULL;

		if (name && !is_object_path(name))
			report(check->findings, check->rule_id,
			       table_place(check->table, structure->at + DMAR_ANDD_NAME_AT),
			       "write a whole path, such as \\_SB.PCI0.I2C0",
			       "\"%s\" is no path of the ACPI namespace", name);
	}
}

/* -- segments ------------------------------------------------------------------------- */

/* RMRR, ATSR, SATC and SIDP have their segment at the same place. */
static bool has_segment(const struct record *structure)
{
	unsigned type = dmar_type_of(structure);

	return type == DMAR_RMRR || type == DMAR_ATSR || type == DMAR_SATC || type == DMAR_SIDP;
}

static unsigned segment_of(const struct record *structure)
{
	if (dmar_type_of(structure) == DMAR_RMRR)
		return ((const struct dmar_rmrr *)structure->host)->segment;
	return ((const struct dmar_ports *)structure->host)->segment;
}

void dmar_check_segments(const struct table_check *check)
{
	struct hash *served = hash_new(&hash_direct);
	const struct record *structure;

	for_each_structure(structure, check->table)
		if (dmar_is_unit(structure))
			hash_add(served,
				 GUINT_TO_POINTER(1u +
						  ((struct dmar_drhd *)structure->host)->segment));
	for_each_structure(structure, check->table)
		if (hash_size(served) && has_segment(structure) &&
		    !hash_contains(served, GUINT_TO_POINTER(1u + segment_of(structure))))
			report(check->findings, check->rule_id,
			       dmar_place_of(check, structure, "Segment number"),
			       "write the segment of a unit", "no unit is of segment %04x",
			       segment_of(structure));
	hash_free(served);
}

/* -- addresses ------------------------------------------------------------------------- */

static bool is_beyond(const struct table_check *check, uint64_t address)
{
	const struct dmar_head *head = check->table->root->host;
	unsigned bits = head->width + 1u;

	return head->width >= DMAR_MIN_WIDTH && bits < 64 && address >> bits;
}

void dmar_check_addresses(const struct table_check *check)
{
	const struct record *structure;

	for_each_structure(structure, check->table) {
		const struct dmar_drhd *drhd = structure->host;
		const struct dmar_rmrr *rmrr = structure->host;
		bool unit = dmar_type_of(structure) == DMAR_DRHD;
		bool region = dmar_type_of(structure) == DMAR_RMRR;
		uint64_t address = unit ? drhd->base : region ? rmrr->limit : 0;

		if ((unit || region) && is_beyond(check, address))
			report(check->findings, check->rule_id,
			       dmar_place_of(check, structure,
					     unit ? "Register base address" : "Limit address"),
			       "correct the address, or the host address width",
			       "0x%" PRIx64 " is beyond the host address width of %u bits", address,
			       ((const struct dmar_head *)check->table->root->host)->width + 1u);
	}
}

/* The logarithm of the number of pages has four bits. */
void dmar_check_sizes(const struct table_check *check)
{
	const struct record *structure;

	for_each_structure(structure, check->table) {
		const struct dmar_drhd *drhd = structure->host;

		if (dmar_type_of(structure) == DMAR_DRHD && drhd->size & ~DMAR_SIZE_MASK)
			report(check->findings, check->rule_id,
			       dmar_place_of(check, structure, "Size"),
			       "write the logarithm of the number of register pages, 0 to 15",
			       "the reserved bits of the size 0x%x are not 0", drhd->size);
	}
}

/* -- graphics --------------------------------------------------------------------------- */

#define GRAPHICS_DEVICE 2

static bool is_graphics(const struct record *record)
{
	const struct dmar_scope *scope = record->host;
	const struct dmar_hop *hop = dmar_hops(record) == 1 ? dmar_hop(record, 0) : NULL;

	return hop && scope->type == DMAR_SCOPE_ENDPOINT && !scope->bus &&
	       hop->device == GRAPHICS_DEVICE && !hop->function;
}

/* A unit whose only function is the graphics. */
static bool is_of_graphics(const struct record *structure)
{
	const struct dmar_drhd *drhd = structure->host;
	const struct record *scope = dmar_scope(structure, 0);

	return dmar_type_of(structure) == DMAR_DRHD && !drhd->segment &&
	       !(drhd->flags & DMAR_INCLUDE_PCI_ALL) && scope && is_graphics(scope) &&
	       !dmar_scope(structure, 1);
}

static bool is_region_of_graphics(const struct record *structure)
{
	const struct record *scope;

	if (dmar_type_of(structure) != DMAR_RMRR || ((struct dmar_rmrr *)structure->host)->segment)
		return false;
	for (size_t i = 0; (scope = dmar_scope(structure, i)); i++)
		if (is_graphics(scope))
			return true;
	return false;
}

/* A note: firmware shows a picture from memory that the unit must not take from it. */
void dmar_check_graphics(const struct table_check *check)
{
	const struct record *structure, *unit = NULL;

	for_each_structure(structure, check->table) {
		if (is_region_of_graphics(structure))
			return;
		if (!unit && is_of_graphics(structure))
			unit = structure;
	}
	if (unit)
		report(check->findings, check->rule_id, table_place(check->table, unit->at),
		       "add an RMRR for its stolen memory, if firmware leaves the display on",
		       "the unit is that of the graphics, 00:02.0, and no RMRR is for it");
}

/* -- root buses ------------------------------------------------------------------------- */

/* Buses at which paths of units begin, and bus 0. */
static void find_root_buses(const struct table_check *check, bool *is_root)
{
	const struct record *structure, *record;

	is_root[0] = true;
	for_each_structure(structure, check->table)
		for (size_t i = 0; dmar_is_unit(structure) && (record = dmar_scope(structure, i));
		     i++)
			is_root[((const struct dmar_scope *)record->host)->bus] = true;
}

static bool names_functions(const struct record *structure)
{
	unsigned type = dmar_type_of(structure);

	return type == DMAR_RMRR || type == DMAR_SATC || type == DMAR_SIDP;
}

/*
 * A path leads from the bus of a host bridge. Firmware writes the final bus of a device instead:
 * Linux tries that too for one hop (dmar_match_pci_path) and reports it, other readers find no
 * device. Where no unit's path begins at the bus, that is likely.
 */
void dmar_check_start_buses(const struct table_check *check)
{
	bool is_root[UINT8_MAX + 1] = { false };
	const struct record *structure, *record;

	find_root_buses(check, is_root);
	for_each_structure(structure, check->table) {
		if (!names_functions(structure))
			continue;
		for (size_t i = 0; (record = dmar_scope(structure, i)); i++) {
			const struct dmar_scope *scope = record->host;

			if (!is_root[scope->bus])
				report(check->findings, check->rule_id,
				       dmar_place_of(check, record, "Start bus number"),
				       "write the bus of the host bridge, and the path from there",
				       "bus %02x is likely no root bus: the path of no unit begins "
				       "there",
				       scope->bus);
		}
	}
}
