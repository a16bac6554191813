/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_MACHINE_H
#define VIOMMU_TABLES_MACHINE_H

#include "base/array.h"
#include "base/hash.h"
#include "tables/table/format.h"
#include "tables/model/topology.h"

/*
 * The tables of one machine, for rules across tables (machine.c). Sets of a missing table are NULL:
 * the rules about them are skipped.
 */
struct machine {
	struct pointers *descriptions; /* struct description, of tables that mean a topology */
	struct hash *its;              /* IDs of ITSs, or of frames of GICv5: MADT */
	struct hash *ioapics;          /* IDs of IOAPICs: MADT */
	int southbridge;               /* ID of the IOAPIC with GSI 0, of the southbridge; or -1 */
	struct hash *domains;          /* proximity domains that are enabled: SRAT */
	struct hash *populated;        /* those of them with memory or processors */
	struct hash *buses;            /* segment -> struct buses: MCFG */
	struct pointers *blocks;       /* definition blocks: the DSDT, and SSDTs */
	bool has_dsdt;
	const struct viommu_table *srat, *apmt;
	struct viommu_findings *findings;
	const char *rule_id; /* the rule being checked */
};

/* A table and its topology. */
struct description {
	const struct viommu_table *table;
	struct viommu_topology *topology;
};

/* A bit for each of the 256 buses that a segment can have. */
struct buses {
	uint8_t bits[256 / 8];
};

#define for_each_description(description, machine) \
	for (guint i_ = 0; i_ < (machine)->descriptions->len && \
			   ((description) = (machine)->descriptions->pdata[i_]); \
	     i_++)

typedef void machine_rule(const struct machine *machine);

/* pci.c: functions, and their IOMMUs */
machine_rule machine_check_segments;
machine_rule machine_check_buses;
machine_rule machine_check_functions;
machine_rule machine_check_both;

/* interrupts_and_domains.c */
machine_rule machine_check_its;
machine_rule machine_check_ioapics;
machine_rule machine_check_unknown_ioapics;
machine_rule machine_check_southbridge;
machine_rule machine_check_domains;
machine_rule machine_check_empty_domains;
machine_rule machine_check_initiators;

/* performance.c: performance monitoring units of IOMMUs */
machine_rule machine_check_performance;

/* namespace.c: devices of the ACPI namespace */
machine_rule machine_check_objects;
machine_rule machine_check_hardware_ids;

/* queues.c: command queues of SMMUs */
machine_rule machine_check_queues;

/* The work of the public functions of these names (tables/public/). */
void tables_check_together(const struct viommu_table *const *tables, size_t n,
			   struct viommu_findings *findings);
void topology_check_domains(const struct viommu_topology *topology, const struct viommu_table *srat,
			    struct viommu_findings *findings);
int topology_apply_queues(struct viommu_topology *topology, const struct viommu_table *iort,
			  const struct viommu_table *block);

#endif
