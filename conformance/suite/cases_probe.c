/* SPDX-License-Identifier: BSD-3-Clause */
#include "suite.h"

/* PROBE, and what it says */

struct property {
	uint16_t type, length;
	unsigned at;
};

static const uint8_t *properties;

static uint32_t probe_size(void)
{
	return config32(VIOMMU_CONFIG_PROBE_SIZE);
}

/* Room for what a device may write, and for more. */
static uint8_t bytes[VIOMMU_PROBE_LENGTH], room[4 * PAGE];
enum { MORE = 100 };

/* After a reset, with a request in `bytes`. False: the case is over. */
static bool bring_up_probe(void)
{
	if (probe_size() > sizeof(room) - MORE) {
		skip("probe_size is more than the suite has room for");
		return false;
	}
	if (!bring_up())
		return false;
	memset(bytes, 0, sizeof(bytes));
	memset(room, 0xa5, sizeof(room));
	bytes[0] = VIOMMU_T_PROBE;
	put_number(bytes + 4, 4, endpoint(0));
	return true;
}

/* The request in `bytes`, with so many writable bytes. */
static struct answer exchange_probe(uint32_t length)
{
	const struct piece pieces[] = { { bytes, sizeof(bytes), false }, { room, length, true } };

	return exchange(pieces, COUNT(pieces));
}

static bool begin(void)
{
	int status;

	if (!bring_up_probe())
		return false;
	status = probe(endpoint(0), &properties);
	expect_status(status, VIOMMU_S_OK, "PROBE");
	expect_number(last_used, probe_size() + VIOMMU_TAIL_LENGTH, "the used length of PROBE");
	return status == VIOMMU_S_OK && last_used == probe_size() + VIOMMU_TAIL_LENGTH;
}

/* The property at `at`; false: there is none. */
static bool take(unsigned at, struct property *ret)
{
	if (at + 4 > probe_size() || !get_number(properties + at, 2))
		return false;
	*ret = (struct property){ (uint16_t)get_number(properties + at, 2),
				  (uint16_t)get_number(properties + at + 2, 2), at };
	return true;
}

static unsigned end_of_properties(void)
{
	struct property one;
	unsigned at = 0;

	while (take(at, &one))
		at += 4u + one.length;
	return at;
}

static void reserved_bytes_are_ignored(void)
{
	if (!bring_up_probe())
		return;
	memset(bytes + 1, 0xff, 3);
	memset(bytes + 8, 0xff, sizeof(bytes) - 8);
	expect(exchange_probe(probe_size() + VIOMMU_TAIL_LENGTH).used ==
			       probe_size() + VIOMMU_TAIL_LENGTH &&
		       room[probe_size()] == VIOMMU_S_OK,
	       "PROBE with reserved bytes succeeds");
}

static void unknown_endpoints_are_refused(void)
{
	if (!bring_up_probe())
		return;
	expect_status(probe(NO_ENDPOINT, &properties), VIOMMU_S_NOENT, "PROBE of no endpoint");
}

/* Where the tail is then, the standard does not say: at the end of the room, or of what was
 * written. */
static void too_little_room(void)
{
	struct answer answer;
	uint32_t at;

	if (probe_size() < 8) {
		skip("probe_size is less than 8");
		return;
	}
	if (!bring_up_probe())
		return;
	answer = exchange_probe(probe_size() - 8 + VIOMMU_TAIL_LENGTH);
	expect(answer.came && answer.used >= VIOMMU_TAIL_LENGTH, "PROBE gets a status");
	if (answer.used < VIOMMU_TAIL_LENGTH)
		return;
	expect(answer.used <= probe_size() - 8 + VIOMMU_TAIL_LENGTH,
	       "no more is written than there is room");
	if (answer.used > sizeof(room))
		return;
	at = answer.used - VIOMMU_TAIL_LENGTH;
	expect_status(room[at], VIOMMU_S_INVAL, "the status in the last 4 bytes that were written");
	for (uint32_t i = 0; i < at; i++)
		expect_number(room[i], 0, "a byte before it");
	expect(!(device_status() & NEEDS_RESET), "the device runs on");
}

static void the_rest_is_zero(void)
{
	if (!begin())
		return;
	for (unsigned i = end_of_properties(); i < probe_size(); i++)
		expect_number(properties[i], 0, "a byte after the last property");
}

