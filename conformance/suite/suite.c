/* SPDX-License-Identifier: BSD-3-Clause */
#include "firmware.h"
#include "suite.h"

/*
 * The cases one after another, and TAP (version 14) about each
 *
 * Host software may write numbers into `selection`: the first and the last case to run. So it
 * continues after a case that ended the machine.
 */

#define N_PAGES 16

const volatile char selection[] = "viommu-conformance first=00001 last=99999";

static const struct chapter *const chapters[] = {
	&config_cases, &framing_cases, &attach_cases,  &map_cases,    &unmap_cases,
	&bypass_cases, &probe_cases,   &fault_cases,   &virtio_cases, &ring_cases,
	&pci_cases,    &mmio_cases,    &hostile_cases, &slot_cases,   &table_cases,
};
static const char *const level_names[] = { "MUST", "SHOULD", "choice" };
static const char *const status_names[] = {
	"OK", "IOERR", "UNSUPP", "DEVERR", "INVAL", "RANGE", "NOENT", "FAULT", "NOMEM",
};

static bool failed;
static const char *skipped;
static uint8_t *pages;

/* -- what a case says: nothing after an access of an endpoint that does no DMA -------------- */

static void print_status(int status)
{
	if (status == UNWRITTEN)
		print("unwritten");
	else if (status == SILENT)
		print("no answer");
	else if (status < (int)COUNT(status_names))
		print("%s", status_names[status]);
	else
		print("status %d", status);
}

void expect(bool holds, const char *what)
{
	if (holds || engine_was_blind)
		return;
	failed = true;
	print("# not so: %s\n", what);
}

void expect_status(int seen, int wanted, const char *what)
{
	if (seen == wanted || engine_was_blind)
		return;
	failed = true;
	print("# %s: wanted ", what);
	print_status(wanted);
	print(", seen ");
	print_status(seen);
	print("\n");
}

void expect_number(uint64_t seen, uint64_t wanted, const char *what)
{
	if (seen == wanted || engine_was_blind)
		return;
	failed = true;
	print("# %s: wanted 0x%llx, seen 0x%llx\n", what, (unsigned long long)wanted,
	      (unsigned long long)seen);
}

void observe(const char *what, uint64_t value)
{
	if (!engine_was_blind)
		print("# observed: %s 0x%llx\n", what, (unsigned long long)value);
}

void observe_status(const char *what, int status)
{
	if (engine_was_blind)
		return;
	print("# observed: %s ", what);
	print_status(status);
	print("\n");
}

void skip(const char *reason)
{
	skipped = reason;
}

/* -- what cases share ------------------------------------------------------------ */

/* An endpoint of its own: `bypass` 0 would cut the device off from its rings. */
static bool translates_itself;

bool bring_up_with(uint64_t features)
{
	if (translates_itself) {
		skip("the device is an endpoint of its own");
		return false;
	}
	if (!device_start(features)) {
		expect(false, "the device starts after a reset");
		return false;
	}
	if (offers(VIOMMU_F_BYPASS_CONFIG) && (features & VIOMMU_F_BYPASS_CONFIG))
		set_bypass(0);
	return true;
}

bool bring_up(void)
{
	return bring_up_with(STANDARD);
}

uint64_t unit(void)
{
	uint64_t mask = config64(VIOMMU_CONFIG_PAGE_SIZE_MASK), granule = mask & -mask;

	return granule > PAGE ? granule : PAGE;
}

/* Below 256 MiB where that is in the range: edu has 28 address lines by default (dma_mask). */
uint64_t iova(unsigned i)
{
	uint64_t begin = 0x4000000;

	if (offers(VIOMMU_F_INPUT_RANGE) && config64(VIOMMU_CONFIG_INPUT_START) > begin)
		begin = (config64(VIOMMU_CONFIG_INPUT_START) + unit() - 1) & -unit();
	return begin + i * unit();
}

uint64_t end_of(uint64_t first)
{
	return first + unit() - 1;
}

volatile uint64_t *page(unsigned i)
{
	return (volatile uint64_t *)(pages + i * unit());
}

uint64_t physical(unsigned i)
{
	return (uint64_t)page(i);
}

uint32_t domain(unsigned i)
{
	return (offers(VIOMMU_F_DOMAIN_RANGE) ? config32(VIOMMU_CONFIG_DOMAIN_START) : 0) + 1 + i;
}

uint64_t domains(void)
{
	if (!offers(VIOMMU_F_DOMAIN_RANGE))
		return UINT32_MAX;
	return (uint64_t)config32(VIOMMU_CONFIG_DOMAIN_END) - config32(VIOMMU_CONFIG_DOMAIN_START);
}

