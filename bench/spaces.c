/* SPDX-License-Identifier: BSD-3-Clause */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include <viommu/device.h>

#include "clock.h"

/*
 * spaces ROUNDS: translations by mappings and by tables of the guest, and what INVALIDATE costs
 *
 * The guest has x86 tables of four levels over 16 GiB, as VT-d's first stage: 8,192 tables of the
 * last level. Working sets fit what the device keeps (128 pages), have their tables kept but not
 * their pages (128 MiB), or neither (16 GiB). The same with a parent that maps all of it in pieces
 * of 64 KiB. Prints JSON: nanoseconds of the thread's own time.
 */

#define PAGE   0x1000ull
#define SPAN   (16ull << 30) /* what tables map */
#define ROOT   (1ull << 40)  /* where tables are, in guest memory */
#define LAST   (SPAN >> 21)  /* tables of the last level */
#define TABLES (2 + (SPAN >> 30) + LAST)
#define PIECE  0x10000ull /* of the parent's mappings */
#define KEPT   128        /* pages */
#define MIDDLE (128ull << 20)
#define PASIDS 1000u

enum { MAP, TABLE, NESTED, PASID_TABLE }; /* endpoints */

static struct {
	struct viommu *device;
	struct viommu_dma *dma;
	uint64_t *memory;
	unsigned rounds;
} bench;

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* -- requests --------------------------------------------------------------------- */