static void a_failure_has_full_length(void)
{
	if (!bring_up_probe())
		return;
	expect_status(probe(NO_ENDPOINT, &properties), VIOMMU_S_NOENT, "PROBE of no endpoint");
	expect_number(last_used, probe_size() + VIOMMU_TAIL_LENGTH, "the used length");
	for (unsigned i = 0; i < probe_size(); i++)
		expect_number(properties[i], 0, "a byte of the properties");
}

static void the_tail_follows_probe_size(void)
{
	if (!bring_up_probe())
		return;
	expect_number(exchange_probe(probe_size() + MORE).used, probe_size() + VIOMMU_TAIL_LENGTH,
		      "the used length with more room");
	expect_number(room[probe_size()], VIOMMU_S_OK, "the status behind probe_size bytes");
}

static void properties_fit_and_end(void)
{
	struct property one;
	unsigned at = 0;

	if (!begin())
		return;
	for (; take(at, &one); at += 4u + one.length) {
		expect_number(one.type & 0xf000, 0, "the reserved bits of a type");
		expect(at + 4 + one.length <= probe_size(), "a property fits into probe_size");
	}
	observe("bytes of properties", at);
}

static void properties_are_multiples_of_8(void)
{
	struct property one;
	unsigned at = 0;

	if (!begin())
		return;
	for (; take(at, &one); at += 4u + one.length)
		expect_number((one.length + 4) % 8, 0, "the length of a property, modulo 8");
}

static void regions_come_first(void)
{
	bool others = false;
	struct property one;
	unsigned at = 0;

	if (!begin())
		return;
	for (; take(at, &one); at += 4u + one.length) {
		expect(!others || one.type != VIOMMU_PROBE_T_RESV_MEM,
		       "a region after another property");
		others |= one.type != VIOMMU_PROBE_T_RESV_MEM;
	}
}

/* -- RESV_MEM --------------------------------------------------------------------- */

struct region {
	uint8_t subtype;
	uint64_t start, end;
};

static unsigned take_regions(struct region *regions, unsigned max)
{
	unsigned at = 0, n = 0;
	struct property one;

	if (!begin())
		return 0;
	for (; take(at, &one) && n < max; at += 4u + one.length)
		if (one.type == VIOMMU_PROBE_T_RESV_MEM)
			regions[n++] = (struct region){ properties[at + 4],
							get_number(properties + at + 8, 8),
							get_number(properties + at + 16, 8) };
	if (!n)
		skip("the endpoint has no reserved region");
	return n;
}

static void regions_are_laid_out(void)
{
	struct region regions[16];
	unsigned n = take_regions(regions, COUNT(regions));
	struct property one;

	for (unsigned at = 0; n && take(at, &one); at += 4u + one.length)
		if (one.type == VIOMMU_PROBE_T_RESV_MEM)
			expect_number(one.length, VIOMMU_PROBE_RESV_MEM_LENGTH - 4,
				      "the length of RESV_MEM, without its header");
	for (unsigned i = 0; i < n; i++) {
		expect(regions[i].start <= regions[i].end, "a region is not inverted");
		expect(regions[i].subtype <= VIOMMU_RESV_MEM_MSI, "the subtype is a known one");
	}
}

static void region_reserved_bytes_are_zero(void)
{
	struct region regions[16];
	unsigned n = take_regions(regions, COUNT(regions));
	struct property one;

	for (unsigned at = 0; n && take(at, &one); at += 4u + one.length)
		if (one.type == VIOMMU_PROBE_T_RESV_MEM)
			expect_number(get_number(properties + at + 5, 3), 0, "reserved bytes");
}

static void one_msi_region(void)
{
	struct region regions[16];
	unsigned n = take_regions(regions, COUNT(regions)), n_msi = 0;

	for (unsigned i = 0; i < n; i++)
		n_msi += regions[i].subtype == VIOMMU_RESV_MEM_MSI;
	expect(n_msi <= 1, "an endpoint has one MSI region at most");
}

static void regions_are_disjoint(void)
{
	struct region regions[16];
	unsigned n = take_regions(regions, COUNT(regions));

	for (unsigned i = 0; i < n; i++)
		for (unsigned k = 0; k < i; k++)
			expect(regions[i].end < regions[k].start ||
				       regions[k].end < regions[i].start,
			       "two regions do not overlap");
}

/* Memory that the suite does not use: it follows the image, as far as there is memory. */
static bool is_memory(uint64_t at)
{
	volatile uint64_t *word = (volatile uint64_t *)at;

	if (at < physical(0) + 0x1000000 || at > physical(0) + 0x10000000)
		return false;
	*word = 0x5e17135e17135e17ull;
	return *word == 0x5e17135e17135e17ull;
}

