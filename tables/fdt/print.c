/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device tree as text: its source, as dtc reads and writes it
 *
 * A blob does not say what its values are. As dtc does, whatever could be strings is shown as
 * strings, whatever is whole cells as cells, and anything else as bytes: compiled again, all of
 * them give the same value. Behind properties that refer to IOMMUs and to where MSIs go stands a
 * comment with the nodes that they refer to, for a phandle is just a number.
 */
#include <inttypes.h>
#include <string.h>

#include <libfdt.h>

#include "devicetree.h"

/* -- names ---------------------------------------------------------------------------- */

/* Names of nodes and properties may have these; any other byte is \xNN, so that none is lost. */
static void put_name(GString *text, const char *name)
{
	static const char allowed[] = ",._+?#-@/:";

	for (; *name; name++)
		if (g_ascii_isalnum(*name) || strchr(allowed, *name))
			g_string_append_c(text, *name);
		else
			g_string_append_printf(text, "\\x%02x", (guint8)*name);
}

/* -- values --------------------------------------------------------------------------- */

/* Strings that end, none of them empty, of printable characters only. */
static bool is_strings(const struct dt_property *property)
{
	const char *bytes = (const char *)property->value;
	size_t length = property->length;

	if (!length || bytes[length - 1])
		return false;
	for (size_t i = 0; i < length; i++)
		if (bytes[i] ? !g_ascii_isprint(bytes[i]) : !i || !bytes[i - 1])
			return false;
	return true;
}

/* Strings of one property follow each other, each with its own end. */
static void put_strings(GString *text, const struct dt_property *property)
{
	const char *bytes = (const char *)property->value, *end = bytes + property->length;

	for (const char *string = bytes; string < end; string += strlen(string) + 1) {
		g_string_append(text, string == bytes ? "\"" : ", \"");
		for (const char *c = string; *c; c++) {
			if (*c == '"' || *c == '\\')
				g_string_append_c(text, '\\');
			g_string_append_c(text, *c);
		}
		g_string_append_c(text, '"');
	}
}

/* As dtc writes cells, so that the text can be compiled again. */
static void put_cells(GString *text, const struct dt_property *property)
{
	for (size_t i = 0; i < dt_cells(property); i++)
		g_string_append_printf(text, "%s0x%" PRIx32, i ? " " : "<", dt_cell(property, i));
	g_string_append_c(text, '>');
}

/* What is neither text nor cells is shown as bytes, which every property is. */
static void put_bytes(GString *text, const struct dt_property *property)
{
	for (size_t i = 0; i < property->length; i++)
		g_string_append_printf(text, "%s%02x", i ? " " : "[", property->value[i]);
	g_string_append_c(text, ']');
}

/* An empty property says all it has to say by being there. */
static void put_value(GString *text, const struct dt_property *property)
{
	if (!property->length)
		return;
	g_string_append(text, " = ");
	if (is_strings(property))
		put_strings(text, property);
	else if (property->length % sizeof(fdt32_t))
		put_bytes(text, property);
	else
		put_cells(text, property);
}

/* -- references ------------------------------------------------------------------------- */

struct comment {
	GString *text;
	const struct devicetree *tree;
	GHashTable *said; /* phandles */
};

/* Each node once: many entries refer to few of them. */
static void put_target(void *opaque, size_t cell, uint32_t phandle)
{
	struct comment *comment = opaque;
	const struct dt_node *target = dt_target(comment->tree, phandle);
	g_autofree char *path = target ? dt_path(target) : NULL;

	(void)cell;
	if (!path || !g_hash_table_add(comment->said, GUINT_TO_POINTER(phandle)))
		return;
	g_string_append_printf(comment->text, " /* 0x%" PRIx32 ": ", phandle);
	put_name(comment->text, path);
	g_string_append(comment->text, " */");
}

static void put_targets(GString *text, const struct devicetree *tree,
			const struct dt_property *property)
{
	struct comment comment = { text, tree, g_hash_table_new(NULL, NULL) };

	dt_for_each_reference(tree, property, put_target, &comment);
	g_hash_table_destroy(comment.said);
}

/* -- the tree ----------------------------------------------------------------------------- */

static void indent(GString *text, unsigned depth)
{
	while (depth--)
		g_string_append_c(text, '\t');
}

/* An empty line in front of each node, as dtc has it. */
static void put_node(GString *text, const struct devicetree *tree, const struct dt_node *node)
{
	if (node->parent)
		g_string_append_c(text, '\n');
	indent(text, node->depth);
	put_name(text, node->parent ? node->name : "/");
	g_string_append(text, " {\n");
	for (const struct dt_property *p = node->properties; p; p = p->next) {
		indent(text, node->depth + 1);
		put_name(text, p->name);
		put_value(text, p);
		g_string_append_c(text, ';');
		put_targets(text, tree, p);
		g_string_append_c(text, '\n');
	}
}

/* The walk goes from node to node; what it has left behind is closed on the way. */
static void close_nodes(GString *text, unsigned from, unsigned to)
{
	while (from > to) {
		indent(text, --from);
		g_string_append(text, "};\n");
	}
}

/* They stand before the tree in source as well. */
static void put_reservations(GString *text, const struct devicetree *tree)
{
	const struct fdt_reserve_entry *entries = (const void *)tree->reserved;

	for (size_t i = 0; i < tree->n_reserved; i++)
		g_string_append_printf(text, "/memreserve/ 0x%016" PRIx64 " 0x%016" PRIx64 ";\n",
				       fdt64_ld(&entries[i].address), fdt64_ld(&entries[i].size));
}

/* Everything that was opened is closed at the end, down to the root. */
char *dt_text(const struct devicetree *tree)
{
	GString *text = g_string_new("/dts-v1/;\n");
	unsigned open = 0;

	put_reservations(text, tree);
	g_string_append_c(text, '\n');
	for_each_dt_node(node, tree)
	{
		close_nodes(text, open, node->depth);
		put_node(text, tree, node);
		open = node->depth + 1;
	}
	close_nodes(text, open, 0);
	return g_string_free(text, FALSE);
}
