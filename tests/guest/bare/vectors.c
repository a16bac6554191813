/* SPDX-License-Identifier: BSD-3-Clause */
#include <viommu/protocol.h>

#include "dma.h"

/*
 * Test vectors of page tables, through the device: the tables are written into memory, attached by
 * request, and used by DMA of viommu-dma. Where an access went is what it reads, or where its
 * pattern is.
 *
 * The host hands over what vectors.py writes: the memory that they may use, the number of files,
 * and for each of them, in words of 8 bytes, 4 for its name, format, is a context, n parent
 * mappings, n words, n cases, body[8]; first, last, to and flags of each mapping; address and value
 * of each word; and for each case address, flags, PASID, output, reason of the fault or 0, n words
 * afterwards, and these.
 */

#define TABLES_END 0x80900000ull
#define PASID      9
#define SEED       0x1234

enum { WRITE = 1, PRIVILEGED = 2, WITH_PASID = 4 };

static struct iommu iommu;
static struct dma dma;
static const uint64_t *at;
static uint64_t first, limit;

static uint64_t take(void)
{
	return *at++;
}

struct file {
	const char *name;
	uint64_t format, is_context, n_parent, n_words, n_cases;
	const uint64_t *body, *parent, *words;
};

struct one {
	uint64_t address, flags, pasid, output, reason, n_after;
	const uint64_t *after;
};

static struct file take_file(void)
{
	struct file file = { .name = (const char *)at };

	at += 4;
	file.format = take();
	file.is_context = take();
	file.n_parent = take();
	file.n_words = take();
	file.n_cases = take();
	file.body = at;
	file.parent = file.body + 8;
	file.words = file.parent + 4 * file.n_parent;
	at = file.words + 2 * file.n_words;
	return file;
}

static struct one take_one(void)
{
	struct one one = { take(), 0, 0, 0, 0, 0, NULL };

	one.flags = take();
	one.pasid = take();
	one.output = take();
	one.reason = take();
	one.n_after = take();
	one.after = at;
	at += 2 * one.n_after;
	return one;
}

static volatile uint64_t *word_at(uint64_t address)
{
	return (volatile uint64_t *)address;
}

static void write_words(const struct file *file)
{
	for (uint64_t i = 0; i < file->n_words; i++)
		*word_at(file->words[2 * i]) = file->words[2 * i + 1];
}

/* A context has all PASIDs; a table is attached to one, so that privileged accesses can be made. */
static int attach(const struct file *file)
{
	struct table table = {
		.domain = 1,
		.endpoint = dma.function.devfn,
		.pasid = file->is_context ? NO_PASID : PASID,
		.parent = file->n_parent ? 2 : NO_PARENT,
		.format = (uint16_t)file->format,
	};

	for (unsigned i = 0; i < 8; i++)
		table.body[i] = file->body[i];
	return iommu_attach_table(&iommu, &table);
}

static int map_parent(const struct file *file)
{
	int status = 0;

	for (uint64_t i = 0; i < file->n_parent && !status; i++) {
		const uint64_t *row = file->parent + 4 * i;

		status = iommu_map(&iommu, 2, row[0], row[1], row[2], (uint32_t)row[3]);
	}
	return status;
}

static uint32_t pasid_of(const struct file *file, const struct one *one)
{
	uint32_t pasid = (uint32_t)one->pasid;

	if (!file->is_context)
		pasid = PASID;
	else if (!(one->flags & WITH_PASID))
		return NO_PASID;
	return pasid | (one->flags & PRIVILEGED ? DMA_PRIVILEGED : 0);
}

static bool await_reason(uint64_t reason)
{
	struct record record;

	for (unsigned i = 0; i < 100000; i++) {
		if (iommu_event(&iommu, &record))
			return record.reason == reason;
		read32(dma.registers, 0);
	}
	return false;
}

static bool has_words(const struct one *one)
{
	for (uint64_t i = 0; i < one->n_after; i++)
		if (*word_at(one->after[2 * i]) != one->after[2 * i + 1])
			return false;
	return true;
}

static bool play(const struct file *file, const struct one *one)
{
	bool write = one->flags & WRITE, in_memory = one->output && one->output < limit;
	uint64_t address = one->address & ~7ull, output = one->output & ~7ull;
	uint64_t canary = ~output;
	unsigned status;

	write_words(file);
	if (in_memory && !write)
		*word_at(output) = canary;
	if (iommu_invalidate_all(&iommu, 1) != VIOMMU_S_OK)
		return false;
	status = dma_do(&dma, write ? DMA_WRITE : DMA_READ, pasid_of(file, one), address, 8, 0,
			SEED);
	if (one->reason)
		return status == DMA_FAULT && await_reason(one->reason);
	if (!in_memory)
		return true;
	if (status != DMA_DONE || !has_words(one))
		return false;
	return write ? *word_at(output) == dma_hash(SEED ^ address)
		     : read64(dma.registers, DMA_RESULT) == dma_hash(canary ^ address);
}

int run(void)
{
	const uint64_t features = 1ull << 32 | VIOMMU_F_INPUT_RANGE | VIOMMU_F_DOMAIN_RANGE |
				  VIOMMU_F_MAP_UNMAP | VIOMMU_F_PROBE | VIOMMU_F_BYPASS_CONFIG |
				  VIOMMU_F_PASID | VIOMMU_F_TABLE | VIOMMU_F_NEST |
				  VIOMMU_F_PAGE_REQUEST;
	unsigned passed = 0, failed = 0;
	struct record record;
	uint64_t n_files;

	if (!dma_begin(&dma) || !iommu_begin(&iommu, features, VIOMMU_FAULT_LONG_LENGTH))
		return 1;
	at = (const uint64_t *)machine_handed();
	first = take();
	limit = take();
	n_files = take();
	for (uint64_t i = 0; i < n_files; i++) {
		struct file file = take_file();

		memset((void *)first, 0, TABLES_END - first);
		write_words(&file);
		if (attach(&file) != VIOMMU_S_OK || map_parent(&file) != VIOMMU_S_OK) {
			print("%s cannot be attached\n", file.name);
			failed++;
		}
		for (uint64_t k = 0; k < file.n_cases; k++) {
			struct one one = take_one();
			bool agrees = play(&file, &one);

			if (!agrees)
				print("%s: case %u, address 0x%llx, disagrees\n", file.name,
				      (unsigned)k, (unsigned long long)one.address);
			passed += agrees;
			failed += !agrees;
			while (iommu_event(&iommu, &record))
				;
		}
		iommu_detach_all(&iommu, dma.function.devfn);
	}
	print("%u passed, %u failed\n", passed, failed);
	return failed != 0;
}
