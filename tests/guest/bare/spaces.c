/* SPDX-License-Identifier: BSD-3-Clause */
#include <viommu/protocol.h>

#include "dma.h"

/*
 * Address spaces from the side of a guest: page tables that it writes, PASIDs, page requests and
 * invalidation, with DMA of viommu-dma through them; and what a hostile guest would do
 *
 * Prints a line for each test. The exit status is that of the machine: 0 if all passed.
 */

#define FEATURES \
	(1ull << 32 /* VERSION_1 */ | VIOMMU_F_INPUT_RANGE | VIOMMU_F_DOMAIN_RANGE | \
	 VIOMMU_F_MAP_UNMAP | VIOMMU_F_PROBE | VIOMMU_F_BYPASS_CONFIG | VIOMMU_F_PASID | \
	 VIOMMU_F_TABLE | VIOMMU_F_NEST | VIOMMU_F_PAGE_REQUEST)

enum { R = VIOMMU_MAP_F_READ, W = VIOMMU_MAP_F_WRITE };

#define CANARY 0x5ca1ab1e5ca1ab1eull

static unsigned n_failed, n_passed;
static const char *test_name;
static bool test_fails, test_is_left_out;

#define CHECK(condition) check(condition, #condition, __LINE__)

static void check(bool holds, const char *condition, int line)
{
	if (holds)
		return;
	print("line %d: %s\n", line, condition);
	test_fails = true;
}

/* -- the function that does DMA ------------------------------------------------ */

static struct dma dma;
static struct iommu iommu;

static uint64_t sum_of(const uint64_t *memory, uint64_t address, uint64_t length)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < length / 8; i++)
		sum += dma_hash(memory[i] ^ (address + 8 * i));
	return sum;
}

static bool is_all(const uint64_t *memory, uint64_t value, uint64_t length)
{
	for (uint64_t i = 0; i < length / 8; i++)
		if (((const volatile uint64_t *)memory)[i] != value)
			return false;
	return true;
}

static void fill(uint64_t *memory, uint64_t value, uint64_t length)
{
	for (uint64_t i = 0; i < length / 8; i++)
		memory[i] = value;
}

/* -- tables ---------------------------------------------------------------------- */

enum { P = 1, RW = 2, US = 4, A = 0x20, D = 0x40 };

/* Tables of x86, which permit everything. */
static const struct paging paging = { 12, RW | US };

static volatile uint64_t *entry_of(uint64_t *root, uint64_t address)
{
	return paging_entry(&paging, root, address);
}

static void map_page(uint64_t *root, uint64_t address, const void *page, uint64_t flags)
{
	*entry_of(root, address) = paging_value(&paging, page, flags);
}

static struct table x86(uint32_t domain, uint32_t pasid, const uint64_t *root)
{
	return (struct table){
		.domain = domain,
		.endpoint = dma.function.devfn,
		.pasid = pasid,
		.parent = NO_PARENT,
		.format = VIOMMU_TABLE_X86_PASID_ENTRY,
		.body = { 1 | 1 << 6, 0, (uint64_t)root | 0x31 }, /* first stage; NXE, WPE, SRE */
	};
}

static int attach_x86(uint32_t domain, uint32_t pasid, const uint64_t *root)
{
	const struct table table = x86(domain, pasid, root);

	return iommu_attach_table(&iommu, &table);
}

/* A fault, or another record, of the endpoint; none within a while: false. */
static bool await_record(struct record *ret_record)
{
	for (unsigned i = 0; i < 1000000; i++) {
		if (iommu_event(&iommu, ret_record))
			return true;
		read32(dma.registers, 0);
	}
	return false;
}

static bool is_fault_of(const struct function *function, uint8_t reason, uint32_t pasid,
			uint64_t address)
{
	struct record record;

	if (!await_record(&record))
		return false;
	return record.reason == reason && record.endpoint == function->devfn &&
	       record.address == address && !(record.flags & VIOMMU_FAULT_F_PAGE_REQ) &&
	       (pasid == NO_PASID ? !(record.flags & VIOMMU_FAULT_F_PASID) : record.pasid == pasid);
}

static bool is_fault(uint8_t reason, uint32_t pasid, uint64_t address)
{
	return is_fault_of(&dma.function, reason, pasid, address);
}

/* -- tests ------------------------------------------------------------------------- */

static void test_properties(void)
{
	static uint8_t properties[512];
	unsigned pasid = 0, formats = 0, requests = 0, at = 0;

	CHECK(iommu_probe(&iommu, dma.function.devfn, properties, sizeof(properties)) ==
	      VIOMMU_S_OK);
	while (at < sizeof(properties) && properties[at]) {
		unsigned type = properties[at] | (unsigned)properties[at + 1] << 8;

		pasid += type == VIOMMU_PROBE_T_PASID;
		formats += type == VIOMMU_PROBE_T_TABLE_FORMAT;
		requests += type == VIOMMU_PROBE_T_PAGE_REQUEST;
		at += 4 + properties[at + 2];
	}
	CHECK(pasid == 1 && formats == 9 && requests == 1);
}

static void test_nothing_is_reached_before_attach(void)
{
	CHECK(dma_do(&dma, DMA_WRITE, NO_PASID, 0x100000, 8, 0, 1) == DMA_FAULT);
	CHECK(is_fault(VIOMMU_FAULT_R_DOMAIN, NO_PASID, 0x100000));
	CHECK(dma_do(&dma, DMA_WRITE, 7, 0x100000, 8, 0, 1) == DMA_FAULT);
	CHECK(is_fault(VIOMMU_FAULT_R_DOMAIN, 7, 0x100000));
}

