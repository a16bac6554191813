/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Settling who has what: one sweep over the ends of all spans
 *
 * From left to right, a tree holds the spans that are open, by the order in which they were added;
 * its first one has the positions up to the next end. Who has had the positions before that goes
 * on having them, and so a piece ends only where its owner does.
 */
#include <stdbool.h>

#include "cover.h"

/* Closing behind the last position, so that spans that follow each other do not overlap. */
struct end {
	uint64_t position; /* behind the last one, where a span closes */
	size_t span;
	bool opens;
};

/* The spans that are open, by index: the lowest wins, as the first entry does everywhere. */
struct sweep {
	const GArray *cover;
	GTree *open; /* index of a span -> that span */
	GArray *pieces;
	const struct span *current;
	uint64_t since;
};

GArray *cover_new(void)
{
	return g_array_new(FALSE, FALSE, sizeof(struct span));
}

/* Kept in the order of coming, for that order decides. */
void cover_add(GArray *cover, uint64_t first, uint64_t last, const void *owner)
{
	struct span span = { first, last, owner };

	g_array_append_val(cover, span);
}

/*
 * What opens and what closes at one position may come in any order: nobody looks before all of
 * them are done.
 */
static gint compare_ends(gconstpointer a, gconstpointer b)
{
	const struct end *one = a, *other = b;

	return (one->position > other->position) - (one->position < other->position);
}

/* The order of coming: its first key is the one that wins. */
static gint compare_indices(gconstpointer a, gconstpointer b)
{
	return (GPOINTER_TO_SIZE(a) > GPOINTER_TO_SIZE(b)) -
	       (GPOINTER_TO_SIZE(a) < GPOINTER_TO_SIZE(b));
}

/*
 * Two for each span. A span closes one position behind its last, where the next one may open: 64
 * bits have room for that, because positions and IDs have at most 32.
 */
static GArray *sorted_ends(const GArray *cover)
{
	GArray *ends = g_array_sized_new(FALSE, FALSE, sizeof(struct end), 2 * cover->len);

	for (size_t i = 0; i < cover->len; i++) {
		const struct span *span = cover_get(cover, i);
		struct end pair[] = { { span->first, i, true }, { span->last + 1, i, false } };

		g_array_append_vals(ends, pair, G_N_ELEMENTS(pair));
	}
	g_array_sort(ends, compare_ends);
	return ends;
}

/* A span is opened once and closed once, so the tree holds each for as long as it reaches. */
static void open_or_close(struct sweep *sweep, const struct end *end)
{
	gpointer index = GSIZE_TO_POINTER(end->span);

	if (end->opens)
		g_tree_insert(sweep->open, index, (void *)cover_get(sweep->cover, end->span));
	else
		g_tree_remove(sweep->open, index);
}

/* All ends at this position are done: who has what follows? */
static void look(struct sweep *sweep, uint64_t now)
{
	GTreeNode *first = g_tree_node_first(sweep->open);
	const struct span *next = first ? g_tree_node_value(first) : NULL;

	if (next == sweep->current)
		return;
	if (sweep->current)
		cover_add(sweep->pieces, sweep->since, now - 1, sweep->current->owner);
	sweep->current = next;
	sweep->since = now;
}

/* Spans that never overlap and are in order need no sweep; most tables have no others. */
static bool is_settled(const GArray *cover)
{
	for (size_t i = 1; i < cover->len; i++)
		if (cover_get(cover, i)->first <= cover_get(cover, i - 1)->last)
			return false;
	return true;
}

/* In place, so that who asks for a cover need not know whether there was anything to settle. */
void cover_settle(GArray *cover)
{
	struct sweep sweep = { .cover = cover };
	const struct end *end;
	GArray *ends;

	if (is_settled(cover))
		return;
	ends = sorted_ends(cover);
	sweep.open = g_tree_new(compare_indices);
	sweep.pieces = cover_new();
	for (size_t i = 0; i < ends->len; i++) {
		end = &g_array_index(ends, struct end, i);
		open_or_close(&sweep, end);
		if (i + 1 == ends->len || end[1].position != end->position)
			look(&sweep, end->position);
	}
	g_array_set_size(cover, 0);
	g_array_append_vals(cover, sweep.pieces->data, sweep.pieces->len);
	g_array_unref(sweep.pieces);
	g_tree_destroy(sweep.open);
	g_array_unref(ends);
}

/* By halves: spans of a cover are disjoint, so their last positions ascend as their first do. */
size_t cover_seek(const GArray *cover, uint64_t position)
{
	size_t low = 0, high = cover->len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (g_array_index(cover, struct span, middle).last < position)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}
