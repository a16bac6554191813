/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_DEVICE_DIRECTORY_H
#define VIOMMU_DEVICE_DIRECTORY_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Endpoints by ID, for translations: lookups without a lock while endpoints are added and removed
 *
 * An open-addressing hash table of pointers. Each pointer is published when its endpoint is
 * complete. A removed pointer becomes a tombstone, so that searches continue after it. ids.h has
 * the endpoints in order.
 */

struct endpoint;
struct directory_table;

/* All zero is an empty directory. */
struct directory {
	_Atomic(struct directory_table *) table;
	size_t n_entries; /* including tombstones */
};

/* By any thread. NULL if there is none. */
struct endpoint *directory_find(const struct directory *directory, uint32_t id);

/*
 * For the writer: reserve a place for another endpoint. *ret_old is NULL, or a table to free after
 * a grace period. -ENOMEM
 */
int directory_reserve(struct directory *directory, struct directory_table **ret_old);

/* After directory_reserve(). */
void directory_add(struct directory *directory, struct endpoint *endpoint);
void directory_remove(struct directory *directory, const struct endpoint *endpoint);

void directory_clear(struct directory *directory);

#endif
