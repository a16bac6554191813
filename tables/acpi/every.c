/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every table of IOMMUs that a topology needs
 *
 * A table reports IOMMUs that it cannot describe. Here that is a finding only if no table describes
 * them.
 */
#include <glib.h>

#include "acpi.h"
#include "tables/api/formats.h"
#include "tables/findings/findings.h"
#include "tables/model/topology.h"

/* IORT also describes the ITS groups of MSIs, without an SMMU. */
static const struct {
	const struct format *format;
	enum object_type also; /* or N_OBJECT_TYPES */
	const char *others[2]; /* the findings about IOMMUs of other tables */
} kinds[VIOMMU_TABLES_MAX] = {
	{ &viot_format, N_OBJECT_TYPES, { "viot-silent-iommu" } },
	{ &iort_format, OBJECT_ITS_GROUP, { "iort-silent-iommu", "iort-silent-virtio" } },
	{ &dmar_format, N_OBJECT_TYPES, { "dmar-silent-iommu" } },
	{ &ivrs_format, N_OBJECT_TYPES, { "ivrs-silent-iommu" } },
	{ &rimt_format, N_OBJECT_TYPES, { "rimt-silent-iommu" } },
};

static bool describes(size_t kind, const struct viommu_iommu *iommu)
{
	const struct viommu_table table = { .format = kinds[kind].format };

	return kinds[kind].format->describes(&table, iommu);
}

static bool is_needed(size_t kind, const struct viommu_topology *topology)
{
	const struct viommu_iommu *iommu;

	if (kinds[kind].also != N_OBJECT_TYPES && topology_count(topology, kinds[kind].also))
		return true;
	for_each_object(i, iommu, topology, OBJECT_IOMMU)
		if (describes(kind, iommu))
			return true;
	return false;
}

/* Findings of one table, without those about IOMMUs of others, and without those of some rules. */
static void take_findings(struct viommu_findings *all, const struct viommu_findings *own,
			  const char *const *others, const struct rule_ids *except)
{
	const struct viommu_finding *finding;

	for (size_t i = 0; (finding = viommu_findings_get(own, i)); i++)
		if (g_strcmp0(finding->id, others[0]) && g_strcmp0(finding->id, others[1]) &&
		    g_strcmp0(finding->id, except->first) && g_strcmp0(finding->id, except->second))
			report(all, finding->id, finding->place, finding->cure, "%s",
			       finding->text);
}

/* The caller checks the topology, whose findings then have places in its text. */
static bool is_of_table(const struct viommu_finding *finding)
{
	return finding->severity == VIOMMU_ERROR ||
	       (finding->severity == VIOMMU_WARNING && !g_str_has_prefix(finding->id, "topology-"));
}

/*
 * A table with an error is not given to a guest. Its bytes are checked, since they are what a guest
 * reads.
 */
static bool has_errors(const struct viommu_table *table, struct viommu_findings *findings)
{
	struct viommu_findings *all = findings_new();
	const struct viommu_finding *finding;
	struct viommu_table *copy;
	void *bytes;
	size_t length = table_encode(table, &bytes);
	bool has;

	copy = table_decode(bytes, length, table->signature, all);
	memory_free(bytes);
	table_check(copy, all);
	viommu_table_free(copy);
	for (size_t i = 0; (finding = viommu_findings_get(all, i)); i++)
		if (is_of_table(finding))
			report(findings, finding->id, finding->place, finding->cure, "%s",
			       finding->text);
	has = viommu_findings_count_from(all, VIOMMU_ERROR);
	viommu_findings_free(all);
	return has;
}

static struct viommu_table *generate_one(const struct viommu_topology *topology, size_t kind,
					 const struct rule_ids *except,
					 struct viommu_findings *findings)
{
	struct viommu_findings *own = findings_new();
	struct viommu_table *table = table_generate(topology, kinds[kind].format->signature, own);

	take_findings(findings, own, kinds[kind].others, except);
	viommu_findings_free(own);
	return table && has_errors(table, findings) ? viommu_table_free(table) : table;
}

/* An IOMMU of kind `other` is in a table of its own, which this library does not know. */
static void report_undescribed(const struct viommu_topology *topology,
			       struct viommu_findings *findings)
{
	const struct viommu_iommu *iommu;

	for_each_object(i, iommu, topology, OBJECT_IOMMU) {
		size_t kind = 0;

		while (kind < VIOMMU_TABLES_MAX && !describes(kind, iommu))
			kind++;
		if (kind == VIOMMU_TABLES_MAX)
			report(findings, "image-iommu", iommu->place,
			       "describe it in the table of its own platform",
			       "no table describes IOMMU \"%s\"", iommu->name);
	}
}

size_t tables_generate_besides(const struct viommu_topology *topology, const struct pointers *parts,
			       struct viommu_table *tables[VIOMMU_TABLES_MAX],
			       const struct rule_ids *except, struct viommu_findings *findings)
{
	size_t n = 0;

	report_undescribed(topology, findings);
	for (size_t kind = 0; kind < VIOMMU_TABLES_MAX; kind++)
		if (is_needed(kind, topology) &&
		    !(parts && parts_have(parts, kinds[kind].format->signature))) {
			tables[n] = generate_one(topology, kind, except, findings);
			n += tables[n] != NULL;
		}
	return n;
}

size_t tables_generate(const struct viommu_topology *topology,
		       struct viommu_table *tables[VIOMMU_TABLES_MAX],
		       struct viommu_findings *findings)
{
	return tables_generate_besides(topology, NULL, tables, &(struct rule_ids){ NULL, NULL },
				       findings);
}