static void test_a_table_translates_requests_without_pasid(void)
{
	uint64_t *root = take_pages(1), *pages = take_pages(16);
	uint64_t at = 0x5000000000;

	for (unsigned i = 0; i < 16; i++)
		map_page(root, at + i * PAGE, (char *)pages + (15 - i) * PAGE, P | RW | US);
	CHECK(attach_x86(1, NO_PASID, root) == VIOMMU_S_OK);
	CHECK(dma_do(&dma, DMA_WRITE, NO_PASID, at, 16 * PAGE, 0, 5) == DMA_DONE);
	for (unsigned i = 0; i < 16; i++)
		CHECK(dma_has_written(pages + (15 - i) * 512, at + i * PAGE, PAGE, 5));
	CHECK((*entry_of(root, at) & (A | D)) == (A | D));
	CHECK((root[at >> 39] & (A | D)) == A);
	for (unsigned i = 0; i < 16; i++)
		fill(pages + i * 512, i, PAGE);
	CHECK(dma_do(&dma, DMA_READ, NO_PASID, at, PAGE, 0, 0) == DMA_DONE);
	CHECK(read64(dma.registers, DMA_RESULT) == sum_of(pages + 15 * 512, at, PAGE));
	CHECK(dma_do(&dma, DMA_READ, NO_PASID, at + 16 * PAGE, 8, 0, 0) == DMA_FAULT);
	CHECK(is_fault(VIOMMU_FAULT_R_MAPPING, NO_PASID, at + 16 * PAGE));
	*entry_of(root, at) &= ~(uint64_t)RW;
	CHECK(iommu_invalidate(&iommu, 1, at) == VIOMMU_S_OK);
	CHECK(dma_do(&dma, DMA_WRITE, NO_PASID, at, 8, 0, 1) == DMA_FAULT);
	CHECK(is_fault(VIOMMU_FAULT_R_PERMISSION, NO_PASID, at));
}

static void test_two_pasids_do_not_reach_each_other(void)
{
	uint64_t *roots[2] = { take_pages(1), take_pages(1) };
	uint64_t *pages[2] = { take_pages(1), take_pages(1) };
	uint64_t at[2] = { 0x10000, 0x20000 };

	for (uint32_t i = 0; i < 2; i++) {
		map_page(roots[i], at[i], pages[i], P | RW | US);
		CHECK(attach_x86(i + 1, i + 1, roots[i]) == VIOMMU_S_OK);
	}
	for (uint32_t i = 0; i < 2; i++) {
		CHECK(dma_do(&dma, DMA_WRITE, i + 1, at[i], PAGE, DMA_ATS, i) == DMA_DONE);
		CHECK(dma_has_written(pages[i], at[i], PAGE, i));
		CHECK(dma_do(&dma, DMA_WRITE, i + 1, at[1 - i], 8, DMA_ATS, 9) == DMA_FAULT);
		CHECK(is_fault(VIOMMU_FAULT_R_MAPPING, i + 1, at[1 - i]));
		CHECK(dma_do(&dma, DMA_READ, 3, at[i], 8, 0, 0) == DMA_FAULT);
		CHECK(is_fault(VIOMMU_FAULT_R_DOMAIN, 3, at[i]));
	}
	CHECK(dma_has_written(pages[0], at[0], PAGE, 0));
	CHECK(dma_do(&dma, DMA_READ, NO_PASID, at[0], 8, 0, 0) == DMA_FAULT);
	CHECK(is_fault(VIOMMU_FAULT_R_DOMAIN, NO_PASID, at[0]));
	CHECK(iommu_detach_pasid(&iommu, 1, dma.function.devfn, 1) == VIOMMU_S_OK);
	CHECK(dma_do(&dma, DMA_READ, 1, at[0], 8, DMA_ATS, 0) == DMA_FAULT);
	CHECK(is_fault(VIOMMU_FAULT_R_DOMAIN, 1, at[0]));
	CHECK(dma_do(&dma, DMA_READ, 2, at[1], 8, DMA_ATS, 0) == DMA_DONE);
}

static void test_pasids_may_have_mappings(void)
{
	uint64_t *page = take_pages(1);

	CHECK(iommu_attach_pasid(&iommu, 5, dma.function.devfn, 9) == VIOMMU_S_OK);
	CHECK(iommu_map(&iommu, 5, 0x7000, 0x7fff, (uint64_t)page, R | W) == VIOMMU_S_OK);
	CHECK(dma_do(&dma, DMA_WRITE, 9, 0x7000, PAGE, DMA_ATS, 3) == DMA_DONE);
	CHECK(dma_has_written(page, 0x7000, PAGE, 3));
	CHECK(iommu_unmap(&iommu, 5, 0x7000, 0x7fff) == VIOMMU_S_OK);
	CHECK(dma_do(&dma, DMA_WRITE, 9, 0x7000, 8, DMA_ATS, 4) == DMA_FAULT);
	CHECK(is_fault(VIOMMU_FAULT_R_MAPPING, 9, 0x7000));
	CHECK(dma_has_written(page, 0x7000, 8, 3));
}

/* -- translations that the function caches -------------------------------------------------- */

