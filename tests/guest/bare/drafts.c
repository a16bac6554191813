/* SPDX-License-Identifier: BSD-3-Clause */
#include <viommu/protocol.h>

#include "dma.h"

/*
 * A guest of a device that speaks a published draft: what the public Linux drivers send, in their
 * order, with DMA of viommu-dma through tables in the draft's formats (docs/drafts.md)
 *
 * The feature bit that the device offers says which draft it is.
 */

#define FEATURES (1ull << 32 /* VERSION_1 */ | VIOMMU_F_PROBE | VIOMMU_F_BYPASS_CONFIG)

#define IOVA   0x4000200000ull
#define PASID  5
#define CANARY 0x5ca1ab1e5ca1ab1eull
#define ROUNDS 200

enum { SUBSYSTEM_VENDOR = 0x2c };

static struct dma dma;
static struct iommu iommu;
static bool failed;
static unsigned n_tests;

#define CHECK(condition) check(condition, #condition, __LINE__)

static void check(bool holds, const char *condition, int line)
{
	n_tests++;
	if (holds)
		return;
	print("line %d: %s\n", line, condition);
	failed = true;
}

/* -- requests of the drafts ------------------------------------------------------- */

struct wanted {
	uint32_t format, pasid_bits;
	uint64_t root;
};

#define USE_PASID_0 2 /* S1DSS: requests without PASID */

static int attach_c(const struct wanted *wanted)
{
	uint8_t bytes[VIOMMU_DRAFT_C_ATTACH_TABLE_LENGTH] = { VIOMMU_DRAFT_T_ATTACH_TABLE };

	put_number(bytes + 4, 4, 1);
	put_number(bytes + 8, 4, dma.function.devfn);
	put_number(bytes + 16, 2, wanted->format);
	put_number(bytes + 24, 8, wanted->root);
	if (wanted->format == VIOMMU_DRAFT_C_FORMAT_ARM_CD_TABLE) {
		put_number(bytes + 19, 1, USE_PASID_0);
		put_number(bytes + 20, 4, wanted->pasid_bits);
	}
	if (wanted->format == VIOMMU_DRAFT_C_FORMAT_X86)
		put_number(bytes + 40, 4, 48);
	return iommu_request(&iommu, bytes, sizeof(bytes));
}

/* The stream table entry as the driver of an SMMUv3 has it: valid, stage 1, attributes, ATS. */
static int attach_e(const struct wanted *wanted)
{
	uint8_t bytes[VIOMMU_DRAFT_E_ATTACH_TABLE_LENGTH] = { VIOMMU_DRAFT_T_ATTACH_TABLE };

	put_number(bytes + 4, 4, 1);
	put_number(bytes + 8, 4, dma.function.devfn);
	put_number(bytes + 12, 1, wanted->format);
	put_number(bytes + 16, 8, 1 | 5 << 1 | wanted->root | (uint64_t)wanted->pasid_bits << 59);
	put_number(bytes + 24, 8, USE_PASID_0 | 0x15 << 2 | 1 << 28);
	return iommu_request(&iommu, bytes, sizeof(bytes));
}

static int invalidate_c(uint64_t address)
{
	uint8_t bytes[VIOMMU_INVALIDATE_LENGTH] = { VIOMMU_DRAFT_T_INVALIDATE };

	put_number(bytes + 4, 2, VIOMMU_DRAFT_C_INVALIDATE_G_ADDRESS);
	put_number(bytes + 6, 2,
		   VIOMMU_DRAFT_C_INVALIDATE_T_TLB | VIOMMU_DRAFT_C_INVALIDATE_T_DEV_TLB);
	put_number(bytes + 8, 2, VIOMMU_DRAFT_C_INVALIDATE_F_LEAF);
	put_number(bytes + 12, 4, 1);
	put_number(bytes + 32, 8, address);
	put_number(bytes + 40, 8, 1);
	bytes[48] = 12;
	return iommu_request(&iommu, bytes, sizeof(bytes));
}

static int invalidate_e(uint64_t address)
{
	uint8_t bytes[VIOMMU_INVALIDATE_LENGTH] = { VIOMMU_DRAFT_T_INVALIDATE };

	bytes[4] = VIOMMU_INVALIDATE_S_ADDRESS;
	bytes[5] = VIOMMU_INVALIDATE_C_TLB;
	put_number(bytes + 6, 2, VIOMMU_INVALIDATE_F_LEAF);
	put_number(bytes + 8, 4, 1);
	put_number(bytes + 24, 8, address);
	put_number(bytes + 32, 8, 1);
	bytes[40] = 12;
	return iommu_request(&iommu, bytes, sizeof(bytes));
}

