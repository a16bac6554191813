/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_DEVICE_DIRECTORY_H
#define VIOMMU_DEVICE_DIRECTORY_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Endpoints by number, for translations: found without a lock while others come and go
 *
 * A table of pointers that is searched from where the number's hash points to. Each pointer
 * is stored once the endpoint behind it is whole; one that was taken out leaves a mark, so
 * that those behind it are still found. The order of numbers is kept elsewhere (ids.h).
 */

struct endpoint;
struct directory_table;

/* Zero bytes are an empty one. */
struct directory {
	_Atomic(struct directory_table *) table;
	size_t n_entries; /* marks among them */
};

/* By any thread. NULL: there is none. */
struct endpoint *directory_find(const struct directory *directory, uint32_t id);

/*
 * The writer's: see to it that another endpoint has room. The table that was used until then,
 * or NULL, is to be freed when nobody looks at it any more. -ENOMEM
 */
int directory_reserve(struct directory *directory, struct directory_table **ret_old);

/* There is room. */
void directory_add(struct directory *directory, struct endpoint *endpoint);
void directory_remove(struct directory *directory, const struct endpoint *endpoint);

/* Forget all endpoints. */
void directory_clear(struct directory *directory);

#endif
