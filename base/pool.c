/* SPDX-License-Identifier: BSD-3-Clause */
/* Blocks of memory, each larger than the one before, and objects at their ends */
#include <stdint.h>
#include <string.h>

#include <glib.h>

#include "memory.h"
#include "pool.h"

#define FIRST_BLOCK 1024u
#define BLOCK_MAX   (1u << 16)
#define ALIGNMENT   8u

struct block {
	struct block *next;
	uint64_t bytes[]; /* zeroed */
};

struct pool {
	struct block *blocks;
	char *space;       /* in one of them: where objects are taken from */
	size_t used, room; /* of it */
};

struct pool *pool_new(void)
{
	return memory_new(struct pool, 1);
}

void pool_clear(struct pool *pool)
{
	for (struct block *block = pool->blocks, *next; block; block = next) {
		next = block->next;
		memory_free(block);
	}
	*pool = (struct pool){ .blocks = NULL };
}

void pool_free(struct pool *pool)
{
	if (!pool)
		return;
	pool_clear(pool);
	memory_free(pool);
}

static char *add_block(struct pool *pool, size_t size)
{
	struct block *block = memory_zeroed(1, sizeof(*block) + size);

	memory_give(pool, block);
	block->next = pool->blocks;
	pool->blocks = block;
	return (char *)block->bytes;
}

static void renew_space(struct pool *pool)
{
	size_t room = pool->room ? MIN(2 * pool->room, BLOCK_MAX) : FIRST_BLOCK;

	pool->space = add_block(pool, room);
	pool->room = room;
	pool->used = 0;
}

/* A large object has a block of its own, so less than a quarter of a block stays unused. */
static void *take(struct pool *pool, size_t size)
{
	if (size > FIRST_BLOCK / 4 && size > pool->room / 4)
		return add_block(pool, size);
	if (pool->used + size > pool->room)
		renew_space(pool);
	pool->used += size;
	return pool->space + pool->used - size;
}

void *pool_get(struct pool *pool, size_t size)
{
	pool->used = (pool->used + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	return size ? take(pool, size) : NULL;
}

void *pool_copy(struct pool *pool, const void *bytes, size_t length)
{
	return length ? memcpy(take(pool, length), bytes, length) : NULL;
}
