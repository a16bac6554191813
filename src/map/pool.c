/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "map/pool.h"

/*
 * Chunks grow with the number of nodes, of which they are a quarter: a domain with a few ranges
 * takes a few hundred bytes, one with millions has few blocks, and at most a fifth of the nodes is
 * not needed yet. The largest are huge pages where the host has them,
 * because lookups among millions of ranges would miss the TLB at every level. The first cache
 * line of a chunk is the pool's own.
 */

#define CACHE_LINE      64
#define HUGE_PAGE       (2u << 20)
#define NODES_CHUNK_MAX (HUGE_PAGE / POOL_NODE_BYTES - 1)
#define CHUNK_SHARE     4

/* malloc's overhead of a block, in the usual allocators. */
#define HEAP_OVERHEAD 16

struct pool_chunk {
	struct pool_chunk *next;
};

/* A node that is unused or retired. */
struct pool_node {
	char contents[POOL_NODE_ROOM];
	struct pool_node *next;
};

_Static_assert(sizeof(struct pool_node) == POOL_NODE_BYTES, "a node is a node");

/* Nodes of the next chunk if `n` are needed. */
static size_t next_chunk(const struct pool *pool, size_t n)
{
	size_t wanted = n - pool->n_unused;
	size_t share = pool->n_nodes / CHUNK_SHARE;
	size_t nodes = share < NODES_CHUNK_MAX ? share : NODES_CHUNK_MAX;

	return nodes > wanted ? nodes : wanted;
}

static size_t chunk_bytes(size_t nodes)
{
	return nodes == NODES_CHUNK_MAX ? HUGE_PAGE : CACHE_LINE + nodes * POOL_NODE_BYTES;
}

static void *node_of(struct pool_chunk *chunk, size_t i)
{
	return (char *)chunk + CACHE_LINE + i * POOL_NODE_BYTES;
}

size_t pool_cost(const struct pool *pool, size_t n)
{
	return pool->n_unused >= n ? 0 : chunk_bytes(next_chunk(pool, n)) + HEAP_OVERHEAD;
}

static struct pool_chunk *chunk_new(size_t nodes)
{
	size_t bytes = chunk_bytes(nodes);
	struct pool_chunk *chunk;

	if (bytes != HUGE_PAGE)
		return aligned_alloc(CACHE_LINE, bytes);
	chunk = aligned_alloc(HUGE_PAGE, bytes);
#ifdef MADV_HUGEPAGE
	if (chunk)
		madvise(chunk, bytes, MADV_HUGEPAGE);
#endif
	return chunk;
}

static void put(struct pool *pool, struct pool_node *node)
{
	node->next = pool->unused;
	pool->unused = node;
	pool->n_unused++;
}

int pool_reserve(struct pool *pool, size_t n)
{
	struct pool_chunk *chunk;
	size_t nodes;

	if (pool->n_unused >= n)
		return 0;
	nodes = next_chunk(pool, n);
	chunk = chunk_new(nodes);
	if (!chunk)
		return -ENOMEM;
	chunk->next = pool->chunks;
	pool->chunks = chunk;
	pool->n_nodes += nodes;
	pool->bytes += chunk_bytes(nodes) + HEAP_OVERHEAD;
	for (size_t i = nodes; i-- > 0;)
		put(pool, node_of(chunk, i));
	return 0;
}

void *pool_take(struct pool *pool)
{
	struct pool_node *node = pool->unused;

	pool->unused = node->next;
	pool->n_unused--;
	return node;
}

void pool_retire(struct pool *pool, void *memory)
{
	struct pool_node *node = memory;

	node->next = pool->retired;
	pool->retired = node;
}

static void free_chunks(struct pool_chunk *chunk)
{
	while (chunk) {
		struct pool_chunk *next = chunk->next;

		free(chunk);
		chunk = next;
	}
}

void pool_retire_all(struct pool *pool)
{
	struct pool_chunk **end = &pool->chunks;

	while (*end)
		end = &(*end)->next;
	*end = pool->retired_chunks;
	*pool = (struct pool){
		.retired_chunks = pool->chunks,
		.retired_bytes = pool->bytes,
		.bytes = pool->bytes,
	};
}

void pool_reclaim(struct pool *pool)
{
	while (pool->retired) {
		struct pool_node *node = pool->retired;

		pool->retired = node->next;
		put(pool, node);
	}
	free_chunks(pool->retired_chunks);
	pool->retired_chunks = NULL;
	pool->bytes -= pool->retired_bytes;
	pool->retired_bytes = 0;
}

void pool_free(struct pool *pool)
{
	free_chunks(pool->chunks);
	free_chunks(pool->retired_chunks);
	*pool = (struct pool){ 0 };
}
