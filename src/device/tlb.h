/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_DEVICE_TLB_H
#define VIOMMU_DEVICE_TLB_H

#include <stdbool.h>
#include <stdint.h>

#include "pgtable/pgtable.h"

/*
 * What walks of one domain's tables have found, for translations without a lock: pages, and the
 * tables that the last entries were in
 *
 * A fixed number of entries. An entry counts only with the tag that was current before the walk
 * that found it. A tag is a sum of counters that only grow, so an equal sum means that none has
 * changed: dropping something is incrementing its counter, and what a walk finds that began before
 * is never used. Faults are not kept.
 */

struct tlb;

#define TLB_PASID_MASK 0x7fffffffu

struct tlb_key {
	uint32_t pasid; /* of a context, cut to TLB_PASID_MASK; any constant otherwise */
	bool privileged;
	uint64_t address;
	uint64_t parent; /* a counter of the user, which is part of all tags */
};

struct tlb_page {
	uint64_t address; /* of the byte asked for */
	uint8_t shift;    /* the page has 2^shift bytes */
	uint8_t rights;   /* PT_READ, PT_WRITE, PT_EXEC */
	bool dirty;       /* a write needs no walk */
};

/* What is dropped. All zero: everything. */
struct tlb_drop {
	bool has_pasid; /* of a context */
	uint32_t pasid;
	bool has_range;
	uint64_t first, last;
	bool keeps_tables; /* leaf entries alone have changed */
};

/* Of walks that begin now. */
struct tlb_tags {
	uint64_t page, large, table;
};

struct tlb_counts {
	uint64_t walks, drops;  /* so far */
	uint64_t pages, tables; /* that count now */
};

/* NULL when out of memory. */
struct tlb *tlb_new(void);

extern const uint64_t tlb_bytes;

/* By any thread in a read-side section. */
struct tlb_tags tlb_tags(const struct tlb *tlb, const struct tlb_key *key);
bool tlb_find(const struct tlb *tlb, const struct tlb_key *key, struct tlb_page *ret_page);
bool tlb_find_table(const struct tlb *tlb, const struct tlb_key *key, struct pt_table *ret_table);
void tlb_insert(struct tlb *tlb, const struct tlb_tags *tags, const struct tlb_key *key,
		const struct tlb_page *page);
void tlb_insert_table(struct tlb *tlb, const struct tlb_tags *tags, const struct tlb_key *key,
		      const struct pt_table *table);

/* Sections that began before may go on with what they found: wait for them. */
void tlb_drop(struct tlb *tlb, const struct tlb_drop *drop);
void tlb_flush(struct tlb *tlb);

struct tlb_counts tlb_count(const struct tlb *tlb, uint64_t parent);

#endif
