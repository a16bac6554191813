/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include "contestant.h"

/* A sorted array with binary search: little memory, quick to read, and slow to change. */

struct array {
	struct extent *extents;
	size_t n, room;
};

static void *make(void)
{
	return calloc(1, sizeof(struct array));
}

static void set_free(void *set)
{
	struct array *array = set;

	free(array->extents);
	free(array);
}

/* The first that ends at or after an address. */
static size_t find(const struct array *array, uint64_t address)
{
	size_t low = 0, n = array->n;

	while (n) {
		size_t half = n / 2;

		if (array->extents[low + half].last < address) {
			low += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	return low;
}

static bool has_room(struct array *array, size_t n)
{
	struct extent *extents;

	if (n <= array->room)
		return true;
	extents = realloc(array->extents, 2 * n * sizeof(*extents));
	if (!extents)
		return false;
	array->extents = extents;
	array->room = 2 * n;
	return true;
}

static bool map(void *set, const struct extent *extent)
{
	struct array *array = set;
	size_t i = find(array, extent->first);

	if (i < array->n && array->extents[i].first <= extent->last)
		return false;
	if (!has_room(array, array->n + 1))
		return false;
	memmove(&array->extents[i + 1], &array->extents[i],
		(array->n - i) * sizeof(array->extents[0]));
	array->extents[i] = *extent;
	array->n++;
	return true;
}

static bool unmap(void *set, uint64_t first, uint64_t last)
{
	struct array *array = set;
	size_t i = find(array, first), end = i;

	while (end < array->n && array->extents[end].last <= last)
		end++;
	if (i == end || array->extents[i].first < first)
		return false;
	memmove(&array->extents[i], &array->extents[end],
		(array->n - end) * sizeof(array->extents[0]));
	array->n -= end - i;
	return true;
}

static uint64_t translate(void *set, uint64_t address)
{
	const struct array *array = set;
	size_t i = find(array, address);

	if (i == array->n || array->extents[i].first > address)
		return NOWHERE;
	return array->extents[i].phys + (address - array->extents[i].first);
}

static uint64_t walk(void *set)
{
	const struct array *array = set;
	uint64_t sum = 0;

	for (size_t i = 0; i < array->n; i++)
		sum += array->extents[i].phys;
	return sum;
}

static int compare(const void *a, const void *b)
{
	const struct extent *left = a, *right = b;

	return (left->first > right->first) - (left->first < right->first);
}

static bool load(void *set, const struct workload *workload)
{
	struct array *array = set;

	if (!has_room(array, workload->n))
		return false;
	for (size_t i = 0; i < workload->n; i++)
		array->extents[i] = workload_extent(workload, i);
	array->n = workload->n;
	qsort(array->extents, array->n, sizeof(array->extents[0]), compare);
	return true;
}

const struct contestant contestant_array = {
	.name = "sorted array",
	.make = make,
	.free = set_free,
	.map = map,
	.unmap = unmap,
	.translate = translate,
	.walk = walk,
	.load = load,
};
