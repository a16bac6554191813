/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine.h"

#include "dma.h"
#include "firmware.h"
#include "room.h"

struct engine engines[2];
bool engine_was_blind;

/* Without firmware that describes the IOMMU, the ID is the function's number. */
bool is_behind_iommu(const struct function *function, uint32_t *ret_id)
{
	const struct place place = { PLACE_PCI, (uint16_t)function->devfn, 0 };
	struct place of_iommu;

	*ret_id = function->devfn;
	return firmware_endpoint(&place, ret_id) || !firmware_iommu(&of_iommu);
}

static bool find(uint16_t device_id, unsigned n, struct engine *engine)
{
	for (unsigned i = 0; pci_find(DMA_VENDOR, device_id, i, &engine->function); i++) {
		if (!is_behind_iommu(&engine->function, &engine->endpoint) || n--)
			continue;
		engine->registers = pci_bar(&engine->function, 0);
		return true;
	}
	return false;
}

static bool is_same(uint64_t value, uint64_t copy)
{
	return value == copy;
}

/* -- viommu-dma ------------------------------------------------------------------ */

static bool vdma_find(unsigned n, struct engine *engine)
{
	return find(DMA_DEVICE, n, engine);
}

/* Unlike dma_do() it does not wait for ever. */
static void vdma_do(const struct engine *engine, uint32_t command, uint64_t address)
{
	const struct dma dma = { engine->function, engine->registers };

	dma_start(&dma, command, NO_PASID, address, 8, 0, 0x1234);
	for (unsigned i = 0; i < LONG && read32(dma.registers, DMA_STATUS) == DMA_BUSY; i++)
		;
}

static void vdma_write(const struct engine *engine, uint64_t address)
{
	vdma_do(engine, DMA_WRITE, address);
}

/* What it has read it does not write, but hashes. */
static bool vdma_reads(const struct engine *engine, uint64_t address, uint64_t value)
{
	vdma_do(engine, DMA_READ, address);
	return read64(engine->registers, DMA_RESULT) == dma_hash(value ^ address);
}

/* -- edu ------------------------------------------------------------------------ */

enum { EDU_PATTERN = EDU_BUFFER, EDU_ROOM = EDU_BUFFER + 0x800 };

static bool edu_find(unsigned n, struct engine *engine)
{
	return find(EDU_DEVICE, n, engine);
}

static void edu_write(const struct engine *engine, uint64_t address)
{
	edu_copy(engine->registers, EDU_PATTERN, address, 8, true);
}

static void edu_copy_between(const struct engine *engine, uint64_t from, uint64_t to)
{
	edu_copy(engine->registers, from, EDU_ROOM, 8, false);
	edu_copy(engine->registers, EDU_ROOM, to, 8, true);
}

/* -- an endpoint alone ---------------------------------------------------------------- */

enum { FUNCTIONS = 256, GUESSES = 16 };

static bool is_attached(uint32_t id)
{
	bool is = device_start(STANDARD) && attach(room_domain(), id, 0) == VIOMMU_S_OK;

	if (is)
		detach(room_domain(), id);
	device_reset();
	return is;
}

static bool is_new(uint32_t id)
{
	for (unsigned i = 0; i < COUNT(engines); i++)
		if (engines[i].kind && engines[i].endpoint == id)
			return false;
	return is_attached(id);
}

/* A function but the IOMMU; where there is none, any ID that the device accepts. */
static bool blind_find(unsigned n, struct engine *engine)
{
	bool has_functions = false;

	(void)n;
	for (unsigned devfn = 0; devfn < FUNCTIONS; devfn++) {
		if (!pci_at(devfn, &engine->function))
			continue;
		has_functions = true;
		if ((device.virtio.mmio || devfn != device.virtio.function.devfn) &&
		    is_behind_iommu(&engine->function, &engine->endpoint) &&
		    is_new(engine->endpoint))
			return true;
	}
	for (engine->endpoint = 0; !has_functions && engine->endpoint < GUESSES; engine->endpoint++)
		if (is_new(engine->endpoint))
			return true;
	return false;
}

static void blind_write(const struct engine *engine, uint64_t address)
{
	(void)engine;
	(void)address;
	engine_was_blind = true;
}

static void blind_copy(const struct engine *engine, uint64_t from, uint64_t to)
{
	blind_write(engine, from);
	blind_write(engine, to);
}

/* -- all --------------------------------------------------------------------------- */

/* In the order of choice. Without `copy` a device does not write what it has read. */
static const struct {
	enum engine_kind kind;
	bool (*find)(unsigned n, struct engine *engine);
	void (*write)(const struct engine *engine, uint64_t address);
	void (*copy)(const struct engine *engine, uint64_t from, uint64_t to);
	bool (*has_copied)(uint64_t value, uint64_t copy);
} kinds[] = {
	{ ENGINE_VIOMMU, vdma_find, vdma_write, NULL, NULL },
	{ ENGINE_EDU, edu_find, edu_write, edu_copy_between, is_same },
	{ ENGINE_DISK, disk_find, disk_write, disk_copy, is_same },
	{ ENGINE_NVME, nvme_find, nvme_write, nvme_copy, nvme_has_copied },
	{ ENGINE_BLIND, blind_find, blind_write, blind_copy, is_same },
};

void engines_find(uint64_t unit)
{
	unsigned n = 0;

	room_take(unit);
	for (unsigned kind = 0; kind < COUNT(kinds); kind++)
		for (unsigned i = 0; n < COUNT(engines); i++) {
			struct engine engine = { .kind = kinds[kind].kind };

			if (!kinds[kind].find(i, &engine))
				break;
			engines[n++] = engine;
		}
}

bool engine_has_queues(const struct engine *engine)
{
	return engine->kind == ENGINE_DISK || engine->kind == ENGINE_NVME;
}

static unsigned kind_of(const struct engine *engine)
{
	unsigned kind = 0;

	while (kind + 1 < COUNT(kinds) && kinds[kind].kind != engine->kind)
		kind++;
	return kind;
}

bool engine_writes(const struct engine *engine, uint64_t address, volatile uint64_t *at)
{
	const uint64_t before = 0x5e17135e17135e17ull;

	*at = before;
	kinds[kind_of(engine)].write(engine, address);
	return *at != before;
}

bool engine_reads(const struct engine *engine, uint64_t address, volatile uint64_t *at,
		  uint64_t window, volatile uint64_t *window_at)
{
	static uint64_t unique = 0x0123456789abcdefull;
	const unsigned kind = kind_of(engine);

	*at = unique += 0x1000000010001ull;
	if (!kinds[kind].copy)
		return vdma_reads(engine, address, *at);
	*window_at = 0;
	kinds[kind].copy(engine, address, window);
	return kinds[kind].has_copied(*at, *window_at);
}
