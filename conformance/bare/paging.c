/* SPDX-License-Identifier: BSD-3-Clause */
#include "bare.h"

/* Tables of 512 entries in four levels: what x86, Arm and RISC-V have in common */

#define VALID       1
#define PAGE_NUMBER 0xfffffffffull

uint64_t paging_value(const struct paging *paging, const void *page, uint64_t flags)
{
	return (uint64_t)page / PAGE << paging->shift | flags;
}

volatile uint64_t *paging_entry(const struct paging *paging, uint64_t *root, uint64_t address)
{
	volatile uint64_t *table = root;

	for (unsigned shift = 39; shift > 12; shift -= 9) {
		volatile uint64_t *entry = &table[address >> shift & 511];

		if (!(*entry & VALID))
			*entry = paging_value(paging, take_pages(1), paging->table | VALID);
		table = (uint64_t *)((*entry >> paging->shift & PAGE_NUMBER) * PAGE);
	}
	return &table[address >> 12 & 511];
}
