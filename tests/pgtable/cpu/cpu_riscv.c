/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Random RISC-V tables that a CPU walks, too
 *
 *     cpu_riscv make SEED CASES TABLES-FILE CASES-FILE   what the guest gets
 *     cpu_riscv check SEED CASES OUTPUT                  what it answered, against src/pgtable
 *
 * Sv39, Sv48 and Sv57, pages of all sizes, NAPOT and memory types. Tables point at each other at
 * random. Compared are whether an access faults, what it reads, and all flags in the end, which
 * QEMU's CPU sets as an IOMMU with tc.SADE does.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layout_riscv.h"
#include "pgtable/pgtable.h"
#include "random.h"

#define WORDS   (RISCV_N_TABLES * RISCV_TABLE_SIZE / 8)
#define ENTRIES 512
#define USED    8 /* entries at the beginning of each table, and as many at its end */
#define NOWHERE (1ull << 40)

enum { V = 1, R = 2, W = 4, X = 8, U = 16, G = 32, A = 64, D = 128 };
enum { LOAD_ACCESS = 5, STORE_ACCESS = 7, LOAD_PAGE = 13, STORE_PAGE = 15 };

static uint64_t tables[WORDS];

static uint64_t random_table(void)
{
	return RISCV_TABLES + draw() % RISCV_N_TABLES * RISCV_TABLE_SIZE;
}

/* What a leaf leads to: at times too little aligned for its level, or no memory. */
static uint64_t random_target(void)
{
	if (one_of(32))
		return NOWHERE + (draw() & 0xffff000);
	if (one_of(6))
		return RISCV_RAM;
	if (one_of(3))
		return RISCV_RAM + (1 + draw() % 7) * 0x200000;
	return RISCV_TABLES + draw() % ((RISCV_DATA_END - RISCV_TABLES) / 4096) * 4096;
}

static uint64_t random_leaf(void)
{
	uint64_t entry = random_target() >> 2 | V | (draw() & (R | W | X | U | G | A | D));

	entry |= one_of(4) ? 0 : R | U;
	if (one_of(12))
		entry = (entry & ~(0xfull << 10)) | (one_of(4) ? draw() & 0xf : 8) << 10 |
			1ull << 63;
	if (one_of(12))
		entry |= (1 + draw() % 2) << 61;
	return entry | (draw() & 3) << 8;
}

static uint64_t random_entry(void)
{
	uint64_t entry;

	if (one_of(40))
		return 0;
	if (one_of(3))
		return random_leaf();
	entry = (one_of(40) ? random_target() : random_table()) >> 2 | V;
	if (one_of(40))
		entry |= draw() & (A | D | U | G);
	return one_of(80) ? entry & ~(uint64_t)V : entry;
}

/* -- cases ------------------------------------------------------------------------ */

static uint64_t random_index(void)
{
	return draw() % USED + (one_of(4) ? ENTRIES - USED : 0);
}

static uint64_t random_address(unsigned levels)
{
	unsigned bits = 12 + 9 * levels;
	uint64_t address = draw() & 0xff8;

	for (unsigned i = 0; i < levels; i++)
		address |= random_index() << (12 + 9 * i);
	if (address >> (bits - 1) & 1)
		address |= UINT64_MAX << bits;
	return one_of(30) ? address ^ 1ull << (bits + draw() % (64 - bits)) : address;
}

/* QEMU 7.2 translates addresses of the running program as it fetches that. */
static struct riscv_case random_case(void)
{
	unsigned levels = 3 + (unsigned)(draw() % 3);
	struct riscv_case this = {
		.satp = (uint64_t)(levels + 5) << 60 | random_table() >> 12,
		.access = (uint32_t)(draw() % 4),
		.sum = one_of(2),
	};

	do
		this.address = random_address(levels);
	while (this.address >= RISCV_RAM && this.address < RISCV_TABLES);
	return this;
}

static struct riscv_cases *make(uint64_t n)
{
	struct riscv_cases *cases = calloc(1, sizeof(*cases) + (size_t)n * sizeof(cases->cases[0]));

	if (!cases)
		abort();
	cases->n = n;
	for (unsigned i = 0; i < WORDS; i++)
		if (i % ENTRIES < USED || i % ENTRIES >= ENTRIES - USED)
			tables[i] = random_entry();
	for (uint64_t i = 0; i < n; i++)
		cases->cases[i] = random_case();
	return cases;
}

/* -- the walker's answer, and the CPU's -------------------------------------------- */

static bool is_table(uint64_t address)
{
	return address >= RISCV_TABLES && address < RISCV_TABLES + sizeof(tables);
}

static bool is_data(uint64_t address)
{
	return address >= RISCV_DATA && address < RISCV_DATA_END;
}

static bool is_memory(uint64_t address)
{
	return address >= RISCV_RAM && address < RISCV_RAM_END;
}

static uint64_t *word(void *opaque, uint64_t address, bool write)
{
	static uint64_t own;

	(void)opaque, (void)write;
	own = address;
	return is_table(address)  ? &tables[(address - RISCV_TABLES) / 8]
	       : is_data(address) ? &own
				  : NULL;
}

