/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Requests of the proposal (docs/proposal-address-spaces.md) for viommu-dma on x86
 *
 * The module defines request(), which sends one and returns 0, or what it failed with.
 */
#ifndef VIOMMU_REQUESTS_H
#define VIOMMU_REQUESTS_H

#include <linux/mm.h>

#include "protocol.h"
#include "viommu_dma.h"

static int request(const void *bytes, size_t length);

static u32 endpoint(void)
{
	return pci_dev_id(function.pci);
}

static u64 fspm_of_processor(void)
{
	unsigned long cr4;

	asm volatile("mov %%cr4, %0" : "=r"(cr4));
	return cr4 & X86_CR4_LA57 ? 1 << 2 : 0;
}

/* The process's own table: first stage; no execute bit; supervisor requests are refused. */
static int attach_process(u32 domain, u32 pasid, const struct mm_struct *mm)
{
	__le32 bytes[VIOMMU_ATTACH_TABLE_LENGTH / 4] = { cpu_to_le32(VIOMMU_T_ATTACH_TABLE) };
	u64 root = __pa(mm->pgd) | 1 << 5 | fspm_of_processor();

	bytes[1] = cpu_to_le32(domain);
	bytes[2] = cpu_to_le32(endpoint());
	bytes[3] = cpu_to_le32(VIOMMU_SLOT_F_PASID);
	bytes[4] = cpu_to_le32(VIOMMU_TABLE_X86_PASID_ENTRY);
	bytes[5] = cpu_to_le32(pasid);
	bytes[8] = cpu_to_le32(1 | 1 << 6);
	bytes[12] = cpu_to_le32((u32)root);
	bytes[13] = cpu_to_le32(root >> 32);
	return request(bytes, sizeof(bytes));
}

static int detach_pasid(u32 domain, u32 pasid)
{
	const __le32 bytes[] = { cpu_to_le32(VIOMMU_T_DETACH), cpu_to_le32(domain),
				 cpu_to_le32(endpoint()), cpu_to_le32(VIOMMU_SLOT_F_PASID),
				 cpu_to_le32(pasid) };

	return request(bytes, sizeof(bytes));
}

static int invalidate(u32 domain, u64 first, u64 last)
{
	u8 bytes[VIOMMU_INVALIDATE_LENGTH] = { VIOMMU_T_INVALIDATE };

	bytes[4] = VIOMMU_INVALIDATE_S_ADDRESS;
	bytes[5] = VIOMMU_INVALIDATE_C_TLB | VIOMMU_INVALIDATE_C_DEV_TLB;
	*(__le32 *)(bytes + 8) = cpu_to_le32(domain);
	*(__le64 *)(bytes + 24) = cpu_to_le64(first & PAGE_MASK);
	*(__le64 *)(bytes + 32) = cpu_to_le64((last >> PAGE_SHIFT) - (first >> PAGE_SHIFT) + 1);
	bytes[40] = PAGE_SHIFT;
	return request(bytes, sizeof(bytes));
}

static int respond(u32 pasid, u16 group, u16 code)
{
	const __le32 bytes[VIOMMU_PAGE_RESPONSE_LENGTH / 4] = {
		cpu_to_le32(VIOMMU_T_PAGE_RESPONSE), cpu_to_le32(endpoint()),
		cpu_to_le32(VIOMMU_PAGE_RESPONSE_F_PASID), cpu_to_le32(pasid),
		cpu_to_le32(group | (u32)code << 16)
	};

	return request(bytes, sizeof(bytes));
}

#endif
