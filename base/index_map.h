/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_BASE_INDEX_MAP_H
#define VIOMMU_BASE_INDEX_MAP_H

#include "memory.h"

/*
 * A map from small indices to pointers, with fast access to the lowest index
 *
 * A tree of bit sets: a bit in a word tells whether one of 64 words below has bits. Each operation
 * takes one step per level, four for 16 million indices.
 */
struct index_map;

/* For indices below `room`. */
struct index_map *index_map_new(size_t room);
void index_map_free(struct index_map *map);

/* Replaces the value of the index. `value` is not NULL. */
void index_map_set(struct index_map *map, size_t index, const void *value);
void index_map_remove(struct index_map *map, size_t index);
void *index_map_get(const struct index_map *map, size_t index);

/* The value of the lowest index; NULL if the map is empty. */
void *index_map_first(const struct index_map *map);

#endif
