/* SPDX-License-Identifier: BSD-3-Clause */
#include "bare.h"

/* virtio 1.3 over PCI (4.1) and MMIO (4.2), with split rings (2.7) */

#define CAP_VENDOR 9
enum { MMIO_NOTIFY = 0x50, MMIO_CONFIG = 0x100 };

/* On MMIO all registers have 4 bytes, and an address is two. */
static const struct {
	uint8_t pci, length, mmio;
} places[] = {
	[REG_FEATURE_SELECT] = { 0x00, 4, 0x14 }, [REG_FEATURE] = { 0x04, 4, 0x10 },
	[REG_DRIVER_SELECT] = { 0x08, 4, 0x24 },  [REG_DRIVER_FEATURE] = { 0x0c, 4, 0x20 },
	[REG_STATUS] = { 0x14, 1, 0x70 },         [REG_QUEUE_SELECT] = { 0x16, 2, 0x30 },
	[REG_QUEUE_MAX] = { 0x18, 2, 0x34 },      [REG_QUEUE_SIZE] = { 0x18, 2, 0x38 },
	[REG_QUEUE_ENABLE] = { 0x1c, 2, 0x44 },   [REG_QUEUE_DESC] = { 0x20, 8, 0x80 },
	[REG_QUEUE_DRIVER] = { 0x28, 8, 0x90 },   [REG_QUEUE_DEVICE] = { 0x30, 8, 0xa0 },
	[REG_QUEUE_RESET] = { 0x3a, 2, 0xc0 },
};

uint32_t virtio_read(const struct virtio *virtio, enum virtio_register reg)
{
	unsigned at = places[reg].pci;

	if (virtio->mmio)
		return read32(virtio->mmio, places[reg].mmio);
	return places[reg].length == 1   ? virtio->common[at]
	       : places[reg].length == 2 ? read16(virtio->common, at)
					 : read32(virtio->common, at);
}

void virtio_write(const struct virtio *virtio, enum virtio_register reg, uint64_t value)
{
	volatile uint8_t *at =
		virtio->mmio ? virtio->mmio + places[reg].mmio : virtio->common + places[reg].pci;
	unsigned length = places[reg].length;

	if (length == 8) {
		write_halves(at, 0, value);
	} else if (virtio->mmio || length == 4) {
		write32(at, 0, (uint32_t)value);
	} else if (length == 2) {
		write16(at, 0, (uint16_t)value);
	} else {
		*at = (uint8_t)value;
	}
}

unsigned virtio_capability(const struct function *function, uint8_t kind)
{
	unsigned at = 0;

	while ((at = pci_capability(function, CAP_VENDOR, at)))
		if (pci_read8(function, at + 3) == kind)
			return at;
	return 0;
}

volatile uint8_t *virtio_window(const struct function *function, unsigned cap)
{
	return pci_bar(function, pci_read8(function, cap + 4)) + pci_read32(function, cap + 8);
}

uint64_t virtio_offered(const struct virtio *virtio)
{
	uint64_t offered = 0;

	for (unsigned i = 0; i < 2; i++) {
		virtio_write(virtio, REG_FEATURE_SELECT, i);
		offered |= (uint64_t)virtio_read(virtio, REG_FEATURE) << 32 * i;
	}
	return offered;
}

static void begin(struct virtio *virtio)
{
	virtio_write(virtio, REG_STATUS, 0);
	while (virtio_read(virtio, REG_STATUS))
		;
	virtio_write(virtio, REG_STATUS, ACKNOWLEDGE | DRIVER);
	virtio->offered = virtio_offered(virtio);
}

bool virtio_begin(struct virtio *virtio, const struct function *function)
{
	unsigned common = virtio_capability(function, COMMON);
	unsigned own = virtio_capability(function, DEVICE);

	if (!common || !own)
		return false;
	*virtio = (struct virtio){
		.function = *function,
		.common = virtio_window(function, common),
		.device = virtio_window(function, own),
	};
	begin(virtio);
	return true;
}

void virtio_begin_mmio(struct virtio *virtio, uint64_t registers)
{
	*virtio = (struct virtio){
		.mmio = (volatile uint8_t *)registers,
		.device = (volatile uint8_t *)registers + MMIO_CONFIG,
	};
	begin(virtio);
}

