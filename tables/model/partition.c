/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Resolves overlapping spans: one sweep over their ends
 *
 * From left to right, an ordered map holds the open spans by index; the first one owns the
 * positions up to the next end. Pieces end only where the owner changes.
 */
#include <stdbool.h>

#include "base/array.h"
#include "base/index_map.h"
#include "partition.h"

/* One position behind the last, so that adjacent spans do not overlap. */
struct end {
	uint64_t position; /* of a closing span: one behind its last position */
	size_t span;
	bool opens;
};

/* The open spans by index: the lowest wins, as the first entry of a table does. */
struct sweep {
	const struct array *partition;
	struct index_map *open; /* index of a span -> that span */
	struct array *pieces;
	const struct span *current;
	uint64_t since;
};

struct array *partition_new(void)
{
	return array_new(sizeof(struct span));
}

/* The order of adding is kept, because it decides. */
void partition_add(struct array *partition, uint64_t first, uint64_t last, const void *owner)
{
	struct span span = { first, last, owner };

	array_append(partition, span);
}

/* Ends at one position may come in any order: the owner is determined after all of them. */
static gint compare_ends(gconstpointer a, gconstpointer b)
{
	const struct end *one = a, *other = b;

	return (one->position > other->position) - (one->position < other->position);
}

/*
 * Two ends per span. Positions and IDs have at most 32 bits, so one position behind the last fits
 * into 64.
 */
static struct array *sorted_ends(const struct array *partition)
{
	struct array *ends = array_new_sized(sizeof(struct end), 2 * partition->len);

	for (size_t i = 0; i < partition->len; i++) {
		const struct span *span = partition_get(partition, i);
		struct end pair[] = { { span->first, i, true }, { span->last + 1, i, false } };

		array_append_many(ends, pair, G_N_ELEMENTS(pair));
	}
	array_sort(ends, compare_ends);
	return ends;
}

/* Each span is opened and closed once. */
static void open_or_close(struct sweep *sweep, const struct end *end)
{
	if (end->opens)
		index_map_set(sweep->open, end->span, partition_get(sweep->partition, end->span));
	else
		index_map_remove(sweep->open, end->span);
}

/* After all ends at a position: determine the owner of what follows. */
static void look(struct sweep *sweep, uint64_t now)
{
	const struct span *next = index_map_first(sweep->open);

	if (next == sweep->current)
		return;
	if (sweep->current)
		partition_add(sweep->pieces, sweep->since, now - 1, sweep->current->owner);
	sweep->current = next;
	sweep->since = now;
}

/* Sorted and disjoint spans, as in most tables, need no sweep. */
static bool is_resolved(const struct array *partition)
{
	for (size_t i = 1; i < partition->len; i++)
		if (partition_get(partition, i)->first <= partition_get(partition, i - 1)->last)
			return false;
	return true;
}

/* In place, so that callers need not check whether spans overlap. */
void partition_resolve(struct array *partition)
{
	struct sweep sweep = { .partition = partition };
	const struct end *end;
	struct array *ends;

	if (is_resolved(partition))
		return;
	ends = sorted_ends(partition);
	sweep.open = index_map_new(partition->len);
	sweep.pieces = partition_new();
	for (size_t i = 0; i < ends->len; i++) {
		end = &array_index(ends, struct end, i);
		open_or_close(&sweep, end);
		if (i + 1 == ends->len || end[1].position != end->position)
			look(&sweep, end->position);
	}
	array_set_size(partition, 0);
	array_append_many(partition, sweep.pieces->data, sweep.pieces->len);
	array_free(sweep.pieces);
	index_map_free(sweep.open);
	array_free(ends);
}

/* Binary search: the spans are disjoint, so their last positions ascend, too. */
size_t partition_seek(const struct array *partition, uint64_t position)
{
	size_t low = 0, high = partition->len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (array_index(partition, struct span, middle).last < position)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}
