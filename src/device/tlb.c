/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdatomic.h>
#include <stdlib.h>

#include "device/tlb.h"

/*
 * Four ways by 128 sets. A page of any size is stored in the set of the 4 KiB page of the access,
 * so a lookup probes one set.
 *
 * An entry is changed under a sequence number, which is odd meanwhile: one thread changes it, and
 * others skip it. A reader uses an entry if the number was even and equal before and after. Members
 * are stored with release and loaded with acquire semantics: a reader that sees a new member also
 * sees the odd number.
 */

#define SETS       128
#define WAYS       4
#define PAGE_SHIFT 12

struct entry {
	_Atomic uint32_t sequence;
	_Atomic uint32_t space; /* PASID and privilege */
	_Atomic uint64_t tag, input, output;
	_Atomic uint64_t about; /* shift, rights, dirty */
};

struct tlb {
	_Atomic uint64_t generation;
	_Atomic uint32_t next_way;
	struct entry entries[SETS][WAYS];
};

const uint64_t tlb_bytes = sizeof(struct tlb);

struct tlb *tlb_new(void)
{
	struct tlb *tlb = calloc(1, sizeof(*tlb));

	if (tlb)
		atomic_init(&tlb->generation, 1);
	return tlb;
}

uint64_t tlb_generation(const struct tlb *tlb)
{
	return atomic_load_explicit(&tlb->generation, memory_order_acquire);
}

void tlb_flush(struct tlb *tlb)
{
	atomic_fetch_add_explicit(&tlb->generation, 1, memory_order_acq_rel);
}

static uint32_t space_of(const struct tlb_key *key)
{
	return key->pasid << 1 | key->privileged;
}

static size_t set_of(const struct tlb_key *key)
{
	uint64_t page = key->address >> PAGE_SHIFT ^ (uint64_t)space_of(key) << 20;

	return (size_t)((page * 0x9e3779b97f4a7c15ull) >> 57) % SETS;
}

#define GET(member)    atomic_load_explicit(&entry->member, memory_order_acquire)
#define SET(member, v) atomic_store_explicit(&entry->member, v, memory_order_release)

static bool read_entry(const struct entry *entry, uint64_t tag, const struct tlb_key *key,
		       struct tlb_page *ret_page)
{
	uint32_t before = GET(sequence);
	uint64_t input = GET(input), output = GET(output), about = GET(about), offset;
	bool matches = GET(tag) == tag && GET(space) == space_of(key);
	uint8_t shift = about & 0xff;

	if (before & 1 || GET(sequence) != before || !matches || shift > 63 ||
	    (input ^ key->address) >> shift)
		return false;
	offset = (UINT64_C(1) << shift) - 1;
	*ret_page = (struct tlb_page){
		.address = (output & ~offset) | (key->address & offset),
		.shift = shift,
		.rights = about >> 8 & 0xff,
		.dirty = about >> 16 & 1,
	};
	return true;
}

bool tlb_find(const struct tlb *tlb, uint64_t tag, const struct tlb_key *key,
	      struct tlb_page *ret_page)
{
	const struct entry *set = tlb->entries[set_of(key)];

	for (unsigned way = 0; way < WAYS; way++)
		if (read_entry(&set[way], tag, key, ret_page))
			return true;
	return false;
}

static void write_entry(struct entry *entry, uint64_t tag, const struct tlb_key *key,
			const struct tlb_page *page)
{
	uint32_t sequence = GET(sequence);

	if (sequence & 1 ||
	    !atomic_compare_exchange_strong_explicit(&entry->sequence, &sequence, sequence + 1,
						     memory_order_acquire, memory_order_relaxed))
		return;
	SET(tag, tag);
	SET(space, space_of(key));
	SET(input, key->address);
	SET(output, page->address);
	SET(about, page->shift | (uint64_t)page->rights << 8 | (uint64_t)page->dirty << 16);
	SET(sequence, sequence + 2);
}

/* The entry of that page, an entry with an old tag, or the next in turn. */
static struct entry *choose(struct tlb *tlb, uint64_t tag, const struct tlb_key *key)
{
	struct entry *set = tlb->entries[set_of(key)];
	struct tlb_page page;

	for (unsigned way = 0; way < WAYS; way++)
		if (read_entry(&set[way], tag, key, &page))
			return &set[way];
	for (unsigned way = 0; way < WAYS; way++)
		if (atomic_load_explicit(&set[way].tag, memory_order_relaxed) != tag)
			return &set[way];
	return &set[atomic_fetch_add_explicit(&tlb->next_way, 1, memory_order_relaxed) % WAYS];
}

void tlb_insert(struct tlb *tlb, uint64_t tag, const struct tlb_key *key,
		const struct tlb_page *page)
{
	write_entry(choose(tlb, tag, key), tag, key, page);
}
