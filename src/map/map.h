/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_MAP_MAP_H
#define VIOMMU_MAP_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The interval map: closed, disjoint ranges of 64-bit addresses with their targets
 *
 * Ranges are never merged or split. One thread at a time, the writer, changes a map. Any number of
 * threads may read it meanwhile without a lock, by the functions under "reading". A removed range
 * stays readable until the writer calls map_reclaim_nodes(), after a grace period.
 */

struct range {
	uint64_t first, last;
	uint64_t phys;  /* the address that `first` goes to */
	uint32_t flags; /* at most 255 */
};

struct map;

struct map *map_new(void);

void map_free(struct map *map);

/* Bytes of heap of an empty map. */
extern const size_t map_bytes_empty;

/* -- reading, by any thread ------------------------------------------------------------ */

bool map_next_range(const struct map *map, uint64_t from, struct range *ret_range);

/*
 * A walk over ranges in ascending order. What it saw was the map at one moment if
 * map_walk_is_consistent() says so at its end.
 */
struct map_walk {
	const struct map *map;
	const void *leaf;
	uint32_t live; /* slots of the leaf that have ranges */
	unsigned i;
	uint64_t version;
};

/* The first range that ends at or after `from`. */
bool map_walk(struct map_walk *walk, const struct map *map, uint64_t from, struct range *ret_range);

bool map_walk_next(struct map_walk *walk, struct range *ret_range);

bool map_walk_is_consistent(const struct map_walk *walk);

/* -- for the writer ---------------------------------------------------------------------- */

size_t map_count(const struct map *map);

/* Bytes of heap of the map, and the most that the next insert may add. */
size_t map_bytes(const struct map *map);
size_t map_growth(const struct map *map);

bool map_overlaps(struct map *map, uint64_t first, uint64_t last);

/* Would removing [first, last] split a range? */
bool map_splits_range(struct map *map, uint64_t first, uint64_t last);

/* Reserve memory for the next insert. -ENOMEM: nothing has changed. */
int map_reserve(struct map *map);

/* The range must not overlap another. -ENOMEM, but not after map_reserve(). */
int map_insert(struct map *map, const struct range *range);

/*
 * A removal needs nodes, too. map_insert() reserves enough for one removal; true if they are used
 * up and map_reclaim_nodes() must be called before the next map_remove().
 */
bool map_needs_reclaim(const struct map *map);

/*
 * Remove every range in [first, last], which must split none. Readers see all of them or none.
 * Returns how many.
 */
size_t map_remove(struct map *map, uint64_t first, uint64_t last);

/* Call it when no reader is in a retired node any more. Returns the bytes of heap that it frees. */
size_t map_reclaim_nodes(struct map *map);

#endif
