/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_BASE_INDEX_MAP_H
#define VIOMMU_BASE_INDEX_MAP_H

#include "memory.h"

/*
 * A map from small indices to pointers, which gives the lowest index that has one
 *
 * A tree of bits: a word says which of 64 words below it have a bit. All operations take as many
 * steps as it has levels, four for 16 million indices.
 */
struct index_map;

/* For indices below `room`. */
struct index_map *index_map_new(size_t room);
void index_map_free(struct index_map *map);

/* `value` replaces what the index has; it is not NULL. */
void index_map_set(struct index_map *map, size_t index, const void *value);
void index_map_remove(struct index_map *map, size_t index);
void *index_map_get(const struct index_map *map, size_t index);

/* The value of the lowest index; NULL: the map is empty. */
void *index_map_first(const struct index_map *map);

#endif
