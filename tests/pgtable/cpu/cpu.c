/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Random x86 tables that a CPU walks, too
 *
 *     cpu make LEVELS SEED CASES TABLES-FILE CASES-FILE   what the guest gets
 *     cpu check LEVELS SEED CASES OUTPUT                  what it answered, against src/pgtable
 *
 * Tables point at each other at random, so one page is a table of several levels, and a page of a
 * mapping as well. Every case counts: whether the access is allowed, why not, and the value that is
 * read, which says where it went. Accessed and dirty flags are compared in the end. A CPU may set
 * accessed flags of a walk that faults below them, and the walker does not.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layout.h"
#include "pgtable/pgtable.h"
#include "random.h"

#define WORDS    (CPU_N_TABLES * 512)
#define ACCESSED 0x20u
#define DIRTY    0x40u
#define USED     8 /* entries of each table */

static unsigned levels = 4;

static uint64_t random_entry(void)
{
	uint64_t entry = CPU_TABLES + draw() % CPU_N_TABLES * 4096;

	if (one_of(16))
		entry = CPU_DATA + draw() % CPU_DATA_LENGTH / 4096 * 4096;
	if (one_of(16))
		entry = (CPU_DATA + draw() % 2 * 0x200000) | 0x80;
	if (one_of(40))
		entry = 0x80; /* 1 GiB or 2 MiB at 0 */
	entry |= (one_of(20) ? 0 : 1) | (one_of(10) ? 0 : 2) | (one_of(16) ? 0 : 4) |
		 (draw() & (ACCESSED | DIRTY | 0x118 | 0xe00)) | (draw() & 0x7ff) << 52;
	if (one_of(40))
		entry |= 1ull << (CPU_BITS + draw() % (52 - CPU_BITS));
	if (one_of(100))
		entry |= 1ull << (12 + draw() % 9);
	return one_of(4) ? entry | 1ull << 63 : entry;
}

static uint64_t random_address(void)
{
	unsigned bits = 12 + 9 * levels;
	uint64_t top = draw() % USED + (one_of(4) ? 256 : 0), address = draw() & 0xff8;

	for (unsigned shift = 12; shift < bits - 9; shift += 9)
		address |= draw() % USED << shift;
	address |= top << (bits - 9);
	if (top >= 256)
		address |= UINT64_MAX << bits;
	return one_of(30) ? address ^ 1ull << (bits + draw() % (64 - bits)) : address;
}

static uint64_t tables[WORDS], before[WORDS], may[WORDS];

static struct cpu_cases *make(uint64_t n)
{
	struct cpu_cases *cases = calloc(1, sizeof(*cases) + (size_t)n * sizeof(cases->cases[0]));

	if (!cases)
		abort();
	cases->n = n;
	for (unsigned i = 0; i < CPU_N_TABLES; i++)
		for (unsigned k = 0; k < USED; k++) {
			tables[512 * i + k] = random_entry();
			if (i < CPU_ROOTS)
				tables[512 * i + 256 + k] = random_entry();
		}
	for (uint64_t i = 0; i < n; i++)
		cases->cases[i] = (struct cpu_case){
			CPU_TABLES + draw() % CPU_ROOTS * 4096,
			random_address(),
			one_of(3),
		};
	return cases;
}

/* -- the walker's answer ---------------------------------------------------------- */

static uint64_t *word(void *opaque, uint64_t address, bool write)
{
	static uint64_t elsewhere; /* low memory, which has no tables */

	(void)opaque, (void)write;
	if (address >= CPU_TABLES && address < CPU_TABLES + sizeof(tables))
		return &tables[(address - CPU_TABLES) / 8];
	elsewhere = address >= CPU_DATA && address < CPU_DATA + CPU_DATA_LENGTH ? address : 0;
	return &elsewhere;
}

/* A table that is no table of ours has words which are their own addresses, or are unknown. */
static bool is_known(uint64_t address)
{
	if (address >= CPU_TABLES && address < CPU_TABLES + CPU_ROOTS * 4096)
		return address % 4096 < 510 * 8;
	return (address >= CPU_TABLES && address < CPU_TABLES + sizeof(tables)) ||
	       (address >= CPU_DATA && address < CPU_DATA + CPU_DATA_LENGTH);
}

static const char *fault_of(const struct cpu_result *result)
{
	if (!result->kind)
		return "none";
	if (result->kind == 2)
		return "non-canonical";
	if (result->error & 8) /* without the bit for present, in QEMU */
		return "reserved";
	return result->error & 1 ? "permission" : "translation";
}

struct counts {
	unsigned agree, disagree, unknown, faults;
};

