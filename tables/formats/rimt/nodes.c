/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Accessors of decoded RIMT nodes
 */
#include "base/array.h"
#include "rimt.h"

struct rimt_array rimt_array_of(const struct record *node)
{
	const struct rimt_iommu *iommu = node->host;
	const struct rimt_root_complex *complex = node->host;
	const struct rimt_platform_device *device = node->host;

	switch (rimt_type_of(node)) {
	case RIMT_IOMMU:
		return (struct rimt_array){ "interrupt wires", &rimt_wire_layout,
					    iommu->wire_offset, iommu->wire_count };
	case RIMT_ROOT_COMPLEX:
		return (struct rimt_array){ "ID mappings", &rimt_mapping_layout,
					    complex->mapping_offset, complex->mapping_count };
	case RIMT_PLATFORM_DEVICE:
		return (struct rimt_array){ "ID mappings", &rimt_mapping_layout,
					    device->mapping_offset, device->mapping_count };
	default:
		return (struct rimt_array){ 0 };
	}
}

const struct record *rimt_next_node(const struct viommu_table *table, guint *i)
{
	const struct record *node;

	while ((node = record_child(table->root, *i))) {
		++*i;
		if (node->layout)
			return node;
	}
	return NULL;
}

static const struct record *next_element(const struct record *node, const struct layout *layout,
					 guint *i)
{
	const struct record *child;

	while ((child = record_child(node, *i))) {
		++*i;
		if (record_is(child, layout))
			return child;
	}
	return NULL;
}

const struct record *rimt_next_mapping(const struct record *node, guint *i)
{
	return next_element(node, &rimt_mapping_layout, i);
}

const struct record *rimt_next_wire(const struct record *node, guint *i)
{
	return next_element(node, &rimt_wire_layout, i);
}

/* The path directly follows the fields, so it can only be the first child. */
const struct record *rimt_text_of(const struct record *node)
{
	const struct record *first = record_child(node, 0);

	return first && record_is_text(first) ? first : NULL;
}

char *rimt_text(const struct record *node)
{
	const struct record *text = rimt_text_of(node);

	return text ? memory_text_n(record_text(text), text->rest.len) : NULL;
}

struct hash *rimt_index(const struct viommu_table *table)
{
	struct hash *index = hash_new(&hash_direct);
	const struct record *node;

	for (guint i = 0; (node = rimt_next_node(table, &i));)
		hash_insert(index, GSIZE_TO_POINTER(node->at), (gpointer)node);
	return index;
}
