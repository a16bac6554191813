/* SPDX-License-Identifier: BSD-3-Clause */
#include "map/change.h"

/*
 * Leaves, and their changes in place
 *
 * A leaf has more slots than ranges. A new range goes into a free slot between its neighbours,
 * which no reader uses, and then becomes visible by one store, that of `live`; a removal is that
 * store alone. A reader loads `live` once, before it compares keys, and uses only what it says. So
 * it sees all of a change or none of it (tests/model/leaf.pml).
 *
 * A slot whose range was removed keeps its contents for readers that loaded `live` before. It is
 * free after the grace period, as a retired node is.
 *
 * The key of a free slot is between those of its neighbours, whatever it is; so is the key of the
 * range that goes there next. Whichever of them a reader compares, it finds the same live slot.
 */

/* Slots that no reader uses. */
static uint32_t free_slots(const struct map *map, const struct leaf *leaf)
{
	uint32_t used = atomic_load_explicit(&leaf->live, memory_order_relaxed);

	if (leaf->period == map->period)
		used |= leaf->removed;
	return LEAF_ALL & ~used;
}

static void slot_set(struct leaf *leaf, unsigned i, const struct range *range)
{
	leaf->first[i] = range->first;
	leaf->phys[i] = range->phys;
	leaf->flags[i] = (uint8_t)range->flags;
}

void leaf_set_first(struct leaf *leaf, const struct range *range)
{
	atomic_init(&leaf->last[0], range->last);
	slot_set(leaf, 0, range);
}

/*
 * Keys ascend, and the new one is between those of slots `i - 1` and `i`. So only these two can
 * take the range without a change of other keys, and one of them does if it is free.
 */
bool leaf_insert(struct map *map, struct leaf *leaf, const struct range *range)
{
	unsigned i = leaf_find(leaf, range->last);
	uint32_t unused = free_slots(map, leaf);

	if (!(unused >> i & 1)) {
		if (!i || !(unused >> --i & 1))
			return false;
	}

	atomic_store_explicit(&leaf->last[i], range->last, memory_order_relaxed);
	slot_set(leaf, i, range);
	leaf_publish(map, leaf, atomic_load_explicit(&leaf->live, memory_order_relaxed) | 1u << i);
	return true;
}

void leaf_remove(struct map *map, struct leaf *leaf, uint32_t slots)
{
	uint32_t live = atomic_load_explicit(&leaf->live, memory_order_relaxed);

	if (leaf->period != map->period)
		leaf->removed = 0;
	leaf->period = map->period;
	leaf->removed |= slots;
	leaf_publish(map, leaf, live & ~slots);
}

/* -- new leaves -------------------------------------------------------------------------- */

const char map_leaves;

static void leaf_begin(const struct map *map, struct leaf *leaf, uint32_t live)
{
	annotate_atomic(leaf->last, sizeof(leaf->last));
	annotate_atomic(&leaf->live, sizeof(leaf->live));
	atomic_init(&leaf->live, live);
	leaf->removed = 0;
	leaf->period = map->period;
}

static void fill_keys(struct leaf *leaf, unsigned i, unsigned end, uint64_t key)
{
	for (; i < end; i++)
		atomic_init(&leaf->last[i], key);
}

struct leaf *leaf_new_single(struct map *map, const struct leaf *single, unsigned slot)
{
	struct leaf *leaf = pool_take(&map->pool);
	const struct range range = leaf_range(single, 0);

	fill_keys(leaf, 0, slot, 0);
	atomic_init(&leaf->last[slot], range.last);
	slot_set(leaf, slot, &range);
	fill_keys(leaf, slot + 1, LEAF_RANGES, LAST_BORDER);
	leaf_begin(map, leaf, 1u << slot);
	return leaf;
}

static inline void copy_slot(struct leaf *leaf, unsigned to, const struct leaf *from, unsigned i)
{
	atomic_init(&leaf->last[to], leaf_last(from, i));
	leaf->first[to] = from->first[i];
	leaf->phys[to] = from->phys[i];
	leaf->flags[to] = from->flags[i];
}

