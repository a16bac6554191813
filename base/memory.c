/* SPDX-License-Identifier: BSD-3-Clause */
/* Failing allocations: the list of a call's allocations, and the longjmp() that ends the call */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

/*
 * With the initial-exec model, because glibc allocates other thread-local data at its first use,
 * and aborts on failure.
 */
static _Thread_local struct memory_door *current __attribute__((tls_model("initial-exec")));

#define FIRST_ROOM 64u

/* -- the list ---------------------------------------------------------------------- */

/*
 * Allocations that follow each other are near each other, and so are their slots: a block of
 * memory has a block of slots, whose place is a hash.
 */
#define BLOCK_BITS 9u
#define GRAIN_BITS 5u

static size_t slot_of(const struct memory_door *door, const void *memory)
{
	static const uint64_t golden = 0x9e3779b97f4a7c15u;
	uint64_t address = (uint64_t)(uintptr_t)memory;
	uint64_t block = ((address >> BLOCK_BITS) * golden) >> 32;

	return (size_t)(block + (address >> GRAIN_BITS)) & (door->room - 1);
}

/* The slot of the address, or its empty slot. */
static size_t find(const struct memory_door *door, const void *memory)
{
	size_t slot = slot_of(door, memory);

	while (door->slots[slot] && door->slots[slot] != memory)
		slot = (slot + 1) & (door->room - 1);
	return slot;
}

static bool is_listed(const struct memory_door *door, const void *memory)
{
	return door->room && memory && door->slots[find(door, memory)];
}

static void list(struct memory_door *door, void *memory)
{
	door->slots[find(door, memory)] = memory;
	door->n++;
}

/* Entries after the slot move up, so that none becomes unreachable. */
static void unlist(struct memory_door *door, const void *memory)
{
	size_t mask = door->room - 1, hole = find(door, memory);

	for (size_t next = (hole + 1) & mask; door->slots[next]; next = (next + 1) & mask) {
		size_t home = slot_of(door, door->slots[next]);

		if (((next - home) & mask) >= ((next - hole) & mask)) {
			door->slots[hole] = door->slots[next];
			hole = next;
		}
	}
	door->slots[hole] = NULL;
	door->n--;
}

/* At least half of the slots stay empty. The room grows fourfold, because each growth lists all
 * addresses again. */
static void make_room(struct memory_door *door)
{
	struct memory_door larger = *door;

	if (2 * (door->n + 1) <= door->room)
		return;
	larger.n = 0;
	larger.room = door->room ? 4 * door->room : FIRST_ROOM;
	larger.slots = calloc(larger.room, sizeof(larger.slots[0]));
	if (!larger.slots)
		memory_fail();
	for (size_t i = 0; i < door->room; i++)
		if (door->slots[i])
			list(&larger, door->slots[i]);
	free(door->slots);
	door->slots = larger.slots;
	door->room = larger.room;
}

/* -- doors ------------------------------------------------------------------------- */

void memory_open(struct memory_door *door)
{
	assert(!current);
	door->slots = NULL;
	door->n = door->room = 0;
	door->undo = NULL;
	current = door;
}

void memory_close(struct memory_door *door)
{
	assert(current == door);
	free(door->slots);
	current = NULL;
}

void memory_fail(void)
{
	struct memory_door *door = current;

	if (!door) {
		fputs("libviommu-tables: out of memory\n", stderr);
		abort();
	}
	if (door->undo)
		door->undo(door->opaque);
	for (size_t i = 0; i < door->room; i++)
		free(door->slots[i]);
	memory_close(door);
	longjmp(door->failed, 1);
}

void memory_on_failure(void (*undo)(void *opaque), void *opaque)
{
	if (current) {
		current->undo = undo;
		current->opaque = opaque;
	}
}

struct memory_door *memory_suspend(void)
{
	struct memory_door *door = current;

	current = NULL;
	return door;
}

void memory_resume(struct memory_door *door)
{
	current = door;
}

void memory_give(const void *owner, const void *memory)
{
	if (current && is_listed(current, memory) && !is_listed(current, owner))
		unlist(current, memory);
}

/* -- allocating ------------------------------------------------------------------- */

static void *take(void *memory)
{
	if (!memory)
		memory_fail();
	if (current)
		list(current, memory);
	return memory;
}

/* The slot is reserved before the memory is allocated, so that all memory is listed. */
static void prepare(void)
{
	if (current)
		make_room(current);
}

void *memory_get(size_t size)
{
	if (!size)
		return NULL;
	prepare();
	return take(malloc(size));
}

void *memory_zeroed(size_t n, size_t size)
{
	if (!n || !size)
		return NULL;
	prepare();
	return take(calloc(n, size));
}

void *memory_copy(const void *bytes, size_t length)
{
	void *copy = memory_get(length);

	return copy ? memcpy(copy, bytes, length) : NULL;
}

char *memory_text(const char *text)
{
	return text ? memory_copy(text, strlen(text) + 1) : NULL;
}

char *memory_text_n(const char *text, size_t length)
{
	char *copy = memory_zeroed(length + 1, 1);

	memcpy(copy, text, strnlen(text, length));
	return copy;
}

char *memory_vprintf(const char *format, va_list args)
{
	va_list again;
	char *text;
	int length;

	va_copy(again, args);
	/* GCC warns about NULL formats under UBSan, because of a check that UBSan inserts. */
	length = format ? vsnprintf(NULL, 0, format, again) : -1;
	va_end(again);
	if (length < 0)
		memory_fail();
	text = memory_get((size_t)length + 1);
	vsnprintf(text, (size_t)length + 1, format, args);
	return text;
}

char *memory_printf(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = memory_vprintf(format, args);
	va_end(args);
	return text;
}

void memory_free(void *memory)
{
	if (current && is_listed(current, memory))
		unlist(current, memory);
	free(memory);
}

/* On failure the old storage is unchanged, listed or not. */
void *memory_grow(const void *owner, void *old, size_t size)
{
	bool is_temporary = current && is_listed(current, owner);
	bool was_listed = current && is_listed(current, old);
	void *memory;

	if (is_temporary)
		make_room(current);
	if (was_listed)
		unlist(current, old);
	memory = realloc(old, size);
	if (!memory && was_listed)
		list(current, old);
	if (!memory)
		memory_fail();
	if (is_temporary)
		list(current, memory);
	return memory;
}
