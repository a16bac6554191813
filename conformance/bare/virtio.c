/* SPDX-License-Identifier: BSD-3-Clause */
#include "bare.h"

/* virtio 1.3 over PCI (4.1), with split rings (2.7) */

#define CAP_VENDOR 9
enum { COMMON = 1, NOTIFY = 2, DEVICE = 4 };
enum {
	FEATURE_SELECT = 0x00,
	FEATURE = 0x04,
	DRIVER_SELECT = 0x08,
	DRIVER_FEATURE = 0x0c,
	STATUS = 0x14,
	QUEUE_SELECT = 0x16,
	QUEUE_SIZE = 0x18,
	QUEUE_ENABLE = 0x1c,
	QUEUE_NOTIFY = 0x1e,
	QUEUE_DESC = 0x20,
	QUEUE_DRIVER = 0x28,
	QUEUE_DEVICE = 0x30,
};
enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8 };
enum { NEXT = 1, WRITE = 2 };

static uint16_t read16(volatile uint8_t *registers, unsigned at)
{
	return *(volatile uint16_t *)(registers + at);
}

static void write16(volatile uint8_t *registers, unsigned at, uint16_t value)
{
	*(volatile uint16_t *)(registers + at) = value;
}

/* The capability of a kind, or 0. */
static unsigned find(const struct function *function, uint8_t kind)
{
	unsigned at = 0;

	while ((at = pci_capability(function, CAP_VENDOR, at)))
		if (pci_read8(function, at + 3) == kind)
			return at;
	return 0;
}

static volatile uint8_t *window(const struct function *function, unsigned cap)
{
	return pci_bar(function, pci_read8(function, cap + 4)) + pci_read32(function, cap + 8);
}

bool virtio_begin(struct virtio *virtio, const struct function *function)
{
	unsigned common = find(function, COMMON), device = find(function, DEVICE);

	if (!common || !device)
		return false;
	virtio->function = *function;
	virtio->common = window(function, common);
	virtio->device = window(function, device);
	virtio->common[STATUS] = 0;
	while (virtio->common[STATUS])
		;
	virtio->common[STATUS] = ACKNOWLEDGE | DRIVER;
	virtio->offered = virtio->offset = 0;
	for (unsigned i = 0; i < 2; i++) {
		write32(virtio->common, FEATURE_SELECT, i);
		virtio->offered |= (uint64_t)read32(virtio->common, FEATURE) << 32 * i;
	}
	return true;
}

bool virtio_accept(struct virtio *virtio, uint64_t features)
{
	for (unsigned i = 0; i < 2; i++) {
		write32(virtio->common, DRIVER_SELECT, i);
		write32(virtio->common, DRIVER_FEATURE, (uint32_t)(features >> 32 * i));
	}
	virtio->common[STATUS] = ACKNOWLEDGE | DRIVER | FEATURES_OK;
	return virtio->common[STATUS] & FEATURES_OK;
}

bool virtio_queue(struct virtio *virtio, uint16_t number, struct queue *ret_queue)
{
	unsigned cap = find(&virtio->function, NOTIFY);
	uint8_t *rings = take_pages(1);
	uint64_t offset, at;

	write16(virtio->common, QUEUE_SELECT, number);
	if (!cap || read16(virtio->common, QUEUE_SIZE) < RING)
		return false;
	offset = (uint64_t)read16(virtio->common, QUEUE_NOTIFY) *
		 pci_read32(&virtio->function, cap + 16);
	*ret_queue = (struct queue){
		.descriptors = (void *)rings,
		.available = (void *)(rings + 0x400),
		.used = (void *)(rings + 0x800),
		.notify = (void *)(window(&virtio->function, cap) + offset),
		.number = number,
		.offset = virtio->offset,
	};
	at = (uint64_t)rings + virtio->offset;
	write16(virtio->common, QUEUE_SIZE, RING);
	write64(virtio->common, QUEUE_DESC, at);
	write64(virtio->common, QUEUE_DRIVER, at + 0x400);
	write64(virtio->common, QUEUE_DEVICE, at + 0x800);
	write16(virtio->common, QUEUE_ENABLE, 1);
	return true;
}

void virtio_go(struct virtio *virtio)
{
	virtio->common[STATUS] = ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK;
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
		queue->descriptors[first].flags = both ? NEXT : 0;
		queue->descriptors[first].next = second;
	}
	if (in) {
		uint16_t at = both ? second : first;

		queue->descriptors[at].address = (uint64_t)in + queue->offset;
		queue->descriptors[at].length = n_in;
		queue->descriptors[at].flags = WRITE;
	}
	queue->available->ring[queue->available->index % RING] = first;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	queue->available->index++;
	return first;
}

void queue_kick(struct queue *queue)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	*queue->notify = queue->number;
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
