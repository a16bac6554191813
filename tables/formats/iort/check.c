/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of single IORT nodes
 *
 * Decoding reports what prevents decoding; check_references.c and check_ids.c have the rules of ID
 * mappings.
 *
 * Linux checks little more than that a node begins inside the table. It accepts a length of 0, an
 * array outside its node and a reference into the middle of another node, and it never leaves a
 * cycle of references.
 */
#include <string.h>

#include "base/array.h"
#include "base/hash.h"
#include "tables/findings/findings.h"
#include "check.h"
#include "tables/table/frame.h"

static const struct iort_head *head_of(const struct table_check *check)
{
	return check->table->root->host;
}

/* -- the head -------------------------------------------------------------------- */

/*
 * 1, 2 and 4 were published and withdrawn: their fields mean different things to different
 * generators.
 */
static void check_revision(const struct table_check *check)
{
	static const bool known[] = { [IORT_REVISION_D] = true,
				      [IORT_REVISION_E_B] = true,
				      [IORT_REVISION_E_D] = true,
				      [IORT_REVISION_E_E] = true,
				      [IORT_REVISION_LAST] = true };
	unsigned revision = head_of(check)->acpi.revision;

	if (revision >= G_N_ELEMENTS(known) || !known[revision])
		report(check->findings, check->rule_id,
		       table_place_of(check->table, check->table->root, "Revision"),
		       "write 3, or 5 with RMR nodes",
		       revision < G_N_ELEMENTS(known) ? "revision %u was withdrawn"
						      : "revision %u is not known",
		       revision);
}

/* -- fields of every node -------------------------------------------------------- */

/* A note, since such a table was made on purpose; but current guests do not find the IOMMU. */
static void check_draft(const struct table_check *check, const struct record *node)
{
	report(check->findings, check->rule_id, iort_place(check, node, "Type"),
	       "describe virtio-iommus in a VIOT", "%s is not a node of a published IORT",
	       node->layout->name);
}

/* A table inside a VIOT of 2019 may have both. */
static void check_drafts(const struct table_check *check)
{
	if (iort_is_wrapped(check->table))
		return;
	iort_for_each_node(check, IORT_VIRTIO_PCI, check_draft);
	iort_for_each_node(check, IORT_VIRTIO_MMIO, check_draft);
}

/* These bytes were reserved before table revision 3. */
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

/* Other tables refer to nodes by identifier, so a duplicate is ambiguous there. */
static void check_identifiers(const struct table_check *check)
{
	auto_hash struct hash *seen = hash_new(&hash_direct);
	const struct record *node;

	if (head_of(check)->acpi.revision < IORT_REVISION_E_B)
		return;
	for (guint i = 0; (node = iort_next_node(check->table, &i));)
		if (!hash_add(seen, GUINT_TO_POINTER(iort_node_of(node)->identifier)))
			report(check->findings, check->rule_id,
			       iort_place(check, node, "Identifier"),
			       "give every node an identifier of its own",
			       "%s has identifier %u, as another node has", node->layout->name,
			       iort_node_of(node)->identifier);
}

/* Padding is 0. Other bytes that no field refers to may be mappings that were not counted. */
static void check_zero_bytes(const struct table_check *check, const struct rest *bytes, size_t at,
			     const struct record *node)
{
	for (guint i = 0; i < bytes->len; i++)
		if (bytes->data[i]) {
			report(check->findings, check->rule_id, table_place(check->table, at + i),
			       "count the element, or write 0",
			       "%s has non-zero bytes that no field refers to", node->layout->name);
			return;
		}
}

/* Bytes between arrays and behind the last one. The contents of an unknown node are not checked. */
static void check_bytes(const struct table_check *check)
{
	const struct record *node, *child;

	for (guint i = 0; (node = iort_next_node(check->table, &i));) {
		for_each_child(k, child, node)
			if (!child->layout && !record_is_text(child))
				check_zero_bytes(check, &child->rest, child->at, node);
		if (iort_type_of(node) != IORT_UNKNOWN)
			check_zero_bytes(check, &node->rest,
					 node->at + record_length(node) - node->rest.len, node);
	}
}

/* -- object names ---------------------------------------------------------------- */

static void check_node_text(const struct table_check *check, const struct record *node)
{
	const struct record *text = iort_text_of(node);

	if (!text || !memchr(record_text(text), '\0', text->rest.len))
		report(check->findings, check->rule_id, table_place(check->table, node->at),
		       "add a NUL inside the node", "the %s of %s has no NUL",
		       iort_text_name(iort_type_of(node)), node->layout->name);
}

static void check_text(const struct table_check *check)
{
	iort_for_each_node(check, IORT_NAMED_COMPONENT, check_node_text);
	iort_for_each_node(check, IORT_IWB, check_node_text);
}

/* ACPI pads names with underscores and Linux compares paths as strings. */
static void check_path(const struct table_check *check, const struct record *node)
{
	const struct record *text = iort_text_of(node);
	auto_free char *path = text ? iort_text(node) : NULL;

	if (path && !acpi_is_path(path))
		report(check->findings, check->rule_id, table_place(check->table, text->at),
		       "write every name with 4 characters, as in \\_SB_.DEV0",
		       "no device of the ACPI namespace can have this path");
}

