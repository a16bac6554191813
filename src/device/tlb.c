/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdatomic.h>
#include <stdlib.h>

#include "device/tlb.h"

/*
 * Pages: four ways by 128 sets. A page of any size is kept in the set of the 4 KiB that were asked
 * for, so a lookup probes one set. Tables: 64 entries, each with one place.
 *
 * An entry is changed under a sequence number, which is odd meanwhile: one thread changes it, and
 * the others go without. A reader takes an entry whose number was even and the same before and
 * after. Members are stored with release and loaded with acquire: a reader that sees a new member
 * also sees the odd number.
 *
 * Pages of up to 2 MiB are dropped by the counter of their 2 MiB, which shares 64 of them with
 * others: more may go than was named. A larger page is kept under several 2 MiB, so any range drops
 * all of those. A range of more than 64 times 2 MiB drops all pages.
 */

#define SETS         128
#define WAYS         4
#define TABLES       64
#define PAGE_SHIFT   12
#define REGION_SHIFT 21
#define COUNTERS     64
#define TAG_BITS     8

struct entry {
	_Atomic uint32_t sequence;
	_Atomic uint32_t space; /* PASID and privilege */
	_Atomic uint64_t tag, input, output;
	_Atomic uint64_t about; /* page: shift, rights, dirty; table: shift, level, state */
};

struct tlb {
	_Atomic uint64_t all, large, tables;
	_Atomic uint64_t pasids[COUNTERS], regions[COUNTERS];
	_Atomic uint64_t walks, drops;
	_Atomic uint32_t next_way;
	struct entry entries[SETS][WAYS];
	struct entry table[TABLES];
};

const uint64_t tlb_bytes = sizeof(struct tlb);

struct tlb *tlb_new(void)
{
	struct tlb *tlb = calloc(1, sizeof(*tlb));

	if (tlb)
		atomic_init(&tlb->all, 1);
	return tlb;
}

/* -- tags ------------------------------------------------------------------------ */

#define READ(counter)  atomic_load_explicit(counter, memory_order_acquire)
#define COUNT(counter) atomic_fetch_add_explicit(counter, 1, memory_order_acq_rel)

/* A number below 2^bits. */
static size_t hash(uint64_t value, unsigned bits)
{
	return (size_t)(value * 0x9e3779b97f4a7c15ull >> (64 - bits));
}

/*
 * The top byte of an address does not count: with Arm's TBI it is a tag, and an INVALIDATE names
 * the page by any of its tags.
 */
static size_t region_of(uint32_t pasid, uint64_t address)
{
	return hash(address << TAG_BITS >> (TAG_BITS + REGION_SHIFT) ^ (uint64_t)pasid << 20, 6);
}

static uint64_t tag_of_all(const struct tlb *tlb, const struct tlb_key *key)
{
	return READ(&tlb->all) + READ(&tlb->pasids[key->pasid % COUNTERS]) + key->parent;
}

struct tlb_tags tlb_tags(const struct tlb *tlb, const struct tlb_key *key)
{
	uint64_t all = tag_of_all(tlb, key);

	return (struct tlb_tags){
		.page = all + READ(&tlb->regions[region_of(key->pasid, key->address)]),
		.large = all + READ(&tlb->large),
		.table = all + READ(&tlb->tables),
	};
}

void tlb_flush(struct tlb *tlb)
{
	COUNT(&tlb->all);
	COUNT(&tlb->drops);
}

/* False: it is too long. */
static bool drop_range(struct tlb *tlb, uint32_t pasid, uint64_t first, uint64_t last)
{
	uint64_t region = first >> REGION_SHIFT, n = (last >> REGION_SHIFT) - region;

	if (n >= COUNTERS)
		return false;
	for (uint64_t i = 0; i <= n; i++)
		COUNT(&tlb->regions[region_of(pasid, (region + i) << REGION_SHIFT)]);
	COUNT(&tlb->large);
	return true;
}

void tlb_drop(struct tlb *tlb, const struct tlb_drop *drop)
{
	uint32_t pasid = drop->has_pasid ? drop->pasid : 0;

	if (!drop->has_range || !drop_range(tlb, pasid, drop->first, drop->last))
		COUNT(drop->has_pasid ? &tlb->pasids[pasid % COUNTERS] : &tlb->all);
	else if (!drop->keeps_tables)
		COUNT(&tlb->tables);
	COUNT(&tlb->drops);
}

/* -- entries --------------------------------------------------------------------- */

#define GET(member)    atomic_load_explicit(&entry->member, memory_order_acquire)
#define SET(member, v) atomic_store_explicit(&entry->member, v, memory_order_release)

struct content {
	uint64_t tag, input, output, about;
};

static uint32_t space_of(const struct tlb_key *key)
{
	return key->pasid << 1 | key->privileged;
}

static uint64_t low_bits(uint8_t shift)
{
	return (UINT64_C(1) << (shift & 63)) - 1;
}

/* An entry that is of the key, whatever its tag. */
static bool read_entry(const struct entry *entry, const struct tlb_key *key,
		       struct content *ret_content)
{
	uint32_t before = GET(sequence);
	bool matches = GET(space) == space_of(key);
	uint8_t shift;

	*ret_content = (struct content){ GET(tag), GET(input), GET(output), GET(about) };
	shift = ret_content->about & 0xff;
	return !(before & 1) && GET(sequence) == before && matches && shift < 64 &&
	       !((ret_content->input ^ key->address) >> shift);
}

