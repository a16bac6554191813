/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device tree as a blob of version 17
 *
 * libfdt's writer searches all names for each property; a hash table keeps this linear. Each name
 * is written once, in the order of first use. An unchanged tree is encoded as the blob that was
 * opened, to the byte.
 */
#include <string.h>

#include <libfdt.h>

#include "base/array.h"
#include "base/hash.h"
#include "devicetree.h"

/* The structure and strings blocks grow together. */
struct flattening {
	struct bytes *structure, *strings;
	struct hash *names; /* name -> its offset among the strings */
};

static void put_cell(struct bytes *to, uint32_t value)
{
	fdt32_t cell = cpu_to_fdt32(value);

	bytes_append(to, (const guint8 *)&cell, sizeof(cell));
}

/* Tokens are aligned by zero bytes. */
static void put_padded(struct bytes *to, const void *bytes, size_t length)
{
	static const guint8 zeroes[FDT_TAGSIZE];

	bytes_append(to, bytes, (guint)length);
	bytes_append(to, zeroes, (guint)(-length % FDT_TAGSIZE));
}

static uint32_t offset_of(struct flattening *flattening, const char *name)
{
	gpointer offset;

	if (hash_lookup_value(flattening->names, name, &offset))
		return GPOINTER_TO_UINT(offset);
	offset = GUINT_TO_POINTER(flattening->strings->len);
	hash_insert(flattening->names, (gpointer)name, offset);
	bytes_append(flattening->strings, (const guint8 *)name, (guint)strlen(name) + 1);
	return GPOINTER_TO_UINT(offset);
}

/* libfdt requires properties before children. */
static void put_begin(struct flattening *flattening, const struct dt_node *node)
{
	put_cell(flattening->structure, FDT_BEGIN_NODE);
	put_padded(flattening->structure, node->name, strlen(node->name) + 1);
	for (const struct dt_property *p = node->properties; p; p = p->next) {
		put_cell(flattening->structure, FDT_PROP);
		put_cell(flattening->structure, (uint32_t)p->length);
		put_cell(flattening->structure, offset_of(flattening, p->name));
		put_padded(flattening->structure, p->value, p->length);
	}
}

/* Before each node, close those that it is not inside. */
static void put_structure(struct flattening *flattening, const struct devicetree *tree)
{
	unsigned open = 0;

	for_each_dt_node(node, tree) {
		for (; open > node->depth; open--)
			put_cell(flattening->structure, FDT_END_NODE);
		put_begin(flattening, node);
		open++;
	}
	for (; open; open--)
		put_cell(flattening->structure, FDT_END_NODE);
	put_cell(flattening->structure, FDT_END);
}

/* Header, reservations with their terminator, structure, strings. */
static struct bytes *join(const struct flattening *flattening, const struct devicetree *tree)
{
	static const guint8 last[sizeof(struct fdt_reserve_entry)];
	size_t reserved = tree->n_reserved * sizeof(last);
	uint32_t structure = (uint32_t)(sizeof(struct fdt_header) + reserved + sizeof(last));
	uint32_t strings = structure + (uint32_t)flattening->structure->len;
	struct fdt_header header = { 0 };
	struct bytes *blob = bytes_new();

	fdt_set_magic(&header, FDT_MAGIC);
	fdt_set_totalsize(&header, strings + (uint32_t)flattening->strings->len);
	fdt_set_off_dt_struct(&header, structure);
	fdt_set_off_dt_strings(&header, strings);
	fdt_set_off_mem_rsvmap(&header, sizeof(header));
	fdt_set_version(&header, FDT_LAST_SUPPORTED_VERSION);
	fdt_set_last_comp_version(&header, FDT_LAST_COMPATIBLE_VERSION);
	fdt_set_boot_cpuid_phys(&header, tree->boot_cpu);
	fdt_set_size_dt_strings(&header, (uint32_t)flattening->strings->len);
	fdt_set_size_dt_struct(&header, (uint32_t)flattening->structure->len);
	bytes_append(blob, (const guint8 *)&header, sizeof(header));
	if (reserved)
		bytes_append(blob, tree->reserved, (guint)reserved);
	bytes_append(blob, last, sizeof(last));
	bytes_append(blob, flattening->structure->data, flattening->structure->len);
	bytes_append(blob, flattening->strings->data, flattening->strings->len);
	return blob;
}

/* Writing the structure fills the strings. */
static struct bytes *flatten(const struct devicetree *tree)
{
	struct flattening flattening = { bytes_new(), bytes_new(), hash_new(&hash_text) };
	struct bytes *blob;

	put_structure(&flattening, tree);
	blob = join(&flattening, tree);
	bytes_free(flattening.structure);
	bytes_free(flattening.strings);
	hash_free(flattening.names);
	return blob;
}

/* Flattening an unchanged tree would give an equivalent tree, but other bytes. */
size_t dt_encode(const struct devicetree *tree, void **ret_bytes)
{
	struct bytes *blob = tree->blob && !tree->changed ? NULL : flatten(tree);
	size_t length = blob ? blob->len : tree->length;

	*ret_bytes = blob ? bytes_steal(blob) : memory_copy(tree->blob, length);
	return length;
}