static int detach(void)
{
	uint8_t bytes[VIOMMU_DETACH_LENGTH] = { VIOMMU_T_DETACH };

	put_number(bytes + 4, 4, 1);
	put_number(bytes + 8, 4, dma.function.devfn);
	return iommu_request(&iommu, bytes, sizeof(bytes));
}

/* -- formats ----------------------------------------------------------------------- */

/* Word 0 of a context descriptor: 48 bits in and out, 4 KiB, no second half. */
#define CD_0 (16ull | 1ull << 30 | 1ull << 31 | 5ull << 32 | 1ull << 41 | 1ull << 46)

enum { CD_WORDS = 8, CDS_BITS = 3 };

static const struct format {
	const char *name;
	uint32_t number;
	struct paging paging;
	uint64_t leaf; /* a page to read and write */
	bool is_context;
} c_formats[] = {
	{ "generic", VIOMMU_DRAFT_C_FORMAT_GENERIC, { 12, 2 }, 0xd, false },
	{ "VT-d", VIOMMU_DRAFT_C_FORMAT_X86, { 12, 6 }, 0x67, false },
	{ "context descriptors", VIOMMU_DRAFT_C_FORMAT_ARM_CD_TABLE, { 12, 2 }, 0x443, true },
}, e_formats[] = {
	{ "stream table entry", VIOMMU_DRAFT_E_FORMAT_ARM_CD_TABLE, { 12, 2 }, 0x443, true },
};

static const struct draft {
	const char *name;
	uint64_t feature, others;
	const struct format *formats;
	unsigned n_formats;
	uint32_t first_property;
	int (*attach)(const struct wanted *wanted);
	int (*invalidate)(uint64_t address);
	bool reports_pasids;
} drafts[] = {
	{ "draft-c", VIOMMU_DRAFT_C_F_ATTACH_TABLE, VIOMMU_F_MAP_UNMAP, c_formats, COUNT(c_formats),
	  VIOMMU_DRAFT_C_PROBE_T_PAGE_SIZE_MASK, attach_c, invalidate_c, false },
	{ "draft-e", VIOMMU_DRAFT_E_F_ATTACH_TABLE, 0, e_formats, COUNT(e_formats),
	  VIOMMU_DRAFT_E_PROBE_T_HW_ARM_SMMU3, attach_e, invalidate_e, true },
};

/* -- tests ------------------------------------------------------------------------- */

static unsigned transfer(unsigned command, uint32_t pasid, uint64_t address, uint64_t seed)
{
	return dma_do(&dma, command, pasid, address, PAGE, 0, seed);
}

static bool is_canary(const uint64_t *page)
{
	for (uint64_t i = 0; i < PAGE / 8; i++)
		if (((const volatile uint64_t *)page)[i] != CANARY)
			return false;
	return true;
}

static void fill(uint64_t *page)
{
	for (uint64_t i = 0; i < PAGE / 8; i++)
		page[i] = CANARY;
}

static bool is_fault(const struct draft *draft, uint32_t pasid, uint64_t address)
{
	struct record record;

	for (unsigned i = 0; i < 1000000; i++) {
		if (iommu_event(&iommu, &record))
			return record.reason == VIOMMU_FAULT_R_MAPPING &&
			       record.endpoint == dma.function.devfn && record.address == address &&
			       !(record.flags & VIOMMU_FAULT_F_PASID) ==
				       !(draft->reports_pasids && pasid != NO_PASID);
		read32(dma.registers, 0);
	}
	return false;
}

/* A table of contexts has one for requests without PASID, and one more. */
static uint64_t root_of(const struct format *format, uint64_t *tables, uint64_t *other)
{
	uint64_t *contexts;

	if (!format->is_context)
		return (uint64_t)tables;
	contexts = take_pages(1);
	contexts[0] = CD_0;
	contexts[1] = (uint64_t)tables;
	contexts[PASID * CD_WORDS] = CD_0;
	contexts[PASID * CD_WORDS + 1] = (uint64_t)other;
	return (uint64_t)contexts;
}

static void test_pasid(const struct draft *draft, const struct format *format, uint64_t *root)
{
	uint64_t *page = take_pages(1);

	*paging_entry(&format->paging, root, IOVA + PAGE) =
		paging_value(&format->paging, page, format->leaf);
	CHECK(transfer(DMA_WRITE, PASID, IOVA + PAGE, 7) == DMA_DONE);
	CHECK(dma_has_written(page, IOVA + PAGE, PAGE, 7));
	CHECK(transfer(DMA_WRITE, PASID, IOVA, 7) == DMA_FAULT);
	CHECK(is_fault(draft, PASID, IOVA));
}