static void write_entry(struct entry *entry, const struct tlb_key *key,
			const struct content *content)
{
	uint32_t sequence = GET(sequence);

	if (sequence & 1 ||
	    !atomic_compare_exchange_strong_explicit(&entry->sequence, &sequence, sequence + 1,
						     memory_order_acquire, memory_order_relaxed))
		return;
	SET(tag, content->tag);
	SET(space, space_of(key));
	SET(input, content->input);
	SET(output, content->output);
	SET(about, content->about);
	SET(sequence, sequence + 2);
}

/* -- pages ----------------------------------------------------------------------- */

static size_t set_of(const struct tlb_key *key)
{
	return hash(key->address >> PAGE_SHIFT ^ (uint64_t)space_of(key) << 20, 7);
}

static bool is_large(uint64_t about)
{
	return (about & 0xff) > REGION_SHIFT;
}

static uint64_t page_tag(const struct tlb *tlb, const struct tlb_key *key, uint64_t about)
{
	return tag_of_all(tlb, key) +
	       READ(is_large(about) ? &tlb->large
				    : &tlb->regions[region_of(key->pasid, key->address)]);
}

static bool read_page(const struct tlb *tlb, const struct entry *entry, const struct tlb_key *key,
		      struct tlb_page *ret_page)
{
	struct content content;
	uint64_t offset;

	if (!read_entry(entry, key, &content) || content.tag != page_tag(tlb, key, content.about))
		return false;
	offset = low_bits(content.about & 0xff);
	*ret_page = (struct tlb_page){
		.address = (content.output & ~offset) | (key->address & offset),
		.shift = content.about & 0xff,
		.rights = content.about >> 8 & 0xff,
		.dirty = content.about >> 16 & 1,
	};
	return true;
}

bool tlb_find(const struct tlb *tlb, const struct tlb_key *key, struct tlb_page *ret_page)
{
	const struct entry *set = tlb->entries[set_of(key)];

	for (unsigned way = 0; way < WAYS; way++)
		if (read_page(tlb, &set[way], key, ret_page))
			return true;
	return false;
}

static struct tlb_key key_of(const struct entry *entry, uint64_t parent)
{
	uint32_t space = GET(space);

	return (struct tlb_key){ space >> 1, space & 1, GET(input), parent };
}

static bool is_kept(const struct tlb *tlb, const struct entry *entry, uint64_t parent)
{
	const struct tlb_key key = key_of(entry, parent);
	struct tlb_page page;

	return read_page(tlb, entry, &key, &page);
}

/* The entry of that page, one that does not count, or the next in turn. */
static struct entry *choose(struct tlb *tlb, const struct tlb_key *key)
{
	struct entry *set = tlb->entries[set_of(key)];
	struct content content;

	for (unsigned way = 0; way < WAYS; way++)
		if (read_entry(&set[way], key, &content))
			return &set[way];
	for (unsigned way = 0; way < WAYS; way++)
		if (!is_kept(tlb, &set[way], key->parent))
			return &set[way];
	return &set[atomic_fetch_add_explicit(&tlb->next_way, 1, memory_order_relaxed) % WAYS];
}

void tlb_insert(struct tlb *tlb, const struct tlb_tags *tags, const struct tlb_key *key,
		const struct tlb_page *page)
{
	const struct content content = {
		.tag = page->shift > REGION_SHIFT ? tags->large : tags->page,
		.input = key->address,
		.output = page->address,
		.about = page->shift | (uint64_t)page->rights << 8 | (uint64_t)page->dirty << 16,
	};

	write_entry(choose(tlb, key), key, &content);
}

/* -- tables ---------------------------------------------------------------------- */

static struct entry *table_at(const struct tlb *tlb, const struct tlb_key *key)
{
	uint64_t value = key->address >> REGION_SHIFT ^ (uint64_t)space_of(key) << 20;

	return (struct entry *)&tlb->table[hash(value, 6)];
}

bool tlb_find_table(const struct tlb *tlb, const struct tlb_key *key, struct pt_table *ret_table)
{
	struct content content;

	if (!read_entry(table_at(tlb, key), key, &content) ||
	    content.tag != tag_of_all(tlb, key) + READ(&tlb->tables))
		return false;
	*ret_table = (struct pt_table){
		.address = content.output,
		.state = (uint32_t)(content.about >> 32),
		.level = (int8_t)(content.about >> 8 & 0xff),
		.shift = content.about & 0xff,
	};
	return true;
}

void tlb_insert_table(struct tlb *tlb, const struct tlb_tags *tags, const struct tlb_key *key,
		      const struct pt_table *table)
{
	const struct content content = {
		.tag = tags->table,
		.input = key->address,
		.output = table->address,
		.about = table->shift | (uint64_t)(uint8_t)table->level << 8 |
			 (uint64_t)table->state << 32,
	};

	atomic_fetch_add_explicit(&tlb->walks, 1, memory_order_relaxed);
	if (table->shift < 64)
		write_entry(table_at(tlb, key), key, &content);
}

/* -- counts ---------------------------------------------------------------------- */

struct tlb_counts tlb_count(const struct tlb *tlb, uint64_t parent)
{
	struct tlb_counts counts = { .walks = READ(&tlb->walks), .drops = READ(&tlb->drops) };

	for (size_t i = 0; i < SETS * WAYS; i++)
		counts.pages += is_kept(tlb, &tlb->entries[i / WAYS][i % WAYS], parent);
	for (size_t i = 0; i < TABLES; i++) {
		const struct tlb_key key = key_of(&tlb->table[i], parent);
		struct pt_table table;

		counts.tables += tlb_find_table(tlb, &key, &table);
	}
	return counts;
}