/* A function learns from translation requests what is permitted. Other accesses are faults. */
static void test_a_translation_request_permits_what_the_mapping_does(void)
{
	const uint32_t flags[] = { R, W, R | W };
	uint64_t *pages = take_pages(COUNT(flags));

	CHECK(iommu_attach_pasid(&iommu, 5, dma.function.devfn, 9) == VIOMMU_S_OK);
	for (unsigned i = 0; i < COUNT(flags); i++) {
		uint64_t at = 0x10000 + i * PAGE, page = (uint64_t)(pages + 512 * i);
		bool reads = flags[i] & R, writes = flags[i] & W;

		CHECK(iommu_map(&iommu, 5, at, at + PAGE - 1, page, flags[i]) == VIOMMU_S_OK);
		for (unsigned times = 0; times < 2; times++) {
			uint32_t before = read32(dma.registers, DMA_HITS);

			CHECK(dma_do(&dma, DMA_READ, 9, at, 8, DMA_ATS, 0) ==
			      (reads ? DMA_DONE : DMA_FAULT));
			CHECK(reads || is_fault(VIOMMU_FAULT_R_MAPPING, 9, at));
			CHECK(dma_do(&dma, DMA_WRITE, 9, at, 8, DMA_ATS, i) ==
			      (writes ? DMA_DONE : DMA_FAULT));
			CHECK(writes || is_fault(VIOMMU_FAULT_R_MAPPING, 9, at));
			CHECK(read32(dma.registers, DMA_HITS) - before ==
			      (times ? (uint32_t)reads + writes : 0));
		}
		CHECK(dma_has_written(pages + 512 * i, at, 8, i) == writes);
	}
}

/* They are announced to the function as one range. */
static void test_what_is_cached_of_many_mappings_is_dropped(void)
{
	enum { MAPPINGS = 3 };
	uint64_t *pages = take_pages(MAPPINGS), at = 0x40000, step = 3 * PAGE;

	CHECK(iommu_attach(&iommu, 5, dma.function.devfn) == VIOMMU_S_OK);
	for (unsigned i = 0; i < MAPPINGS; i++) {
		CHECK(iommu_map(&iommu, 5, at + i * step, at + i * step + PAGE - 1,
				(uint64_t)(pages + 512 * i), R | W) == VIOMMU_S_OK);
		CHECK(dma_do(&dma, DMA_WRITE, NO_PASID, at + i * step, PAGE, DMA_ATS, i) ==
		      DMA_DONE);
	}
	CHECK(iommu_unmap(&iommu, 5, at, at + MAPPINGS * step - 1) == VIOMMU_S_OK);
	fill(pages, CANARY, MAPPINGS * PAGE);
	for (unsigned i = 0; i < MAPPINGS; i++) {
		CHECK(dma_do(&dma, DMA_WRITE, NO_PASID, at + i * step, 8, DMA_ATS, 0) == DMA_FAULT);
		CHECK(is_fault(VIOMMU_FAULT_R_MAPPING, NO_PASID, at + i * step));
	}
	CHECK(is_all(pages, CANARY, MAPPINGS * PAGE));
}

/* More of them than it has notifiers for. */
static void test_what_is_cached_of_many_pasids_is_dropped(void)
{
	enum { PASIDS = 40 };
	uint64_t *pages = take_pages(PASIDS), at = 0x40000;
	uint64_t last = at + PASIDS * PAGE - 1;

	for (uint32_t i = 0; i < PASIDS; i++)
		CHECK(iommu_attach_pasid(&iommu, 5, dma.function.devfn, i) == VIOMMU_S_OK);
	CHECK(iommu_map(&iommu, 5, at, last, (uint64_t)pages, R | W) == VIOMMU_S_OK);
	for (uint32_t i = 0; i < PASIDS; i++) {
		CHECK(dma_do(&dma, DMA_WRITE, i, at + i * PAGE, PAGE, DMA_ATS, i) == DMA_DONE);
		CHECK(dma_has_written(pages + 512 * i, at + i * PAGE, PAGE, i));
	}
	CHECK(iommu_unmap(&iommu, 5, at, last) == VIOMMU_S_OK);
	fill(pages, CANARY, PASIDS * PAGE);
	/* The last ones first, before their notifiers are given to others. */
	for (uint32_t i = PASIDS; i-- > 0;) {
		CHECK(dma_do(&dma, DMA_WRITE, i, at + i * PAGE, 8, DMA_ATS, 0) == DMA_FAULT);
		CHECK(is_fault(VIOMMU_FAULT_R_MAPPING, i, at + i * PAGE));
	}
	CHECK(is_all(pages, CANARY, PASIDS * PAGE));
}

/* -- devices that know nothing of this: QEMU's edu and, if QEMU has it, iommu-testdev ------- */

static struct function edu;
static volatile uint8_t *edu_registers;

static void test_a_device_of_qemu_is_behind_a_table(void)
{
	uint64_t *root = take_pages(1), *pages = take_pages(2);
	struct table table = x86(1, NO_PASID, root);
	struct record record;

	table.endpoint = edu.devfn;
	map_page(root, 0x9000, pages, P | RW | US);
	map_page(root, 0xa000, pages + 512, P | RW | US);
	fill(pages, CANARY, PAGE);
	CHECK(iommu_attach_table(&iommu, &table) == VIOMMU_S_OK);
	edu_copy(edu_registers, 0x9000, EDU_BUFFER, 256, false);
	edu_copy(edu_registers, EDU_BUFFER, 0xa000, 256, true);
	CHECK(is_all(pages + 512, CANARY, 256));
	CHECK((*entry_of(root, 0x9000) & (A | D)) == A);
	CHECK((*entry_of(root, 0xa000) & (A | D)) == (A | D));
	/* QEMU has cached nothing after INVALIDATE. One access has one fault. */
	*entry_of(root, 0xa000) = 0;
	CHECK(iommu_invalidate(&iommu, 1, 0xa000) == VIOMMU_S_OK);
	fill(pages + 512, 0, PAGE);
	edu_copy(edu_registers, EDU_BUFFER, 0xa000, 4, true);
	CHECK(is_all(pages + 512, 0, PAGE));
	CHECK(await_record(&record) && record.endpoint == edu.devfn);
	CHECK(record.reason == VIOMMU_FAULT_R_MAPPING && record.address == 0xa000);
	CHECK(iommu_detach_all(&iommu, edu.devfn) == VIOMMU_S_OK);
}

