/* SPDX-License-Identifier: BSD-3-Clause */
#include "suite.h"

/*
 * What a hostile driver does: the device may refuse to work until it is reset, but nothing of the
 * chain is executed, and a reset mends everything
 */

static uint8_t bytes[VIOMMU_ATTACH_LENGTH], tail[VIOMMU_TAIL_LENGTH];

/* With BYPASS where it is offered, as DMA shows then that it was executed, also if no MAP is. */
static void make_attach(void)
{
	memset(tail, 0xa5, sizeof(tail));
	write_attach(bytes, sizeof(bytes));
	if (offers(VIOMMU_F_BYPASS_CONFIG))
		put_number(bytes + 12, 4, VIOMMU_ATTACH_F_BYPASS);
}

static void expect_unattached(void)
{
	expect(!engine_writes(&engines[0], physical(0), page(0)), "nothing is reached");
}

/* The chain from descriptor 0 on is broken: it has no effect, and the device comes back. */
static void send_broken(void)
{
	ring_publish(&device.requests, 0);
	ring_kick(&device.requests);
	for (unsigned i = 0; i < SHORT && !(device_status() & NEEDS_RESET); i++)
		;
	observe("DEVICE_NEEDS_RESET, 0 if not:", device_status() & NEEDS_RESET);
	expect_number(tail[0], 0xa5, "the tail");
	expect_unattached();
	if (bring_up())
		attach_first();
}

static void describe(uint16_t index, uint64_t address, uint32_t length, uint16_t flags,
		     uint16_t next)
{
	ring_describe(&device.requests, index, address, length, flags, next);
}

static void a_loop(void)
{
	if (!bring_up())
		return;
	make_attach();
	describe(0, (uint64_t)bytes, 4, F_NEXT, 1);
	describe(1, (uint64_t)bytes, 4, F_NEXT, 0);
	send_broken();
}

static void a_descriptor_of_its_own(void)
{
	if (!bring_up())
		return;
	make_attach();
	describe(0, (uint64_t)bytes, sizeof(bytes), F_NEXT, 0);
	send_broken();
}

static void next_beyond_the_table(void)
{
	if (!bring_up())
		return;
	make_attach();
	describe(0, (uint64_t)bytes, sizeof(bytes), F_NEXT, device.requests.size);
	send_broken();
}

static void writable_before_readable(void)
{
	if (!bring_up())
		return;
	make_attach();
	describe(0, (uint64_t)tail, sizeof(tail), F_WRITE | F_NEXT, 1);
	describe(1, (uint64_t)bytes, sizeof(bytes), 0, 0);
	send_broken();
}

static void a_buffer_that_wraps(void)
{
	if (!bring_up())
		return;
	make_attach();
	describe(0, -8ull, sizeof(bytes), F_NEXT, 1);
	describe(1, (uint64_t)tail, sizeof(tail), F_WRITE, 0);
	ring_publish(&device.requests, 0);
	ring_kick(&device.requests);
	for (unsigned i = 0; i < SHORT && !(device_status() & NEEDS_RESET); i++)
		;
	if (bring_up())
		attach_first();
}

static void a_buffer_outside_memory(void)
{
	if (!bring_up())
		return;
	make_attach();
	describe(0, 1ull << 46, sizeof(bytes), F_NEXT, 1);
	describe(1, (uint64_t)tail, sizeof(tail), F_WRITE, 0);
	ring_publish(&device.requests, 0);
	ring_kick(&device.requests);
	for (unsigned i = 0; i < SHORT && !(device_status() & NEEDS_RESET); i++)
		;
	expect_unattached();
	if (bring_up())
		attach_first();
}

static void an_index_that_jumps(void)
{
	if (!bring_up())
		return;
	make_attach();
	device.requests.available = (uint16_t)(device.requests.size + 100);
	describe(0, (uint64_t)bytes, sizeof(bytes), F_NEXT, 1);
	describe(1, (uint64_t)tail, sizeof(tail), F_WRITE, 0);
	ring_publish(&device.requests, 0);
	ring_kick(&device.requests);
	for (unsigned i = 0; i < SHORT && !(device_status() & NEEDS_RESET); i++)
		;
	if (bring_up())
		attach_first();
}