static void put(uint8_t *at, unsigned length, uint64_t value)
{
	for (unsigned i = 0; i < length; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

static void send(const uint8_t *bytes, size_t length)
{
	uint8_t tail[VIOMMU_TAIL_LENGTH];
	const struct iovec readable = { (void *)bytes, length }, writable = { tail, sizeof(tail) };

	must(viommu_request(bench.device, &readable, 1, &writable, 1) == sizeof(tail) && !tail[0]);
}

static void attach(uint32_t domain, uint32_t endpoint, uint32_t flags, uint32_t pasid)
{
	uint8_t bytes[VIOMMU_ATTACH_LENGTH] = { VIOMMU_T_ATTACH };

	put(bytes + 4, 4, domain);
	put(bytes + 8, 4, endpoint);
	put(bytes + 12, 4, flags);
	put(bytes + 16, 4, pasid);
	send(bytes, sizeof(bytes));
}

static void map(uint32_t domain, uint64_t first, uint64_t last, uint64_t to)
{
	uint8_t bytes[VIOMMU_MAP_LENGTH] = { VIOMMU_T_MAP };

	put(bytes + 4, 4, domain);
	put(bytes + 8, 8, first);
	put(bytes + 16, 8, last);
	put(bytes + 24, 8, to);
	put(bytes + 32, 4, VIOMMU_MAP_F_READ | VIOMMU_MAP_F_WRITE);
	send(bytes, sizeof(bytes));
}

static void unmap(uint32_t domain, uint64_t first, uint64_t last)
{
	uint8_t bytes[VIOMMU_UNMAP_LENGTH] = { VIOMMU_T_UNMAP };

	put(bytes + 4, 4, domain);
	put(bytes + 8, 8, first);
	put(bytes + 16, 8, last);
	send(bytes, sizeof(bytes));
}

static void attach_table(uint32_t domain, uint32_t endpoint, uint32_t flags, uint32_t pasid,
			 uint32_t parent)
{
	uint8_t bytes[VIOMMU_ATTACH_TABLE_LENGTH] = { VIOMMU_T_ATTACH_TABLE };

	put(bytes + 4, 4, domain);
	put(bytes + 8, 4, endpoint);
	put(bytes + 12, 4, flags);
	put(bytes + 16, 2, VIOMMU_TABLE_X86_PASID_ENTRY);
	put(bytes + 20, 4, pasid);
	put(bytes + 24, 4, parent);
	put(bytes + 32, 8, 1 | 1 << 6);
	put(bytes + 48, 8, ROOT);
	send(bytes, sizeof(bytes));
}

static void invalidate(uint32_t domain, uint8_t scope, uint64_t address)
{
	uint8_t bytes[VIOMMU_INVALIDATE_LENGTH] = { VIOMMU_T_INVALIDATE };

	put(bytes + 4, 1, scope);
	put(bytes + 5, 1, VIOMMU_INVALIDATE_C_TLB);
	put(bytes + 6, 2, VIOMMU_INVALIDATE_F_LEAF);
	put(bytes + 8, 4, domain);
	put(bytes + 24, 8, address);
	put(bytes + 32, 8, 1);
	put(bytes + 40, 1, 12);
	send(bytes, sizeof(bytes));
}

/* -- the scene -------------------------------------------------------------------- */

/* Accessed and dirty are set, as Linux does. The page tables lie one behind the other. */
static void write_tables(void)
{
	uint64_t *word = bench.memory, gibs = SPAN >> 30;

	word[0] = (ROOT + PAGE) | 0x67;
	for (uint64_t i = 0; i < gibs; i++)
		word[512 + i] = (ROOT + (2 + i) * PAGE) | 0x67;
	for (uint64_t i = 0; i < LAST; i++)
		word[2 * 512 + i] = (ROOT + (2 + gibs + i) * PAGE) | 0x67;
	for (uint64_t i = 0; i < LAST * 512; i++)
		word[(2 + gibs) * 512 + i] = (i * PAGE) | 0x67;
}

static void add_endpoint(uint32_t id)
{
	static const struct viommu_table_format format = {
		VIOMMU_TABLE_X86_PASID_ENTRY, 48, 48, 0x40201000, 16, VIOMMU_TABLE_F_UPDATES
	};
	const struct viommu_endpoint endpoint = {
		.size = sizeof(endpoint),
		.id = id,
		.pasid_bits = 20,
		.formats = &format,
		.n_formats = 1,
	};

	must(!viommu_endpoint_add(bench.device, &endpoint));
}

static void set_up(void)
{
	const struct viommu_config config = {
		.size = sizeof(config),
		.features =
			VIOMMU_FEATURES_DEFAULT | VIOMMU_F_PASID | VIOMMU_F_TABLE | VIOMMU_F_NEST,
	};
	struct viommu_memory range = { .first = ROOT, .last = ROOT + TABLES * PAGE - 1 };

	bench.memory = aligned_alloc(PAGE, TABLES * PAGE);
	must(bench.memory);
	range.host = bench.memory;
	write_tables();
	must(!viommu_new(&config, NULL, NULL, &bench.device));
	must(!viommu_accept(bench.device, config.features));
	must(!viommu_set_memory(bench.device, &range, 1));
	must(!viommu_dma_new(bench.device, &bench.dma));
	for (uint32_t id = MAP; id <= PASID_TABLE; id++)
		add_endpoint(id);
	attach(1, MAP, 0, 0);
	for (uint64_t page = 0; page < KEPT; page++)
		map(1, page * 2 * PAGE, page * 2 * PAGE + PAGE - 1, page * PAGE);
	attach_table(2, TABLE, 0, 0, 0);
	attach_table(3, NESTED, VIOMMU_SLOT_F_PARENT, 0, 4);
	for (uint64_t at = 0; at < SPAN; at += PIECE)
		map(4, at, at + PIECE - 1, at + (at & PIECE));
	for (uint64_t at = ROOT; at < ROOT + TABLES * PAGE; at += PIECE)
		map(4, at, at + PIECE - 1, at);
	attach_table(5, PASID_TABLE, VIOMMU_SLOT_F_PASID, 77, 0);
}

/* -- translations ----------------------------------------------------------------- */

static uint64_t draw(void)
{
	static uint64_t seed = 1;

	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

#define BATCH 4096

#define SAMPLES_MAX 4096

static int compare(const void *a, const void *b)
{
	const uint64_t *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

static double median(uint64_t *samples, size_t n)
{
	size_t middle = n / 2;

	qsort(samples, n, sizeof(samples[0]), compare);
	return (double)samples[middle];
}

/* Of accesses to pages at `step` apart, below `span`; after one round to warm up. */
static double translate(uint32_t endpoint, uint64_t span, uint64_t step)
{
	struct viommu_translation to;
	uint64_t spent[SAMPLES_MAX] = { 0 };

	for (unsigned round = 0; round <= bench.rounds; round++) {
		uint64_t iova[BATCH], begin;

		for (unsigned i = 0; i < BATCH; i++)
			iova[i] = draw() % (span / step) * step;
		begin = spent_ns();
		viommu_dma_begin(bench.dma);
		for (unsigned i = 0; i < BATCH; i++)
			if (endpoint == PASID_TABLE)
				must(!viommu_dma_translate_pasid(bench.dma, endpoint, 77, iova[i],
								 8, VIOMMU_MAP_F_READ, &to));
			else
				must(!viommu_dma_translate(bench.dma, endpoint, iova[i], 8,
							   VIOMMU_MAP_F_READ, &to));
		viommu_dma_end(bench.dma);
		if (round)
			spent[round - 1] = spent_ns() - begin;
	}
	return median(spent, bench.rounds) / BATCH;
}

/* -- INVALIDATE ------------------------------------------------------------------- */

/* With so many translations kept before; another domain first, for the processor's caches. */
static double flush(uint8_t scope, uint64_t n_kept)
{
	struct viommu_translation to;
	uint64_t spent[SAMPLES_MAX] = { 0 }, n = bench.rounds * 16;

	for (uint64_t round = 0; round < n; round++) {
		uint64_t begin;

		for (uint64_t i = 0; i < n_kept; i++)
			must(!viommu_translate(bench.device, TABLE, i * PAGE, 8, VIOMMU_MAP_F_READ,
					       &to));
		invalidate(5, scope, PAGE);
		begin = spent_ns();
		invalidate(2, scope, PAGE);
		spent[round] = spent_ns() - begin;
	}
	return median(spent, n);
}

/* -- mapping a page for one access ------------------------------------------------- */

#define WINDOW (1ull << 30) /* its pages are not used otherwise */
#define GROUP  64

static void access_page(uint32_t endpoint, uint64_t page)
{
	struct viommu_translation to;

	must(!viommu_translate(bench.device, endpoint, WINDOW + page * PAGE, 8, VIOMMU_MAP_F_READ,
			       &to));
}

static void by_requests(uint64_t page)
{
	uint64_t at = WINDOW + page * PAGE;

	map(1, at, at + PAGE - 1, at);
	access_page(MAP, page);
	unmap(1, at, at + PAGE - 1);
}

/* The entry of a page in the window. */
static uint64_t *entry_of(uint64_t page)
{
	return &bench.memory[(2 + (SPAN >> 30)) * 512 + WINDOW / PAGE + page];
}

static void by_table(uint64_t page)
{
	uint64_t *entry = entry_of(page), was = *entry;

	__atomic_store_n(entry, was, __ATOMIC_RELEASE);
	access_page(TABLE, page);
	__atomic_store_n(entry, 0, __ATOMIC_RELEASE);
	invalidate(2, VIOMMU_INVALIDATE_S_ADDRESS, WINDOW + page * PAGE);
	*entry = was;
}

static void by_table_in_groups(uint64_t page)
{
	uint64_t *entry = entry_of(page), was = *entry;

	__atomic_store_n(entry, was, __ATOMIC_RELEASE);
	access_page(TABLE, page);
	__atomic_store_n(entry, 0, __ATOMIC_RELEASE);
	if (page % GROUP == GROUP - 1)
		invalidate(2, VIOMMU_INVALIDATE_S_DOMAIN, 0);
	*entry = was;
}

static double cycle(void (*once)(uint64_t page))
{
	uint64_t spent[SAMPLES_MAX] = { 0 };

	for (unsigned round = 0; round <= bench.rounds; round++) {
		uint64_t begin = spent_ns();

		for (uint64_t page = 0; page < BATCH; page++)
			once(page);
		if (round)
			spent[round - 1] = spent_ns() - begin;
	}
	return median(spent, bench.rounds) / BATCH;
}

/* -- memory ----------------------------------------------------------------------- */

static double bytes_of_endpoints(uint32_t pasids)
{
	enum { N = 256 };
	size_t before = mallinfo2().uordblks, after;

	for (uint32_t i = 0; i < N; i++)
		add_endpoint(1000 + i);
	for (uint32_t i = 0; pasids && i < N; i++)
		for (uint32_t pasid = 0; pasid < pasids; pasid++)
			attach(1, 1000 + i, VIOMMU_SLOT_F_PASID, pasid);
	after = mallinfo2().uordblks;
	for (uint32_t i = 0; i < N; i++)
		must(!viommu_endpoint_remove(bench.device, 1000 + i));
	return (double)(after - before) / (double)N;
}

int main(int argc, char **argv)
{
	bench.rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 0) : 1;
	must(bench.rounds && bench.rounds * 16 <= SAMPLES_MAX);
	set_up();
	printf("{\"translate\": {");
	printf("\"map, hit\": %.1f, ", translate(MAP, KEPT * 2 * PAGE, 2 * PAGE));
	printf("\"table, hit\": %.1f, ", translate(TABLE, KEPT * PAGE, PAGE));
	printf("\"table of a PASID, hit\": %.1f, ", translate(PASID_TABLE, KEPT * PAGE, PAGE));
	printf("\"nested, hit\": %.1f, ", translate(NESTED, KEPT * PAGE, PAGE));
	printf("\"table, miss, last table kept\": %.1f, ", translate(TABLE, MIDDLE, PAGE));
	printf("\"table, miss\": %.1f, ", translate(TABLE, SPAN, PAGE));
	printf("\"nested, miss, last table kept\": %.1f, ", translate(NESTED, MIDDLE, PAGE));
	printf("\"nested, miss\": %.1f}, ", translate(NESTED, SPAN, PAGE));
	printf("\"invalidate\": {");
	for (uint64_t n = 1; n <= 1000; n *= 10)
		printf("\"%u\": [%.1f, %.1f]%s", (unsigned)n, flush(VIOMMU_INVALIDATE_S_DOMAIN, n),
		       flush(VIOMMU_INVALIDATE_S_ADDRESS, n), n < 1000 ? ", " : "}, ");
	printf("\"map, access, unmap\": {\"by requests\": %.1f, \"by a table\": %.1f, "
	       "\"by a table, %d at a time\": %.1f}, ",
	       cycle(by_requests), cycle(by_table), GROUP, cycle(by_table_in_groups));
	printf("\"bytes\": {\"0\": %.0f, \"1\": %.0f, \"%u\": %.0f}}\n", bytes_of_endpoints(0),
	       bytes_of_endpoints(1), PASIDS, bytes_of_endpoints(PASIDS));
	viommu_dma_free(bench.dma);
	viommu_free(bench.device);
	free(bench.memory);
	return 0;
}