uint32_t endpoint(unsigned i)
{
	return engines[i].endpoint;
}

int map_unit(uint32_t to, unsigned i, uint32_t flags)
{
	return map(to, iova(i), end_of(iova(i)), physical(i), flags);
}

bool writes(unsigned i)
{
	return engine_writes(&engines[0], iova(i), page(i));
}

void write_attach(uint8_t *bytes, size_t length)
{
	memset(bytes, 0, length);
	bytes[0] = VIOMMU_T_ATTACH;
	put_number(bytes + 4, 4, domain(0));
	put_number(bytes + 8, 4, endpoint(0));
}

void attach_first(void)
{
	expect_status(attach(domain(0), endpoint(0), 0), VIOMMU_S_OK, "ATTACH to a new domain");
}

void attach_and_map(void)
{
	attach_first();
	expect_status(map_unit(domain(0), 0, RW), VIOMMU_S_OK, "MAP");
}

void expect_no_domain(unsigned i)
{
	expect_status(map_unit(domain(i), 0, RW), VIOMMU_S_NOENT, "MAP: no domain was created");
}

bool first_beyond(uint32_t *ret_domain)
{
	*ret_domain = config32(VIOMMU_CONFIG_DOMAIN_END) + 1;
	if (offers(VIOMMU_F_DOMAIN_RANGE) && *ret_domain)
		return true;
	skip("the domain range has all numbers");
	return false;
}

bool attach_second(void)
{
	int status = attach(domain(0), endpoint(1), 0);

	if (status == VIOMMU_S_UNSUPP)
		skip("the device does not share domains");
	else
		expect_status(status, VIOMMU_S_OK, "ATTACH of a second endpoint");
	return status == VIOMMU_S_OK;
}

/* -- the run --------------------------------------------------------------------- */

static const struct {
	unsigned need;
	uint64_t feature;
	const char *reason;
} needs_of_features[] = {
	{ PROBES, VIOMMU_F_PROBE, "PROBE is not offered" },
	{ BYPASSES, VIOMMU_F_BYPASS_CONFIG, "BYPASS_CONFIG is not offered" },
	{ INDIRECTS, INDIRECT, "INDIRECT_DESC is not offered" },
	{ INDEXED, EVENT_IDX, "EVENT_IDX is not offered" },
	{ RESETS, RING_RESET, "RING_RESET is not offered" },
	{ PASIDS, VIOMMU_F_PASID, "PASID is not offered" },
	{ TABLES, VIOMMU_F_TABLE, "TABLE is not offered" },
	{ NESTS, VIOMMU_F_NEST, "NEST is not offered" },
	{ PAGES, VIOMMU_F_PAGE_REQUEST, "PAGE_REQUEST is not offered" },
};

static const char *lacks(const struct test_case *test, unsigned of_chapter)
{
	const unsigned needs = test->needs | of_chapter;

	if ((needs & (DMA | TWO)) && !engines[0].kind)
		return "no endpoint";
	if ((needs & (DMA | TWO)) && domains() < DOMAINS_MIN)
		return "the domain range is too small for the suite";
	if ((needs & TWO) && !engines[1].kind)
		return "no second endpoint";
	if (use_packed && !offers(PACKED))
		return "RING_PACKED is not offered";
	if ((needs & (FUNCTION | MESSAGES)) && device.virtio.mmio)
		return "the device is no PCI function";
	if ((needs & MESSAGES) && !pci_capability(&device.virtio.function, 0x11, 0))
		return "no MSI-X";
	for (unsigned i = 0; i < COUNT(needs_of_features); i++)
		if ((needs & needs_of_features[i].need) && !offers(needs_of_features[i].feature))
			return needs_of_features[i].reason;
	return NULL;
}

/*
 * A device that keeps its domains over a reset would fail most cases after the first. Their
 * endpoints leave them by requests then, so that only the cases about resets fail.
 */
static bool keeps_domains;

static void leave_domains(void)
{
	const uint32_t last = domain(domains() > 4000 ? 4000 : (unsigned)domains() - 1);

	if (!device_start(STANDARD))
		return;
	for (unsigned i = 0; i < COUNT(engines) && engines[i].kind; i++) {
		attach(last, endpoint(i), 0);
		detach(last, endpoint(i));
	}
}