static void rings_outside_memory(void)
{
	if (!device_accept(STANDARD & device.virtio.offered))
		return;
	device_queue(&device.requests, 0, 16);
	virtio_write(&device.virtio, REG_QUEUE_SELECT, 1);
	virtio_write(&device.virtio, REG_QUEUE_DESC, 1ull << 46);
	virtio_write(&device.virtio, REG_QUEUE_DRIVER, 1ull << 46);
	virtio_write(&device.virtio, REG_QUEUE_DEVICE, 1ull << 46);
	virtio_write(&device.virtio, REG_QUEUE_ENABLE, 1);
	device_set_status(ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
	ring_notify(&device.requests, 1);
	if (bring_up())
		attach_first();
}

/* As many as the queue has room for, over and over, with a reset while they are under way. */
static void resets_under_load(void)
{
	for (unsigned round = 0; round < 20; round++) {
		const struct piece pieces[] = { { bytes, sizeof(bytes), false },
						{ tail, sizeof(tail), true } };

		if (!bring_up())
			return;
		make_attach();
		for (unsigned i = 0; i < device.requests.size / 2u; i++)
			ring_put(&device.requests, pieces, COUNT(pieces));
		ring_kick(&device.requests);
		expect(device_reset(), "the status becomes 0");
	}
	if (bring_up())
		attach_first();
}

/* As many as fit into the input range, and as the device has memory for. */
static void thousands_of_mappings(void)
{
	uint64_t end =
		offers(VIOMMU_F_INPUT_RANGE) ? config64(VIOMMU_CONFIG_INPUT_END) : UINT64_MAX;
	int status = VIOMMU_S_OK;
	unsigned n = 0;

	if (!bring_up())
		return;
	attach_first();
	while (n < 4096 && end_of(iova(2 * n)) <= end) {
		status = map(domain(0), iova(2 * n), end_of(iova(2 * n)), physical(0), RW);
		if (status != VIOMMU_S_OK)
			break;
		n++;
	}
	if (!n || status != VIOMMU_S_NOMEM)
		expect_status(status, VIOMMU_S_OK, "MAP");
	observe("mappings", n);
	if (!n)
		return;
	expect_status(unmap(domain(0), iova(0), end_of(iova(2 * n - 2))), VIOMMU_S_OK,
		      "UNMAP of all");
	expect(!writes(0), "nothing is reached");
}

/* -- a request that changes while it is read ------------------------------------------ */

static uint8_t changing[VIOMMU_MAP_LENGTH] __attribute__((aligned(8)));
static volatile uint64_t *const changing_end = (volatile uint64_t *)(changing + 16);
static volatile uint64_t change;

static void make_changing(uint64_t end)
{
	changing[0] = VIOMMU_T_MAP;
	put_number(changing + 4, 4, domain(0));
	put_number(changing + 8, 8, iova(0));
	put_number(changing + 16, 8, end);
	put_number(changing + 24, 8, physical(0));
	put_number(changing + 32, 4, RW);
}

static void change_once(void)
{
	*changing_end ^= change;
}

static void change_for_ever(void)
{
	for (;;)
		change_once();
}

/* The host may run the other processor later. */
static void await_change(void)
{
	const uint64_t before = *changing_end;

	for (unsigned i = 0; i < LONG && *changing_end == before; i++)
		;
}

/* Without another processor it changes where the device executes it behind the notification. */
static int send_changing(bool by_another)
{
	const struct piece pieces[] = { { changing, sizeof(changing), false },
					{ tail, sizeof(tail), true } };
	uint32_t used;
	bool came = false;
	uint16_t id;

	memset(tail, 0xa5, sizeof(tail));
	ring_put(&device.requests, pieces, COUNT(pieces));
	if (by_another)
		await_change();
	ring_kick(&device.requests);
	for (unsigned i = 0; i < LONG && !came && !by_another; i++) {
		change_once();
		came = ring_get(&device.requests, &id, &used);
	}
	if (!came && !ring_await(&device.requests, &id, &used, LONG))
		return SILENT;
	return used ? *(volatile uint8_t *)tail : UNWRITTEN;
}

/* It is unit 0 alone, or units 0 to 2 over a mapping, which maps nothing. False: no answer. */
static bool map_changing(bool by_another, unsigned *ret_mapped)
{
	int status = send_changing(by_another);
	int then = status == VIOMMU_S_OK ? VIOMMU_S_INVAL : VIOMMU_S_OK;

	*ret_mapped += status == VIOMMU_S_OK;
	if (status != VIOMMU_S_OK)
		expect_status(status, VIOMMU_S_INVAL, "MAP over a mapping");
	expect_status(map_unit(domain(0), 0, RW), then, "MAP of unit 0 after it");
	expect_status(map_unit(domain(0), 1, RW), VIOMMU_S_OK, "MAP of unit 1 after it");
	return unmap(domain(0), iova(0), end_of(iova(1))) == VIOMMU_S_OK;
}

static void a_map_that_changes(void)
{
	static bool another;
	unsigned mapped = 0;

	if (!bring_up())
		return;
	attach_first();
	expect_status(map_unit(domain(0), 2, RW), VIOMMU_S_OK, "MAP of unit 2");
	change = 0;
	make_changing(end_of(iova(0)));
	change = end_of(iova(0)) ^ end_of(iova(2));
	another = another || machine_start_another(change_for_ever);
	for (unsigned i = 0; i < 200 && map_changing(another, &mapped); i++)
		;
	change = 0;
	observe("another processor:", another);
	observe("requests that have mapped, of 200:", mapped);
	expect_status(map_unit(domain(0), 2, RW), VIOMMU_S_INVAL, "MAP of unit 2 again");
}

/* -- many of them ------------------------------------------------------------------ */

static void many_domains(void)
{
	if (!bring_up())
		return;
	attach_first();
	for (unsigned i = 1; i < 1000 && i < domains(); i++) {
		int status = attach(domain(i), endpoint(0), 0);

		if (status == VIOMMU_S_UNSUPP) {
			skip("the device does not move endpoints");
			return;
		}
		expect_status(status, VIOMMU_S_OK, "ATTACH");
	}
	expect_status(map_unit(domain(0), 0, RW), VIOMMU_S_NOENT, "MAP to a domain that ended");
}

static const struct test_case cases[] = {
	{ "a chain that is a loop is not executed", "broken-rings", CHOICE, DMA, a_loop },
	{ "a descriptor that is its own next is not executed", "broken-rings", CHOICE, DMA,
	  a_descriptor_of_its_own },
	{ "a next beyond the table is not executed", "broken-rings", CHOICE, DMA,
	  next_beyond_the_table },
	{ "a writable buffer before a readable one is not executed", "broken-rings", CHOICE, DMA,
	  writable_before_readable },
	{ "a buffer that wraps does no harm", "broken-rings", CHOICE, DMA, a_buffer_that_wraps },
	{ "a buffer outside memory does no harm", "broken-rings", CHOICE, DMA,
	  a_buffer_outside_memory },
	{ "an available index that jumps does no harm", "bounded-work", CHOICE, DMA,
	  an_index_that_jumps },
	{ "rings outside memory do no harm", "broken-rings", CHOICE, DMA, rings_outside_memory },
	{ "a reset while requests are under way is done", "reset-status", MUST, DMA | BOTH_RINGS,
	  resets_under_load },
	{ "thousands of mappings are made and removed at once", "unmap-covered", SHOULD, DMA,
	  thousands_of_mappings },
	{ "a MAP that changes while it is read is one of both", "map-overlap", CHOICE,
	  DMA | BOTH_RINGS, a_map_that_changes },
	{ "an endpoint moves through many domains", "domain-lifetime", MUST, DMA, many_domains },
};
const struct chapter hostile_cases = { cases, COUNT(cases), 0 };