/* DMA of iommu-testdev: it writes by one address, and reads back by the address of the memory
 * itself. */
static uint32_t testdev_do(volatile uint8_t *registers, uint64_t address, const void *page,
			   uint32_t length)
{
	enum { START, ADDRESS = 0x04, LENGTH = 0x0c, RESULT = 0x10, ARM = 0x14, MEMORY = 0x1c };

	write_halves(registers, ADDRESS, address);
	write_halves(registers, MEMORY, (uint64_t)page);
	write32(registers, LENGTH, length);
	write32(registers, ARM, 1);
	read32(registers, START);
	return read32(registers, RESULT);
}

static void test_the_test_device_of_qemu_is_behind_a_table(void)
{
	enum { DONE = 0, REFUSED = (int)0xdead0002, OTHER_MEMORY = (int)0xdead0004 };
	uint64_t *root = take_pages(1), *pages = take_pages(2);
	struct table table = x86(1, NO_PASID, root);
	volatile uint8_t *registers;
	struct function testdev;

	test_is_left_out = !pci_find(0x1b36, 0x0005, 0, &testdev);
	if (test_is_left_out)
		return;
	registers = pci_bar(&testdev, 0);
	table.endpoint = testdev.devfn;
	map_page(root, 0x9000, pages, P | RW | US);
	map_page(root, 0xa000, pages + 512, P | US);
	CHECK(iommu_attach_table(&iommu, &table) == VIOMMU_S_OK);
	CHECK(testdev_do(registers, 0x9000, pages, PAGE) == DONE);
	CHECK(is_all(pages, 0x1234567812345678, PAGE));
	CHECK((*entry_of(root, 0x9000) & (A | D)) == (A | D));
	CHECK((int)testdev_do(registers, 0x9000, pages + 512, PAGE) == OTHER_MEMORY);
	/* Four bytes are one access for QEMU, with one fault. */
	CHECK((int)testdev_do(registers, 0xa000, pages + 512, 4) == REFUSED);
	CHECK(is_fault_of(&testdev, VIOMMU_FAULT_R_PERMISSION, NO_PASID, 0xa000));
	*entry_of(root, 0x9000) = 0;
	CHECK(iommu_invalidate(&iommu, 1, 0x9000) == VIOMMU_S_OK);
	fill(pages, CANARY, PAGE);
	CHECK((int)testdev_do(registers, 0x9000, pages, 4) == REFUSED);
	CHECK(is_fault_of(&testdev, VIOMMU_FAULT_R_MAPPING, NO_PASID, 0x9000));
	CHECK(is_all(pages, CANARY, PAGE));
	CHECK(iommu_detach_all(&iommu, testdev.devfn) == VIOMMU_S_OK);
}

/* -- shared virtual addresses: the tables of this processor ------------------------- */

#define SHARED 0x8000000000ull /* the second entry of the root */

static int attach_own(uint32_t domain, uint32_t pasid)
{
	struct table table = x86(domain, pasid, NULL);

	memset(table.body, 0, sizeof(table.body));
	table.format = machine_table(table.body);
	return iommu_attach_table(&iommu, &table);
}

/* Answer the next page request by a new page. Returns its address, or 0. */
static uint64_t serve_page(uint32_t pasid, unsigned code)
{
	struct record record;

	if (!await_record(&record))
		return 0;
	CHECK(record.length == VIOMMU_FAULT_LONG_LENGTH);
	CHECK(record.flags & VIOMMU_FAULT_F_PAGE_REQ && record.flags & VIOMMU_FAULT_F_LAST);
	CHECK(record.pasid == pasid);
	if (code == VIOMMU_PAGE_SUCCESS)
		machine_share(record.address, take_pages(1));
	CHECK(iommu_respond(&iommu, &record, (uint16_t)code) == VIOMMU_S_OK);
	CHECK(iommu_respond(&iommu, &record, (uint16_t)code) == VIOMMU_S_INVAL);
	return record.address;
}

static void test_untouched_memory_is_written_through_page_requests(void)
{
	enum { PAGES = 256 };

	CHECK(probe_byte((void *)SHARED) == SHARED);
	CHECK(attach_own(1, 4) == VIOMMU_S_OK);
	dma_start(&dma, DMA_WRITE, 4, SHARED, PAGES * PAGE, DMA_PRI, 77);
	for (unsigned i = 0; i < PAGES; i++)
		CHECK(serve_page(4, VIOMMU_PAGE_SUCCESS) == SHARED + i * PAGE);
	CHECK(dma_end(&dma) == DMA_DONE);
	CHECK(read32(dma.registers, DMA_REQUESTS) >= PAGES);
	/* By the same address that the function used. */
	CHECK(dma_has_written((const uint64_t *)SHARED, SHARED, PAGES * PAGE, 77));
	CHECK(dma_do(&dma, DMA_READ, 4, SHARED, PAGES * PAGE, DMA_PRI | DMA_ATS, 0) == DMA_DONE);
	CHECK(read64(dma.registers, DMA_RESULT) ==
	      sum_of((const uint64_t *)SHARED, SHARED, PAGES * PAGE));
}

