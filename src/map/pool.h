/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_MAP_POOL_H
#define VIOMMU_MAP_POOL_H

#include <stddef.h>

/*
 * Memory for the nodes of one map
 *
 * Nodes come out of chunks, which grow with the map and go back to the heap all together.
 * A node that is given back is the next to be handed out; so a map that stays about as
 * large as it is allocates nothing.
 */

#define POOL_NODE_BYTES 512 /* eight cache lines, and aligned to one */

struct pool_chunk;
struct pool_node;

/* Zero bytes are an empty one. */
struct pool {
	struct pool_chunk *chunks;
	struct pool_node *unused;
	size_t n_unused, n_nodes;
	size_t bytes; /* of heap, all overhead included */
};

/* See to it that the next `n` nodes are there. -ENOMEM: nothing has changed. */
int pool_reserve(struct pool *pool, size_t n);

/* How many bytes of heap pool_reserve() would take. */
size_t pool_cost(const struct pool *pool, size_t n);

/* A node, with whatever was in it. One must be there. */
void *pool_take(struct pool *pool);
void pool_give(struct pool *pool, void *node);

/* Give all of it back to the heap. */
void pool_free(struct pool *pool);

#endif
