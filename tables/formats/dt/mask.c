/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A map under a mask, as ranges of functions
 *
 * A mask makes functions alike: those whose requester IDs differ only in bits that it clears have
 * one ID. There are 65536 requester IDs, so all of them are asked. First each is given to the first
 * entry that has it; `next` leads from one that is taken to the next one that is free, so that
 * this is linear however entries overlap.
 */
#include "base/array.h"
#include "read.h"

/* A requester ID has 16 bits, so all of them can be held beside each other. */
#define N_RIDS 0x10000u

/*
 * A mask can spread one entry over thousands of IDs, and entries overlap: each ID is given away
 * once, to the first entry that has it, and skipped by all that follow.
 */
struct masked {
	const struct array *entries;
	uint32_t *owner; /* of each requester ID: its entry, from 1; 0: none */
	uint32_t *next;  /* the next one that is free, itself included; N_RIDS: none is */
};

/* The way is made shorter for whoever comes after. */
static uint32_t next_free(struct masked *masked, uint32_t rid)
{
	while (masked->next[rid] != rid)
		rid = masked->next[rid] = masked->next[masked->next[rid]];
	return rid;
}

/* Each requester ID is given away once, so all entries together cost no more than there are. */
static void own(struct masked *masked, uint32_t i)
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

/* What a function is under the mask: the ID that its entry gives it. */
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

/* Does the function behind a run make it longer? Two make it one with one ID, or not. */
static bool joins(struct dt_run *run, uint32_t id)
{
	uint32_t n = (uint32_t)(run->last - run->first) + 1;

	if (n == 1)
		run->one_id = id == run->id;
	if (id != (run->one_id ? run->id : run->id + n))
		return false;
	run->last++;
	return true;
}

/* From the first function on, as long as one follows the other. */
static uint32_t find_run(const struct masked *masked, uint16_t mask, uint32_t last,
			 struct dt_run *run, size_t entry)
{
	uint32_t rid = run->first + 1u, id;
	size_t other;

	while (rid <= last && look_up(masked, rid & mask, &other, &id) && other == entry &&
	       joins(run, id))
		rid++;
	return rid;
}

/* Functions that no entry has are passed over one by one: there are 65536 at most. */
static void give_runs(const struct masked *masked, uint16_t mask, uint16_t first, uint16_t last,
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

/* One table for owners and one for the way past them, both only as long as this call. */
void dt_mask_apply(const struct array *entries, uint16_t mask, uint16_t first, uint16_t last,
		   void (*each)(void *opaque, size_t entry, const struct dt_run *run), void *opaque)
{
	struct masked masked = { entries, memory_new(uint32_t, N_RIDS),
				 memory_new(uint32_t, N_RIDS + 1) };

	for (uint32_t rid = 0; rid <= N_RIDS; rid++)
		masked.next[rid] = rid;
	for (uint32_t i = 0; i < entries->len; i++)
		own(&masked, i);
	give_runs(&masked, mask, first, last, each, opaque);
	memory_free(masked.owner);
	memory_free(masked.next);
}
