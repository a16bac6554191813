/* SPDX-License-Identifier: BSD-3-Clause */
#include "firmware.h"
#include "suite.h"

/*
 * The registers of virtio-mmio (virtio 1.4, 4.2): of the device if it is there, or of a second one
 * beside a PCI function
 */

enum {
	VERSION = 0x004,
	OFFERED = 0x010,
	OFFERED_SELECT = 0x014,
	ACCEPTED = 0x020,
	ACCEPTED_SELECT = 0x024,
	SELECT = 0x030,
	MOST_ENTRIES = 0x034,
	SIZE = 0x038,
	READY = 0x044,
	KICK = 0x050,
	MMIO_STATUS = 0x070,
	DESC = 0x080,
	AVAILABLE = 0x090,
	USED = 0x0a0,
	SHARED_SELECT = 0x0ac,
	SHARED_LENGTH = 0x0b0,
	MMIO_QUEUE_RESET = 0x0c0,
	CONFIG_GENERATION = 0x0fc,
	UNUSED = 0x0f0,
};

static uint8_t bytes[VIOMMU_UNMAP_LENGTH], tail[VIOMMU_TAIL_LENGTH];
static uint8_t memory[2 * PAGE] __attribute__((aligned(4096)));
static struct ring ring;

static volatile uint8_t *find(void)
{
	uint64_t registers;

	if (device.virtio.mmio)
		return device.virtio.mmio;
	for (unsigned n = 0; firmware_window(n, &registers); n++)
		if (is_on_mmio(registers, VIOMMU_DEVICE_ID))
			return (volatile uint8_t *)registers;
	skip("no virtio-iommu on virtio-mmio");
	return NULL;
}

static void write_address(volatile uint8_t *at, unsigned where, const volatile void *address)
{
	write32(at, where, (uint32_t)(uint64_t)address);
	write32(at, where + 4, (uint32_t)((uint64_t)address >> 32));
}

static void set_queue(volatile uint8_t *at)
{
	memset(memory, 0, sizeof(memory));
	ring = (struct ring){
		.table = memory, .driver = memory + 0x800, .device = memory + PAGE, .size = 16
	};
	write32(at, SELECT, 0);
	write32(at, SIZE, ring.size);
	write_address(at, DESC, ring.table);
	write_address(at, AVAILABLE, ring.driver);
	write_address(at, USED, ring.device);
}

