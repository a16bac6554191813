/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Accessors of decoded IORT nodes
 *
 * The record of a node has its mappings, its name and the elements of its arrays as children, in
 * the order of their bytes.
 */
#include "base/array.h"
#include "base/hash.h"
#include "iort.h"

const struct record *iort_next(const struct record *node, const struct layout *layout, guint *i)
{
	const struct record *child;

	while ((child = record_child(node, *i))) {
		(*i)++;
		if (child->layout == layout)
			return child;
	}
	return NULL;
}

const struct record *iort_next_node(const struct viommu_table *table, guint *i)
{
	const struct record *node;

	while ((node = record_child(table->root, *i))) {
		(*i)++;
		if (node->layout)
			return node;
	}
	return NULL;
}

/* Mappings are adjacent, so the index of the first one is enough. */
const struct iort_mapping *iort_mapping_of(const struct record *node, size_t i)
{
	guint first = 0;
	const struct record *child = iort_next(node, &iort_mapping_layout, &first);

	if (!child || i >= node->children.len)
		return NULL;
	child = record_child(node, first - 1 + i);
	return child && child->layout == &iort_mapping_layout ? child->host : NULL;
}

/* The name directly follows the fields, so it can only be the first child. */
const struct record *iort_text_of(const struct record *node)
{
	const struct record *first = record_child(node, 0);

	return first && record_is_text(first) ? first : NULL;
}

char *iort_text(const struct record *node)
{
	const struct record *text = iort_text_of(node);

	return text ? memory_text_n(record_text(text), text->rest.len) : NULL;
}

/*
 * References are offsets from the start of the table. A reference into the middle of a node finds
 * nothing here; Linux does not check, and reads those bytes as a node.
 */
struct hash *iort_index(const struct viommu_table *table)
{
	struct hash *index = hash_new(&hash_direct);
	const struct record *node;

	for (guint i = 0; (node = iort_next_node(table, &i));)
		hash_insert(index, GSIZE_TO_POINTER(node->at), (gpointer)node);
	return index;
}

/* Before table revision 3 the bytes were reserved, and Linux reads them all the same. */
bool iort_find_smmu_v3(const struct viommu_table *table, uint64_t base, uint32_t *ret_identifier)
{
	const struct record *node;

	for (guint i = 0; (node = iort_next_node(table, &i));)
		if (iort_type_of(node) == IORT_SMMU_V3 &&
		    ((const struct iort_smmu_v3 *)node->host)->base == base) {
			*ret_identifier = iort_node_of(node)->identifier;
			return true;
		}
	return false;
}

/* This is Linux's reading of the specification. */
bool iort_has_device_id_mapping(const struct iort_smmu_v3 *smmu)
{
	if (smmu->node.revision >= IORT_SMMU_V3_WITH_FLAG)
		return smmu->flags & IORT_SMMU_V3_DEVICE_ID;
	return smmu->node.revision && !(smmu->event && smmu->pri && smmu->gerr && smmu->sync);
}
