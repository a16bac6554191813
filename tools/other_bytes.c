/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where the table of a topology has other bytes than the table that the topology was read from
 *
 * Both may mean the same: firmware has older revisions of nodes, padding, another order. The
 * sources of both tables are compared, structure by structure. Offsets of other structures do not
 * count, for they follow from the order.
 */
#include <stdlib.h>
#include <string.h>

#include "other_bytes.h"

#define INDENT "    "

struct block {
	char *name;
	size_t at;        /* in the table */
	GPtrArray *lines; /* "NAME = VALUE" */
	char *text;       /* all lines */
	bool matched;
};

static void block_free(gpointer pointer)
{
	struct block *block = pointer;

	g_free(block->name);
	g_free(block->text);
	g_ptr_array_unref(block->lines);
	g_free(block);
}

/* -- sources ------------------------------------------------------------------------------ */

/* References to other structures. */
static bool is_offset(const char *field)
{
	static const char *const names[] = { "Output reference =", "Output node =",
					     "Destination IOMMU =" };

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		if (g_str_has_prefix(field, names[i]))
			return true;
	return false;
}

/* "0038   4  Identifier = 1": what follows the offset and the width. */
static void take_field(struct block *block, const char *line)
{
	char *after;
	size_t at = (size_t)strtoull(line, &after, 16);

	if (!block->lines->len)
		block->at = at;
	strtoull(after, &after, 10);
	after += strspn(after, " ");
	if (!is_offset(after))
		g_ptr_array_add(block->lines, g_strdup(after));
}

static struct block *begin_block(const char *line)
{
	struct block *block = g_new0(struct block, 1);

	block->name = g_strndup(line, strlen(line) - strlen(" {"));
	block->lines = g_ptr_array_new_with_free_func(g_free);
	return block;
}

static void end_block(GPtrArray *blocks, struct block *block)
{
	g_ptr_array_add(block->lines, NULL);
	block->text = g_strjoinv("\n", (char **)block->lines->pdata);
	g_ptr_array_add(blocks, block);
}

/* A line without its end, and what follows it; NULL after the last line. */
static char *cut_line(char *text, const char *end)
{
	char *newline = memchr(text, '\n', (size_t)(end - text));

	if (newline)
		*newline = '\0';
	return newline ? newline + 1 : NULL;
}

/* The block that is open after a line. */
static struct block *take_line(GPtrArray *blocks, struct block *block, const char *line)
{
	const char *text = line + strspn(line, " ");
	size_t depth = (size_t)(text - line) / strlen(INDENT);

	if (!block && depth == 1 && g_str_has_suffix(text, " {"))
		return begin_block(text);
	if (block && depth == 1 && !strcmp(text, "}")) {
		end_block(blocks, block);
		return NULL;
	}
	if (block && strstr(text, " = "))
		take_field(block, text);
	return block;
}

/* The structures of the table; what is in them belongs to them. */
static GPtrArray *blocks_of(const struct viommu_table *table)
{
	GPtrArray *blocks = g_ptr_array_new_with_free_func(block_free);
	char *source = viommu_table_source(table);
	const char *end = source + strlen(source);
	struct block *block = NULL;

	for (char *line = source, *next; line; line = next) {
		next = cut_line(line, end);
		block = take_line(blocks, block, line);
	}
	free(source);
	if (block)
		block_free(block);
	return blocks;
}

/* -- comparing -------------------------------------------------------------------------------- */

static struct block *at(GPtrArray *blocks, guint i)
{
	return i < blocks->len ? blocks->pdata[i] : NULL;
}

static const char *text_of(const struct block *block)
{
	return block->text;
}

static const char *name_of(const struct block *block)
{
	return block->name;
}

static void free_queue(gpointer queue)
{
	g_queue_free(queue);
}

/* The structures without an equal, in queues by a key, so that a search needs no walk. */
static GHashTable *index_by(const char *(*key_of)(const struct block *block), GPtrArray *blocks)
{
	GHashTable *index = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_queue);
	struct block *block;

	for (guint i = 0; (block = at(blocks, i)); i++) {
		GQueue *queue = g_hash_table_lookup(index, key_of(block));

		if (block->matched)
			continue;
		if (!queue) {
			queue = g_queue_new();
			g_hash_table_insert(index, (gpointer)key_of(block), queue);
		}
		g_queue_push_tail(queue, block);
	}
	return index;
}

/* The next of that key, or NULL. */
static struct block *match(GHashTable *index, const char *key)
{
	GQueue *queue = g_hash_table_lookup(index, key);
	struct block *block = queue ? g_queue_pop_head(queue) : NULL;

	if (block)
		block->matched = true;
	return block;
}

/* Equal structures are pairs, wherever they are. */
static void match_equal(GPtrArray *before, GPtrArray *after)
{
	g_autoptr(GHashTable) by_text = index_by(text_of, after);
	struct block *block;

	for (guint i = 0; (block = at(before, i)); i++)
		block->matched = match(by_text, block->text);
}

static void add_note(struct viommu_findings *findings, const char *file, const struct block *block,
		     const char *text)
{
	const struct viommu_place place = { .file = file, .at = block ? block->at : 0 };

	viommu_findings_add(findings, "convert-detail", &place, text, NULL);
}

/* The first field that differs says most: a revision decides about those that follow. */
static void report_block(struct viommu_findings *findings, const char *file,
			 const struct block *block, const struct block *other)
{
	const char *was = NULL, *is = NULL;
	g_autofree char *text = NULL;

	for (guint i = 0; other && !was && !is && (i < block->lines->len - 1); i++) {
		was = block->lines->pdata[i];
		is = i < other->lines->len ? other->lines->pdata[i] : NULL;
		if (!g_strcmp0(was, is))
			was = is = NULL;
	}
	if (!other)
		text = g_strdup_printf("the new table has no such %s", block->name);
	else
		text = g_strdup_printf("the new table has another %s: %s instead of %s",
				       block->name, is ? is : "nothing", was ? was : "nothing");
	add_note(findings, file, block, text);
}

static bool same_order(GPtrArray *before, GPtrArray *after)
{
	const struct block *one, *other;

	for (guint i = 0; (one = at(before, i)) && (other = at(after, i)); i++)
		if (strcmp(one->text, other->text) != 0)
			return false;
	return before->len == after->len;
}

void report_other_bytes(const struct viommu_table *before, const struct viommu_table *after,
			struct viommu_findings *findings)
{
	g_autoptr(GPtrArray) old = blocks_of(before), new = blocks_of(after);
	g_autoptr(GHashTable) by_name = NULL;
	const char *file = viommu_table_file(before);
	struct block *block;
	bool equal = true;

	match_equal(old, new);
	by_name = index_by(name_of, new);
	for (guint i = 0; (block = at(old, i)); i++) {
		equal &= block->matched;
		if (!block->matched)
			report_block(findings, file, block, match(by_name, block->name));
	}
	for (guint i = 0; (block = at(new, i)); i++) {
		g_autofree char *text = g_strdup_printf("the new table also has: %s", block->name);

		equal &= block->matched;
		if (!block->matched)
			add_note(findings, file, NULL, text);
	}
	if (equal && !same_order(old, new))
		add_note(findings, file, NULL, "the new table has the structures in another order");
}