/* Are all free slots of a new leaf before a piece? */
static bool is_behind_gap(enum gaps gaps, unsigned which, bool has_new)
{
	return which == NEW ? gaps == GAPS_BEFORE_NEW
			    : has_new && which > NEW && gaps == GAPS_BEHIND_NEW;
}

#define FRACTION 256

/*
 * The key of a free slot is that of the slot before it, but behind the new range that of the next
 * one: so the next range takes the slot beside the new one.
 */
struct leaf *leaf_new(struct map *map, struct piece *pieces, unsigned n, enum gaps gaps)
{
	struct leaf *leaf = pool_take(&map->pool);
	bool has_new = pieces[NEW].slots;
	unsigned room = (LEAF_RANGES - n) * FRACTION, at = 0, end = 0;
	unsigned step = gaps == GAPS_BETWEEN ? LEAF_RANGES * FRACTION / n : FRACTION;
	uint64_t key = 0;
	uint32_t live = 0;

	for (unsigned which = BEFORE; n; which++) {
		const struct leaf *from = pieces[which].leaf;
		uint32_t slots = pieces[which].slots;

		if (slots && is_behind_gap(gaps, which, has_new)) {
			at += room;
			room = 0;
			if (which > NEW)
				key = leaf_last(from, (unsigned)__builtin_ctz(slots));
		}
		for (; n && slots; n--, slots &= slots - 1, at += step) {
			unsigned i = (unsigned)__builtin_ctz(slots);

			for (; end < at / FRACTION; end++)
				atomic_init(&leaf->last[end], key);
			key = leaf_last(from, i);
			copy_slot(leaf, end, from, i);
			live |= 1u << end++;
		}
		pieces[which].slots = slots;
	}
	fill_keys(leaf, end, LEAF_RANGES, LAST_BORDER);
	leaf_begin(map, leaf, live);
	return leaf;
}

struct parts leaves_of(struct map *map, struct piece pieces[N_PIECES], enum gaps gaps)
{
	struct parts parts = { .n = 0 };
	unsigned n = 0, half;

	for (unsigned i = 0; i < N_PIECES; i++)
		n += slots_count(pieces[i].slots);
	half = n > LEAF_RANGES ? n / 2 : n;
	if (half)
		parts.node[parts.n++] = leaf_new(map, pieces, half, gaps);
	if (half < n) {
		struct leaf *leaf = leaf_new(map, pieces, n - half, gaps);

		parts.border = leaf->first[__builtin_ctz(leaf_live(leaf))] - 1;
		parts.node[parts.n++] = leaf;
	}
	return parts;
}

bool pieces_add_neighbour(struct piece pieces[N_PIECES], const struct path *path, unsigned which,
			  unsigned most)
{
	const struct step *step = path->height ? &path->steps[path->height - 1] : NULL;
	unsigned i = !step ? 0 : which == BEFORE ? step->i - 1u : step->i + 1u;
	const struct leaf *leaf =
		step && i < step->inner->count ? inner_child(step->inner, i) : NULL;

	if (!leaf || slots_count(leaf_live(leaf)) > most)
		return false;
	pieces[which] = (struct piece){ leaf, leaf_live(leaf) };
	return true;
}

void tree_rebuild(struct map *map, struct path *path, struct piece pieces[N_PIECES], enum gaps gaps)
{
	struct parts parts;
	unsigned k = 1;

	pool_retire(&map->pool, path->leaf);
	for (unsigned which = BEFORE; which <= AFTER; which += AFTER - BEFORE) {
		if (!pieces[which].slots)
			continue;
		pool_retire(&map->pool, (void *)(uintptr_t)pieces[which].leaf);
		k++;
	}
	if (pieces[BEFORE].slots)
		path->steps[path->height - 1].i--;
	parts = leaves_of(map, pieces, gaps);
	tree_replace(map, path, path->height, k, parts);
	if (k == 1 && parts.n == 1)
		hot_set(map, parts.node[0], path);
}
