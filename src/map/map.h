/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_MAP_MAP_H
#define VIOMMU_MAP_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The interval map: ranges of 64-bit addresses, each with where it goes
 *
 * Ranges are whole objects: they never overlap, are never split and never joined. Both
 * ends are included, so the last byte of the 64-bit space can be in one.
 *
 * One thread at a time changes a map: the writer. Any number of threads may read it
 * meanwhile, by the functions under "reading", and without a lock. What is taken out of the
 * map stays readable for those who are looking at it, until the writer says by
 * map_reclaim_nodes() that nobody is. How it knows is its own business.
 */

struct range {
	uint64_t first, last;
	uint64_t phys;  /* where `first` goes */
	uint32_t flags; /* at most 255 */
};

struct map;

/* NULL when out of memory. */
struct map *map_new(void);

/* NULL is fine. */
void map_free(struct map *map);

/* What an empty map takes. */
extern const size_t map_bytes_empty;

/* -- reading: by any thread ------------------------------------------------------------ */

/* The first range that ends at or after `from`; false if there is none. */
bool map_next_range(const struct map *map, uint64_t from, struct range *ret_range);

/*
 * A walk over ranges in ascending order. A narrow one stays in one node, and what it sees is
 * the map as it was at one moment. A wide one goes on for ever, and saw the map at one
 * moment if map_walk_is_consistent() says so in the end: if it does not, a change came between.
 */
struct map_walk {
	const struct map *map;
	const void *leaf;
	unsigned i;
	bool wide;
	bool cut; /* a narrow walk has come to the end of its node */
	uint64_t version;
};

/* Begin as map_next_range() does. */
bool map_walk(struct map_walk *walk, const struct map *map, uint64_t from, bool wide,
	      struct range *ret_range);

/* The range after, however far behind. */
bool map_walk_next(struct map_walk *walk, struct range *ret_range);

bool map_walk_is_consistent(const struct map_walk *walk);

/* -- for the writer ---------------------------------------------------------------------- */

size_t map_count(const struct map *map);

/* Heap that the map takes, all overhead included; and that the next insert may add. */
size_t map_bytes(const struct map *map);
size_t map_growth(const struct map *map);

/* Does any range overlap [first, last]? */
bool map_overlaps(const struct map *map, uint64_t first, uint64_t last);

/* Does [first, last] cut a range in two? */
bool map_splits_range(const struct map *map, uint64_t first, uint64_t last);

/* See to it that the next insert has its memory. -ENOMEM: nothing has changed. */
int map_reserve(struct map *map);

/* Must overlap no other. -ENOMEM, but not after map_reserve(). */
int map_insert(struct map *map, const struct range *range);

/*
 * Removing takes nodes too, which map_insert() leaves in store; but they come back only by
 * map_reclaim_nodes(). Is that to be called before the next map_remove()?
 */
bool map_needs_reclaim(const struct map *map);

/*
 * Remove every range inside [first, last], which must cut none: readers see all of them or
 * none. Returns how many.
 */
size_t map_remove(struct map *map, uint64_t first, uint64_t last);

/* Nobody looks at what was taken out any more. */
void map_reclaim_nodes(struct map *map);

#endif