/* Named components only: Linux compares the name of an IWB with nothing. */
static void check_paths(const struct table_check *check)
{
	iort_for_each_node(check, IORT_NAMED_COMPONENT, check_path);
}

/* -- root complexes and named components ----------------------------------------- */

/* The limit is a number of address bits, so 0 leaves one byte. */
static void check_component_limit(const struct table_check *check, const struct record *node)
{
	const struct iort_named_component *component = node->host;

	if (!component->address_limit)
		report(check->findings, check->rule_id,
		       iort_place(check, node, "Address size limit"),
		       "write 64, or what the device can address",
		       "the device can address a single byte");
}

/* The field came with node revision 1; readers ignore it before that. */
static void check_complex_limit(const struct table_check *check, const struct record *node)
{
	const struct iort_root_complex *complex = node->host;

	if (complex->node.revision && !complex->address_limit)
		report(check->findings, check->rule_id, iort_place(check, node, "PCI segment"),
		       "write 64 as its address size limit",
		       "the root complex can address a single byte");
}

static void check_limits(const struct table_check *check)
{
	iort_for_each_node(check, IORT_NAMED_COMPONENT, check_component_limit);
	iort_for_each_node(check, IORT_ROOT_COMPLEX, check_complex_limit);
}

static void check_segments(const struct table_check *check)
{
	auto_hash struct hash *seen = hash_new(&hash_direct);
	const struct record *node;

	for (guint i = 0; (node = iort_next_node(check->table, &i));) {
		const struct iort_root_complex *complex = node->host;

		if (iort_type_of(node) == IORT_ROOT_COMPLEX &&
		    !hash_add(seen, GUINT_TO_POINTER(complex->segment)))
			report(check->findings, check->rule_id,
			       iort_place(check, node, "PCI segment"),
			       "write all ID mappings of a segment into one node",
			       "segment %u already has a root complex", complex->segment);
	}
}

/* Readers of an older node revision ignore fields that came later. */
static void check_complex_revision(const struct table_check *check, const struct record *node)
{
	static const unsigned revision_with_pri = 2;
	const struct iort_root_complex *complex = node->host;

	if (complex->node.revision < revision_with_pri &&
	    complex->ats & (IORT_PRI | IORT_PASID_FORWARD))
		report(check->findings, check->rule_id, iort_place(check, node, "Revision"),
		       "write node revision 3, and table revision 3",
		       "a root complex of revision %u cannot have PRI or PASID",
		       complex->node.revision);
}

/* Readers of older revisions ignore the flag, and decide by the interrupts. */
static void check_smmu_revision(const struct table_check *check, const struct record *node)
{
	const struct iort_smmu_v3 *smmu = node->host;

	if (smmu->node.revision < IORT_SMMU_V3_WITH_FLAG && smmu->flags & IORT_SMMU_V3_DEVICE_ID)
		report(check->findings, check->rule_id, iort_place(check, node, "Revision"),
		       "write node revision 5, and table revision 6",
		       "an SMMUv3 of revision %u cannot have the flag for its DeviceID mapping",
		       smmu->node.revision);
}

/*
 * Only the revisions that readers decide by: a node revision too new for its table has no effect.
 */
static void check_node_revisions(const struct table_check *check)
{
	iort_for_each_node(check, IORT_ROOT_COMPLEX, check_complex_revision);
	iort_for_each_node(check, IORT_SMMU_V3, check_smmu_revision);
}

const struct table_rule iort_rules[] = {
	{ "iort-revision", check_revision },
	{ "iort-node-count", check_structure_count },
	{ "iort-node-type", check_unknown_types },
	{ "iort-draft", check_drafts },
	{ "iort-reserved", check_reserved_bytes },
	{ "iort-reserved", check_early_identifiers },
	{ "iort-value", check_undefined_values },
	{ "iort-identifier", check_identifiers },
	{ "iort-bytes", check_bytes },
	{ "iort-text", check_text },
	{ "iort-path", check_paths },
	{ "iort-address-limit", check_limits },
	{ "iort-segment-twice", check_segments },
	{ "iort-node-revision", check_node_revisions },
	{ "iort-revision-unknown", iort_check_unknown_revisions },
	{ "iort-interrupts", iort_check_interrupts },
	{ "iort-interrupt-shared", iort_check_shared_interrupts },
	{ "iort-interrupt-private", iort_check_private_interrupts },
	{ "iort-its-twice", iort_check_its_twice },
	{ "iort-device-id-twice", iort_check_device_ids },
	{ "iort-its-partial", iort_check_partial_its },
	{ "iort-memory", iort_check_memory },
	{ "iort-memory", iort_check_rmr_attributes },
	{ "iort-span", iort_check_spans },
	{ "iort-its-empty", iort_check_its_groups },
	{ "iort-interrupt-order", iort_check_interrupt_order },
	{ "iort-device-id-index", iort_check_device_id_index },
	{ "iort-device-id-mapping", iort_check_device_id_mappings },
	{ "iort-pmcg", iort_check_pmcgs },
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
