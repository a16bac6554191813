/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_DEVICE_TLB_H
#define VIOMMU_DEVICE_TLB_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What walks of one domain's tables have found, for translations without a lock
 *
 * A fixed number of entries. An entry counts only with the tag that was current before the walk
 * that found it: so a flush is one increment, and what a walk finds that began before is never
 * used. Faults are not kept.
 */

struct tlb;

struct tlb_key {
	uint32_t pasid; /* of a context; any constant otherwise */
	bool privileged;
	uint64_t address;
};

struct tlb_page {
	uint64_t address; /* of the byte asked for */
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

/* Sections that began before may go on with what they found: wait for them. */
void tlb_flush(struct tlb *tlb);

#endif
