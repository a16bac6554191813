/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine.h"

struct engine engines[2];

/* -- viommu-dma: qemu/dma/dma.c has its registers ------------------------------- */

enum { VDMA_ADDRESS = 0x08, VDMA_LENGTH = 0x10, VDMA_PASID = 0x18, VDMA_FLAGS = 0x1c };
enum { VDMA_SEED = 0x20, VDMA_RESULT = 0x28, VDMA_COMMAND = 0x30, VDMA_STATUS = 0x34 };
enum { VDMA_WRITE = 1, VDMA_READ = 2 };

static void vdma_do(const struct engine *engine, uint32_t command, uint64_t address)
{
	write64(engine->registers, VDMA_ADDRESS, address);
	write64(engine->registers, VDMA_LENGTH, 8);
	write32(engine->registers, VDMA_PASID, 0);
	write32(engine->registers, VDMA_FLAGS, 0);
	write64(engine->registers, VDMA_SEED, 0x1234);
	write32(engine->registers, VDMA_COMMAND, command);
	for (unsigned i = 0; i < LONG && read32(engine->registers, VDMA_STATUS) == 1; i++)
		;
}

static uint64_t vdma_hash(uint64_t value)
{
	value ^= value >> 31;
	value *= 0x9e3779b97f4a7c15ull;
	return value ^ value >> 29;
}

/* -- edu ------------------------------------------------------------------------ */

enum { EDU_SOURCE = 0x80, EDU_TARGET = 0x88, EDU_COUNT = 0x90, EDU_COMMAND = 0x98 };
enum { EDU_START = 1, EDU_TO_MEMORY = 2 };
enum { EDU_PATTERN = 0x40000, EDU_ROOM = 0x40800 }; /* in its buffer */

static void edu_do(const struct engine *engine, uint64_t from, uint64_t to, uint32_t direction)
{
	write64(engine->registers, EDU_SOURCE, from);
	write64(engine->registers, EDU_TARGET, to);
	write64(engine->registers, EDU_COUNT, 8);
	write64(engine->registers, EDU_COMMAND, EDU_START | direction);
	for (unsigned i = 0; i < LONG * 8; i++)
		if (!(read64(engine->registers, EDU_COMMAND) & EDU_START))
			return;
}

/* -- both ------------------------------------------------------------------------- */

static uint32_t endpoint_of(const struct function *function)
{
	return function->devfn;
}

static const struct {
	enum engine_kind kind;
	uint16_t vendor, device;
} kinds[] = {
	{ ENGINE_VIOMMU, 0x1234, 0x7664 },
	{ ENGINE_EDU, 0x1234, 0x11e8 },
};

void engines_find(void)
{
	unsigned n = 0;

	for (unsigned kind = 0; kind < COUNT(kinds); kind++)
		for (unsigned i = 0; n < COUNT(engines); i++) {
			struct engine *engine = &engines[n];

			if (!pci_find(kinds[kind].vendor, kinds[kind].device, i, &engine->function))
				break;
			engine->kind = kinds[kind].kind;
			engine->registers = pci_bar(&engine->function, 0);
			engine->endpoint = endpoint_of(&engine->function);
			n++;
		}
}

bool engine_writes(const struct engine *engine, uint64_t address, volatile uint64_t *at)
{
	const uint64_t before = 0x5e17135e17135e17ull;

	*at = before;
	if (engine->kind == ENGINE_VIOMMU)
		vdma_do(engine, VDMA_WRITE, address);
	else
		edu_do(engine, EDU_PATTERN, address, EDU_TO_MEMORY);
	return *at != before;
}

bool engine_reads(const struct engine *engine, uint64_t address, volatile uint64_t *at,
		  uint64_t window, volatile uint64_t *window_at)
{
	static uint64_t unique = 0x0123456789abcdefull;

	*at = unique += 0x1000000010001ull;
	if (engine->kind == ENGINE_VIOMMU) {
		vdma_do(engine, VDMA_READ, address);
		return read64(engine->registers, VDMA_RESULT) == vdma_hash(*at ^ address);
	}
	edu_do(engine, address, EDU_ROOM, 0);
	*window_at = 0;
	edu_do(engine, EDU_ROOM, window, EDU_TO_MEMORY);
	return *window_at == *at;
}
