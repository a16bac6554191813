/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checks the tables of one machine together: <viommu/tables.h>
 *
 * IORT refers to interrupt translation services of the MADT, DMAR to proximity domains of the SRAT,
 * VIOT to functions on buses of the MCFG. The numbers of all tables are collected first. Each rule
 * then checks the topologies of all tables, of whatever kind.
 */
#include <string.h>

#include "base/array.h"
#include "base/hash.h"
#include "machine.h"
#include "tables/api/formats.h"
#include "tables/formats/dsdt.h"
#include "tables/formats/madt.h"
#include "tables/formats/mcfg.h"
#include "tables/formats/srat/srat.h"

/* -- objects of MADT, SRAT and MCFG -------------------------------------------- */

/* An empty set is kept, too: a MADT without an ITS means that there is none. */
static void take_interrupts(struct machine *machine, const struct viommu_table *madt)
{
	const struct record *structure;

	machine->its = hash_new(&hash_direct);
	machine->ioapics = hash_new(&hash_direct);
	for_each_structure(structure, madt) {
		const struct madt_its *its = structure->host;
		const struct madt_its_translate *frame = structure->host;
		const struct madt_ioapic *ioapic = structure->host;

		if (record_is(structure, &madt_its_layout))
			hash_add(machine->its, GUINT_TO_POINTER(its->id));
		else if (record_is(structure, &madt_its_translate_layout))
			hash_add(machine->its, GUINT_TO_POINTER(frame->id));
		else if (record_is(structure, &madt_ioapic_layout)) {
			hash_add(machine->ioapics, GUINT_TO_POINTER(ioapic->id));
			if (!ioapic->interrupt_base)
				machine->southbridge = ioapic->id;
		}
	}
}

static bool is_processor_or_memory(const struct record *structure)
{
	switch (structure->layout->type) {
	case SRAT_CPU:
	case SRAT_MEMORY:
	case SRAT_X2APIC:
	case SRAT_GICC:
	case SRAT_RINTC:
		return true;
	default:
		return false;
	}
}

/* Linux creates a node for every enabled entry. */
static void take_domains(struct machine *machine, const struct viommu_table *srat)
{
	const struct record *structure;
	uint32_t domain;

	machine->srat = srat;
	machine->domains = hash_new(&hash_direct);
	machine->populated = hash_new(&hash_direct);
	for_each_structure(structure, srat) {
		if (!srat_domain(structure, &domain) || !srat_is_enabled(structure))
			continue;
		hash_add(machine->domains, GUINT_TO_POINTER(domain));
		if (is_processor_or_memory(structure))
			hash_add(machine->populated, GUINT_TO_POINTER(domain));
	}
}

/* Several allocations may be for one segment, each with some of its buses. */
static struct buses *buses_of(struct machine *machine, unsigned segment)
{
	gpointer key = GUINT_TO_POINTER(segment);
	struct buses *buses = hash_lookup(machine->buses, key);

	if (!buses) {
		buses = memory_new(struct buses, 1);
		hash_insert(machine->buses, key, buses);
	}
	return buses;
}

/* One bit for each of 256 buses. An inverted allocation sets none. */
static void take_buses(struct machine *machine, const struct viommu_table *mcfg)
{
	const struct record *structure;

	machine->buses = hash_new_full(&hash_direct, NULL, memory_free);
	for_each_structure(structure, mcfg) {
		const struct mcfg_allocation *allocation = structure->host;
		struct buses *buses = buses_of(machine, allocation->segment);

		for (unsigned bus = allocation->bus_first; bus <= allocation->bus_last; bus++)
			buses->bits[bus / 8] |= (uint8_t)(1u << bus % 8);
	}
}

static void take_performance(struct machine *machine, const struct viommu_table *apmt)
{
	machine->apmt = apmt;
}

static void take_block(struct machine *machine, const struct viommu_table *block)
{
	machine->has_dsdt |= block->format == &dsdt_format;
	pointers_add(machine->blocks, (gpointer)block);
}

static const struct {
	const struct format *format;
	void (*take)(struct machine *machine, const struct viommu_table *table);
} neighbours[] = {
	{ &madt_format, take_interrupts }, { &srat_format, take_domains },
	{ &mcfg_format, take_buses },      { &dsdt_format, take_block },
	{ &ssdt_format, take_block },      { &apmt_format, take_performance },
};

