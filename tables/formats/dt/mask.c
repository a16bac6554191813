/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A map under a mask, as runs of functions
 *
 * Functions whose requester IDs differ only in bits that the mask clears share an ID. All 65536
 * requester IDs are assigned: each to the first entry that has it. `next` skips IDs that are
 * assigned, so this is linear even if entries overlap.
 */
#include "base/array.h"
#include "read.h"

/* Requester IDs have 16 bits. */
#define N_RIDS 0x10000u

struct masked {
	const struct array *entries;
	uint32_t *owner; /* of each requester ID: index of its entry plus 1; 0: none */
	uint32_t *next;  /* the next unassigned ID, itself included; N_RIDS: none */
};

/* Shortens the path for later lookups, as in a union-find structure. */
static uint32_t next_free(struct masked *masked, uint32_t rid)
{
	while (masked->next[rid] != rid)
		rid = masked->next[rid] = masked->next[masked->next[rid]];
	return rid;
}

/* Each ID is assigned once, so all entries together are linear. */
static void assign(struct masked *masked, uint32_t i)
{
	const struct dt_entry *entry = &array_index(masked->entries, struct dt_entry, i);
	uint64_t end = MIN((uint64_t)entry->rid + entry->length, N_RIDS);

	if (entry->rid >= N_RIDS)
		return;
	for (uint32_t r = next_free(masked, entry->rid); r < end; r = next_free(masked, r)) {
		masked->owner[r] = i + 1;
		masked->next[r] = r + 1;
	}
}

/* The entry and the ID of a requester ID under the mask. */
static bool look_up(const struct masked *masked, uint32_t rid, size_t *ret_entry, uint32_t *ret_id)
{
	uint32_t owner = masked->owner[rid];
	const struct dt_entry *entry;

	if (!owner)
		return false;
	entry = &array_index(masked->entries, struct dt_entry, owner - 1);
	*ret_entry = owner - 1;
	*ret_id = entry->out + (rid - entry->rid);
	return true;
}

/*
 * Extend the run by the next function if its ID fits. The second function decides whether the run
 * shares one ID.
 */
static bool extend(struct dt_run *run, uint32_t id)
{
	uint32_t n = (uint32_t)(run->last - run->first) + 1;

	if (n == 1)
		run->shared_id = id == run->id;
	if (id != (run->shared_id ? run->id : run->id + n))
		return false;
	run->last++;
	return true;
}

static uint32_t find_run(const struct masked *masked, uint16_t mask, uint32_t last,
			 struct dt_run *run, size_t entry)
{
	uint32_t rid = run->first + 1u, id;
	size_t other;

	while (rid <= last && look_up(masked, rid & mask, &other, &id) && other == entry &&
	       extend(run, id))
		rid++;
	return rid;
}

static void for_each_run(const struct masked *masked, uint16_t mask, uint16_t first, uint16_t last,
			 void (*each)(void *opaque, size_t entry, const struct dt_run *run),
			 void *opaque)
{
	for (uint32_t rid = first; rid <= last;) {
		struct dt_run run = { .first = (uint16_t)rid, .last = (uint16_t)rid };
		size_t entry;

		if (!look_up(masked, rid & mask, &entry, &run.id)) {
			rid++;
			continue;
		}
		rid = find_run(masked, mask, last, &run, entry);
		each(opaque, entry, &run);
	}
}

void dt_mask_apply(const struct array *entries, uint16_t mask, uint16_t first, uint16_t last,
		   void (*each)(void *opaque, size_t entry, const struct dt_run *run), void *opaque)
{
	struct masked masked = { entries, memory_new(uint32_t, N_RIDS),
				 memory_new(uint32_t, N_RIDS + 1) };

	for (uint32_t rid = 0; rid <= N_RIDS; rid++)
		masked.next[rid] = rid;
	for (uint32_t i = 0; i < entries->len; i++)
		assign(&masked, i);
	for_each_run(&masked, mask, first, last, each, opaque);
	memory_free(masked.owner);
	memory_free(masked.next);
}
