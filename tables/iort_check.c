/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of the nodes of an IORT, each by itself
 *
 * What is wrong with a table so that it cannot be taken apart, decoding has said already; where ID
 * mappings lead is in iort_check_map.c.
 */
#include <inttypes.h>
#include <string.h>

#include "findings.h"
#include "iort_check.h"

void iort_each(const struct table_check *check, unsigned type, iort_look *look)
{
	const struct record *node;

	for (guint i = 0; (node = iort_next_node(check->table, &i));)
		if (iort_type_of(node) == type)
			look(check, node);
}

static const struct iort_head *head_of(const struct table_check *check)
{
	return check->table->root->host;
}

/* -- the head ------------------------------------------------------------------------ */

/* 1, 2 and 4 were published and withdrawn: what a field means there depends on who wrote it. */
static void check_revision(const struct table_check *check)
{
	static const bool fine[] = { [IORT_REVISION_D] = true,
				     [IORT_REVISION_E_B] = true,
				     [IORT_REVISION_E_D] = true,
				     [IORT_REVISION_E_E] = true,
				     [IORT_REVISION_LAST] = true };
	unsigned revision = head_of(check)->acpi.revision;

	if (revision >= G_N_ELEMENTS(fine) || !fine[revision])
		report(check->findings, check->rule_id,
		       table_place_of(check->table, check->table->root, "Revision"),
		       "write 3, or 5 with RMR nodes",
		       revision < G_N_ELEMENTS(fine) ? "revision %u was withdrawn"
						     : "revision %u is not known",
		       revision);
}

/* Nodes, whether understood or not; not what lies before them, which is one child at most. */
static unsigned count_nodes(const struct viommu_table *table)
{
	const GPtrArray *children = table->root->children;
	const struct record *before = children->len ? children->pdata[0] : NULL;
	size_t end = acpi_end(table, record_length(table->root));

	return children->len - (before && before->at < iort_first_node(table->root->host, end));
}

static void check_count(const struct table_check *check)
{
	unsigned n = count_nodes(check->table), said = head_of(check)->node_count;

	if (said != n)
		report(check->findings, check->rule_id,
		       table_place_of(check->table, check->table->root, "Node count"),
		       "write the number of nodes", "node count is %u, and there are %u", said, n);
}

/* -- fields of every node ---------------------------------------------------------------- */

static void blame_draft(const struct table_check *check, const struct record *node)
{
	report(check->findings, check->rule_id, iort_place(check, node, "Type"),
	       "describe virtio-iommus in a VIOT", "%s is no node of a published IORT",
	       node->layout->name);
}

static void check_drafts(const struct table_check *check)
{
	if (iort_is_wrapped(check->table))
		return;
	iort_each(check, IORT_VIRTIO_PCI, blame_draft);
	iort_each(check, IORT_VIRTIO_MMIO, blame_draft);
}

/* All bits of flags that have a name; for an enumeration, whether the value has one. */
static bool has_meaning(const struct field *field, uint64_t value)
{
	uint64_t known = 0;

	for (const struct field_name *name = field->names; name->name; name++) {
		if (field->kind == FIELD_ENUM && name->value == value)
			return true;
		known |= name->value;
	}
	return field->kind == FIELD_FLAGS && !(value & ~known);
}

static void look_at_values(const struct table_check *check, const struct record *record)
{
	if (!record->layout)
		return;
	for_each_field(f, record->layout)
		if ((f->kind == FIELD_FLAGS || f->kind == FIELD_ENUM) &&
		    !has_meaning(f, field_get(f, record->host)))
			report(check->findings, check->rule_id,
			       table_place(check->table, record->at + f->at),
			       "write what the standard has there",
			       "%s of %s has no meaning: 0x%" PRIx64, f->name, record->layout->name,
			       field_get(f, record->host));
}

static void check_values(const struct table_check *check)
{
	const struct record *node;

	for (guint i = 0; (node = iort_next_node(check->table, &i));) {
		look_at_values(check, node);
		for (guint k = 0; k < node->children->len; k++)
			look_at_values(check, node->children->pdata[k]);
	}
}

/* Until revision 3 these bytes were reserved. */
static void check_early_identifiers(const struct table_check *check)
{
	const struct record *node;

	if (head_of(check)->acpi.revision >= IORT_REVISION_E_B)
		return;
	for (guint i = 0; (node = iort_next_node(check->table, &i));)
		if (iort_node_of(node)->identifier)
			report(check->findings, check->rule_id,
			       iort_place(check, node, "Identifier"), "write 0",
			       "%s has an identifier before revision 3", node->layout->name);
}

static void check_identifiers(const struct table_check *check)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
	const struct record *node;

	if (head_of(check)->acpi.revision < IORT_REVISION_E_B)
		return;
	for (guint i = 0; (node = iort_next_node(check->table, &i));)
		if (!g_hash_table_add(seen, GUINT_TO_POINTER(iort_node_of(node)->identifier)))
			report(check->findings, check->rule_id,
			       iort_place(check, node, "Identifier"),
			       "give every node a number of its own",
			       "%s has identifier %u, which another node has", node->layout->name,
			       iort_node_of(node)->identifier);
}