static void a_region_is_isolated(void)
{
	struct region regions[16];
	unsigned n = take_regions(regions, COUNT(regions));

	for (unsigned i = 0; i < n; i++) {
		uint64_t at = (regions[i].start + 7) & ~7ull;

		if (regions[i].subtype == VIOMMU_RESV_MEM_MSI || !is_memory(at))
			continue;
		attach_first();
		expect(!engine_writes(&engines[0], at, (volatile uint64_t *)at),
		       "a write to a reserved region does not reach memory");
		return;
	}
	if (n)
		skip("no reserved region is memory");
}

static void a_message_passes(void)
{
	struct region regions[16];
	unsigned n = take_regions(regions, COUNT(regions));
	uint32_t length;

	for (unsigned i = 0; i < n; i++) {
		if (regions[i].subtype != VIOMMU_RESV_MEM_MSI)
			continue;
		events_offer(4, VIOMMU_FAULT_LENGTH);
		attach_first();
		engine_writes(&engines[0], regions[i].start, page(0));
		expect(!event_await(&length, SHORT), "a write to the MSI region is no fault");
		return;
	}
	if (n)
		skip("no MSI region");
}

/* Of an endpoint that bypasses: an address that would be reserved for it if it were attached. */
static void regions_do_not_bind_bypass(void)
{
	struct region regions[16];
	unsigned n = take_regions(regions, COUNT(regions));
	uint32_t length;

	if (!n)
		return;
	events_offer(4, VIOMMU_FAULT_LENGTH);
	set_bypass(1);
	engine_writes(&engines[0], regions[0].start, page(0));
	expect(!event_await(&length, SHORT), "a write to a reserved region is no fault in bypass");
}

static const struct test_case cases[] = {
	{ "reserved bytes of PROBE are ignored", "probe-reserved", MUST, DMA | PROBES,
	  reserved_bytes_are_ignored },
	{ "PROBE of an endpoint that does not exist is NOENT", "probe-no-endpoint", SHOULD, PROBES,
	  unknown_endpoints_are_refused },
	{ "PROBE with too little room writes no property, and is INVAL", "probe-small", SHOULD,
	  DMA | PROBES, too_little_room },
	{ "bytes after the last property are 0", "probe-zero-fill", SHOULD, DMA | PROBES,
	  the_rest_is_zero },
	{ "a PROBE that fails has its full length, of zeroes", "probe-failed-length", CHOICE,
	  PROBES, a_failure_has_full_length },
	{ "with more room the tail follows probe_size bytes", "probe-larger", CHOICE, DMA | PROBES,
	  the_tail_follows_probe_size },
	{ "the reserved bits of types are 0", "probe-header-reserved", SHOULD, DMA | PROBES,
	  properties_fit_and_end },
	{ "the length of a property does not count its header", "probe-length", MUST, DMA | PROBES,
	  regions_are_laid_out },
	{ "the next property is length + 4 bytes later", "probe-next", MUST, DMA | PROBES,
	  properties_fit_and_end },
	{ "properties are multiples of 8 bytes", "probe-multiple-of-8", CHOICE, DMA | PROBES,
	  properties_are_multiples_of_8 },
	{ "reserved regions come before other properties", "probe-after-resv-mem", CHOICE,
	  DMA | PROBES, regions_come_first },
	{ "a reserved region is laid out in 24 bytes", "resv-mem-layout", MUST, DMA | PROBES,
	  regions_are_laid_out },
	{ "reserved bytes of a reserved region are 0", "resv-mem-reserved", SHOULD, DMA | PROBES,
	  region_reserved_bytes_are_zero },
	{ "an endpoint has one MSI region at most", "resv-mem-one-msi", SHOULD, DMA | PROBES,
	  one_msi_region },
	{ "an access to a reserved region reaches no memory", "resv-mem-isolated", SHOULD,
	  DMA | PROBES, a_region_is_isolated },
	{ "a write to the MSI region is no fault", "msi-identity", CHOICE, DMA | PROBES,
	  a_message_passes },
	{ "reserved regions do not restrict an endpoint that bypasses", "bypass-reserved", CHOICE,
	  DMA | PROBES | BYPASSES, regions_do_not_bind_bypass },
	{ "reserved regions of an endpoint do not overlap", "resv-mem-overlap", SHOULD,
	  DMA | PROBES, regions_are_disjoint },
};
const struct chapter probe_cases = { cases, COUNT(cases), 0 };
