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
 * ends are included, so the last byte of the 64-bit space can be in one. Not locked;
 * reading from several threads at once is fine while nobody writes.
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

size_t map_count(const struct map *map);

/* Heap that the map takes, all overhead included; and that the next insert may add. */
size_t map_bytes(const struct map *map);
size_t map_growth(const struct map *map);

/* What an empty map takes. */
extern const size_t map_bytes_empty;

/* 0; -EEXIST if it overlaps another; -ENOMEM. */
int map_insert(struct map *map, const struct range *range);

/* The first range that ends at or after `from`; false if there is none. */
bool map_next(const struct map *map, uint64_t from, struct range *ret_range);

/* Does any range overlap [first, last]? */
bool map_overlaps(const struct map *map, uint64_t first, uint64_t last);

/* Does [first, last] cut a range in two? */
bool map_cuts(const struct map *map, uint64_t first, uint64_t last);

/*
 * Remove every range inside [first, last], which must cut none, in ascending order; `each`
 * may be NULL. Returns how many.
 */
size_t map_remove(struct map *map, uint64_t first, uint64_t last,
		  void (*each)(void *opaque, const struct range *range), void *opaque);

#endif
