/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Settling who has what: one sweep over the ends of all spans
 *
 * From left to right, a tree holds the spans that are open, by the order in which they were added;
 * its first one has the positions up to the next end. Who has had the positions before that goes
 * on having them, and so a piece ends only where its owner does.
 */
#include <stdbool.h>

#include "base/array.h"
#include "base/index_map.h"
#include "cover.h"

/* Closing behind the last position, so that spans that follow each other do not overlap. */
struct end {
	uint64_t position; /* behind the last one, where a span closes */
	size_t span;
	bool opens;
};

/* The spans that are open, by index: the lowest wins, as the first entry does everywhere. */
struct sweep {
	const struct array *cover;
	struct index_map *open; /* index of a span -> that span */
	struct array *pieces;
	const struct span *current;
	uint64_t since;
};

struct array *cover_new(void)
{
	return array_new(sizeof(struct span));
}

/* Kept in the order of coming, for that order decides. */
void cover_add(struct array *cover, uint64_t first, uint64_t last, const void *owner)
{
	struct span span = { first, last, owner };

	array_append(cover, span);
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

/*
 * Two for each span. A span closes one position behind its last, where the next one may open: 64
 * bits have room for that, because positions and IDs have at most 32.
 */
static struct array *sorted_ends(const struct array *cover)
{
	struct array *ends = array_new_sized(sizeof(struct end), 2 * cover->len);

	for (size_t i = 0; i < cover->len; i++) {
		const struct span *span = cover_get(cover, i);
		struct end pair[] = { { span->first, i, true }, { span->last + 1, i, false } };

		array_append_many(ends, pair, G_N_ELEMENTS(pair));
	}
	array_sort(ends, compare_ends);
	return ends;
}

/* A span is opened once and closed once, so the tree holds each for as long as it reaches. */
static void open_or_close(struct sweep *sweep, const struct end *end)
{
	if (end->opens)
		index_map_set(sweep->open, end->span, cover_get(sweep->cover, end->span));
	else
		index_map_remove(sweep->open, end->span);
}

/* All ends at this position are done: who has what follows? */
static void look(struct sweep *sweep, uint64_t now)
{
	const struct span *next = index_map_first(sweep->open);

	if (next == sweep->current)
		return;
	if (sweep->current)
		cover_add(sweep->pieces, sweep->since, now - 1, sweep->current->owner);
	sweep->current = next;
	sweep->since = now;
}

/* Spans that never overlap and are in order need no sweep; most tables have no others. */
static bool is_settled(const struct array *cover)
{
	for (size_t i = 1; i < cover->len; i++)
		if (cover_get(cover, i)->first <= cover_get(cover, i - 1)->last)
			return false;
	return true;
}

/* In place, so that who asks for a cover need not know whether there was anything to settle. */
void cover_settle(struct array *cover)
{
	struct sweep sweep = { .cover = cover };
	const struct end *end;
	struct array *ends;

	if (is_settled(cover))
		return;
	ends = sorted_ends(cover);
	sweep.open = index_map_new(cover->len);
	sweep.pieces = cover_new();
	for (size_t i = 0; i < ends->len; i++) {
		end = &array_index(ends, struct end, i);
		open_or_close(&sweep, end);
		if (i + 1 == ends->len || end[1].position != end->position)
			look(&sweep, end->position);
	}
	array_set_size(cover, 0);
	array_append_many(cover, sweep.pieces->data, sweep.pieces->len);
	array_free(sweep.pieces);
	index_map_free(sweep.open);
	array_free(ends);
}

/* By halves: spans of a cover are disjoint, so their last positions ascend as their first do. */
size_t cover_seek(const struct array *cover, uint64_t position)
{
	size_t low = 0, high = cover->len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (array_index(cover, struct span, middle).last < position)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}
