/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One IORT node being generated: its fields, its arrays, its length
 */
#include <string.h>

#include "base/array.h"
#include "base/hash.h"
#include "tables/findings/findings.h"
#include "write.h"

/* Alignment of the mappings behind a path. */
#define PATH_ALIGNMENT 4u

/* IOMMUs that another table describes have no state here. */
struct iort_iommu_state *iort_find_iommu(const struct iort_writing *writing, const char *iommu)
{
	return iommu ? hash_lookup(writing->iommus, iommu) : NULL;
}

/* 0 is no offset of a node. */
uint32_t iort_its_group_at(const struct iort_writing *writing, const char *its)
{
	return its ? GPOINTER_TO_UINT(hash_lookup(writing->groups, its)) : 0;
}

/* By default the identifier is the number of the node. */
struct record *iort_begin_with(const struct iort_writing *writing, const struct layout *layout,
			       void *host)
{
	struct iort_node *fields = host;

	fields->type = (uint8_t)layout->type;
	fields->identifier = writing->revision >= IORT_REVISION_E_B ? writing->n : 0;
	return record_from_host(writing->table->root, layout, host, writing->end);
}

struct record *iort_begin_node(const struct iort_writing *writing, enum iort_type type, void *host)
{
	const struct iort_node *fields = host;

	return iort_begin_with(writing, iort_layout(type, fields->revision, SIZE_MAX), host);
}

/* Computes the length once: it depends on all children. */
void iort_add_elements(struct record *node, const struct layout *layout, const void *hosts,
		       size_t n)
{
	size_t at = node->at + record_length(node);

	for (size_t i = 0; i < n; i++, at += layout->length)
		record_add_child(node,
				 record_from_host(node, layout,
						  (const char *)hosts + i * layout->host_size, at));
}

void iort_add_mappings(struct record *node, const struct array *mappings)
{
	struct iort_node *fields = node->host;

	fields->mapping_count = (uint32_t)mappings->len;
	fields->mapping_offset = mappings->len ? (uint32_t)record_length(node) : 0;
	iort_add_elements(node, &iort_mapping_layout, mappings->data, mappings->len);
}

/* The path with its NUL, padded with NULs. */
void iort_add_path(struct record *node, const char *path)
{
	size_t length = strlen(path) + 1, at = node->layout->length;
	size_t end = (at + length + PATH_ALIGNMENT - 1) / PATH_ALIGNMENT * PATH_ALIGNMENT;
	auto_free uint8_t *text = memory_zeroed(1, end - at);

	memcpy(text, path, length);
	record_add_child(node, record_new_text(node, iort_text_name(node->layout->type), text,
					       end - at, node->at + at));
}

struct iort_memory iort_memory_of(bool incoherent, const struct viommu_memory_access *access)
{
	uint8_t defaults = incoherent ? 0 : IORT_MEMORY_DEFAULT;

	return (struct iort_memory){
		.cache_coherent = !incoherent,
		.hints = (uint8_t)access->hints,
		.flags = access->has_flags ? (uint8_t)access->flags : defaults,
	};
}

bool iort_has_room(struct iort_writing *writing, const struct array *mappings)
{
	if (mappings->len > IORT_MAX_NODE_LENGTH / IORT_MAPPING_LENGTH ||
	    ++writing->n_mappings > IORT_MAX_RECORDS)
		writing->too_large = true;
	return !writing->too_large;
}

/* A length of more than 16 bits is truncated here, and the table refused in the end. */
void iort_end_node(struct iort_writing *writing, struct record *node)
{
	struct iort_node *fields = node->host;
	size_t length = record_length(node);

	fields->length = (uint16_t)length;
	writing->too_large |= length > IORT_MAX_NODE_LENGTH;
	record_add_child(writing->table->root, node);
	writing->end += length;
	writing->n++;
}

/* Without a requested revision, the table's revision is always sufficient. */
void iort_report_revision(const struct iort_writing *writing, struct viommu_place place,
			  unsigned revision, const char *what)
{
	if (writing->revision < revision)
		report(writing->findings, "iort-silent-revision", place,
		       "request a later `revision` of the table, or none",
		       "%s needs revision %u, and the table has %u", what, revision,
		       writing->revision);
}
