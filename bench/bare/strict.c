/* SPDX-License-Identifier: BSD-3-Clause */
#include <viommu/protocol.h>

#include "dma.h"

/*
 * A guest that maps a page, lets a device read it, and unmaps it: by requests, and by a page table
 * that it owns
 *
 * Prints "begin WAY", and after ROUNDS rounds "end WAY NS", where NS is the time of a round by the
 * guest's clock. QEMU's q35.
 */

#ifndef ROUNDS
#define ROUNDS 20000u
#endif

#define FEATURES \
	(1ull << 32 /* VERSION_1 */ | VIOMMU_F_MAP_UNMAP | VIOMMU_F_PROBE | \
	 VIOMMU_F_BYPASS_CONFIG | VIOMMU_F_TABLE)

#define IOVA     0x4000200000ull
#define LENGTH   64 /* that the device reads */
#define DEFERRED 64 /* pages of one INVALIDATE */

enum { P = 1, RW = 2, US = 4, AD = 0x60 };
enum { BY_REQUESTS = 1, BY_TABLE };

static const struct paging paging = { 12, RW | US };

static struct dma dma;
static struct iommu iommu;
static uint64_t *page;
static volatile uint64_t *entries; /* of the pages from IOVA on */

/* -- the clock --------------------------------------------------------------------- */

/* ACPI's timer, where SeaBIOS puts it: 24 bits. */
#define TIMER      0x608
#define TIMER_HZ   3579545ull
#define TIMER_MASK 0xffffffu

static uint32_t ticks(void)
{
	uint32_t value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"((uint16_t)TIMER));
	return value & TIMER_MASK;
}

/* -- ways ---------------------------------------------------------------------------- */

static bool map_by_request(uint64_t address)
{
	return iommu_map(&iommu, BY_REQUESTS, address, address + PAGE - 1, (uint64_t)page,
			 VIOMMU_MAP_F_READ) == VIOMMU_S_OK;
}

static bool unmap_by_request(uint64_t address)
{
	return iommu_unmap(&iommu, BY_REQUESTS, address, address + PAGE - 1) == VIOMMU_S_OK;
}

static volatile uint64_t *entry_of(uint64_t address)
{
	return &entries[(address - IOVA) / PAGE];
}

static bool map_by_table(uint64_t address)
{
	*entry_of(address) = paging_value(&paging, page, P | RW | US | AD);
	return true;
}

static bool unmap_by_table(uint64_t address)
{
	*entry_of(address) = 0;
	return iommu_invalidate(&iommu, BY_TABLE, address) == VIOMMU_S_OK;
}

/* The last of some pages is invalidated with all others, as a driver does that defers. */
static bool unmap_deferred(uint64_t address)
{
	*entry_of(address) = 0;
	if ((address - IOVA) / PAGE != DEFERRED - 1)
		return true;
	return iommu_invalidate_all(&iommu, BY_TABLE) == VIOMMU_S_OK;
}

static bool do_nothing(uint64_t address)
{
	(void)address;
	return true;
}

static const struct way {
	const char *name;
	uint32_t domain;
	bool (*map)(uint64_t address);
	bool (*unmap)(uint64_t address);
} ways[] = {
	{ "mapped once", BY_TABLE, do_nothing, do_nothing },
	{ "by requests", BY_REQUESTS, map_by_request, unmap_by_request },
	{ "by a table", BY_TABLE, map_by_table, unmap_by_table },
	{ "by a table, 64 at a time", BY_TABLE, map_by_table, unmap_deferred },
};

/* -- rounds ---------------------------------------------------------------------------- */

static bool attach(uint32_t domain, const uint64_t *root)
{
	struct table table = {
		.domain = domain,
		.endpoint = dma.function.devfn,
		.pasid = NO_PASID,
		.parent = NO_PARENT,
		.format = VIOMMU_TABLE_X86_PASID_ENTRY,
		.body = { 1 | 1 << 6, 0, (uint64_t)root | 0x31 },
	};

	if (domain == BY_TABLE)
		return iommu_attach_table(&iommu, &table) == VIOMMU_S_OK;
	return iommu_attach(&iommu, domain, dma.function.devfn) == VIOMMU_S_OK;
}

static bool round_of(const struct way *way, unsigned n)
{
	uint64_t address = IOVA + n % DEFERRED * PAGE;

	return way->map(address) &&
	       dma_do(&dma, DMA_READ, NO_PASID, address, LENGTH, 0, 0) == DMA_DONE &&
	       way->unmap(address);
}

static bool measure(const struct way *way)
{
	uint64_t sum = 0;
	uint32_t before, now;

	print("begin %s\n", way->name);
	before = ticks();
	for (unsigned n = 0; n < ROUNDS; n++) {
		if (!round_of(way, n))
			return false;
		now = ticks();
		sum += (now - before) & TIMER_MASK;
		before = now;
	}
	print("end %s %llu\n", way->name,
	      (unsigned long long)(sum * 1000000000ull / TIMER_HZ / ROUNDS));
	return true;
}

int run(void)
{
	uint64_t *root = take_pages(1);

	page = take_pages(1);
	entries = paging_entry(&paging, root, IOVA);
	if (!iommu_begin(&iommu, FEATURES, VIOMMU_FAULT_LENGTH) || !dma_begin(&dma))
		return 1;
	for (unsigned i = 0; i < DEFERRED; i++)
		map_by_table(IOVA + i * PAGE);
	for (unsigned i = 0; i < COUNT(ways); i++)
		if (!attach(ways[i].domain, root) || !measure(&ways[i]))
			return 1;
	return 0;
}