static bool writes(const struct riscv_case *this)
{
	return this->access == RISCV_WRITE_USER || this->access == RISCV_WRITE;
}

static enum pt_fault walk(const struct riscv_case *this, bool write, struct pt_result *ret_result)
{
	const struct pt_limits limits = {
		.output_bits = 56, .updates_flags = true, .svnapot = true, .svpbmt = true
	};
	const struct pt_memory memory = { .word = word };
	unsigned access =
		(write ? PT_WRITE : PT_READ) | (this->access >= RISCV_READ ? PT_PRIVILEGED : 0);
	struct pt_space space;

	if (!pt_decode_riscv_pc(1 | 1 << 1 | (uint64_t)this->sum << 2, this->satp, true, &limits,
				&space))
		abort();
	return pt_translate(&space, this->address, access, &memory, ret_result);
}

/* NULL: it is as the walker says. */
static const char *difference(const struct riscv_answer *cpu, enum pt_fault fault,
			      const struct pt_result *result)
{
	bool has_page_fault = cpu->cause == LOAD_PAGE || cpu->cause == STORE_PAGE;
	bool has_access_fault = cpu->cause == LOAD_ACCESS || cpu->cause == STORE_ACCESS;

	if (fault == PT_WALK_ABORT)
		return has_page_fault || has_access_fault ? NULL : "no fault outside of memory";
	if (fault)
		return has_page_fault ? NULL : "no page fault";
	if (!is_memory(result->address))
		return has_access_fault ? NULL : "no fault where there is no memory";
	if (cpu->cause != RISCV_NO_TRAP)
		return "a fault";
	if (is_data(result->address) && cpu->value != result->address)
		return "another address";
	if (is_table(result->address) && cpu->value != *word(NULL, result->address, false))
		return "another address, or other flags";
	return NULL;
}

/* Of a NAPOT page with a reserved size, QEMU 7.2 sets the flags before it refuses it. */
static bool has_bad_size(uint64_t entry)
{
	return entry >> 63 && (entry >> 10 & 0xf) != 8;
}

static unsigned compare_tables(FILE *file)
{
	unsigned differ = 0;

	for (uint64_t i = 0; i < WORDS; i++) {
		uint64_t entry;

		if (fread(&entry, sizeof(entry), 1, file) != 1)
			return differ + 1;
		if (entry != tables[i] && !has_bad_size(entry) && differ++ < 10)
			printf("entry %" PRIu64 " of table %" PRIu64 " is 0x%" PRIx64
			       ", and 0x%" PRIx64 " by the CPU\n",
			       i % ENTRIES, i / ENTRIES, tables[i], entry);
	}
	return differ;
}

static bool agrees(uint64_t i, const struct riscv_case *this, const struct riscv_answer *cpu)
{
	struct pt_result result = { 0 };
	enum pt_fault fault = walk(this, false, &result);
	const char *what;

	/* With one processor, an atomic operation of QEMU is a read and a write. */
	if (!fault && writes(this) && is_memory(result.address))
		fault = walk(this, true, &result);
	what = difference(cpu, fault, &result);
	if (what)
		printf("case %" PRIu64 ": satp 0x%" PRIx64 " va 0x%" PRIx64 " access %u sum %u: %s"
		       ", level %d, 0x%" PRIx64 "; the CPU has %s: cause %" PRId64 ", 0x%" PRIx64
		       "\n",
		       i, this->satp, this->address, this->access, this->sum, pt_fault_name(fault),
		       result.level, result.address, what, (int64_t)cpu->cause, cpu->value);
	return !what;
}

static int check(const struct riscv_cases *cases, const char *path)
{
	unsigned agreed = 0, traps = 0, differ;
	FILE *file = fopen(path, "rb");
	struct riscv_answer cpu;

	for (uint64_t i = 0; i < cases->n; i++) {
		if (!file || fread(&cpu, sizeof(cpu), 1, file) != 1) {
			fprintf(stderr, "%s: the guest did not answer all cases\n", path);
			return 2;
		}
		agreed += agrees(i, &cases->cases[i], &cpu);
		traps += cpu.cause != RISCV_NO_TRAP;
	}
	differ = compare_tables(file);
	fclose(file);
	printf("RISC-V: %u cases agree, %" PRIu64 " disagree; %u of all trap; %u entries differ\n",
	       agreed, cases->n - agreed, traps, differ);
	return differ || agreed != cases->n;
}

int main(int argc, char **argv)
{
	struct riscv_cases *cases;
	int status = 0;

	if (argc < 5)
		return 2;
	seed_by(argv[2]);
	cases = make(strtoull(argv[3], NULL, 0));
	if (!strcmp(argv[1], "check")) {
		status = check(cases, argv[4]);
	} else if (argc < 6) {
		status = 2;
	} else {
		write_file(argv[4], tables, sizeof(tables));
		write_file(argv[5], cases,
			   sizeof(*cases) + (size_t)cases->n * sizeof(cases->cases[0]));
	}
	free(cases);
	return status;
}