/* Padding is 0. Other bytes that no field leads to may be mappings that were not counted. */
static void look_at_bytes(const struct table_check *check, const GByteArray *bytes, size_t at,
			  const struct record *node)
{
	for (guint i = 0; i < bytes->len; i++)
		if (bytes->data[i]) {
			report(check->findings, check->rule_id, table_place(check->table, at + i),
			       "count it, or write 0",
			       "%s has bytes that none of its fields leads to", node->layout->name);
			return;
		}
}

static void check_bytes(const struct table_check *check)
{
	const struct record *node;

	for (guint i = 0; (node = iort_next_node(check->table, &i));) {
		for (guint k = 0; k < node->children->len; k++) {
			const struct record *child = node->children->pdata[k];

			if (!child->layout && !child->text)
				look_at_bytes(check, child->rest, child->at, node);
		}
		if (iort_type_of(node) != IORT_UNKNOWN)
			look_at_bytes(check, node->rest,
				      node->at + record_length(node) - node->rest->len, node);
	}
}

/* -- names of objects --------------------------------------------------------------------- */

static void look_at_text(const struct table_check *check, const struct record *node)
{
	const struct record *text = iort_text_of(node);

	if (!text || !memchr(record_text(text), '\0', text->rest->len))
		report(check->findings, check->rule_id, table_place(check->table, node->at),
		       "end it with a NUL inside of the node", "%s of %s has no end",
		       iort_text_name(iort_type_of(node)), node->layout->name);
}

static void check_text(const struct table_check *check)
{
	iort_each(check, IORT_NAMED_COMPONENT, look_at_text);
	iort_each(check, IORT_IWB, look_at_text);
}

static void look_at_path(const struct table_check *check, const struct record *node)
{
	const struct record *text = iort_text_of(node);
	g_autofree char *path = text ? iort_text(node) : NULL;

	if (path && !acpi_is_path(path))
		report(check->findings, check->rule_id, table_place(check->table, text->at),
		       "write every name with 4 characters, as in \\_SB_.DEV0",
		       "no device of an ACPI namespace has this path");
}

static void check_paths(const struct table_check *check)
{
	iort_each(check, IORT_NAMED_COMPONENT, look_at_path);
}

/* -- root complexes and named components ------------------------------------------------------ */

static void look_at_component_limit(const struct table_check *check, const struct record *node)
{
	const struct iort_named_component *component = node->host;

	if (!component->address_limit)
		report(check->findings, check->rule_id,
		       iort_place(check, node, "Address size limit"),
		       "write 64, or what the device can address",
		       "a device that can address a single byte");
}

/* The field came with node revision 1: before that readers do not look at it. */
static void look_at_complex_limit(const struct table_check *check, const struct record *node)
{
	const struct iort_root_complex *complex = node->host;

	if (complex->node.revision && !complex->address_limit)
		report(check->findings, check->rule_id, iort_place(check, node, "PCI segment"),
		       "write 64 as its address size limit",
		       "a root complex that can address a single byte");
}

static void check_limits(const struct table_check *check)
{
	iort_each(check, IORT_NAMED_COMPONENT, look_at_component_limit);
	iort_each(check, IORT_ROOT_COMPLEX, look_at_complex_limit);
}

static void check_segments(const struct table_check *check)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
	const struct record *node;

	for (guint i = 0; (node = iort_next_node(check->table, &i));) {
		const struct iort_root_complex *complex = node->host;

		if (iort_type_of(node) == IORT_ROOT_COMPLEX &&
		    !g_hash_table_add(seen, GUINT_TO_POINTER(complex->segment)))
			report(check->findings, check->rule_id,
			       iort_place(check, node, "PCI segment"),
			       "write all ID mappings of a segment into one node",
			       "segment %u has a root complex already", complex->segment);
	}
}

/* What a node says although its revision has no place for it, readers of that revision ignore. */
static void look_at_complex_revision(const struct table_check *check, const struct record *node)
{
	static const unsigned revision_with_pri = 2;
	const struct iort_root_complex *complex = node->host;

	if (complex->node.revision < revision_with_pri &&
	    complex->ats & (IORT_PRI | IORT_PASID_FORWARD))
		report(check->findings, check->rule_id, iort_place(check, node, "Revision"),
		       "write node revision 3, and table revision 3",
		       "PRI or PASID of a root complex of revision %u", complex->node.revision);
}

static void look_at_smmu_revision(const struct table_check *check, const struct record *node)
{
	const struct iort_smmu_v3 *smmu = node->host;

	if (smmu->node.revision < IORT_SMMU_V3_WITH_FLAG && smmu->flags & IORT_SMMU_V3_DEVICE_ID)
		report(check->findings, check->rule_id, iort_place(check, node, "Revision"),
		       "write node revision 5, and table revision 6",
		       "the flag for the DeviceID mapping of an SMMUv3 of revision %u",
		       smmu->node.revision);
}

