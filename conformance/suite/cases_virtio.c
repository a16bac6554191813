/* SPDX-License-Identifier: BSD-3-Clause */
#include "suite.h"

/* Status, features and reset of virtio 1.4, whatever the device is */

static uint8_t bytes[VIOMMU_ATTACH_LENGTH], tail[VIOMMU_TAIL_LENGTH];
static const struct piece attach_pieces[] = { { bytes, sizeof(bytes), false },
					      { tail, sizeof(tail), true } };

static void make_attach(void)
{
	memset(tail, 0xa5, sizeof(tail));
	write_attach(bytes, sizeof(bytes));
}

static void nothing_before_driver_ok(void)
{
	if (!device_accept(STANDARD & device.virtio.offered)) {
		expect(false, "FEATURES_OK is kept");
		return;
	}
	device_queue(&device.requests, 0, 16);
	make_attach();
	ring_put(&device.requests, attach_pieces, COUNT(attach_pieces));
	ring_kick(&device.requests);
	expect(!answered(SHORT), "a request before DRIVER_OK is not answered");
	device_set_status(ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
	ring_kick(&device.requests);
	expect(answered(LONG), "after DRIVER_OK it is");
}

/* A head beyond the table. */
static void break_the_ring(void)
{
	ring_publish(&device.requests, device.requests.size);
	ring_kick(&device.requests);
	for (unsigned i = 0; i < SHORT && !(device_status() & NEEDS_RESET); i++)
		;
}

static void a_broken_queue_needs_a_reset(void)
{
	if (!bring_up())
		return;
	break_the_ring();
	expect(device_status() & NEEDS_RESET, "DEVICE_NEEDS_RESET is set");
	if (!bring_up())
		return;
	attach_first();
}

static void a_broken_queue_is_notified(void)
{
	if (!bring_up())
		return;
	device_interrupts();
	break_the_ring();
	if (!(device_status() & NEEDS_RESET)) {
		skip("the device does not set DEVICE_NEEDS_RESET");
		return;
	}
	expect(device_interrupts() & 2, "the configuration bit of ISR status is set");
}

static void features_that_need_others(void)
{
	expect(!offers(VIOMMU_F_NEST) || offers(VIOMMU_F_TABLE), "NEST is offered with TABLE");
	expect(!offers(RING_RESET) || offers(VERSION_1), "RING_RESET is offered with VERSION_1");
	/* 50 to 127 are the device's own (2.2). */
	expect(!(device.virtio.offered & 0xffull << 42 & ~(1ull << 44 | 1ull << 43)),
	       "no reserved bit of the transport is offered");
}

static void features_must_be_offered(void)
{
	for (unsigned bit = 7; bit < 24; bit++)
		if (!(device.virtio.offered & 1ull << bit)) {
			expect(!device_accept((STANDARD & device.virtio.offered) | 1ull << bit),
			       "FEATURES_OK is clear with a feature that was not offered");
			break;
		}
	expect(device_accept(STANDARD & device.virtio.offered), "FEATURES_OK is kept after that");
}

static void subsets_are_accepted(void)
{
	static const uint64_t optional[] = { VIOMMU_F_INPUT_RANGE, VIOMMU_F_DOMAIN_RANGE,
					     VIOMMU_F_MAP_UNMAP,   VIOMMU_F_PROBE,
					     VIOMMU_F_MMIO,        VIOMMU_F_BYPASS_CONFIG };

	for (unsigned i = 0; i < COUNT(optional); i++)
		expect(device_accept(STANDARD & device.virtio.offered & ~optional[i]),
		       "FEATURES_OK is kept without one of the features");
	expect(device_accept((VERSION_1 | PLATFORM) & device.virtio.offered),
	       "FEATURES_OK is kept with VERSION_1 and what the platform needs");
}

static void the_same_features_are_accepted_again(void)
{
	for (unsigned i = 0; i < 3; i++)
		expect(device_accept(device.virtio.offered),
		       "FEATURES_OK is kept with all features");
}

static void version_1_is_offered(void)
{
	expect(offers(VERSION_1), "VERSION_1 is offered");
}

static void reset_clears_status(void)
{
	if (!bring_up())
		return;
	expect(device_reset(), "the status becomes 0");
}

/* Requests that are made available, and notified, after the reset. */
static void reset_is_silent(void)
{
	if (!bring_up())
		return;
	attach_first();
	expect(device_reset(), "the status becomes 0");
	device_interrupts();
	make_attach();
	ring_put(&device.requests, attach_pieces, COUNT(attach_pieces));
	ring_kick(&device.requests);
	expect(!answered(SHORT), "a request after the reset is not answered");
	expect_number(tail[0], 0xa5, "its tail");
	expect_number(device_interrupts(), 0, "ISR status after the reset");
	if (bring_up())
		attach_first();
}

static void reset_queue(void)
{
	virtio_write(&device.virtio, REG_QUEUE_SELECT, 0);
	virtio_write(&device.virtio, REG_QUEUE_RESET, 1);
	for (unsigned i = 0; i < LONG && virtio_read(&device.virtio, REG_QUEUE_RESET); i++)
		;
}

static bool start_with_queue_reset(void)
{
	if (!bring_up_with(STANDARD | RING_RESET))
		return false;
	attach_first();
	reset_queue();
	return true;
}

static void a_reset_queue_is_silent(void)
{
	if (!start_with_queue_reset())
		return;
	device_interrupts();
	make_attach();
	put_number(bytes + 4, 4, domain(1));
	ring_put(&device.requests, attach_pieces, COUNT(attach_pieces));
	ring_kick(&device.requests);
	expect(!answered(SHORT), "a request of a queue that was reset is not answered");
	expect_number(tail[0], 0xa5, "its tail");
}

static void a_reset_queue_is_as_at_first(void)
{
	uint16_t size;

	device_reset();
	virtio_write(&device.virtio, REG_QUEUE_SELECT, 0);
	size = virtio_read(&device.virtio, REG_QUEUE_MAX);
	if (!start_with_queue_reset())
		return;
	virtio_write(&device.virtio, REG_QUEUE_SELECT, 0);
	expect_number(virtio_read(&device.virtio, REG_QUEUE_ENABLE), 0, "queue_enable");
	expect_number(virtio_read(&device.virtio, REG_QUEUE_RESET), 0, "queue_reset");
	expect_number(virtio_read(&device.virtio, REG_QUEUE_MAX), size, "queue_size");
}

static void a_reset_queue_is_enabled_again(void)
{
	if (!start_with_queue_reset())
		return;
	expect_status(map(0, 0, 0, 0, 0), SILENT, "a request while the queue is reset");
	device_queue(&device.requests, 0, 8);
	expect_status(map_unit(domain(0), 0, RW), VIOMMU_S_OK,
		      "MAP in a queue of another size: the domain is still there");
	for (unsigned i = 0; i < 20; i++)
		expect_status(map_unit(domain(0), 0, RW), VIOMMU_S_INVAL, "MAP again");
}

static void readable_buffers_stay(void)
{
	static uint8_t before[VIOMMU_ATTACH_LENGTH];

	if (!bring_up())
		return;
	make_attach();
	memcpy(before, bytes, sizeof(before));
	expect(exchange(attach_pieces, COUNT(attach_pieces)).came, "ATTACH is answered");
	expect(!memcmp(before, bytes, sizeof(before)), "the request is as it was");
}

/* A chain of as many buffers as the queue has entries. */
static void chains_have_a_limit(void)
{
	static struct piece pieces[64];
	static uint8_t more[64];
	unsigned n;

	if (!bring_up())
		return;
	n = device.requests.size;
	make_attach();
	for (unsigned i = 0; i < n; i++)
		pieces[i] = (struct piece){ i < sizeof(bytes) ? bytes + i : more + i, 1, false };
	pieces[n - 1] = (struct piece){ tail, sizeof(tail), true };
	expect(exchange(pieces, n).came && tail[0] == VIOMMU_S_OK,
	       "a chain of as many buffers as the queue has entries succeeds");
}

static void enabled_queues_are_reset(void)
{
	if (!bring_up())
		return;
	expect(device_reset(), "the status becomes 0");
	for (uint16_t i = 0; i < 2; i++) {
		virtio_write(&device.virtio, REG_QUEUE_SELECT, i);
		expect_number(virtio_read(&device.virtio, REG_QUEUE_ENABLE), 0,
			      "queue_enable after a reset");
	}
}

static const struct test_case cases[] = {
	{ "before DRIVER_OK no buffer is used", "status-driver-ok", MUST, DMA,
	  nothing_before_driver_ok },
	{ "a broken queue makes the device need a reset, which mends it", "status-needs-reset",
	  SHOULD, DMA, a_broken_queue_needs_a_reset },
	{ "DEVICE_NEEDS_RESET is notified", "status-needs-reset-notification", MUST, 0,
	  a_broken_queue_is_notified },
	{ "features are offered with those that they require", "virtio-features-known", MUST, 0,
	  features_that_need_others },
	{ "FEATURES_OK stays clear for a feature that is not offered", "virtio-features-subset",
	  MUST, 0, features_must_be_offered },
	{ "a subset of the features is accepted", "virtio-features-subset", MUST, 0,
	  subsets_are_accepted },
	{ "the same features are accepted after each reset", "virtio-features-again", SHOULD, 0,
	  the_same_features_are_accepted_again },
	{ "VERSION_1 is offered", "virtio-version-1", MUST, 0, version_1_is_offered },
	{ "a reset sets the status to 0", "reset-status", MUST, 0, reset_clears_status },
	{ "0 in device_status resets the device, and reads as 0 then", "pci-reset", MUST, 0,
	  reset_clears_status },
	{ "after a reset no queue is used", "reset-silent", MUST, DMA, reset_is_silent },
	{ "after a reset queue_enable is 0", "pci-queue-enable-reset", MUST, 0,
	  enabled_queues_are_reset },
	{ "requests of a queue that was reset are not executed", "queue-reset-stops", MUST,
	  DMA | RESETS, a_reset_queue_is_silent },
	{ "a reset puts a queue into its default state", "queue-reset-state", MUST, DMA | RESETS,
	  a_reset_queue_is_as_at_first },
	{ "queue_reset and queue_enable are 0 after a reset of the queue", "pci-queue-reset", MUST,
	  DMA | RESETS, a_reset_queue_is_as_at_first },
	{ "a queue that is enabled again has its new configuration", "queue-reset-again", MUST,
	  DMA | RESETS, a_reset_queue_is_enabled_again },
	{ "a readable buffer is not written", "readable-buffers", MUST, DMA | BOTH_RINGS,
	  readable_buffers_stay },
	{ "a chain as long as the queue succeeds", "chain-limit", CHOICE, DMA,
	  chains_have_a_limit },
};
const struct chapter virtio_cases = { cases, COUNT(cases), 0 };
