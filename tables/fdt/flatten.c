/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device tree as a blob: version 17, which is what everybody reads
 *
 * libfdt can write one too, but looks through all names for each property that it adds; a table of
 * names keeps this linear. Names are written once, in the order in which they are first used.
 *
 * What has been changed is laid out anew, and what has not comes out as the blob that went in: so a
 * tree that was only looked at is the same to the byte.
 */
#include <string.h>

#include <libfdt.h>

#include "base/array.h"
#include "base/hash.h"
#include "devicetree.h"

/*
 * Structure and strings grow side by side, for each property refers into the strings. Equal names
 * are there once.
 */
struct flattening {
	struct bytes *structure, *strings;
	struct hash *names; /* name -> its offset among the strings */
};

/* Everything in a blob is big-endian. */
static void put_cell(struct bytes *to, uint32_t value)
{
	fdt32_t cell = cpu_to_fdt32(value);

	bytes_append(to, (const guint8 *)&cell, sizeof(cell));
}

/* Tokens are aligned; what is in between is filled up with zeroes. */
static void put_padded(struct bytes *to, const void *bytes, size_t length)
{
	static const guint8 zeroes[FDT_TAGSIZE];

	bytes_append(to, bytes, (guint)length);
	bytes_append(to, zeroes, (guint)(-length % FDT_TAGSIZE));
}

/* Offset 0 is a name like any other, so that it is asked whether there is one. */
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

/* Properties of a node come before its children, as libfdt asks for it. */
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

/* Between two nodes of a walk, those are closed that the second is not in. */
static void put_structure(struct flattening *flattening, const struct devicetree *tree)
{
	unsigned open = 0;

	for_each_dt_node(node, tree)
	{
		for (; open > node->depth; open--)
			put_cell(flattening->structure, FDT_END_NODE);
		put_begin(flattening, node);
		open++;
	}
	for (; open; open--)
		put_cell(flattening->structure, FDT_END_NODE);
	put_cell(flattening->structure, FDT_END);
}

/* Header, reservations with the empty entry that ends them, structure, strings. */
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

/* The structure names strings, so it has to be there before their block is complete. */
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

/* Flattening an open tree again would be as good a tree, but not the same bytes. */
size_t dt_encode(const struct devicetree *tree, void **ret_bytes)
{
	struct bytes *blob = tree->blob && !tree->changed ? NULL : flatten(tree);
	size_t length = blob ? blob->len : tree->length;

	*ret_bytes = blob ? bytes_steal(blob) : memory_copy(tree->blob, length);
	return length;
}