static void check_node_revisions(const struct table_check *check)
{
	iort_each(check, IORT_ROOT_COMPLEX, look_at_complex_revision);
	iort_each(check, IORT_SMMU_V3, look_at_smmu_revision);
}

/* -- ITS groups, SMMUs, PMCGs ------------------------------------------------------------------ */

static void look_at_its_group(const struct table_check *check, const struct record *node)
{
	const struct iort_its_group *group = node->host;

	if (!group->its_count)
		report(check->findings, check->rule_id, iort_place(check, node, "ITS count"),
		       "name an ITS, or leave the node out", "an ITS group without an ITS");
}

static void check_its_groups(const struct table_check *check)
{
	iort_each(check, IORT_ITS_GROUP, look_at_its_group);
}

/* The device tree has sync before GERR; firmware that was made from one tends to keep that. */
static void look_at_order(const struct table_check *check, const struct record *node)
{
	const struct iort_smmu_v3 *smmu = node->host;

	if (smmu->event && smmu->pri == smmu->event + 1 && smmu->gerr == smmu->pri + 1 &&
	    smmu->sync == smmu->gerr + 1)
		report(check->findings, check->rule_id, iort_place(check, node, "GERR GSIV"),
		       "see whether sync has to be before GERR, as in the device tree",
		       "interrupts of an SMMUv3 follow each other as in the node");
}

static void check_order(const struct table_check *check)
{
	iort_each(check, IORT_SMMU_V3, look_at_order);
}

bool iort_has_device_id_mapping(const struct iort_smmu_v3 *smmu)
{
	if (smmu->node.revision >= IORT_SMMU_V3_WITH_FLAG)
		return smmu->flags & IORT_SMMU_V3_DEVICE_ID;
	return smmu->node.revision && !(smmu->event && smmu->pri && smmu->gerr && smmu->sync);
}

static void look_at_device_id_index(const struct table_check *check, const struct record *node)
{
	const struct iort_smmu_v3 *smmu = node->host;

	if (iort_has_device_id_mapping(smmu) && smmu->device_id_mapping >= smmu->node.mapping_count)
		report(check->findings, check->rule_id, iort_place(check, node, "Sync GSIV"),
		       "write all four GSIVs, or which ID mapping its own MSIs have",
		       "DeviceID mapping %u of an SMMUv3 with %u ID mappings",
		       smmu->device_id_mapping, smmu->node.mapping_count);
}

static void check_device_id_index(const struct table_check *check)
{
	iort_each(check, IORT_SMMU_V3, look_at_device_id_index);
}

/* PMCGs are often there in hundreds: none of the walks here is longer than its own node. */
static void look_at_pmcg(const struct table_check *check, const struct record *node)
{
	const struct iort_pmcg *pmcg = node->host;
	const struct iort_mapping *mapping = iort_mapping_of(node, 0);

	if (!pmcg->overflow &&
	    (pmcg->node.mapping_count != 1 || !mapping || !(mapping->flags & IORT_MAPPING_SINGLE)))
		report(check->findings, check->rule_id, iort_place(check, node, "Overflow GSIV"),
		       "write its interrupt, or one single mapping to an ITS group",
		       "a PMCG whose overflow nobody hears of");
}

static void check_pmcgs(const struct table_check *check)
{
	iort_each(check, IORT_PMCG, look_at_pmcg);
}

const struct table_rule iort_rules[] = {
	{ "iort-revision", check_revision },
	{ "iort-node-count", check_count },
	{ "iort-node-type", check_unknown_types },
	{ "iort-draft", check_drafts },
	{ "iort-reserved", check_reserved_bytes },
	{ "iort-reserved", check_early_identifiers },
	{ "iort-value", check_values },
	{ "iort-identifier", check_identifiers },
	{ "iort-bytes", check_bytes },
	{ "iort-text", check_text },
	{ "iort-path", check_paths },
	{ "iort-address-limit", check_limits },
	{ "iort-segment-twice", check_segments },
	{ "iort-node-revision", check_node_revisions },
	{ "iort-its-empty", check_its_groups },
	{ "iort-interrupt-order", check_order },
	{ "iort-device-id-index", check_device_id_index },
	{ "iort-device-id-mapping", iort_check_device_id_mappings },
	{ "iort-pmcg", check_pmcgs },
	{ "iort-rmr-revision", iort_check_rmr_revision },
	{ "iort-rmr-empty", iort_check_rmr_empty },
	{ "iort-rmr-align", iort_check_rmr_align },
	{ "iort-rmr-overlap", iort_check_rmr_overlap },
	{ "iort-rmr-one-id", iort_check_rmr_one_id },
	{ "iort-reference", iort_check_references },
	{ "iort-reference-null", iort_check_null_references },
	{ "iort-reference-kind", iort_check_reference_kinds },
	{ "iort-cycle", iort_check_cycles },
	{ "iort-single", iort_check_single },
	{ "iort-mapping-wrap", iort_check_wrap },
	{ "iort-mapping-beyond", iort_check_beyond },
	{ "iort-mapping-overlap", iort_check_overlap },
	{ "iort-id-count", iort_check_id_counts },
	{ NULL, NULL },
};
