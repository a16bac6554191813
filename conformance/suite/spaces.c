/* SPDX-License-Identifier: BSD-3-Clause */
#include "spaces.h"

enum { P = 1, WRITE_OF_X86 = 2, USER = 4 };

static const struct paging paging = { 12, WRITE_OF_X86 | USER };

struct dma pasid_dma;

bool spaces_begin(uint64_t without)
{
	if (engine_has_queues(&engines[0])) {
		skip("the device has its queues in mappings");
		return false;
	}
	return bring_up_with(STANDARD | (SPACES & ~without));
}

bool spaces_begin_dma(void)
{
	pasid_dma = (struct dma){ engines[0].function, engines[0].registers };
	if (engines[0].kind != ENGINE_VIOMMU || !dma_enable(&pasid_dma)) {
		skip("no viommu-dma with PASIDs");
		return false;
	}
	return spaces_begin(0);
}

bool pasid_writes_to(uint32_t pasid, uint64_t address, unsigned i)
{
	*page(i) = 0;
	dma_do(&pasid_dma, DMA_WRITE, pasid, address, 8, 0, 0x1234);
	return *page(i) == dma_hash(0x1234 ^ address);
}

bool pasid_writes(uint32_t pasid, unsigned i)
{
	return pasid_writes_to(pasid, iova(i), i);
}

unsigned pasid_bits(void)
{
	const uint8_t *properties;
	uint32_t size = config32(VIOMMU_CONFIG_PROBE_SIZE);

	if (probe(endpoint(0), &properties) != VIOMMU_S_OK)
		return 0;
	for (uint32_t at = 0; at + VIOMMU_PROBE_PASID_LENGTH <= size;
	     at += 4 + (uint32_t)get_number(properties + at + 2, 2))
		if (get_number(properties + at, 2) == VIOMMU_PROBE_T_PASID)
			return properties[at + 4];
	return 0;
}

/* -- ATTACH and DETACH ----------------------------------------------------------- */

int attach_slot(uint32_t domain, uint32_t flags, uint32_t pasid)
{
	return attach_pasid(domain, endpoint(0), flags, pasid);
}

int detach_slot(uint32_t domain, uint32_t flags, uint32_t pasid)
{
	return detach_pasid(domain, endpoint(0), flags, pasid);
}

/* -- ATTACH_TABLE ------------------------------------------------------------------ */

static struct attach_table table(uint32_t domain, uint32_t pasid, uint16_t format)
{
	struct attach_table one = { { VIOMMU_T_ATTACH_TABLE } };

	put_number(one.bytes + 4, 4, domain);
	put_number(one.bytes + 8, 4, endpoint(0));
	put_number(one.bytes + AT_FORMAT, 2, format);
	if (pasid != NO_PASID) {
		put_number(one.bytes + AT_FLAGS, 4, VIOMMU_SLOT_F_PASID);
		put_number(one.bytes + AT_PASID, 4, pasid);
	}
	return one;
}

void put_root(struct attach_table *one, uint64_t root)
{
	put_number(one->bytes + AT_BODY + 16, 8, root | 0x31); /* NXE, WPE, SRE */
}

struct attach_table table_for(uint32_t domain, uint32_t pasid, const uint64_t *root)
{
	struct attach_table one = table(domain, pasid, VIOMMU_TABLE_X86_PASID_ENTRY);

	put_number(one.bytes + AT_BODY, 8, 1 | 1 << 6); /* first stage */
	put_root(&one, (uint64_t)root);
	return one;
}

struct attach_table context_for(uint32_t domain, const uint64_t *directory)
{
	struct attach_table one = table(domain, NO_PASID, VIOMMU_TABLE_X86_PASID_DIR);

	put_number(one.bytes + AT_BODY, 8, (uint64_t)directory | 7 << 9 | 1);
	return one;
}

int attach_table(const struct attach_table *one)
{
	return request(one->bytes, sizeof(one->bytes));
}

uint64_t *take_root(void)
{
	return take_pages(1);
}

void enter(uint64_t *root, unsigned i, unsigned to)
{
	*paging_entry(&paging, root, iova(i)) =
		paging_value(&paging, (const void *)physical(to), P | WRITE_OF_X86 | USER);
}

void leave_out(uint64_t *root, unsigned i)
{
	*paging_entry(&paging, root, iova(i)) = 0;
}

/* -- INVALIDATE, PAGE_RESPONSE ------------------------------------------------------- */

struct invalidation invalidation_of(uint32_t domain)
{
	return (struct invalidation){
		.scope = VIOMMU_INVALIDATE_S_ADDRESS,
		.caches = VIOMMU_INVALIDATE_C_TLB | VIOMMU_INVALIDATE_C_DEV_TLB,
		.page_bits = 12,
		.domain = domain,
		.address = iova(0),
		.n = 1,
	};
}

int invalidate(const struct invalidation *one)
{
	uint8_t bytes[VIOMMU_INVALIDATE_LENGTH] = { VIOMMU_T_INVALIDATE };

	bytes[4] = one->scope;
	bytes[5] = one->caches;
	put_number(bytes + 6, 2, one->flags);
	put_number(bytes + 8, 4, one->domain);
	put_number(bytes + 12, 4, one->pasid);
	put_number(bytes + 24, 8, one->address);
	put_number(bytes + 32, 8, one->n);
	bytes[40] = one->page_bits;
	return request(bytes, sizeof(bytes));
}

int respond(uint32_t to, uint32_t flags, uint32_t pasid, uint16_t group, uint16_t code)
{
	uint8_t bytes[VIOMMU_PAGE_RESPONSE_LENGTH] = { VIOMMU_T_PAGE_RESPONSE };

	put_number(bytes + 4, 4, to);
	put_number(bytes + 8, 4, flags);
	put_number(bytes + 12, 4, pasid);
	put_number(bytes + 16, 2, group);
	put_number(bytes + 18, 2, code);
	return request(bytes, sizeof(bytes));
}
