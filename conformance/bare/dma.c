/* SPDX-License-Identifier: BSD-3-Clause */
#include "dma.h"

#define VENDOR      0x1234
#define DEVICE      0x7664
#define CAP_ATS     0x0f
#define CAP_PRI     0x13
#define CAP_PASID   0x1b
#define PASID_VALID (1u << 31)

static bool enable(const struct function *function, uint16_t id, unsigned at, uint16_t value)
{
	unsigned cap = pci_extended(function, id);

	if (cap)
		pci_write16(function, cap + at, value);
	return cap;
}

bool dma_begin(struct dma *dma)
{
	if (!pci_find(VENDOR, DEVICE, 0, &dma->function))
		return false;
	dma->registers = pci_bar(&dma->function, 0);
	return enable(&dma->function, CAP_PASID, 6, 5) &&
	       enable(&dma->function, CAP_ATS, 6, 0x8000) && enable(&dma->function, CAP_PRI, 4, 1);
}

void dma_start(const struct dma *dma, unsigned command, uint32_t pasid, uint64_t address,
	       uint64_t length, uint32_t flags, uint64_t seed)
{
	uint32_t which = (pasid & 0xfffff) | PASID_VALID | (pasid & DMA_PRIVILEGED);

	write64(dma->registers, 0x08, address);
	write64(dma->registers, 0x10, length);
	write32(dma->registers, 0x18, pasid == NO_PASID ? 0 : which);
	write32(dma->registers, 0x1c, flags);
	write64(dma->registers, 0x20, seed);
	write32(dma->registers, 0x30, command);
}

unsigned dma_end(const struct dma *dma)
{
	unsigned status;

	do
		status = read32(dma->registers, DMA_STATUS);
	while (status == DMA_BUSY);
	return status;
}

unsigned dma_do(const struct dma *dma, unsigned command, uint32_t pasid, uint64_t address,
		uint64_t length, uint32_t flags, uint64_t seed)
{
	dma_start(dma, command, pasid, address, length, flags, seed);
	return dma_end(dma);
}

uint64_t dma_hash(uint64_t value)
{
	value ^= value >> 31;
	value *= 0x9e3779b97f4a7c15ull;
	return value ^ value >> 29;
}