/* All of low memory is mapped for the processor alone. */
static void test_a_user_pasid_does_not_reach_the_kernel(void)
{
	uint64_t *page = take_pages(1);
	uint64_t at = (uint64_t)page;

	fill(page, 0xcafe, PAGE);
	CHECK(attach_own(1, 4) == VIOMMU_S_OK);
	CHECK(dma_do(&dma, DMA_READ, 4, at, 8, 0, 0) == DMA_FAULT);
	CHECK(is_fault(VIOMMU_FAULT_R_PERMISSION, 4, at));
	CHECK(read64(dma.registers, DMA_RESULT) == 0);
	CHECK(dma_do(&dma, DMA_WRITE, 4, at, 8, 0, 1) == DMA_FAULT);
	CHECK(is_fault(VIOMMU_FAULT_R_PERMISSION, 4, at));
	CHECK(is_all(page, 0xcafe, PAGE));
	/* With page requests the driver decides. */
	dma_start(&dma, DMA_WRITE, 4, at, 8, DMA_PRI, 1);
	CHECK(serve_page(4, VIOMMU_PAGE_INVALID) == at);
	CHECK(dma_end(&dma) == DMA_REFUSED);
	CHECK(is_all(page, 0xcafe, PAGE));
	CHECK(dma_do(&dma, DMA_READ, 4 | DMA_PRIVILEGED, at, 8, 0, 0) == DMA_DONE);
	CHECK(read64(dma.registers, DMA_RESULT) == dma_hash(0xcafe ^ at));
}

static void test_a_request_ends_with_its_slot(void)
{
	struct record record;

	CHECK(attach_own(1, 4) == VIOMMU_S_OK);
	dma_start(&dma, DMA_WRITE, 4, SHARED + (1 << 30), 8, DMA_PRI, 1);
	CHECK(await_record(&record) && record.flags & VIOMMU_FAULT_F_PAGE_REQ);
	CHECK(read32(dma.registers, DMA_STATUS) == DMA_BUSY);
	CHECK(iommu_detach_pasid(&iommu, 1, dma.function.devfn, 4) == VIOMMU_S_OK);
	CHECK(dma_end(&dma) == DMA_REFUSED);
	CHECK(iommu_respond(&iommu, &record, VIOMMU_PAGE_SUCCESS) == VIOMMU_S_INVAL);
}

/* -- invalidation ------------------------------------------------------------------- */

#ifndef CANARY_ROUNDS
#define CANARY_ROUNDS 2000u
#endif

/*
 * Map, touch, unmap, while DMA is under way all over the range. Once INVALIDATE is answered, the
 * old page has a canary, which must stay.
 */
static void test_no_old_page_is_written_after_invalidate(void)
{
	enum { PAGES = 64 };
	uint64_t *root = take_pages(1), *pages = take_pages(2 * PAGES), at = 0x40000000;
	unsigned side[PAGES] = { 0 }, n_old = 0;

	for (unsigned i = 0; i < PAGES; i++)
		map_page(root, at + i * PAGE, pages + 1024 * i, P | RW | US);
	fill(pages, CANARY, 2 * PAGES * PAGE);
	CHECK(attach_x86(1, 6, root) == VIOMMU_S_OK);
	for (unsigned round = 0; round < CANARY_ROUNDS; round++) {
		unsigned i = (unsigned)(dma_hash(round) % PAGES);
		uint64_t *old = pages + 1024 * i + 512 * side[i];
		uint64_t *new = pages + 1024 * i + 512 * (side[i] ^= 1);

		if (read32(dma.registers, DMA_STATUS) != DMA_BUSY)
			dma_start(&dma, DMA_WRITE, 6, at, PAGES * PAGE, DMA_ATS, round);
		map_page(root, at + i * PAGE, new, P | RW | US);
		CHECK(iommu_invalidate(&iommu, 1, at + i * PAGE) == VIOMMU_S_OK);
		n_old += !is_all(old, CANARY, PAGE);
		fill(old, CANARY, PAGE);
		if (round % 8 == 0)
			dma_end(&dma);
		if (!is_all(old, CANARY, PAGE)) {
			CHECK(!"an old page was written");
			break;
		}
	}
	CHECK(dma_end(&dma) == DMA_DONE);
	CHECK(n_old > PAGES); /* else nothing was under way */
	CHECK(read32(dma.registers, DMA_HITS) > CANARY_ROUNDS &&
	      read32(dma.registers, DMA_DROPS) > PAGES);
}

/* A cached translation is used until INVALIDATE: otherwise the test above would show nothing. */
static void test_a_cached_translation_is_used_until_invalidate(void)
{
	uint64_t *root = take_pages(1), *pages = take_pages(2), at = 0x1000;

	map_page(root, at, pages, P | RW | US);
	CHECK(attach_x86(1, 6, root) == VIOMMU_S_OK);
	CHECK(dma_do(&dma, DMA_WRITE, 6, at, PAGE, DMA_ATS, 1) == DMA_DONE);
	map_page(root, at, pages + 512, P | RW | US);
	CHECK(dma_do(&dma, DMA_WRITE, 6, at, PAGE, DMA_ATS, 2) == DMA_DONE);
	CHECK(dma_has_written(pages, at, PAGE, 2));
	CHECK(iommu_invalidate(&iommu, 1, at) == VIOMMU_S_OK);
	CHECK(dma_do(&dma, DMA_WRITE, 6, at, PAGE, DMA_ATS, 3) == DMA_DONE);
	CHECK(dma_has_written(pages, at, PAGE, 2));
	CHECK(dma_has_written(pages + 512, at, PAGE, 3));
}

