/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include "device/core.h"

/* At least half of the places are free, so every search is short and ends. */

#define FIRST_PLACES 16

struct directory_table {
	size_t n_places; /* a power of two */
	_Atomic(struct endpoint *) place[];
};

/* Replaces a removed endpoint. */
static struct endpoint tombstone;

/* Fibonacci hashing spreads consecutive numbers, such as the functions of a device. */
static size_t place_of(const struct directory_table *table, uint32_t id)
{
	return (size_t)((id * 0x9e3779b97f4a7c15ull) >> 32) & (table->n_places - 1);
}

static struct endpoint *load(const struct directory_table *table, size_t at)
{
	struct endpoint *endpoint = atomic_load_explicit(&table->place[at], memory_order_acquire);

	annotate_acquire(&table->place[at]);
	return endpoint;
}

static void store(struct directory_table *table, size_t at, struct endpoint *endpoint)
{
	annotate_release(&table->place[at]);
	atomic_store_explicit(&table->place[at], endpoint, memory_order_release);
}

struct endpoint *directory_find(const struct directory *directory, uint32_t id)
{
	const struct directory_table *table =
		atomic_load_explicit(&directory->table, memory_order_acquire);
	struct endpoint *endpoint;

	annotate_acquire(&directory->table);
	if (!table)
		return NULL;
	for (size_t at = place_of(table, id); (endpoint = load(table, at));
	     at = (at + 1) & (table->n_places - 1))
		if (endpoint != &tombstone && endpoint->node.id == id)
			return endpoint;
	return NULL;
}

static void put(struct directory_table *table, struct endpoint *endpoint)
{
	size_t at = place_of(table, endpoint->node.id);

	while (load(table, at))
		at = (at + 1) & (table->n_places - 1);
	store(table, at, endpoint);
}

/* A copy of `old` without tombstones, with `n_places` places. */
static struct directory_table *grown(const struct directory_table *old, size_t n_places)
{
	struct directory_table *table =
		calloc(1, sizeof(*table) + n_places * sizeof(table->place[0]));

	if (!table)
		return NULL;
	table->n_places = n_places;
	for (size_t at = 0; old && at < old->n_places; at++)
		if (load(old, at) && load(old, at) != &tombstone)
			put(table, load(old, at));
	return table;
}

static size_t count(const struct directory_table *table)
{
	size_t n = 0;

	for (size_t at = 0; table && at < table->n_places; at++)
		n += load(table, at) && load(table, at) != &tombstone;
	return n;
}

int directory_reserve(struct directory *directory, struct directory_table **ret_old)
{
	struct directory_table *old = atomic_load(&directory->table), *table;
	size_t n_places = old ? old->n_places : 0, n;

	*ret_old = NULL;
	if (2 * (directory->n_entries + 1) <= n_places)
		return 0;
	n = count(old);
	if (!n_places || 4 * n >= n_places)
		n_places = n_places ? 2 * n_places : FIRST_PLACES;
	table = grown(old, n_places);
	if (!table)
		return -ENOMEM;
	directory->n_entries = n;
	annotate_release(&directory->table);
	atomic_store_explicit(&directory->table, table, memory_order_release);
	*ret_old = old;
	return 0;
}

void directory_add(struct directory *directory, struct endpoint *endpoint)
{
	put(atomic_load(&directory->table), endpoint);
	directory->n_entries++;
}

void directory_remove(struct directory *directory, const struct endpoint *endpoint)
{
	struct directory_table *table = atomic_load(&directory->table);
	size_t at = place_of(table, endpoint->node.id);

	while (load(table, at) != endpoint)
		at = (at + 1) & (table->n_places - 1);
	store(table, at, &tombstone);
}

void directory_clear(struct directory *directory)
{
	free(atomic_load(&directory->table));
	atomic_store(&directory->table, NULL);
	directory->n_entries = 0;
}