bool virtio_accept(struct virtio *virtio, uint64_t features)
{
	for (unsigned i = 0; i < 2; i++) {
		virtio_write(virtio, REG_DRIVER_SELECT, i);
		virtio_write(virtio, REG_DRIVER_FEATURE, (uint32_t)(features >> 32 * i));
	}
	virtio_write(virtio, REG_STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
	return virtio_read(virtio, REG_STATUS) & FEATURES_OK;
}

static volatile void *find_notify(const struct virtio *virtio)
{
	unsigned cap = virtio->mmio ? 0 : virtio_capability(&virtio->function, NOTIFY);
	uint64_t offset;

	if (virtio->mmio)
		return virtio->mmio + MMIO_NOTIFY;
	offset = (uint64_t)read16(virtio->common, 0x1e) * pci_read32(&virtio->function, cap + 16);
	return cap ? virtio_window(&virtio->function, cap) + offset : NULL;
}

volatile void *virtio_doorbell(const struct virtio *virtio, uint16_t number)
{
	virtio_write(virtio, REG_QUEUE_SELECT, number);
	return find_notify(virtio);
}

bool virtio_queue_in(struct virtio *virtio, uint16_t number, void *memory, struct queue *ret_queue)
{
	uint8_t *rings = memset(memory, 0, PAGE);
	uint64_t at = (uint64_t)rings + virtio->offset;

	*ret_queue = (struct queue){
		.descriptors = (void *)rings,
		.available = (void *)(rings + 0x400),
		.used = (void *)(rings + 0x800),
		.notify = virtio_doorbell(virtio, number),
		.wide = virtio->mmio,
		.number = number,
		.offset = virtio->offset,
	};
	if (!ret_queue->notify || virtio_read(virtio, REG_QUEUE_MAX) < RING)
		return false;
	virtio_write(virtio, REG_QUEUE_SIZE, RING);
	virtio_write(virtio, REG_QUEUE_DESC, at);
	virtio_write(virtio, REG_QUEUE_DRIVER, at + 0x400);
	virtio_write(virtio, REG_QUEUE_DEVICE, at + 0x800);
	virtio_write(virtio, REG_QUEUE_ENABLE, 1);
	return true;
}

bool virtio_queue(struct virtio *virtio, uint16_t number, struct queue *ret_queue)
{
	return virtio_queue_in(virtio, number, take_pages(1), ret_queue);
}

void virtio_go(struct virtio *virtio)
{
	virtio_write(virtio, REG_STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
}

void virtio_end(struct virtio *virtio)
{
	virtio_write(virtio, REG_STATUS, 0);
}

/* Two descriptors for each buffer, in turn: a user has at most RING / 2 under way. */
uint16_t queue_put(struct queue *queue, const void *out, uint32_t n_out, void *in, uint32_t n_in)
{
	uint16_t first = queue->next, second = first + 1;
	bool both = out && in;

	queue->next = (queue->next + 2) % RING;
	if (out) {
		queue->descriptors[first].address = (uint64_t)out + queue->offset;
		queue->descriptors[first].length = n_out;
		queue->descriptors[first].flags = both ? F_NEXT : 0;
		queue->descriptors[first].next = second;
	}
	if (in) {
		uint16_t at = both ? second : first;

		queue->descriptors[at].address = (uint64_t)in + queue->offset;
		queue->descriptors[at].length = n_in;
		queue->descriptors[at].flags = F_WRITE;
	}
	queue->available->ring[queue->available->index % RING] = first;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	queue->available->index++;
	return first;
}

void queue_kick(struct queue *queue)
{
	machine_fence();
	if (queue->wide)
		*(volatile uint32_t *)queue->notify = queue->number;
	else
		*(volatile uint16_t *)queue->notify = queue->number;
}

bool queue_get(struct queue *queue, uint16_t *ret_descriptor, uint32_t *ret_length)
{
	if (queue->used->index == queue->seen)
		return false;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	*ret_descriptor = (uint16_t)queue->used->ring[queue->seen % RING].id;
	*ret_length = queue->used->ring[queue->seen % RING].length;
	queue->seen++;
	return true;
}
