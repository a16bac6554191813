/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device tree as source for dtc
 *
 * A blob does not give the type of a value. As in dtc, what can be strings is printed as strings,
 * whole cells as cells, anything else as bytes; each compiles to the same value. Properties that
 * refer to IOMMUs and MSI controllers have a comment with the paths of their phandles.
 */
#include <inttypes.h>
#include <string.h>

#include <libfdt.h>

#include "base/hash.h"
#include "base/strbuf.h"
#include "devicetree.h"

/* -- names ---------------------------------------------------------------------------- */

/* The characters allowed in names; other bytes are \xNN, so that none is lost. */
static void put_name(struct strbuf *text, const char *name)
{
	static const char allowed[] = ",._+?#-@/:";

	for (; *name; name++)
		if (g_ascii_isalnum(*name) || strchr(allowed, *name))
			strbuf_append_char(text, *name);
		else
			strbuf_append_printf(text, "\\x%02x", (guint8)*name);
}

/* -- values --------------------------------------------------------------------------- */

/* Terminated, nonempty strings of printable characters. */
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

static void put_strings(struct strbuf *text, const struct dt_property *property)
{
	const char *bytes = (const char *)property->value, *end = bytes + property->length;

	for (const char *string = bytes; string < end; string += strlen(string) + 1) {
		strbuf_append(text, string == bytes ? "\"" : ", \"");
		for (const char *c = string; *c; c++) {
			if (*c == '"' || *c == '\\')
				strbuf_append_char(text, '\\');
			strbuf_append_char(text, *c);
		}
		strbuf_append_char(text, '"');
	}
}

/* In dtc's syntax. */
static void put_cells(struct strbuf *text, const struct dt_property *property)
{
	for (size_t i = 0; i < dt_cells(property); i++)
		strbuf_append_printf(text, "%s0x%" PRIx32, i ? " " : "<", dt_cell(property, i));
	strbuf_append_char(text, '>');
}

static void put_bytes(struct strbuf *text, const struct dt_property *property)
{
	for (size_t i = 0; i < property->length; i++)
		strbuf_append_printf(text, "%s%02x", i ? " " : "[", property->value[i]);
	strbuf_append_char(text, ']');
}

/* An empty property is a boolean. */
static void put_value(struct strbuf *text, const struct dt_property *property)
{
	if (!property->length)
		return;
	strbuf_append(text, " = ");
	if (is_strings(property))
		put_strings(text, property);
	else if (property->length % sizeof(fdt32_t))
		put_bytes(text, property);
	else
		put_cells(text, property);
}

/* -- references ------------------------------------------------------------------------- */

struct comment {
	struct strbuf *text;
	const struct devicetree *tree;
	struct hash *printed; /* phandles */
};

/* Each target once per property. */
static void put_target(void *opaque, size_t cell, uint32_t phandle)
{
	struct comment *comment = opaque;
	const struct dt_node *target = dt_target(comment->tree, phandle);
	auto_free char *path = target ? dt_path(target) : NULL;

	(void)cell;
	if (!path || !hash_add(comment->printed, GUINT_TO_POINTER(phandle)))
		return;
	strbuf_append_printf(comment->text, " /* 0x%" PRIx32 ": ", phandle);
	put_name(comment->text, path);
	strbuf_append(comment->text, " */");
}

static void put_targets(struct strbuf *text, const struct devicetree *tree,
			const struct dt_property *property)
{
	struct comment comment = { text, tree, hash_new(&hash_direct) };

	dt_for_each_reference(tree, property, put_target, &comment);
	hash_free(comment.printed);
}

/* -- the tree ----------------------------------------------------------------------------- */

static void indent(struct strbuf *text, unsigned depth)
{
	while (depth--)
		strbuf_append_char(text, '\t');
}

/* An empty line before each node, as in dtc. */
static void put_node(struct strbuf *text, const struct devicetree *tree, const struct dt_node *node)
{
	if (node->parent)
		strbuf_append_char(text, '\n');
	indent(text, node->depth);
	put_name(text, node->parent ? node->name : "/");
	strbuf_append(text, " {\n");
	for (const struct dt_property *p = node->properties; p; p = p->next) {
		indent(text, node->depth + 1);
		put_name(text, p->name);
		put_value(text, p);
		strbuf_append_char(text, ';');
		put_targets(text, tree, p);
		strbuf_append_char(text, '\n');
	}
}

static void close_nodes(struct strbuf *text, unsigned from, unsigned to)
{
	while (from > to) {
		indent(text, --from);
		strbuf_append(text, "};\n");
	}
}

static void put_reservations(struct strbuf *text, const struct devicetree *tree)
{
	const struct fdt_reserve_entry *entries = (const void *)tree->reserved;

	for (size_t i = 0; i < tree->n_reserved; i++)
		strbuf_append_printf(text, "/memreserve/ 0x%016" PRIx64 " 0x%016" PRIx64 ";\n",
				     fdt64_ld(&entries[i].address), fdt64_ld(&entries[i].size));
}

void dt_text(const struct devicetree *tree, struct strbuf *text)
{
	unsigned open = 0;

	strbuf_append(text, "/dts-v1/;\n");
	put_reservations(text, tree);
	strbuf_append_char(text, '\n');
	for_each_dt_node(node, tree) {
		if (!strbuf_pass_on(text))
			return;
		close_nodes(text, open, node->depth);
		put_node(text, tree, node);
		open = node->depth + 1;
	}
	close_nodes(text, open, 0);
}