/* Reset, and up to DRIVER_OK, with a request queue that is not ready yet. */
static volatile uint8_t *begin(void)
{
	volatile uint8_t *at = find();
	uint64_t offered = 0;

	if (!at)
		return NULL;
	write32(at, MMIO_STATUS, 0);
	for (unsigned i = 0; i < 2; i++) {
		write32(at, OFFERED_SELECT, i);
		offered |= (uint64_t)read32(at, OFFERED) << 32 * i;
	}
	write32(at, MMIO_STATUS, ACKNOWLEDGE | DRIVER);
	for (unsigned i = 0; i < 2; i++) {
		write32(at, ACCEPTED_SELECT, i);
		write32(at, ACCEPTED, (uint32_t)((STANDARD & offered) >> 32 * i));
	}
	write32(at, MMIO_STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
	set_queue(at);
	return at;
}

static void go(volatile uint8_t *at)
{
	write32(at, READY, 1);
	write32(at, MMIO_STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
}

/* UNMAP of a domain that does not exist. Was it answered? */
static bool ask(volatile uint8_t *at, unsigned polls)
{
	const struct piece pieces[] = { { bytes, sizeof(bytes), false },
					{ tail, sizeof(tail), true } };
	uint32_t length;
	uint16_t id;

	memset(bytes, 0, sizeof(bytes));
	bytes[0] = VIOMMU_T_UNMAP;
	ring_put(&ring, pieces, COUNT(pieces));
	write32(at, KICK, 0);
	for (unsigned i = 0; i < polls; i++) {
		if (ring_get(&ring, &id, &length))
			return true;
		read32(at, MMIO_STATUS);
	}
	return false;
}

static void magic(void)
{
	volatile uint8_t *at = find();

	if (at)
		expect_number(read32(at, VERSION), 2, "Version");
}

static void interrupt_status(void)
{
	volatile uint8_t *at = begin();

	if (!at)
		return;
	go(at);
	expect_number(read32(at, MMIO_INTERRUPT_STATUS), 0, "InterruptStatus at first");
	expect(ask(at, LONG), "a request is answered");
	for (unsigned i = 0; i < SHORT && !read32(at, MMIO_INTERRUPT_STATUS); i++)
		;
	expect_number(read32(at, MMIO_INTERRUPT_STATUS), 1, "InterruptStatus after a used buffer");
	expect_number(read32(at, MMIO_INTERRUPT_STATUS), 1,
		      "InterruptStatus until it is acknowledged");
	write32(at, MMIO_INTERRUPT_ACK, 1);
	expect_number(read32(at, MMIO_INTERRUPT_STATUS), 0, "InterruptStatus after that");
}

static void reset_clears(void)
{
	volatile uint8_t *at = begin();

	if (!at)
		return;
	go(at);
	expect(ask(at, LONG), "a request is answered");
	write32(at, MMIO_STATUS, 0);
	expect_number(read32(at, MMIO_INTERRUPT_STATUS), 0, "InterruptStatus after a reset");
	for (unsigned i = 0; i < 2; i++) {
		write32(at, SELECT, i);
		expect_number(read32(at, READY), 0, "QueueReady after a reset");
	}
}

static void not_ready(void)
{
	volatile uint8_t *at = begin();

	if (!at)
		return;
	write32(at, MMIO_STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
	expect(!ask(at, SHORT), "a request of a queue that is not ready is not answered");
}

static void no_queue(void)
{
	volatile uint8_t *at = find();

	if (!at)
		return;
	write32(at, SELECT, 7);
	expect_number(read32(at, MOST_ENTRIES), 0, "QueueSizeMax of no queue");
}

static void no_shared_memory(void)
{
	volatile uint8_t *at = find();

	if (!at)
		return;
	write32(at, SHARED_SELECT, 3);
	expect_number(read32(at, SHARED_LENGTH), UINT32_MAX, "SHMLenLow of no region");
	expect_number(read32(at, SHARED_LENGTH + 4), UINT32_MAX, "SHMLenHigh of no region");
}

static void no_register(void)
{
	volatile uint8_t *at = find();

	if (!at)
		return;
	write32(at, UNUSED, 0x12345678);
	expect_number(read32(at, UNUSED), 0, "what has no register");
}

static void a_queue_is_reset(void)
{
	volatile uint8_t *at = find();

	if (!at)
		return;
	write32(at, OFFERED_SELECT, 1);
	if (!(read32(at, OFFERED) & (uint32_t)(RING_RESET >> 32))) {
		skip("RING_RESET is not offered on virtio-mmio");
		return;
	}
	at = begin();
	go(at);
	write32(at, SELECT, 0);
	write32(at, MMIO_QUEUE_RESET, 1);
	for (unsigned i = 0; i < SHORT && read32(at, MMIO_QUEUE_RESET); i++)
		;
	expect_number(read32(at, MMIO_QUEUE_RESET), 0, "QueueReset when it is done");
	expect_number(read32(at, READY), 0, "QueueReady when it is done");
}

static void a_queue_outside_memory(void)
{
	volatile uint8_t *at = begin();

	if (!at)
		return;
	write_address(at, DESC, (void *)(1ull << 46));
	go(at);
	write32(at, KICK, 0);
	for (unsigned i = 0; i < SHORT && !(read32(at, MMIO_STATUS) & NEEDS_RESET); i++)
		;
	expect(read32(at, MMIO_STATUS) & NEEDS_RESET, "the device needs a reset");
}

static const struct test_case cases[] = {
	{ "virtio-mmio has Version 2", "mmio-magic", MUST, 0, magic },
	{ "an event is in InterruptStatus until it is acknowledged", "mmio-interrupt-status", MUST,
	  0, interrupt_status },
	{ "a reset clears InterruptStatus and QueueReady", "mmio-reset", MUST, 0, reset_clears },
	{ "a queue that is not ready is not used", "mmio-not-ready", MUST, 0, not_ready },
	{ "a queue that does not exist has QueueSizeMax 0", "mmio-no-queue", MUST, 0, no_queue },
	{ "the length of a shared memory region is -1", "mmio-no-shared-memory", MUST, 0,
	  no_shared_memory },
	{ "on virtio-mmio, what has no register reads as 0", "mmio-other-accesses", CHOICE, 0,
	  no_register },
	{ "QueueReset resets the queue", "mmio-queue-reset", MUST, 0, a_queue_is_reset },
	{ "a queue outside memory makes the device need a reset", "mmio-queue-not-found", CHOICE, 0,
	  a_queue_outside_memory },
};
const struct chapter mmio_cases = { cases, COUNT(cases), 0 };