/* With ACCESS_PLATFORM, which a device behind an IOMMU offers. */
static void find_itself(void)
{
	const uint64_t needed = ACCESS_PLATFORM | VIOMMU_F_BYPASS_CONFIG;
	const struct place place = { device.virtio.mmio ? PLACE_MMIO : PLACE_PCI,
				     (uint16_t)device.virtio.function.devfn,
				     (uint64_t)device.virtio.mmio };
	uint32_t itself = device.virtio.function.devfn;

	if (!offers(needed) || (!firmware_endpoint(&place, &itself) && device.virtio.mmio) ||
	    device.initial_bypass != 1 || domains() < DOMAINS_MIN || !device_start(STANDARD))
		return;
	translates_itself = attach(domain(0), itself, VIOMMU_ATTACH_F_BYPASS) == VIOMMU_S_OK;
	if (translates_itself)
		print("# the device is an endpoint of its own: most cases are skipped\n");
	detach(domain(0), itself);
	device_reset();
}

static void find_what_a_reset_keeps(void)
{
	if (!engines[0].kind || domains() < DOMAINS_MIN || !device_start(STANDARD) ||
	    attach(domain(0), endpoint(0), 0) != VIOMMU_S_OK || !device_start(STANDARD))
		return;
	keeps_domains = map_unit(domain(0), 0, RW) != VIOMMU_S_NOENT;
	if (keeps_domains)
		print("# the device keeps domains over a reset: they are left by requests\n");
}

static void print_case(const struct test_case *test, unsigned number, const char *separator)
{
	print("%u%s%s%s [%s, %s]", number, separator, test->name, use_packed ? " (packed)" : "",
	      test->rule, level_names[test->level]);
}

static void run_case(const struct test_case *test, unsigned of_chapter, unsigned number)
{
	if (keeps_domains)
		leave_domains();
	failed = engine_was_blind = false;
	skipped = lacks(test, of_chapter);
	print("# case ");
	print_case(test, number, ": ");
	print("\n");
	if (!skipped)
		test->run();
	if (engine_was_blind && !skipped)
		skipped = "no device that does DMA";
	print("%sok ", failed ? "not " : "");
	print_case(test, number, " - ");
	if (skipped && !failed)
		print(" # SKIP %s", skipped);
	else if (failed && test->level == CHOICE)
		print(" # TODO another choice");
	print("\n");
	if (offers(VIOMMU_F_BYPASS_CONFIG))
		set_bypass(device.initial_bypass);
}

static bool is_in_form(const struct test_case *test)
{
	return use_packed ? test->needs & (BOTH_RINGS | PACKED_ONLY) : !(test->needs & PACKED_ONLY);
}

/* Of all forms of rings: with split rings first. */
static unsigned for_each_case(unsigned first, unsigned last)
{
	unsigned number = 0;

	for (unsigned form = 0; form < 2; form++) {
		use_packed = form;
		for (unsigned i = 0; i < COUNT(chapters); i++)
			for (unsigned k = 0; k < chapters[i]->n; k++) {
				const struct test_case *test = &chapters[i]->cases[k];

				if (is_in_form(test) && ++number >= first && number <= last)
					run_case(test, chapters[i]->needs, number);
			}
	}
	return number;
}

static unsigned selected(unsigned at)
{
	unsigned number = 0;

	for (unsigned i = 0; i < 5; i++)
		number = number * 10 + (unsigned)(selection[at + i] - '0');
	return number;
}

static void describe(void)
{
	print("# device: on %s, found by %s, features 0x%llx, page sizes 0x%llx, endpoints",
	      device.virtio.mmio ? "virtio-mmio" : "PCI", device.found_by,
	      (unsigned long long)device.virtio.offered,
	      (unsigned long long)config64(VIOMMU_CONFIG_PAGE_SIZE_MASK));
	for (unsigned i = 0; i < COUNT(engines); i++)
		if (engines[i].kind)
			print(" 0x%x%s", engines[i].endpoint,
			      engines[i].kind == ENGINE_BLIND ? " without DMA" : "");
	print("\n");
}

int run(void)
{
	print("TAP version 14\n");
	if (!device_find()) {
		print("Bail out! no virtio-iommu by %s\n", device.found_by);
		return 1;
	}
	engines_find(unit());
	pages = take_pages(N_PAGES * (unsigned)(unit() / PAGE) + (unsigned)(unit() / PAGE));
	pages = (uint8_t *)(((uint64_t)pages + unit() - 1) & -unit());
	print("1..%u\n", for_each_case(1, 0));
	describe();
	find_itself();
	find_what_a_reset_keeps();
	for_each_case(selected(25), selected(36));
	print("# end\n");
	return 0;
}
