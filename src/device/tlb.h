/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_DEVICE_TLB_H
#define VIOMMU_DEVICE_TLB_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Cached results of walks of one domain's tables, for translations without a lock
 *
 * The number of entries is fixed. An entry is valid only with the tag that was current before its
 * walk: so a flush is one increment, and results of walks that began before it are never used.
 * Faults are not cached.
 */

struct tlb;

struct tlb_key {
	uint32_t pasid; /* of a context; any constant otherwise */
	bool privileged;
	uint64_t address;
};

struct tlb_page {
	uint64_t address; /* output address of the requested byte */
	uint8_t shift;    /* the page has 2^shift bytes */
	uint8_t rights;   /* PT_READ, PT_WRITE, PT_EXEC */
	bool dirty;       /* a write needs no walk */
};

/* NULL when out of memory. */
struct tlb *tlb_new(void);

extern const uint64_t tlb_bytes;

/* By any thread in a read-side section. */
uint64_t tlb_generation(const struct tlb *tlb);
bool tlb_find(const struct tlb *tlb, uint64_t tag, const struct tlb_key *key,
	      struct tlb_page *ret_page);
void tlb_insert(struct tlb *tlb, uint64_t tag, const struct tlb_key *key,
		const struct tlb_page *page);

/* Sections that began before may still use old results: wait for them. */
void tlb_flush(struct tlb *tlb);

#endif
