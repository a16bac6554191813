/* SPDX-License-Identifier: BSD-3-Clause */
#include "dma.h"

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
	if (!pci_find(DMA_VENDOR, DMA_DEVICE, 0, &dma->function))
		return false;
	dma->registers = pci_bar(&dma->function, 0);
	return dma_enable(dma);
}

bool dma_enable(const struct dma *dma)
{
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

bool dma_has_written(const uint64_t *memory, uint64_t address, uint64_t length, uint64_t seed)
{
	for (uint64_t i = 0; i < length / 8; i++)
		if (((const volatile uint64_t *)memory)[i] != dma_hash(seed ^ (address + 8 * i)))
			return false;
	return true;
}

/* -- edu ----------------------------------------------------------------------------------- */

enum { SOURCE = 0x80, TARGET = 0x88, LENGTH = 0x90, COMMAND = 0x98, START = 1, TO_MEMORY = 2 };
enum { POLLS = 3200000 }; /* it takes 0.1 s */

void edu_copy(volatile uint8_t *registers, uint64_t from, uint64_t to, uint64_t length,
	      bool to_memory)
{
	write64(registers, SOURCE, from);
	write64(registers, TARGET, to);
	write64(registers, LENGTH, length);
	write64(registers, COMMAND, START | (to_memory ? TO_MEMORY : 0));
	for (unsigned i = 0; i < POLLS && (read64(registers, COMMAND) & START); i++)
		;
}
