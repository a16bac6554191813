/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of interrupt controllers and proximity domains that tables of IOMMUs refer to by number
 *
 * A wrong number shows only in the running guest, when MSIs do not arrive or interrupts are not
 * remapped. A rule needs the table that defines the numbers, and is skipped without it.
 */
#include <string.h>

#include "base/hash.h"
#include "base/pci.h"
#include "tables/formats/dmar/dmar.h"
#include "tables/formats/ivrs/ivrs.h"
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

/* Decimal as in messages of Linux, and hexadecimal as in listings of iasl where they differ. */
static char *number_text(uint32_t number)
{
	return number < 10 ? memory_printf("%u", number)
			   : memory_printf("%u (0x%x)", number, number);
}

/* Users cannot change the table, but Linux takes entries of an IVRS from its command line. */
static char *cure_of_missing(const struct machine *machine, const struct description *description,
			     uint32_t id)
{
	if (description->table->format == &ivrs_format && (int)id == machine->southbridge)
		return memory_printf("name every IOAPIC of the MADT; until then, boot Linux with "
				     "ivrs_ioapic[%u]=00:14.0",
				     id);
	return memory_text("name every IOAPIC of the MADT");
}

/* In the order of their IDs, for reproducible findings. */
static void check_missing_ioapics(const struct machine *machine,
				  const struct description *description)
{
	struct hash *named = named_ioapics(description);
	auto_array struct array *ids = sorted_numbers(machine->ioapics);

	for (size_t i = 0; i < ids->len; i++) {
		uint32_t id = array_index(ids, uint32_t, i);
		auto_free char *cure = cure_of_missing(machine, description, id);
		auto_free char *number = number_text(id);

		if (!hash_contains(named, GUINT_TO_POINTER(id)))
			report(machine->findings, machine->rule_id,
			       table_place(description->table, 0), cure,
			       "IOAPIC %s of the MADT is not in the %s", number,
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
			check_missing_ioapics(machine, description);
}

/* Harmless by itself, but usually it is the wrong number of a missing IOAPIC. */
void machine_check_unknown_ioapics(const struct machine *machine)
{
	const struct description *description;
	const struct viommu_interrupt_source *source;

	if (!machine->ioapics)
		return;
	for_each_description(description, machine)
		for_each_object(i, source, description->topology, OBJECT_INTERRUPT_SOURCE) {
			auto_free char *number = number_text(source->number);

			if (source->kind == VIOMMU_IOAPIC &&
			    !hash_contains(machine->ioapics, GUINT_TO_POINTER(source->number)))
				report(machine->findings, machine->rule_id, source->place,
				       "write an ID of the MADT", "IOAPIC %s is not in the MADT",
				       number);
		}
}

/* -- the IOAPIC of the southbridge ----------------------------------------------------- */

static const struct viommu_interrupt_source *
find_ioapic(const struct description *description,
	    bool (*is_it)(const struct viommu_interrupt_source *source, uint32_t number),
	    uint32_t number)
{
	const struct viommu_interrupt_source *source;

	for_each_object(i, source, description->topology, OBJECT_INTERRUPT_SOURCE)
		if (source->kind == VIOMMU_IOAPIC && is_it(source, number))
			return source;
	return NULL;
}

static bool has_number(const struct viommu_interrupt_source *source, uint32_t number)
{
	return source->number == number;
}

/* 00:14.0, and 00:0b.0 on machines of Hygon: the table does not tell which machine it is. */
static bool is_southbridge(const struct viommu_interrupt_source *source, uint32_t number)
{
	(void)number;
	return !source->segment &&
	       (source->bdf == IVRS_SOUTHBRIDGE || source->bdf == IVRS_SOUTHBRIDGE_HYGON);
}

/* The device ID that the southbridge has belongs to the other IOAPIC: both are swapped. */
static char *cure_of_southbridge(uint32_t number, unsigned bdf,
				 const struct viommu_interrupt_source *other)
{
	static const char way[] = "give it the device ID 00:14.0; until then, boot Linux with";

	if (!other || other->number == number)
		return memory_printf("%s ivrs_ioapic[%u]=00:14.0", way, number);
	return memory_printf("%s ivrs_ioapic[%u]=00:14.0 ivrs_ioapic[%u]=" PCI_BDF, way, number,
			     other->number, PCI_BDF_PARTS(bdf));
}

/*
 * A missing IOAPIC is another rule. Linux remaps interrupts with the wrong device ID, and they do
 * not arrive; newer kernels compare, and do not remap then. Xen does not use the IOMMU at all.
 */
void machine_check_southbridge(const struct machine *machine)
{
	const struct description *description;

	for_each_description(description, machine) {
		const struct viommu_interrupt_source *source, *other;
		auto_free char *cure = NULL, *number = NULL;

		if (description->table->format != &ivrs_format || machine->southbridge < 0)
			continue;
		source = find_ioapic(description, has_number, (uint32_t)machine->southbridge);
		if (!source || is_southbridge(source, 0))
			continue;
		other = find_ioapic(description, is_southbridge, 0);
		cure = cure_of_southbridge(source->number, source->bdf, other);
		number = number_text(source->number);
		report(machine->findings, machine->rule_id, source->place, cure,
		       "IOAPIC %s, which has GSI 0, is that of the southbridge, and has the device "
		       "ID " PCI_BDF "%s",
		       number, PCI_BDF_PARTS(source->bdf),
		       source->segment ? " of another segment" : "");
	}
}

/* -- proximity domains --------------------------------------------------------------- */

typedef void check_domain(const struct machine *machine, uint32_t domain,
			  struct viommu_place place);

/* Of all objects that have one: an object without a domain is valid. */
static void for_each_domain(const struct machine *machine, check_domain *check)
{
	const struct description *description;
	const struct viommu_iommu *iommu;
	const struct viommu_host_bridge *bridge;
	const struct viommu_platform_device *device;

	for_each_description(description, machine) {
		for_each_object(i, iommu, description->topology, OBJECT_IOMMU)
			if (iommu->has_proximity_domain)
				check(machine, iommu->proximity_domain, iommu->place);
		for_each_object(i, bridge, description->topology, OBJECT_HOST_BRIDGE)
			if (bridge->has_proximity_domain)
				check(machine, bridge->proximity_domain, bridge->place);
		for_each_object(i, device, description->topology, OBJECT_PLATFORM_DEVICE)
			if (device->has_proximity_domain)
				check(machine, device->proximity_domain, device->place);
	}
}

static void check_known(const struct machine *machine, uint32_t domain, struct viommu_place place)
{
	if (!hash_contains(machine->domains, GUINT_TO_POINTER(domain)))
		report(machine->findings, machine->rule_id, place, "write a domain of the SRAT",
		       "proximity domain %u is not in the SRAT", domain);
}

void machine_check_domains(const struct machine *machine)
{
	if (machine->domains)
		for_each_domain(machine, check_known);
}

/* A note: a domain of devices only is valid, but often it is a wrong number. */
static void check_populated(const struct machine *machine, uint32_t domain,
			    struct viommu_place place)
{
	if (hash_contains(machine->domains, GUINT_TO_POINTER(domain)) &&
	    !hash_contains(machine->populated, GUINT_TO_POINTER(domain)))
		report(machine->findings, machine->rule_id, place,
		       "write the domain of memory and processors near it, if there are any",
		       "proximity domain %u has neither memory nor processors", domain);
}

/* An SRAT with devices only, as viommu generates it, tells nothing of memory. */
void machine_check_empty_domains(const struct machine *machine)
{
	if (machine->domains && hash_size(machine->populated))
		for_each_domain(machine, check_populated);
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
static void check_initiator(const struct machine *machine, struct hash *functions,
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
			check_initiator(machine, functions, structure);
	hash_free(functions);
}
