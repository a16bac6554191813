/* SPDX-License-Identifier: BSD-3-Clause */
#include "firmware.h"
#include "room.h"

/* A virtio disk: 8 bytes of its first sector go from memory and to it */

enum { DISK_ID = 2, DISK_FUNCTION = 0x1042, SECTOR = 512, PART = 8, PARTS = 4 };
enum { DISK_IN = 0, DISK_OUT = 1 };

struct parts {
	uint8_t rings[PAGE];
	uint64_t header[2];
	uint8_t rest[SECTOR - PART];
	uint8_t status;
};

static void chain(struct queue *queue, uint32_t direction, uint64_t address)
{
	struct parts *parts = (struct parts *)room.first;
	const struct {
		uint64_t address;
		uint32_t length;
		uint16_t flags;
	} rows[PARTS] = {
		{ (uint64_t)parts->header, sizeof(parts->header), 0 },
		{ address, PART, direction == DISK_IN ? F_WRITE : 0 },
		{ (uint64_t)parts->rest, sizeof(parts->rest), direction == DISK_IN ? F_WRITE : 0 },
		{ (uint64_t)&parts->status, 1, F_WRITE },
	};

	parts->header[0] = direction;
	parts->header[1] = 0;
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

	room_share();
	virtio_end(&disk);
	virtio_write(&disk, REG_STATUS, ACKNOWLEDGE | DRIVER);
	if (virtio_accept(&disk, disk.offered & (VERSION_1 | PLATFORM)) &&
	    virtio_queue_in(&disk, 0, (void *)room.first, &queue)) {
		virtio_go(&disk);
		chain(&queue, direction, address);
		queue_kick(&queue);
		for (unsigned i = 0; i < LONG && !queue_get(&queue, &descriptor, &length); i++)
			if (virtio_read(&disk, REG_STATUS) & NEEDS_RESET)
				break;
	}
	virtio_end(&disk);
}

void disk_write(const struct engine *engine, uint64_t address)
{
	disk_do(engine, DISK_IN, address);
}

void disk_copy(const struct engine *engine, uint64_t from, uint64_t to)
{
	disk_do(engine, DISK_OUT, from);
	disk_do(engine, DISK_IN, to);
}

bool disk_find(unsigned n, struct engine *engine)
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
