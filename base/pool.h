/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_BASE_POOL_H
#define VIOMMU_BASE_POOL_H

#include <stddef.h>

/*
 * Memory of many small objects that live as long as their owner
 *
 * A table has up to a million records of a few dozen bytes, and they are freed with the table. Such
 * objects share blocks: they need no allocation of their own, no place in the list of a door
 * (memory.h), and no free. The pool has the lifetime of the object that points to it.
 */
struct pool;

struct pool *pool_new(void);
void pool_free(struct pool *pool);

/* Frees all objects. */
void pool_clear(struct pool *pool);

/* Zeroed, and aligned for pointers and 64-bit numbers. NULL for 0 bytes. */
void *pool_get(struct pool *pool, size_t size);

#define pool_new_object(pool, type) ((type *)pool_get((pool), sizeof(type)))

/* A copy, not aligned; NULL for 0 bytes. */
void *pool_copy(struct pool *pool, const void *bytes, size_t length);

#endif
