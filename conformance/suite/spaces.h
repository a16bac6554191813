/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SPACES_H
#define SPACES_H

#include "dma.h"
#include "suite.h"

/*
 * Requests of docs/proposal-address-spaces.md, and tables of x86 for them
 *
 * Accesses with a PASID are those of viommu-dma alone.
 */

#define SPACES (VIOMMU_F_PASID | VIOMMU_F_TABLE | VIOMMU_F_NEST | VIOMMU_F_PAGE_REQUEST)

/* Bring up with the proposal's features except `without`. False: the case is over. */
bool spaces_begin(uint64_t without);

/* The same where endpoint 0 is viommu-dma, and has PASIDs. */
extern struct dma pasid_dma;
bool spaces_begin_dma(void);

/* DMA with a PASID to an address, or to unit i. Did it arrive at page i? */
bool pasid_writes_to(uint32_t pasid, uint64_t address, unsigned i);
bool pasid_writes(uint32_t pasid, unsigned i);

/* Bits of PASIDs of endpoint 0. */
unsigned pasid_bits(void);

int attach_slot(uint32_t domain, uint32_t flags, uint32_t pasid);
int detach_slot(uint32_t domain, uint32_t flags, uint32_t pasid);

/* ATTACH_TABLE of endpoint 0 as bytes: what a case changes before it sends them. */
struct attach_table {
	uint8_t bytes[VIOMMU_ATTACH_TABLE_LENGTH];
};
enum { AT_FLAGS = 12, AT_FORMAT = 16, AT_PASID = 20, AT_PARENT = 24, AT_BODY = 32 };

struct attach_table table_for(uint32_t domain, uint32_t pasid, const uint64_t *root);
struct attach_table context_for(uint32_t domain, const uint64_t *directory);
void put_root(struct attach_table *table, uint64_t root);
int attach_table(const struct attach_table *table);

/* A root; the entry of unit i in it, which leads to page `to` with the right to write, or to
 * nothing. */
uint64_t *take_root(void);
void enter(uint64_t *root, unsigned i, unsigned to);
void leave_out(uint64_t *root, unsigned i);

struct invalidation {
	uint8_t scope, caches, page_bits;
	uint16_t flags;
	uint32_t domain, pasid;
	uint64_t address, n;
};

/* The page of unit 0, in caches of all kinds. */
struct invalidation invalidation_of(uint32_t domain);
int invalidate(const struct invalidation *invalidation);

int respond(uint32_t endpoint, uint32_t flags, uint32_t pasid, uint16_t group, uint16_t code);

#endif
