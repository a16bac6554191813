/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine.h"

#include "dma.h"
#include "firmware.h"

struct engine engines[2];

/* -- viommu-dma ------------------------------------------------------------------ */

/* Unlike dma_do() it does not wait for ever. */
static void vdma_do(const struct engine *engine, uint32_t command, uint64_t address)
{
	const struct dma dma = { engine->function, engine->registers };

	dma_start(&dma, command, NO_PASID, address, 8, 0, 0x1234);
	for (unsigned i = 0; i < LONG && read32(dma.registers, DMA_STATUS) == DMA_BUSY; i++)
		;
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

/* -- a virtio disk ---------------------------------------------------------------- */

enum { DISK_ID = 2, DISK_FUNCTION = 0x1042, SECTOR = 512, PART = 8 };
enum { DISK_IN = 0, DISK_OUT = 1 };
enum { MAPPED_DOMAINS = 16, PARTS = 4 };

/* In one unit of memory at the address `first`. */
static struct {
	uint64_t first, last;
	struct parts {
		uint8_t rings[PAGE];
		uint64_t header[2];
		uint8_t rest[SECTOR - PART];
		uint8_t status;
	} * parts;
} room;

static void take_room(uint64_t unit)
{
	const unsigned n = (unsigned)((unit < 2 * PAGE ? 2 * PAGE : unit) / PAGE);
	uint64_t pages = (uint64_t)take_pages(2 * n);

	room.first = (pages + n * PAGE - 1) / unit * unit;
	room.last = room.first + n * PAGE - 1;
	room.parts = (struct parts *)room.first;
}

/*
 * In all domains that there are, as the case decides which one the endpoint is in. The mappings
 * stay, so that a device that translates by a domain which has ended reaches them, too.
 */
static void share_room(void)
{
	const uint32_t begin =
		offers(VIOMMU_F_DOMAIN_RANGE) ? config32(VIOMMU_CONFIG_DOMAIN_START) : 0;

	if (!(device_status() & DRIVER_OK) || (device_status() & NEEDS_RESET))
		return;
	for (uint32_t i = 0; i <= MAPPED_DOMAINS; i++) {
		int status = map(begin + i, room.first, room.last, room.first, RW);

		if (status == SILENT || status == UNWRITTEN)
			return;
	}
}

static void chain(struct queue *queue, uint32_t direction, uint64_t address)
{
	const struct {
		uint64_t address;
		uint32_t length;
		uint16_t flags;
	} rows[PARTS] = {
		{ (uint64_t)room.parts->header, sizeof(room.parts->header), 0 },
		{ address, PART, direction == DISK_IN ? F_WRITE : 0 },
		{ (uint64_t)room.parts->rest, sizeof(room.parts->rest),
		  direction == DISK_IN ? F_WRITE : 0 },
		{ (uint64_t)&room.parts->status, 1, F_WRITE },
	};

	room.parts->header[0] = direction;
	room.parts->header[1] = 0;
	for (uint16_t i = 0; i < PARTS; i++) {
		queue->descriptors[i].address = rows[i].address;
		queue->descriptors[i].length = rows[i].length;
		queue->descriptors[i].flags = rows[i].flags | (i + 1 < PARTS ? F_NEXT : 0);
		queue->descriptors[i].next = i + 1;
	}
	queue->available->ring[0] = 0;
	machine_fence();
	queue->available->index = 1;
}

/* Between a sector and 8 bytes at `address`. The disk is reset before and after that. */
static void disk_do(const struct engine *engine, uint32_t direction, uint64_t address)
{
	struct virtio disk = engine->disk;
	uint16_t descriptor;
	struct queue queue;
	uint32_t length;

	share_room();
	virtio_end(&disk);
	virtio_write(&disk, REG_STATUS, ACKNOWLEDGE | DRIVER);
	if (virtio_accept(&disk, disk.offered & (VERSION_1 | PLATFORM)) &&
	    virtio_queue_in(&disk, 0, room.parts->rings, &queue)) {
		virtio_go(&disk);
		chain(&queue, direction, address);
		queue_kick(&queue);
		for (unsigned i = 0; i < LONG && !queue_get(&queue, &descriptor, &length); i++)
			if (virtio_read(&disk, REG_STATUS) & NEEDS_RESET)
				break;
	}
	virtio_end(&disk);
}

/* Without firmware that describes the IOMMU, the ID is the function's number. */
static bool is_behind_iommu(const struct function *function, uint32_t *ret_id)
{
	const struct place place = { PLACE_PCI, (uint16_t)function->devfn, 0 };
	struct place of_iommu;

	*ret_id = function->devfn;
	return firmware_endpoint(&place, ret_id) || !firmware_iommu(&of_iommu);
}

/* The n-th disk that goes through the IOMMU. */
static bool disk_find(unsigned n, struct engine *engine)
{
	struct place place = { .kind = PLACE_MMIO };

	for (unsigned i = 0; pci_find(0x1af4, DISK_FUNCTION, i, &engine->function); i++) {
		if (is_behind_iommu(&engine->function, &engine->endpoint) &&
		    virtio_begin(&engine->disk, &engine->function) &&
		    (engine->disk.offered & ACCESS_PLATFORM) && !n--)
			return true;
	}
	for (unsigned i = 0; firmware_window(i, &place.registers); i++) {
		if (!is_on_mmio(place.registers, DISK_ID) ||
		    !firmware_endpoint(&place, &engine->endpoint))
			continue;
		virtio_begin_mmio(&engine->disk, place.registers);
		if ((engine->disk.offered & ACCESS_PLATFORM) && !n--)
			return true;
	}
	return false;
}

/* -- all --------------------------------------------------------------------------- */

static const struct {
	enum engine_kind kind;
	uint16_t vendor, device;
} kinds[] = {
	{ ENGINE_VIOMMU, 0x1234, 0x7664 },
	{ ENGINE_EDU, 0x1234, 0x11e8 },
	{ ENGINE_DISK, 0, 0 },
};

static bool function_find(unsigned kind, unsigned n, struct engine *engine)
{
	const uint16_t vendor = kinds[kind].vendor, device_id = kinds[kind].device;

	for (unsigned i = 0; pci_find(vendor, device_id, i, &engine->function); i++) {
		if (!is_behind_iommu(&engine->function, &engine->endpoint) || n--)
			continue;
		engine->registers = pci_bar(&engine->function, 0);
		return true;
	}
	return false;
}

void engines_find(uint64_t unit)
{
	unsigned n = 0;

	take_room(unit);
	for (unsigned kind = 0; kind < COUNT(kinds); kind++)
		for (unsigned i = 0; n < COUNT(engines); i++) {
			struct engine engine = { .kind = kinds[kind].kind };

			if (engine.kind == ENGINE_DISK ? !disk_find(i, &engine)
						       : !function_find(kind, i, &engine))
				break;
			engines[n++] = engine;
		}
}

/* `from` is a place in edu's buffer; other devices have none. */
static void to_memory(const struct engine *engine, uint64_t from, uint64_t address)
{
	if (engine->kind == ENGINE_VIOMMU)
		vdma_do(engine, DMA_WRITE, address);
	else if (engine->kind == ENGINE_EDU)
		edu_do(engine, from, address, EDU_TO_MEMORY);
	else
		disk_do(engine, DISK_IN, address);
}

bool engine_writes(const struct engine *engine, uint64_t address, volatile uint64_t *at)
{
	const uint64_t before = 0x5e17135e17135e17ull;

	*at = before;
	to_memory(engine, EDU_PATTERN, address);
	return *at != before;
}

bool engine_reads(const struct engine *engine, uint64_t address, volatile uint64_t *at,
		  uint64_t window, volatile uint64_t *window_at)
{
	static uint64_t unique = 0x0123456789abcdefull;

	*at = unique += 0x1000000010001ull;
	if (engine->kind == ENGINE_VIOMMU) {
		vdma_do(engine, DMA_READ, address);
		return read64(engine->registers, DMA_RESULT) == dma_hash(*at ^ address);
	}
	if (engine->kind == ENGINE_EDU)
		edu_do(engine, address, EDU_ROOM, 0);
	else
		disk_do(engine, DISK_OUT, address);
	*window_at = 0;
	to_memory(engine, EDU_ROOM, window);
	return *window_at == *at;
}
