/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of interrupt controllers and proximity domains that tables of IOMMUs refer to by number
 *
 * A wrong number shows only in the running guest, when MSIs do not arrive or interrupts are not
 * remapped. A rule needs the table that defines the numbers, and is skipped without it.
 */
#include <string.h>

#include "base/hash.h"
#include "tables/formats/dmar/dmar.h"
#include "tables/findings/findings.h"
#include "machine.h"
#include "tables/formats/srat/srat.h"

/* -- interrupt translation services -------------------------------------------------- */

/* Reports each ID: a group whose other ITSs exist still loses this one. */
static void check_group(const struct machine *machine, const struct viommu_its_group *group)
{
	for (size_t i = 0; i < group->n_ids; i++)
		if (!hash_contains(machine->its, GUINT_TO_POINTER(group->ids[i])))
			report(machine->findings, machine->rule_id, group->place,
			       "write an ID of the MADT", "ITS %u is not in the MADT",
			       group->ids[i]);
}

/* Without a MADT, the ITSs are unknown. */
void machine_check_its(const struct machine *machine)
{
	const struct description *description;
	const struct viommu_its_group *group;

	if (!machine->its)
		return;
	for_each_description(description, machine)
		for_each_object(i, group, description->topology, OBJECT_ITS_GROUP)
			check_group(machine, group);
}

/* -- IOAPICs ------------------------------------------------------------------------- */

/* DMAR has a flag for it; IVRS always implies it. */
static bool remaps(const struct description *description)
{
	const struct dmar_head *head = description->table->root->host;

	if (description->table->format == &dmar_format)
		return head->flags & DMAR_INTR_REMAP;
	return description->table->format == &ivrs_format;
}

/* Several units may name the same IOAPIC. */
static struct hash *named_ioapics(const struct description *description)
{
	const struct viommu_interrupt_source *source;
	struct hash *named = hash_new(&hash_direct);

	for_each_object(i, source, description->topology, OBJECT_INTERRUPT_SOURCE)
		if (source->kind == VIOMMU_IOAPIC)
			hash_add(named, GUINT_TO_POINTER(source->number));
	return named;
}

/* A difference could wrap. */
static int compare_numbers(const void *a, const void *b)
{
	const uint32_t *one = a, *other = b;

	return (*one > *other) - (*one < *other);
}

static struct array *sorted_numbers(const struct hash *set)
{
	struct array *numbers = array_new(sizeof(uint32_t));
	void *key, *value;

	for (size_t i = 0; i < hash_slots(set); i++)
		if (hash_entry(set, i, &key, &value)) {
			uint32_t number = GPOINTER_TO_UINT(key);

			array_append(numbers, number);
		}
	array_sort(numbers, compare_numbers);
	return numbers;
}

/* In the order of their IDs, for reproducible findings. */
static void look_for_ioapics(const struct machine *machine, const struct description *description)
{
	struct hash *named = named_ioapics(description);
	auto_array struct array *ids = sorted_numbers(machine->ioapics);

	for (size_t i = 0; i < ids->len; i++) {
		uint32_t id = array_index(ids, uint32_t, i);

		if (!hash_contains(named, GUINT_TO_POINTER(id)))
			report(machine->findings, machine->rule_id,
			       table_place(description->table, 0), "name every IOAPIC of the MADT",
			       "IOAPIC %u of the MADT is not in the %s", id,
			       description->table->signature);
	}
	hash_free(named);
}

/* Without interrupt remapping, an IOAPIC may be missing. */
void machine_check_ioapics(const struct machine *machine)
{
	const struct description *description;

	for_each_description(description, machine)
		if (machine->ioapics && remaps(description))
			look_for_ioapics(machine, description);
}

/* Harmless by itself, but usually it is the wrong number of a missing IOAPIC. */
void machine_check_unknown_ioapics(const struct machine *machine)
{
	const struct description *description;
	const struct viommu_interrupt_source *source;

	if (!machine->ioapics)
		return;
	for_each_description(description, machine)
		for_each_object(i, source, description->topology, OBJECT_INTERRUPT_SOURCE)
			if (source->kind == VIOMMU_IOAPIC &&
			    !hash_contains(machine->ioapics, GUINT_TO_POINTER(source->number)))
				report(machine->findings, machine->rule_id, source->place,
				       "write an ID of the MADT", "IOAPIC %u is not in the MADT",
				       source->number);
}

/* -- proximity domains --------------------------------------------------------------- */

/* An IOMMU without a domain is valid. */
void machine_check_domains(const struct machine *machine)
{
	const struct description *description;
	const struct viommu_iommu *iommu;

	if (!machine->domains)
		return;
	for_each_description(description, machine)
		for_each_object(i, iommu, description->topology, OBJECT_IOMMU)
			if (iommu->has_proximity_domain &&
			    !hash_contains(machine->domains,
					   GUINT_TO_POINTER(iommu->proximity_domain)))
				report(machine->findings, machine->rule_id, iommu->place,
				       "write a domain of the SRAT",
				       "proximity domain %u is not in the SRAT",
				       iommu->proximity_domain);
}

/* The functions of all IOMMUs: segment << 16 | BDF. */
static struct hash *iommu_functions(const struct machine *machine)
{
	const struct description *description;
	const struct viommu_iommu *iommu;
	struct hash *functions = hash_new(&hash_direct);

	for_each_description(description, machine)
		for_each_object(i, iommu, description->topology, OBJECT_IOMMU)
			if (iommu_is_function(iommu))
				hash_add(functions,
					 GUINT_TO_POINTER((uint32_t)iommu->segment << 16 |
							  iommu->bdf));
	return functions;
}

/* A handle with swapped bytes names another device. */
static uint32_t swapped(uint32_t function)
{
	return (function & 0xffff0000) | (function & 0xff) << 8 | (function >> 8 & 0xff);
}

/* Any device may be an initiator; suspicious is one that is an IOMMU with swapped bytes. */
static void look_at_initiator(const struct machine *machine, struct hash *functions,
			      const struct record *structure)
{
	uint32_t function = srat_function_id(structure);

	if (!hash_contains(functions, GUINT_TO_POINTER(function)) &&
	    hash_contains(functions, GUINT_TO_POINTER(swapped(function))))
		report(machine->findings, machine->rule_id,
		       table_place_of(machine->srat, structure, "PCI bus number"),
		       "write the bus first, then device and function",
		       "the handle is the function of an IOMMU with its bytes swapped");
}

/* Only here are both the SRAT and the functions of the IOMMUs known. */
void machine_check_initiators(const struct machine *machine)
{
	struct hash *functions = machine->srat ? iommu_functions(machine) : NULL;
	const struct record *structure;

	if (!functions)
		return;
	for_each_structure(structure, machine->srat)
		if (srat_is_function(structure))
			look_at_initiator(machine, functions, structure);
	hash_free(functions);
}