/* -- the tables ---------------------------------------------------------------------- */

/* The caller owns the table. */
static void description_free(void *opaque)
{
	struct description *description = opaque;

	viommu_topology_free(description->topology);
	memory_free(description);
}

/* Without findings: checking the table alone reports them. */
static void describe(struct machine *machine, const struct viommu_table *table)
{
	struct description *description = memory_new(struct description, 1);

	description->table = table;
	description->topology = table_topology(table, NULL);
	pointers_add(machine->descriptions, description);
}

/* Device trees and built-in topologies refer to no other table. */
static bool is_acpi(const struct viommu_table *table)
{
	return table->whole && table->format && table->format->head && !table->format->bare;
}

/* A table may both describe IOMMUs and define numbers. */
static void take(struct machine *machine, const struct viommu_table *table)
{
	if (table->format->to_topology)
		describe(machine, table);
	for (size_t i = 0; i < G_N_ELEMENTS(neighbours); i++)
		if (neighbours[i].format == table->format)
			neighbours[i].take(machine, table);
}

/* The first of several with one signature, as in Linux; a machine has many SSDTs. */
static void take_all(struct machine *machine, const struct viommu_table *const *tables, size_t n)
{
	struct hash *seen = hash_new(&hash_direct);

	for (size_t i = 0; i < n; i++)
		if (is_acpi(tables[i]) && (hash_add(seen, (gpointer)tables[i]->format) ||
					   tables[i]->format == &ssdt_format))
			take(machine, tables[i]);
	hash_free(seen);
}

/* Topologies first: nothing refers to them. */
static void forget(struct machine *machine)
{
	pointers_free(machine->descriptions);
	pointers_free(machine->blocks);
	g_clear_pointer(&machine->its, hash_free);
	g_clear_pointer(&machine->ioapics, hash_free);
	g_clear_pointer(&machine->domains, hash_free);
	g_clear_pointer(&machine->populated, hash_free);
	g_clear_pointer(&machine->buses, hash_free);
}

/* -- the rules ----------------------------------------------------------------------- */

static const struct {
	const char *rule_id;
	machine_rule *check;
} rules[] = {
	{ "machine-segment", machine_check_segments },
	{ "machine-bus", machine_check_buses },
	{ "machine-function", machine_check_functions },
	{ "machine-both", machine_check_both },
	{ "machine-its", machine_check_its },
	{ "machine-ioapic", machine_check_ioapics },
	{ "machine-ioapic-unknown", machine_check_unknown_ioapics },
	{ "machine-southbridge", machine_check_southbridge },
	{ "machine-domain", machine_check_domains },
	{ "machine-domain-empty", machine_check_empty_domains },
	{ "machine-initiator", machine_check_initiators },
	{ "machine-performance", machine_check_performance },
	{ "machine-object", machine_check_objects },
	{ "machine-hardware-id", machine_check_hardware_ids },
	{ "machine-cmdqv", machine_check_queues },
};

/* Checks all rules, whatever the others found. */
void tables_check_together(const struct viommu_table *const *tables, size_t n,
			   struct viommu_findings *findings)
{
	struct machine machine = {
		.descriptions = pointers_new(description_free),
		.blocks = pointers_new(NULL),
		.southbridge = -1,
		.findings = findings,
	};

	take_all(&machine, tables, n);
	for (size_t i = 0; i < G_N_ELEMENTS(rules); i++) {
		machine.rule_id = rules[i].rule_id;
		rules[i].check(&machine);
	}
	forget(&machine);
}

/* The same two rules for a topology, which no table describes yet. */
void topology_check_domains(const struct viommu_topology *topology, const struct viommu_table *srat,
			    struct viommu_findings *findings)
{
	struct description description = { .topology = (struct viommu_topology *)topology };
	struct machine machine = {
		.descriptions = pointers_new(NULL),
		.blocks = pointers_new(NULL),
		.findings = findings,
	};

	pointers_add(machine.descriptions, &description);
	if (srat->whole && srat->format == &srat_format) {
		take_domains(&machine, srat);
		machine.rule_id = "machine-domain";
		machine_check_domains(&machine);
		machine.rule_id = "machine-domain-empty";
		machine_check_empty_domains(&machine);
	}
	forget(&machine);
}
