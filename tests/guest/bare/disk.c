/* SPDX-License-Identifier: BSD-3-Clause */
#include <viommu/protocol.h>

#include "dma.h"

/*
 * A disk behind page tables of the guest, in each format that has tables of 512 entries
 *
 * The rings, headers and data of a virtio-blk are all at addresses of the table, OFFSET above those
 * of memory, and the pages of a buffer are in reverse. disk.py makes the disk, whose words are
 * dma_hash(READ_SEED ^ their place), and checks what was written.
 */

#define OFFSET    0x4000000000ull
#define DATA      16 /* pages of a transfer */
#define SECTOR    512
#define READ_SEED 0x1000
#define END       ((uint64_t)DATA * PAGE)
#define VERSION_1 (1ull << 32)
#define PLATFORM  (1ull << 33) /* ACCESS_PLATFORM */
#define FEATURES \
	(VERSION_1 | VIOMMU_F_INPUT_RANGE | VIOMMU_F_DOMAIN_RANGE | VIOMMU_F_MAP_UNMAP | \
	 VIOMMU_F_PROBE | VIOMMU_F_BYPASS_CONFIG | VIOMMU_F_TABLE | VIOMMU_F_PASID | \
	 VIOMMU_F_PAGE_REQUEST)

enum { DISK_READ, DISK_WRITE };

static const struct format {
	const char *name;
	uint16_t number;
	struct paging paging;
	uint64_t leaf;
	uint64_t body[3]; /* with the root in one of them */
	unsigned root, shift;
} formats[] = {
	{ "x86", VIOMMU_TABLE_X86_PASID_ENTRY, { 12, 6 }, 7, { 1 | 1 << 6, 0, 0x31 }, 2, 0 },
	{ "amd", VIOMMU_TABLE_AMD_GCR3_ENTRY, { 12, 6 }, 7, { 1, 4 }, 0, 0 },
	{ "arm", VIOMMU_TABLE_ARM_CD, { 12, 2 }, 0x743, { 0x6205c0000010 }, 1, 0 },
	{ "riscv", VIOMMU_TABLE_RISCV_PC, { 10, 0 }, 0xd7, { 1, 9ull << 60 }, 1, 12 },
	{ "generic", VIOMMU_TABLE_GENERIC, { 12, 2 }, 0xd, { 0 }, 0, 0 },
};

static struct iommu iommu;
static struct function function;
static struct virtio disk;
static struct queue requests;
static unsigned n_failed;

/* A header at the end of the first page, data, and the status in the last page. */
static uint8_t *buffer;
static uint64_t *root;

#define CHECK(condition) check(condition, #condition, __LINE__)

static bool check(bool holds, const char *condition, int line)
{
	if (!holds)
		print("line %d: %s\n", line, condition);
	n_failed += !holds;
	return holds;
}

/* -- the table -------------------------------------------------------------------- */

static void map_page(const struct format *format, uint64_t address, const void *page)
{
	*paging_entry(&format->paging, root, address) =
		paging_value(&format->paging, page, format->leaf);
}

static uint8_t *data_page(unsigned i)
{
	return buffer + (DATA - i) * PAGE;
}

static void map_buffer(const struct format *format)
{
	uint64_t at = OFFSET + (uint64_t)buffer;

	map_page(format, at, buffer);
	for (unsigned i = 0; i < DATA; i++)
		map_page(format, at + (i + 1) * PAGE, data_page(i));
	map_page(format, at + (DATA + 1) * PAGE, buffer + (DATA + 1) * PAGE);
}

static int attach(const struct format *format)
{
	struct table table = {
		.domain = 1,
		.endpoint = function.devfn,
		.pasid = NO_PASID,
		.parent = NO_PARENT,
		.format = format->number,
		.body = { format->body[0], format->body[1], format->body[2] },
	};

	table.body[format->root] |= (uint64_t)root >> format->shift;
	return iommu_attach_table(&iommu, &table);
}

/* -- the disk --------------------------------------------------------------------- */

static bool start_disk(const struct format *format)
{
	if (!virtio_begin(&disk, &function) || !virtio_accept(&disk, VERSION_1 | PLATFORM))
		return false;
	disk.offset = OFFSET;
	if (!virtio_queue(&disk, 0, &requests))
		return false;
	map_page(format, OFFSET + (uint64_t)requests.descriptors, (void *)requests.descriptors);
	virtio_go(&disk);
	return true;
}