/* Map by a store, touch, unmap by a store and one request: nothing reaches the page then. */
static void test_rounds(const struct draft *draft, volatile uint64_t *entry, uint64_t *page)
{
	uint64_t value = *entry;
	bool are_kept = true;

	for (unsigned i = 0; i < ROUNDS; i++) {
		*entry = value;
		are_kept = are_kept && transfer(DMA_WRITE, NO_PASID, IOVA, i) == DMA_DONE &&
			   dma_has_written(page, IOVA, PAGE, i);
		*entry = 0;
		are_kept = are_kept && draft->invalidate(IOVA) == VIOMMU_S_OK;
		fill(page);
		are_kept = are_kept && transfer(DMA_WRITE, NO_PASID, IOVA, i) == DMA_FAULT &&
			   is_canary(page) && is_fault(draft, NO_PASID, IOVA);
	}
	CHECK(are_kept);
}

static void test_format(const struct draft *draft, const struct format *format)
{
	uint64_t *root = take_pages(1), *other = take_pages(1), *page = take_pages(1);
	volatile uint64_t *entry = paging_entry(&format->paging, root, IOVA);
	const struct wanted wanted = { format->number, format->is_context ? CDS_BITS : 0,
				       root_of(format, root, other) };

	*entry = paging_value(&format->paging, page, format->leaf);
	CHECK(draft->attach(&wanted) == VIOMMU_S_OK);
	CHECK(transfer(DMA_WRITE, NO_PASID, IOVA, 3) == DMA_DONE);
	CHECK(dma_has_written(page, IOVA, PAGE, 3));
	CHECK(transfer(DMA_WRITE, NO_PASID, IOVA + PAGE, 3) == DMA_FAULT);
	CHECK(is_fault(draft, NO_PASID, IOVA + PAGE));
	if (format->is_context)
		test_pasid(draft, format, other);
	test_rounds(draft, entry, page);
	CHECK(detach() == VIOMMU_S_OK);
	CHECK(detach() == VIOMMU_S_INVAL);
	print("  %s: %s\n", draft->name, format->name);
}

/* Requests of the proposal and of other drafts are not answered. */
static void test_others(void)
{
	static const uint8_t types[] = { VIOMMU_T_ATTACH_TABLE, VIOMMU_T_INVALIDATE, 8 };
	uint8_t bytes[VIOMMU_DRAFT_E_ATTACH_TABLE_LENGTH] = { 0 };

	for (unsigned i = 0; i < COUNT(types); i++) {
		bytes[0] = types[i];
		CHECK(iommu_request(&iommu, bytes, sizeof(bytes)) == -1);
	}
}

static const struct draft *begin(struct function *function)
{
	if (!pci_find(0x1af4, 0x1057, 0, function) || !virtio_begin(&iommu.virtio, function))
		return NULL;
	for (unsigned i = 0; i < COUNT(drafts); i++)
		if (iommu.virtio.offered & drafts[i].feature)
			return &drafts[i];
	return NULL;
}

int run(void)
{
	struct function function;
	uint8_t properties[512];
	const struct draft *draft = begin(&function);

	if (!draft || !dma_begin(&dma))
		return 1;
	CHECK(iommu_go(&iommu, FEATURES | draft->feature | draft->others, VIOMMU_FAULT_LENGTH));
	CHECK(!(iommu.virtio.offered &
		(VIOMMU_F_PASID | VIOMMU_F_TABLE | VIOMMU_F_NEST | VIOMMU_F_PAGE_REQUEST)));
	CHECK(draft->others || !(iommu.virtio.offered & VIOMMU_F_MAP_UNMAP));
	CHECK(draft->others || pci_read16(&function, SUBSYSTEM_VENDOR) == VIOMMU_DRAFT_E_VENDOR);
	CHECK(iommu_probe(&iommu, dma.function.devfn, properties, sizeof(properties)) ==
	      VIOMMU_S_OK);
	/* Behind what both have: the MSI window. */
	CHECK(properties[0] == draft->first_property ||
	      properties[VIOMMU_PROBE_RESV_MEM_LENGTH] == draft->first_property);
	for (unsigned i = 0; i < draft->n_formats; i++)
		test_format(draft, &draft->formats[i]);
	test_others();
	print("%s: %s, %u checks\n", draft->name, failed ? "FAILED" : "passed", n_tests);
	return failed;
}
