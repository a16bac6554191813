/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_MAP_POOL_H
#define VIOMMU_MAP_POOL_H

#include <stddef.h>

/*
 * Memory for the nodes of one map
 *
 * Nodes come from chunks, which grow with the map and are freed together. A node is first
 * retired: it keeps its contents for readers, and is used again only after pool_reclaim(). A map
 * of constant size allocates nothing.
 */

#define POOL_NODE_BYTES 512 /* eight cache lines, aligned to one */

/*
 * Bytes for the node's owner that readers may load. What follows is the owner's as well, until the
 * node is retired: then it is the pool's link.
 */
#define POOL_NODE_ROOM (POOL_NODE_BYTES - sizeof(void *))

struct pool_chunk;
struct pool_node;

/* All zero is an empty pool. */
struct pool {
	struct pool_chunk *chunks, *retired_chunks;
	struct pool_node *unused, *retired;
	size_t n_unused, n_nodes; /* in `chunks` */
	size_t bytes;             /* of heap, overhead included */
	size_t retired_bytes;     /* of those: in `retired_chunks` */
};

/* Reserve the next `n` nodes. -ENOMEM: nothing has changed. */
int pool_reserve(struct pool *pool, size_t n);

/* Bytes of heap that pool_reserve() would take. */
size_t pool_cost(const struct pool *pool, size_t n);

/* An uninitialised node, which must have been reserved. */
void *pool_take(struct pool *pool);

/* The node is unlinked, but readers may be in it. */
void pool_retire(struct pool *pool, void *node);

/* Retire all nodes, with their chunks. */
void pool_retire_all(struct pool *pool);

/* Call it when no reader is in a retired node any more. */
void pool_reclaim(struct pool *pool);

void pool_free(struct pool *pool);

#endif