/* -- contexts and parents ------------------------------------------------------------ */

static void test_a_directory_has_the_tables_of_all_pasids(void)
{
	uint64_t *directory = take_pages(1), *entries = take_pages(1);
	uint64_t *roots[2] = { take_pages(1), take_pages(1) };
	uint64_t *pages = take_pages(2);
	const struct table table = {
		.domain = 1,
		.endpoint = dma.function.devfn,
		.pasid = NO_PASID,
		.parent = NO_PARENT,
		.format = VIOMMU_TABLE_X86_PASID_DIR,
		.body = { (uint64_t)directory | 1, 3 }, /* RID_PASID 3 */
	};

	for (unsigned i = 0; i < 2; i++)
		map_page(roots[i], 0x9000, pages + 512 * i, P | RW | US);
	directory[0] = (uint64_t)entries | 1;
	entries[8 * 3] = 1 | 1 << 6;
	entries[8 * 3 + 2] = (uint64_t)roots[0] | 0x31;
	CHECK(iommu_attach_table(&iommu, &table) == VIOMMU_S_OK);
	CHECK(dma_do(&dma, DMA_WRITE, 3, 0x9000, PAGE, DMA_ATS, 1) == DMA_DONE);
	CHECK(dma_has_written(pages, 0x9000, PAGE, 1));
	CHECK(dma_do(&dma, DMA_WRITE, NO_PASID, 0x9000, PAGE, DMA_ATS, 2) == DMA_DONE);
	CHECK(dma_has_written(pages, 0x9000, PAGE, 2));
	CHECK(dma_do(&dma, DMA_WRITE, 4, 0x9000, 8, 0, 2) == DMA_FAULT);
	CHECK(is_fault(VIOMMU_FAULT_R_CONTEXT, 4, 0x9000));
	entries[8 * 3 + 2] = (uint64_t)roots[1] | 0x31;
	CHECK(iommu_invalidate_all(&iommu, 1) == VIOMMU_S_OK);
	for (uint32_t pasid = 3; pasid <= 4; pasid++) {
		CHECK(dma_do(&dma, DMA_WRITE, pasid == 3 ? 3 : NO_PASID, 0x9000, PAGE, DMA_ATS,
			     pasid) == DMA_DONE);
		CHECK(dma_has_written(pages + 512, 0x9000, PAGE, pasid));
	}
	CHECK(dma_has_written(pages, 0x9000, PAGE, 2));
}

static void test_a_table_reaches_what_its_parent_maps(void)
{
	uint64_t *root = take_pages(1), *page = take_pages(1);
	struct table table = x86(1, 6, root);
	uint64_t end;

	table.parent = 2;
	map_page(root, 0x9000, page, P | RW | US);
	end = (uint64_t)take_pages(1);
	CHECK(iommu_attach_table(&iommu, &table) == VIOMMU_S_OK);
	CHECK(dma_do(&dma, DMA_READ, 6, 0x9000, 8, DMA_ATS, 0) == DMA_FAULT);
	CHECK(is_fault(VIOMMU_FAULT_R_MAPPING, 6, 0x9000));
	CHECK(iommu_map(&iommu, 2, 0, end - 1, 0, R | W) == VIOMMU_S_OK);
	CHECK(dma_do(&dma, DMA_WRITE, 6, 0x9000, PAGE, DMA_ATS, 5) == DMA_DONE);
	CHECK(dma_has_written(page, 0x9000, PAGE, 5));
	CHECK(iommu_unmap(&iommu, 2, 0, end - 1) == VIOMMU_S_OK);
	CHECK(dma_do(&dma, DMA_WRITE, 6, 0x9000, PAGE, DMA_ATS, 6) == DMA_FAULT);
	CHECK(is_fault(VIOMMU_FAULT_R_MAPPING, 6, 0x9000));
	CHECK(dma_has_written(page, 0x9000, PAGE, 5));
}

/* -- what a hostile guest would do ----------------------------------------------------- */

/* Tables that contain themselves, that are registers, and that are nowhere. */
static void test_tables_from_hell_only_fault(void)
{
	uint64_t *root = take_pages(1);
	const uint64_t roots[] = { (uint64_t)root, (uint64_t)dma.registers, machine_pci()->ecam,
				   0xfee00000, 0x3ffffffff000 };

	for (unsigned i = 0; i < 512; i++)
		root[i] = (uint64_t)root | P | RW | US;
	for (unsigned i = 0; i < COUNT(roots); i++) {
		struct record record;
		unsigned status;

		CHECK(attach_x86(1, 6, (const uint64_t *)roots[i]) == VIOMMU_S_OK);
		status = dma_do(&dma, DMA_READ, 6, 0x1234567000, PAGE, 0, 0);
		CHECK(status == (i ? DMA_FAULT : DMA_DONE));
		if (i)
			CHECK(await_record(&record));
	}
}

