/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "device/ids.h"

/* Endpoints and domains by number. Finding one is a binary search in one array, which a
 * translation does; adding one moves what is behind it, which is rare. */

#define FIRST_ROOM 16

/* Where the number stands, or would stand. */
static size_t position(const struct ids *ids, uint32_t id)
{
	size_t low = 0, high = ids->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (ids->entries[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void *ids_next(const struct ids *ids, uint32_t from)
{
	size_t at = position(ids, from);

	return at < ids->count ? ids->entries[at].object : NULL;
}

void *ids_find(const struct ids *ids, uint32_t id)
{
	size_t at = position(ids, id);

	return at < ids->count && ids->entries[at].id == id ? ids->entries[at].object : NULL;
}

static int make_room(struct ids *ids)
{
	size_t room = ids->room ? 2 * ids->room : FIRST_ROOM;
	struct id_entry *entries;

	if (ids->count < ids->room)
		return 0;
	entries = reallocarray(ids->entries, room, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	ids->entries = entries;
	ids->room = room;
	return 0;
}

int ids_insert(struct ids *ids, uint32_t id, void *object)
{
	size_t at = position(ids, id);

	if (make_room(ids) < 0)
		return -ENOMEM;
	memmove(&ids->entries[at + 1], &ids->entries[at],
		(ids->count - at) * sizeof(*ids->entries));
	ids->entries[at] = (struct id_entry){ id, object };
	ids->count++;
	return 0;
}

void ids_replace(struct ids *ids, uint32_t id, void *object)
{
	ids->entries[position(ids, id)].object = object;
}

void ids_remove(struct ids *ids, uint32_t id)
{
	size_t at = position(ids, id);

	ids->count--;
	memmove(&ids->entries[at], &ids->entries[at + 1],
		(ids->count - at) * sizeof(*ids->entries));
}

void ids_clear(struct ids *ids)
{
	free(ids->entries);
	*ids = (struct ids){ 0 };
}