/* What a CPU may mark of a walk that faults. */
static void mark(const struct cpu_case *this)
{
	uint64_t table = this->root;

	for (unsigned shift = 3 + 9 * levels; shift >= 12; shift -= 9) {
		uint64_t address = table + (this->va >> shift & 511) * 8, entry;

		if (address < CPU_TABLES || address >= CPU_TABLES + sizeof(tables))
			return;
		entry = tables[(address - CPU_TABLES) / 8];
		may[(address - CPU_TABLES) / 8] |= ACCESSED;
		if (!(entry & 1) || (entry & 0x80 && shift < 39))
			return;
		table = entry & 0xfffffff000;
	}
}

static struct pt_space space_of(uint64_t at)
{
	const struct pt_limits limits = {
		.output_bits = CPU_BITS,
		.page_1g = true,
		.updates_flags = true,
		.five_levels = true,
	};
	const uint64_t entry[8] = { 1 | 1 << 6, 0,
				    at | 1 << 4 | 1 << 5 | (levels == 5 ? 1 << 2 : 0) };
	struct pt_space space;

	if (!pt_decode_x86_entry(entry, &limits, true, &space))
		abort();
	return space;
}

static void check(uint64_t i, const struct cpu_case *this, const struct cpu_result *result,
		  struct counts *counts)
{
	const struct pt_memory memory = { .word = word };
	const struct pt_space space = space_of(this->root);
	struct pt_result ours;
	enum pt_fault fault =
		pt_translate(&space, this->va, this->write ? PT_WRITE : PT_READ, &memory, &ours);
	const char *is = fault ? pt_fault_name(fault) : "none", *cpu = fault_of(result);
	bool agrees = !strcmp(is, cpu), known = !fault && is_known(ours.address);

	counts->faults += fault != PT_OK;
	if (fault)
		mark(this);
	counts->unknown += !fault && !known;
	/* The CPU may have set flags of an entry that is read as data. */
	if (agrees && known)
		agrees = !((*word(NULL, ours.address, false) ^ result->value) &
			   ~(uint64_t)(ACCESSED | DIRTY));
	counts->agree += agrees;
	counts->disagree += !agrees;
	if (!agrees && counts->disagree <= 10)
		printf("case %" PRIu64 ": root 0x%" PRIx64 " va 0x%" PRIx64
		       " %s: fault %s, pa 0x%" PRIx64 "; the CPU: fault %s, value 0x%" PRIx64 "\n",
		       i, this->root, this->va, this->write ? "write" : "read", is, ours.address,
		       cpu, result->value);
}

/* Ours are set in the CPU's, which are no more than it may; dirty and all else are alike. */
static unsigned compare_flags(const uint64_t *cpu)
{
	unsigned wrong = 0;

	for (unsigned i = 0; i < WORDS; i++) {
		uint64_t more = cpu[i] & ~tables[i], less = tables[i] & ~cpu[i];

		if (i < CPU_ROOTS * 512 && i % 512 >= 510)
			continue;
		if (!less && !(more & ~may[i]))
			continue;
		if (wrong++ < 10)
			printf("entry 0x%" PRIx64 " is 0x%" PRIx64 ", the CPU has 0x%" PRIx64 "\n",
			       (uint64_t)(CPU_TABLES + 8ull * i), tables[i], cpu[i]);
	}
	return wrong;
}

static int check_all(const char *path, const struct cpu_cases *cases)
{
	static uint64_t cpu[WORDS];
	struct counts counts = { 0 };
	struct cpu_result result;
	FILE *file = fopen(path, "rb");
	unsigned wrong, set = 0;

	memcpy(before, tables, sizeof(before));
	for (uint64_t i = 0; file && i < cases->n; i++) {
		if (fread(&result, sizeof(result), 1, file) != 1)
			break;
		check(i, &cases->cases[i], &result, &counts);
	}
	if (!file || fread(cpu, sizeof(cpu), 1, file) != 1) {
		fprintf(stderr, "%s: the guest did not answer all cases\n", path);
		return 2;
	}
	fclose(file);
	wrong = compare_flags(cpu);
	for (unsigned i = 0; i < WORDS; i++)
		set += tables[i] != before[i];
	printf("%u levels: %u cases agree, %u disagree; %u of them fault, %u read memory that is "
	       "unknown; "
	       "flags of %u entries set, %u disagree\n",
	       levels, counts.agree, counts.disagree, counts.faults, counts.unknown, set, wrong);
	return counts.disagree || wrong;
}

int main(int argc, char **argv)
{
	struct cpu_cases *cases;
	int status = 0;

	if (argc < 6)
		return 2;
	levels = argv[2][0] == '5' ? 5 : 4;
	seed_by(argv[3]);
	cases = make(strtoull(argv[4], NULL, 0));
	if (!strcmp(argv[1], "check")) {
		status = check_all(argv[5], cases);
	} else if (argc < 7) {
		status = 2;
	} else {
		write_file(argv[5], tables, sizeof(tables));
		write_file(argv[6], cases,
			   sizeof(*cases) + (size_t)cases->n * sizeof(cases->cases[0]));
	}
	free(cases);
	return status;
}