/* The same with tables of PASIDs, in every format. */
static void test_contexts_from_hell_only_fault(void)
{
	uint64_t *page = take_pages(1);
	const uint64_t places[] = { (uint64_t)page, (uint64_t)dma.registers, machine_pci()->ecam,
				    0x3ffffffff000 };

	for (unsigned i = 0; i < 512; i++)
		page[i] = (uint64_t)page | 1;
	for (unsigned i = 0; i < COUNT(places); i++) {
		const struct table tables[] = {
			{ .format = VIOMMU_TABLE_ARM_CD_TABLE,
			  .body = { places[i] | 1 << 4 | 10ull << 59, 2 } },
			{ .format = VIOMMU_TABLE_X86_PASID_DIR,
			  .body = { places[i] | 7 << 9 | 1 } },
			{ .format = VIOMMU_TABLE_AMD_GCR3,
			  .body = { places[i], 1 | 4 << 8 | 1 << 16 } },
			{ .format = VIOMMU_TABLE_RISCV_DC,
			  .body = { 1 | 1 << 5 | 1 << 9, 0, 0, 3ull << 60 | places[i] / PAGE } },
		};

		for (unsigned k = 0; k < COUNT(tables); k++) {
			struct table table = tables[k];
			struct record record;

			table.domain = 1;
			table.endpoint = dma.function.devfn;
			table.pasid = table.parent = NO_PASID;
			CHECK(iommu_attach_table(&iommu, &table) == VIOMMU_S_OK);
			for (unsigned pasid = 0; pasid < 2; pasid++) {
				CHECK(dma_do(&dma, DMA_READ, pasid ? 0x155 : NO_PASID, 0x1234567000,
					     8, 0, 0) == DMA_FAULT);
				CHECK(await_record(&record));
			}
		}
	}
}

/* In odd rounds an entry becomes a page, another one, nothing, or no entry; else the same page. */
static void change_entries(uint64_t *root, uint64_t at, uint64_t *pages, unsigned round)
{
	const uint64_t values[] = { (uint64_t)(pages + 512) | P | RW | US, 0,
				    (uint64_t)(pages + 1024) | P | RW | US,
				    (uint64_t)pages | P | RW | US | 1ull << 51 };
	static uint64_t n;

	for (unsigned i = 0; i < 64; i++) {
		uint64_t which = dma_hash(n++);

		*entry_of(root, at + which % 64 * PAGE) = values[round % 2 ? which >> 6 & 3 : 0];
	}
}

static void test_a_table_that_changes_during_dma_leads_to_its_pages_only(void)
{
	enum { ROUNDS = 100, PAGES = 64 };
	uint64_t *root = take_pages(1), *pages = take_pages(4), at = 0x40000000;
	unsigned n_done = 0, n_faults = 0;
	struct record record;

	fill(pages, CANARY, 4 * PAGE);
	CHECK(attach_x86(1, 6, root) == VIOMMU_S_OK);
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < PAGES; i++)
			map_page(root, at + i * PAGE, pages + 512, P | RW | US);
		change_entries(root, at, pages, round);
		CHECK(iommu_invalidate_all(&iommu, 1) == VIOMMU_S_OK);
		dma_start(&dma, DMA_WRITE, 6, at, PAGES * PAGE, 0, round);
		do
			change_entries(root, at, pages, round);
		while (read32(dma.registers, DMA_STATUS) == DMA_BUSY);
		n_done += dma_end(&dma) == DMA_DONE;
		n_faults += dma_end(&dma) == DMA_FAULT;
		while (iommu_event(&iommu, &record))
			;
	}
	CHECK(n_done + n_faults == ROUNDS && n_done >= ROUNDS / 2 && n_faults > 0);
	CHECK(is_all(pages, CANARY, PAGE) && is_all(pages + 1536, CANARY, PAGE));
	CHECK(!is_all(pages + 512, CANARY, PAGE) && !is_all(pages + 1024, CANARY, PAGE));
}

static uint64_t draw(void)
{
	static uint64_t state;

	return dma_hash(state++);
}

static void send_random_request(unsigned round)
{
	static uint64_t bytes[16];

	for (unsigned i = 0; i < COUNT(bytes); i++) {
		bytes[i] = draw();
		bytes[i] &= draw();
	}
	/* The types of all requests, and some more. */
	*(uint8_t *)bytes = (uint8_t)(round % 12 < 6 ? round % 12 : 0x40 + round % 12);
	iommu_request(&iommu, bytes, (uint32_t)(draw() % sizeof(bytes)));
}

static void write_random_entries(uint64_t *pages, unsigned n_pages)
{
	for (unsigned i = 0; i < 64; i++) {
		uint64_t *entry = &pages[draw() % (n_pages * 512)];

		*entry = (uint64_t)pages + draw() % n_pages * PAGE;
		*entry |= draw() & 0xfff;
	}
}

static void test_random_tables_and_requests_are_survived(void)
{
	enum { ROUNDS = 400, PAGES = 8 };
	uint64_t *pages = take_pages(PAGES);
	struct record record;

	for (unsigned round = 0; round < ROUNDS; round++) {
		uint64_t address = draw() & 0xfffffffffff8;
		uint32_t flags = (uint32_t)draw() & DMA_ATS;

		send_random_request(round);
		write_random_entries(pages, PAGES);
		if (round % 8 == 0)
			attach_x86(1, 6, pages + 512 * (round / 8 % PAGES));
		dma_do(&dma, round & 1 ? DMA_READ : DMA_WRITE, round & 2 ? 6 : NO_PASID, address,
		       64, flags, round);
		while (iommu_event(&iommu, &record))
			;
	}
	CHECK(iommu_detach_all(&iommu, dma.function.devfn) == VIOMMU_S_OK);
}

