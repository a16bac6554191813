/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_MAP_POOL_H
#define VIOMMU_MAP_POOL_H

#include <stddef.h>

/*
 * Memory for the nodes of one map
 *
 * Nodes come out of chunks, which grow with the map and go back to the heap all together.
 * A node on its way back is first retired: it keeps its contents, for a reader may still be
 * in it, and is handed out again only after pool_reclaim(). So a map that stays about as
 * large as it is allocates nothing.
 */

#define POOL_NODE_BYTES 512 /* eight cache lines, and aligned to one */

/* What a node's owner can use: behind it is the pool's link, which no reader looks at. */
#define POOL_NODE_ROOM (POOL_NODE_BYTES - sizeof(void *))

struct pool_chunk;
struct pool_node;

/* Zero bytes are an empty one. */
struct pool {
	struct pool_chunk *chunks, *retired_chunks;
	struct pool_node *unused, *retired;
	size_t n_unused, n_nodes; /* in `chunks` */
	size_t bytes;             /* of heap, all overhead included */
	size_t retired_bytes;     /* of those: in `retired_chunks` */
};

/* See to it that the next `n` nodes are there. -ENOMEM: nothing has changed. */
int pool_reserve(struct pool *pool, size_t n);

/* How many bytes of heap pool_reserve() would take. */
size_t pool_cost(const struct pool *pool, size_t n);

/* A node, with whatever was in it. One must be there. */
void *pool_take(struct pool *pool);

/* Nobody will find the node any more, but somebody may be looking at it. */
void pool_retire(struct pool *pool, void *node);

/* The same of all nodes at once, and of the memory that they are in. */
void pool_retire_all(struct pool *pool);

/* Nobody looks at what was retired any more. */
void pool_reclaim(struct pool *pool);

/* Give all of it back to the heap. */
void pool_free(struct pool *pool);

#endif
