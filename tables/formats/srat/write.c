/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Adds generic initiators for IOMMUs to an SRAT, or to an empty one
 *
 * An IOMMU that is a PCI function and has a proximity domain becomes an initiator. Others have
 * their domain in their own table: SMMUs in IORT, VT-d units in DMAR.
 *
 * The machine's firmware or VMM owns the SRAT, so existing structures are never replaced. If one
 * assigns a different domain to the function, nothing is added.
 *
 * Entries are always enabled: a disabled one makes Linux fail in its handler of the structure.
 */
#include "base/array.h"
#include "base/hash.h"
#include "tables/findings/findings.h"
#include "srat.h"
#include "tables/model/topology.h"

struct writing {
	struct viommu_table *table;
	struct hash *there;       /* ID of the function -> its initiator */
	struct pointers *missing; /* IOMMUs without an initiator */
	bool failed;
	struct viommu_findings *findings;
};

static uint32_t id_of(const struct viommu_iommu *iommu)
{
	return (uint32_t)iommu->segment << 16 | iommu->bdf;
}

static void refuse(struct writing *writing, const char *rule_id, struct viommu_place place,
		   const char *cure, const char *text)
{
	report(writing->findings, rule_id, place, cure, "%s", text);
	writing->failed = true;
}

/* -- existing structures ------------------------------------------------------- */

/* Ignores ports: a port may be the same function, with a domain of its own. */
static void take_existing(struct writing *writing)
{
	const struct record *structure;

	for_each_structure(structure, writing->table)
		if (record_is(structure, &srat_initiator_layout))
			hash_insert(writing->there, GUINT_TO_POINTER(srat_function_id(structure)),
				    (gpointer)structure);
}

/* The existing initiator must be enabled, and have the domain that would be written. */
static void compare(struct writing *writing, const struct viommu_iommu *iommu,
		    const struct record *structure)
{
	const struct srat_function *function = structure->host;

	if (function->domain != iommu->proximity_domain || !srat_is_enabled(structure))
		refuse(writing, "extend-taken", table_place(writing->table, structure->at),
		       "correct the topology, or remove the structure from the SRAT",
		       "the SRAT assigns a different domain to the function of an IOMMU, or "
		       "disables its entry");
}

/* -- new structures ------------------------------------------------------------ */

/* Adds nothing yet: all IOMMUs are checked first. */
static void look_at(struct writing *writing, const struct viommu_iommu *iommu)
{
	const struct record *structure =
		hash_lookup(writing->there, GUINT_TO_POINTER(id_of(iommu)));

	if (structure)
		compare(writing, iommu, structure);
	else
		pointers_add(writing->missing, (gpointer)iommu);
}

/* Before revision 2, a domain has 8 bits. */
static void check_room(struct writing *writing, const struct viommu_iommu *iommu)
{
	const struct srat_head *head = writing->table->root->host;

	if (head->acpi.revision < 2 && iommu->proximity_domain > UINT8_MAX)
		refuse(writing, "srat-domain", iommu->place, "number domains up to 255",
		       "in an SRAT of revision 1, a proximity domain has 8 bits");
}

/* At the current end of the table. */
static void add(struct writing *writing, const struct viommu_iommu *iommu)
{
	const struct srat_function function = {
		.node = { SRAT_INITIATOR, (uint8_t)srat_initiator_layout.length },
		.handle_type = SRAT_HANDLE_PCI,
		.domain = iommu->proximity_domain,
		.segment = iommu->segment,
		.bus = (uint8_t)(iommu->bdf >> 8),
		.devfn = (uint8_t)iommu->bdf,
		.flags = SRAT_ENABLED,
	};
	struct record *root = writing->table->root;

	record_add_child(root, record_from_host(root, &srat_initiator_layout, &function,
						record_length(root)));
}

/* Checks everything before it adds anything: an SRAT is extended completely or not at all. */
static bool run(struct viommu_table *table, const struct viommu_topology *topology,
		struct viommu_findings *findings)
{
	struct writing writing = {
		.table = table,
		.there = hash_new(&hash_direct),
		.missing = pointers_new(NULL),
		.findings = findings,
	};
	const struct viommu_iommu *iommu;

	take_existing(&writing);
	for (size_t i = 0; (iommu = viommu_topology_iommu(topology, i)); i++)
		if (iommu->has_proximity_domain && iommu_is_function(iommu))
			look_at(&writing, iommu);
	for (guint i = 0; i < writing.missing->len; i++)
		check_room(&writing, writing.missing->pdata[i]);
	for (guint i = 0; i < writing.missing->len && !writing.failed; i++)
		add(&writing, writing.missing->pdata[i]);
	hash_free(writing.there);
	pointers_free(writing.missing);
	return !writing.failed;
}

/* A new table has the newest revision. */
bool srat_write(struct viommu_table *table, const struct viommu_topology *topology,
		struct viommu_findings *findings)
{
	const struct viommu_table_header *header = viommu_topology_header(topology, "SRAT");
	struct srat_head *head = table->root->host;

	head->acpi.revision = (uint8_t)(header->has_revision ? header->revision : SRAT_REVISION);
	head->table_revision = 1;
	report(findings, "srat-alone", place_of_file(NULL), "extend the SRAT that the machine has",
	       "this SRAT has only IOMMUs, but no CPUs and no memory");
	return run(table, topology, findings);
}

/* Consumers cannot find a structure behind undecodable bytes. */
bool srat_extend(struct viommu_table *table, const struct viommu_topology *topology,
		 struct viommu_findings *findings)
{
	if (!table->root->rest.len)
		return run(table, topology, findings);
	report(findings, "extend-damaged",
	       table_place(table, record_length(table->root) - table->root->rest.len),
	       "repair the SRAT first", "no structure can follow bytes that are not a structure");
	return false;
}