static void test_capabilities_must_be_enabled(void)
{
	const struct {
		uint16_t id;
		unsigned at;
		uint32_t pasid, flags;
	} rows[] = { { 0x0f, 6, NO_PASID, DMA_ATS },
		     { 0x13, 4, NO_PASID, DMA_PRI },
		     { 0x1b, 6, 6, 0 } };

	for (unsigned i = 0; i < COUNT(rows); i++) {
		unsigned at = pci_extended(&dma.function, rows[i].id) + rows[i].at;
		uint16_t was = pci_read16(&dma.function, at);

		pci_write16(&dma.function, at, 0);
		CHECK(dma_do(&dma, DMA_READ, rows[i].pasid, 0, 8, rows[i].flags, 0) ==
		      DMA_DISABLED);
		pci_write16(&dma.function, at, was);
	}
}

static void test_reset_detaches_every_slot(void)
{
	uint64_t *root = take_pages(1), *page = take_pages(1);
	struct record record;

	map_page(root, 0x9000, page, P | RW | US);
	CHECK(attach_x86(1, 6, root) == VIOMMU_S_OK);
	CHECK(dma_do(&dma, DMA_WRITE, 6, 0x9000, PAGE, DMA_ATS, 1) == DMA_DONE);
	/* Buffers of the standard's length: page requests do not fit. */
	CHECK(iommu_begin(&iommu, FEATURES, VIOMMU_FAULT_LENGTH));
	CHECK(dma_do(&dma, DMA_WRITE, 6, 0x9000, 8, DMA_ATS, 2) == DMA_FAULT);
	CHECK(await_record(&record) && record.length == VIOMMU_FAULT_LENGTH);
	CHECK(dma_has_written(page, 0x9000, PAGE, 1));
	CHECK(attach_x86(1, 6, root) == VIOMMU_S_OK);
	CHECK(dma_do(&dma, DMA_WRITE, 6, 0x9000, PAGE, DMA_ATS, 3) == DMA_DONE);
	CHECK(dma_do(&dma, DMA_WRITE, 6, 0xa000, 8, DMA_PRI, 3) == DMA_REFUSED);
	CHECK(await_record(&record) && record.length == 0);
}

static const struct test {
	const char *name;
	void (*run)(void);
	bool needs_pages; /* mappings of 4 KiB */
} tests[] = {
#define TEST(name) \
	{ \
#name, test_##name, true \
	}
#define TEST_OF_TABLES(name) \
	{ \
#name, test_##name, false \
	}
	TEST(properties),
	TEST(nothing_is_reached_before_attach),
	TEST_OF_TABLES(a_table_translates_requests_without_pasid),
	TEST_OF_TABLES(two_pasids_do_not_reach_each_other),
	TEST(pasids_may_have_mappings),
	TEST(a_translation_request_permits_what_the_mapping_does),
	TEST(what_is_cached_of_many_mappings_is_dropped),
	TEST(what_is_cached_of_many_pasids_is_dropped),
	TEST_OF_TABLES(a_device_of_qemu_is_behind_a_table),
	TEST_OF_TABLES(the_test_device_of_qemu_is_behind_a_table),
	TEST(untouched_memory_is_written_through_page_requests),
	TEST(a_user_pasid_does_not_reach_the_kernel),
	TEST(a_request_ends_with_its_slot),
	TEST_OF_TABLES(a_cached_translation_is_used_until_invalidate),
	TEST(no_old_page_is_written_after_invalidate),
	TEST(a_directory_has_the_tables_of_all_pasids),
	TEST(a_table_reaches_what_its_parent_maps),
	TEST(tables_from_hell_only_fault),
	TEST(contexts_from_hell_only_fault),
	TEST(a_table_that_changes_during_dma_leads_to_its_pages_only),
	TEST(random_tables_and_requests_are_survived),
	TEST(capabilities_must_be_enabled),
	TEST(reset_detaches_every_slot),
};

static bool begin(void)
{
	if (!dma_begin(&dma) || !pci_find(DMA_VENDOR, EDU_DEVICE, 0, &edu))
		return false;
	edu_registers = pci_bar(&edu, 0);
	if (!iommu_begin(&iommu, FEATURES, VIOMMU_FAULT_LONG_LENGTH))
		return false;
	iommu.virtio.device[VIOMMU_CONFIG_BYPASS] = 0;
	return true;
}

int run(void)
{
	struct record record;
	bool has_pages;

	if (!begin()) {
		print("no viommu-dma, no edu, or no virtio-iommu with the features 0x%llx\n",
		      (unsigned long long)FEATURES);
		return 1;
	}
	has_pages = read64(iommu.virtio.device, VIOMMU_CONFIG_PAGE_SIZE_MASK) & PAGE;
	for (unsigned i = 0; i < COUNT(tests); i++) {
		if (tests[i].needs_pages && !has_pages)
			continue;
		test_name = tests[i].name;
		test_fails = test_is_left_out = false;
		tests[i].run();
		CHECK(!iommu_event(&iommu, &record));
		while (iommu_event(&iommu, &record))
			;
		iommu_detach_all(&iommu, dma.function.devfn);
		print("%s %s\n",
		      test_is_left_out ? "left out"
		      : test_fails     ? "FAILED"
				       : "passed",
		      test_name);
		n_failed += test_fails;
		n_passed += !test_fails && !test_is_left_out;
	}
	print("%u passed, %u failed\n", n_passed, n_failed);
	return n_failed != 0;
}