static void start_transfer(uint32_t kind, uint64_t sector)
{
	uint8_t *header = buffer + PAGE - 16, *status = buffer + (DATA + 1) * PAGE;
	const uint64_t words[2] = { kind, sector };

	memcpy(header, words, sizeof(words));
	*status = 0xff;
	if (kind == DISK_READ)
		queue_put(&requests, header, 16, buffer + PAGE, END + 1);
	else
		queue_put(&requests, header, 16 + END, status, 1);
	queue_kick(&requests);
}

/* The status of the transfer. */
static uint8_t end_transfer(void)
{
	uint16_t descriptor;
	uint32_t length;

	while (!queue_get(&requests, &descriptor, &length))
		;
	return *(volatile uint8_t *)(buffer + (DATA + 1) * PAGE);
}

static uint64_t *word_at(uint64_t at)
{
	return (uint64_t *)(data_page((unsigned)(at / PAGE)) + at % PAGE);
}

static bool has_words(uint64_t seed, uint64_t place)
{
	for (uint64_t at = 0; at < END; at += 8)
		if (*(volatile uint64_t *)word_at(at) != dma_hash(seed ^ (place + at)))
			return false;
	return true;
}

/* -- tests ------------------------------------------------------------------------ */

static void test_transfers(const struct format *format, unsigned n)
{
	uint64_t place = (n + 1) * END;

	start_transfer(DISK_READ, place / SECTOR);
	CHECK(end_transfer() == 0);
	CHECK(has_words(READ_SEED, place));
	for (uint64_t at = 0; at < END; at += 8)
		*word_at(at) = dma_hash(format->number ^ (place + at));
	start_transfer(DISK_WRITE, place / SECTOR);
	CHECK(end_transfer() == 0);
	memset(buffer + PAGE, 0, END);
	start_transfer(DISK_READ, place / SECTOR);
	CHECK(end_transfer() == 0);
	CHECK(has_words(format->number, place));
}

/* A record within a while, or false. */
static bool await_record(struct record *ret_record)
{
	for (unsigned i = 0; i < 2000; i++) {
		if (iommu_event(&iommu, ret_record))
			return true;
		read32(disk.device, 0);
	}
	return false;
}

/* QEMU transfers the rest of the buffer, and accesses the page word by word: each has a fault. */
static void test_a_page_that_was_taken_away_is_not_written(const struct format *format)
{
	uint64_t at = OFFSET + (uint64_t)buffer + 3 * PAGE;
	struct record record;
	unsigned n = 0;

	memset(buffer + PAGE, 0x5a, END);
	*paging_entry(&format->paging, root, at) = 0;
	CHECK(iommu_invalidate(&iommu, 1, at) == VIOMMU_S_OK);
	start_transfer(DISK_READ, 0);
	end_transfer();
	for (; await_record(&record); n++)
		if (!CHECK(record.endpoint == function.devfn &&
			   record.reason == VIOMMU_FAULT_R_MAPPING && record.address >= at &&
			   record.address < at + PAGE))
			break;
	CHECK(n > 0);
	for (uint64_t i = 0; i < PAGE / 8; i++)
		if (!CHECK(((uint64_t *)data_page(2))[i] == 0x5a5a5a5a5a5a5a5a))
			break;
	CHECK(*word_at(0) == dma_hash(READ_SEED));
}

int run(void)
{
	if (!pci_find(0x1af4, 0x1042, 0, &function) ||
	    !iommu_begin(&iommu, FEATURES, VIOMMU_FAULT_LONG_LENGTH))
		return 1;
	iommu.virtio.device[VIOMMU_CONFIG_BYPASS] = 0;
	buffer = take_pages(DATA + 2);
	for (unsigned n = 0; n < COUNT(formats); n++) {
		const struct format *format = &formats[n];
		unsigned before = n_failed;

		root = take_pages(1);
		map_buffer(format);
		CHECK(attach(format) == VIOMMU_S_OK);
		if (CHECK(start_disk(format))) {
			test_transfers(format, n);
			test_a_page_that_was_taken_away_is_not_written(format);
		}
		virtio_end(&disk);
		CHECK(iommu_detach_all(&iommu, function.devfn) == VIOMMU_S_OK);
		print("%s a disk behind a table of %s\n", n_failed > before ? "FAILED" : "passed",
		      format->name);
	}
	return n_failed != 0;
}
