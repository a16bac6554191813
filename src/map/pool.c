/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "map/pool.h"

/*
 * Chunks double with the number of nodes there are, so that a domain with a few ranges
 * takes a few hundred bytes, and one with millions is not a heap of small blocks. The
 * first cache line of a chunk is the pool's own.
 */

#define CACHE_LINE      64
#define NODES_CHUNK_MAX 256

/* What malloc keeps beside each block, by the usual allocators. */
#define HEAP_OVERHEAD 16

struct pool_chunk {
	struct pool_chunk *next;
};

struct pool_node {
	struct pool_node *next;
};

/* How many nodes the next chunk has when `n` are wanted. */
static size_t next_chunk(const struct pool *pool, size_t n)
{
	size_t wanted = n - pool->n_unused;
	size_t nodes = pool->n_nodes < NODES_CHUNK_MAX ? pool->n_nodes : NODES_CHUNK_MAX;

	return nodes > wanted ? nodes : wanted;
}

static size_t chunk_bytes(size_t nodes)
{
	return CACHE_LINE + nodes * POOL_NODE_BYTES;
}

size_t pool_cost(const struct pool *pool, size_t n)
{
	return pool->n_unused >= n ? 0 : chunk_bytes(next_chunk(pool, n)) + HEAP_OVERHEAD;
}

int pool_reserve(struct pool *pool, size_t n)
{
	struct pool_chunk *chunk;
	size_t nodes;

	if (pool->n_unused >= n)
		return 0;
	nodes = next_chunk(pool, n);
	chunk = aligned_alloc(CACHE_LINE, chunk_bytes(nodes));
	if (!chunk)
		return -ENOMEM;
	chunk->next = pool->chunks;
	pool->chunks = chunk;
	pool->n_nodes += nodes;
	pool->bytes += chunk_bytes(nodes) + HEAP_OVERHEAD;
	for (size_t i = nodes; i-- > 0;)
		pool_give(pool, (char *)chunk + chunk_bytes(i));
	return 0;
}

void *pool_take(struct pool *pool)
{
	struct pool_node *node = pool->unused;

	pool->unused = node->next;
	pool->n_unused--;
	return node;
}

void pool_give(struct pool *pool, void *memory)
{
	struct pool_node *node = memory;

	node->next = pool->unused;
	pool->unused = node;
	pool->n_unused++;
}

void pool_free(struct pool *pool)
{
	while (pool->chunks) {
		struct pool_chunk *chunk = pool->chunks;

		pool->chunks = chunk->next;
		free(chunk);
	}
	*pool = (struct pool){ 0 };
}
