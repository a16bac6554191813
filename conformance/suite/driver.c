/* SPDX-License-Identifier: BSD-3-Clause */
#include "driver.h"
#include "firmware.h"

/* virtio over PCI (virtio 1.4, 4.1) or MMIO (4.2): the device is where firmware says, or is found
 * by a scan */

#define VENDOR 0x1af4
#define FULL   64 /* entries of a ring, unless the device has fewer */

struct device device;
bool use_packed;
uint8_t last_tail[4];
uint32_t last_used;

static uint8_t ring_memory[2][2 * PAGE] __attribute__((aligned(4096)));

static void fence(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* -- setting up ---------------------------------------------------------------- */

unsigned device_capability(uint8_t kind)
{
	return virtio_capability(&device.virtio.function, kind);
}

volatile uint8_t *device_window(unsigned capability)
{
	return virtio_window(&device.virtio.function, capability);
}

/* The PCI function, if it is one. */
static bool find_on_pci(const struct place *place)
{
	struct function *function = &device.virtio.function;

	if (place->kind == PLACE_SCAN) {
		if (!pci_find(VENDOR, 0x1040 + VIOMMU_DEVICE_ID, 0, function))
			return false;
	} else if (!pci_at(place->bdf, function)) {
		return false;
	}
	if (!device_capability(COMMON) || !device_capability(DEVICE) || !device_capability(ISR))
		return false;
	device.virtio.common = device_window(device_capability(COMMON));
	device.virtio.device = device_window(device_capability(DEVICE));
	device.isr = device_window(device_capability(ISR));
	return true;
}

bool is_on_mmio(uint64_t at, uint32_t id)
{
	volatile uint8_t *registers = (volatile uint8_t *)at;

	return read32(registers, MMIO_MAGIC) == MMIO_MAGIC_VALUE &&
	       read32(registers, MMIO_DEVICE_ID) == id;
}

static bool find_on_mmio(uint64_t at)
{
	volatile uint8_t *registers = (volatile uint8_t *)at;

	if (!is_on_mmio(at, VIOMMU_DEVICE_ID))
		return false;
	device.virtio.mmio = registers;
	device.virtio.device = registers + MMIO_CONFIG;
	return true;
}

static bool find_by_scan(void)
{
	const struct place scan = { .kind = PLACE_SCAN };
	uint64_t registers;

	if (find_on_pci(&scan))
		return true;
	for (unsigned n = 0; firmware_window(n, &registers); n++)
		if (find_on_mmio(registers))
			return true;
	return false;
}

bool device_find(void)
{
	struct place place;

	device.found_by = firmware_iommu(&place);
	if (!device.found_by) {
		device.found_by = "scan";
		if (!find_by_scan())
			return false;
	} else if (place.kind == PLACE_MMIO ? !find_on_mmio(place.registers)
					    : !find_on_pci(&place)) {
		return false;
	}
	device.virtio.offered = virtio_offered(&device.virtio);
	device.initial_bypass = config8(VIOMMU_CONFIG_BYPASS);
	return true;
}

uint8_t device_status(void)
{
	return (uint8_t)virtio_read(&device.virtio, REG_STATUS);
}

void device_set_status(uint8_t status)
{
	virtio_write(&device.virtio, REG_STATUS, status);
}

uint8_t device_interrupts(void)
{
	uint32_t pending;

	if (!device.virtio.mmio)
		return device.isr[0];
	pending = read32(device.virtio.mmio, MMIO_INTERRUPT_STATUS);
	write32(device.virtio.mmio, MMIO_INTERRUPT_ACK, pending);
	return (uint8_t)pending;
}

bool offers(uint64_t features)
{
	return (device.virtio.offered & features) == features;
}

bool device_reset(void)
{
	device_set_status(0);
	for (unsigned i = 0; i < LONG; i++)
		if (!device_status())
			return true;
	return false;
}

bool device_accept(uint64_t features)
{
	if (!device_reset())
		return false;
	device_set_status(ACKNOWLEDGE | DRIVER);
	device.accepted = features;
	return virtio_accept(&device.virtio, features);
}

void device_queue(struct ring *ring, uint16_t number, uint16_t size)
{
	uint8_t *memory = ring_memory[number];

	memset(memory, 0, sizeof(ring_memory[0]));
	*ring = (struct ring){
		.table = memory,
		.driver = memory + 0x800,
		.device = memory + PAGE,
		.notify = virtio_doorbell(&device.virtio, number),
		.wide = device.virtio.mmio,
		.number = number,
		.size = size,
		.packed = device.accepted & PACKED,
		.wraps = true,
		.seen_wraps = true,
	};
	virtio_write(&device.virtio, REG_QUEUE_SIZE, size);
	virtio_write(&device.virtio, REG_QUEUE_DESC, (uint64_t)ring->table);
	virtio_write(&device.virtio, REG_QUEUE_DRIVER, (uint64_t)ring->driver);
	virtio_write(&device.virtio, REG_QUEUE_DEVICE, (uint64_t)ring->device);
	virtio_write(&device.virtio, REG_QUEUE_ENABLE, 1);
}

static uint16_t size_of(uint16_t number)
{
	uint16_t size;

	virtio_write(&device.virtio, REG_QUEUE_SELECT, number);
	size = (uint16_t)virtio_read(&device.virtio, REG_QUEUE_MAX);
	return size < FULL ? size : FULL;
}

bool device_start(uint64_t features)
{
	if (use_packed)
		features |= PACKED;
	if (!device_accept(features & device.virtio.offered))
		return false;
	device_queue(&device.requests, 0, size_of(0));
	device_queue(&device.events, 1, size_of(1));
	device_set_status(ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
	return true;
}

/* -- configuration ------------------------------------------------------------- */

uint64_t config64(unsigned at)
{
	return read32(device.virtio.device, at) | (uint64_t)read32(device.virtio.device, at + 4)
							  << 32;
}

uint32_t config32(unsigned at)
{
	return read32(device.virtio.device, at);
}

uint8_t config8(unsigned at)
{
	return device.virtio.device[at];
}

void set_bypass(uint8_t value)
{
	device.virtio.device[VIOMMU_CONFIG_BYPASS] = value;
}

/* -- rings --------------------------------------------------------------------- */

struct packed {
	uint64_t address;
	uint32_t length;
	uint16_t id, flags;
};

static volatile struct packed *packed_at(struct ring *ring, uint16_t index)
{
	return (volatile struct packed *)ring->table + index;
}

void ring_describe(struct ring *ring, uint16_t index, uint64_t address, uint32_t length,
		   uint16_t flags, uint16_t next)
{
	volatile struct descriptor *at = (volatile struct descriptor *)ring->table + index;

	at->address = address;
	at->length = length;
	if (ring->packed) {
		packed_at(ring, index)->id = next;
		fence();
		packed_at(ring, index)->flags = flags;
		return;
	}
	at->flags = flags;
	at->next = next;
}

void ring_publish(struct ring *ring, uint16_t head)
{
	volatile uint16_t *available = (volatile uint16_t *)ring->driver;

	available[2 + ring->available % ring->size] = head;
	fence();
	available[1] = ++ring->available;
}

static uint16_t put_split(struct ring *ring, const struct piece *pieces, unsigned n)
{
	uint16_t head = ring->next;

	for (unsigned i = 0; i < n; i++) {
		uint16_t next = (uint16_t)(ring->next + 1) % ring->size;

		ring_describe(ring, ring->next, (uint64_t)pieces[i].at, pieces[i].length,
			      (i + 1 < n ? F_NEXT : 0) | (pieces[i].writable ? F_WRITE : 0), next);
		ring->next = next;
	}
	ring_publish(ring, head);
	return head;
}

/* The flags of the first descriptor are written last. */
static uint16_t put_packed(struct ring *ring, const struct piece *pieces, unsigned n)
{
	uint16_t head = ring->next, head_flags = 0;

	for (unsigned i = 0; i < n; i++) {
		uint16_t flags = (i + 1 < n ? F_NEXT : 0) | (pieces[i].writable ? F_WRITE : 0) |
				 (ring->wraps ? F_AVAILABLE : F_USED);

		if (i == 0)
			head_flags = flags;
		ring_describe(ring, ring->next, (uint64_t)pieces[i].at, pieces[i].length,
			      i ? flags : (ring->wraps ? F_USED : F_AVAILABLE), head);
		if (++ring->next == ring->size) {
			ring->next = 0;
			ring->wraps = !ring->wraps;
		}
	}
	fence();
	packed_at(ring, head)->flags = head_flags;
	ring->available = (uint16_t)n;
	return head;
}

uint16_t ring_put(struct ring *ring, const struct piece *pieces, unsigned n)
{
	return ring->packed ? put_packed(ring, pieces, n) : put_split(ring, pieces, n);
}

void ring_notify(const struct ring *ring, uint16_t value)
{
	if (ring->wide)
		*(volatile uint32_t *)ring->notify = value;
	else
		*(volatile uint16_t *)ring->notify = value;
}

void ring_kick(const struct ring *ring)
{
	fence();
	ring_notify(ring, ring->number);
}

static bool get_split(struct ring *ring, uint16_t *ret_id, uint32_t *ret_length)
{
	volatile uint16_t *used = (volatile uint16_t *)ring->device;
	volatile uint32_t *entry =
		(volatile uint32_t *)(ring->device + 4) + 2 * (ring->seen % ring->size);

	if (used[1] == ring->seen)
		return false;
	fence();
	*ret_id = (uint16_t)entry[0];
	*ret_length = entry[1];
	ring->seen++;
	return true;
}

/* `available` is the length of the chain in use: a packed ring has one at a time, or chains of 1.
 */
static bool get_packed(struct ring *ring, uint16_t *ret_id, uint32_t *ret_length)
{
	volatile struct packed *at = packed_at(ring, ring->seen);
	uint16_t flags = at->flags;

	if (!(flags & F_AVAILABLE) != !(flags & F_USED) || !(flags & F_USED) != !ring->seen_wraps)
		return false;
	fence();
	*ret_id = at->id;
	*ret_length = at->length;
	ring->seen += ring->available;
	if (ring->seen >= ring->size) {
		ring->seen -= ring->size;
		ring->seen_wraps = !ring->seen_wraps;
	}
	return true;
}

bool ring_get(struct ring *ring, uint16_t *ret_id, uint32_t *ret_length)
{
	return ring->packed ? get_packed(ring, ret_id, ret_length)
			    : get_split(ring, ret_id, ret_length);
}

bool ring_await(struct ring *ring, uint16_t *ret_id, uint32_t *ret_length, unsigned polls)
{
	for (unsigned i = 0; i < polls; i++) {
		if (ring_get(ring, ret_id, ret_length))
			return true;
		if (device_status() & NEEDS_RESET)
			return ring_get(ring, ret_id, ret_length);
	}
	return false;
}

/* -- events -------------------------------------------------------------------- */

static uint8_t records[FULL][64] __attribute__((aligned(4096)));

void events_offer(unsigned n, uint32_t length)
{
	memset(records, 0xa5, sizeof(records));
	for (unsigned i = 0; i < n; i++) {
		struct piece piece = { records[device.events.next], length, true };

		ring_put(&device.events, &piece, 1);
	}
	ring_kick(&device.events);
}

const uint8_t *event_await(uint32_t *ret_length, unsigned polls)
{
	uint16_t id;

	return ring_await(&device.events, &id, ret_length, polls) && id < FULL ? records[id] : NULL;
}
