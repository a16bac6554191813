/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A map from indices to pointers: values in an array, and levels of bits over it
 */
#include <stdint.h>

#include "index_map.h"

#define WORD_SHIFT 6u
#define WORD_BITS  (1u << WORD_SHIFT)
#define MAX_LEVELS 11u

struct index_map {
	void **values;
	uint64_t *levels[MAX_LEVELS]; /* the top level has one word */
	unsigned n_levels;
};

struct index_map *index_map_new(size_t room)
{
	struct index_map *map = memory_new(struct index_map, 1);

	map->values = memory_new(void *, room);
	do {
		room = (room + WORD_BITS - 1) >> WORD_SHIFT;
		map->levels[map->n_levels++] = memory_new(uint64_t, room ? room : 1);
	} while (room > 1);
	return map;
}

void index_map_free(struct index_map *map)
{
	for (unsigned level = 0; level < map->n_levels; level++)
		memory_free(map->levels[level]);
	memory_free(map->values);
	memory_free(map);
}

void index_map_set(struct index_map *map, size_t index, const void *value)
{
	map->values[index] = (void *)value;
	for (unsigned level = 0; level < map->n_levels; level++, index >>= WORD_SHIFT)
		map->levels[level][index >> WORD_SHIFT] |= UINT64_C(1) << index % WORD_BITS;
}

/* If a word becomes empty, its bit in the level above is cleared. */
void index_map_remove(struct index_map *map, size_t index)
{
	map->values[index] = NULL;
	for (unsigned level = 0; level < map->n_levels; level++, index >>= WORD_SHIFT) {
		uint64_t *word = &map->levels[level][index >> WORD_SHIFT];

		*word &= ~(UINT64_C(1) << index % WORD_BITS);
		if (*word)
			return;
	}
}

void *index_map_get(const struct index_map *map, size_t index)
{
	return map->values[index];
}

void *index_map_first(const struct index_map *map)
{
	size_t index = 0;

	for (unsigned level = map->n_levels; level-- > 0;) {
		uint64_t word = map->levels[level][index];

		if (!word)
			return NULL;
		index = (index << WORD_SHIFT) + (size_t)__builtin_ctzll(word);
	}
	return map->values[index];
}
