/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Random Arm tables that a CPU walks, too
 *
 *     cpu_arm make SEED CASES TABLES-FILE CASES-FILE   what the guest gets
 *     cpu_arm check SEED CASES OUTPUT                  what it answered, against src/pgtable
 *
 * All granules, sizes of both halves, LPA2, tags, and disabled attributes of tables. Tables point
 * at each other at random. Compared are the kind of a fault, its level, and the output address.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layout_arm.h"
#include "pgtable/pgtable.h"
#include "random.h"

#define WORDS (ARM_N_TABLES * ARM_TABLE_SIZE / 8)
#define USED  8 /* entries of each table */

/* Of TCR_EL1. */
#define TCR_EPD(half) (1ull << (half ? 23 : 7))
#define TCR_TBI(half) (1ull << (37 + half))
#define TCR_HPD(half) (1ull << (41 + half))
#define TCR_DS        (1ull << 59)

static uint64_t tables[WORDS];

static uint64_t random_table(void)
{
	return ARM_TABLES + draw() % ARM_N_TABLES * ARM_TABLE_SIZE;
}

static uint64_t random_entry(void)
{
	uint64_t entry = one_of(8) ? draw() & 0x0000ffffffff0000 : random_table();

	entry |= (one_of(32) ? 0 : 1) | (one_of(4) ? 0 : 2);
	entry |= draw() & 0xfc;
	entry |= one_of(8) ? draw() & 0x300 : 0; /* OA[51:50] with LPA2 */
	entry |= one_of(8) ? 0 : 1 << 10;        /* AF */
	entry |= draw() & 0x07fc000000000800;    /* nG, GP, DBM, CONT, PXN, UXN, software */
	entry |= one_of(8) ? draw() & 0xf800000000000000 : 0; /* of tables: PXN, UXN, AP, NS */
	entry |= one_of(16) ? 1ull << (12 + draw() % 4) : 0;
	if (one_of(40))
		entry |= 1ull << (40 + draw() % 10);
	return entry;
}

/* -- cases ------------------------------------------------------------------------ */

struct half {
	unsigned shift, bits;
	bool tag;
};

static const unsigned shifts[3] = { 12, 14, 16 };
static const uint64_t tg[2][3] = { { 0, 2, 1 }, { 2, 1, 3 } };

/* No walk begins at level -1: QEMU 7.2 ends by an assertion if one faults there. */
static struct half random_half(uint64_t *tcr, unsigned which)
{
	unsigned granule = (unsigned)(draw() % 3), least = granule == 2 ? 12 : 16;
	unsigned most = one_of(4) ? granule == 2 ? 47 : 48 : 39;
	unsigned size = least + (unsigned)(draw() % (most - least + 1));
	struct half half = { shifts[granule], 64 - size, one_of(4) };

	*tcr |= (uint64_t)size << (which ? 16 : 0) | tg[which][granule] << (which ? 30 : 14);
	*tcr |= (one_of(16) ? TCR_EPD(which) : 0) | (half.tag ? TCR_TBI(which) : 0) |
		(one_of(4) ? TCR_HPD(which) : 0);
	return half;
}

static uint64_t random_address(const struct half *half, unsigned which)
{
	uint64_t address = draw() & ((1ull << half->shift) - 1), upper = UINT64_MAX << half->bits;

	for (unsigned at = half->shift; at < half->bits; at += half->shift - 3)
		address |= draw() % USED << at;
	address &= ~upper;
	if (which)
		address |= upper;
	if (half->tag)
		address = (address & UINT64_MAX >> 8) | draw() << 56;
	return one_of(30) ? address ^ 1ull << (half->bits + draw() % (64 - half->bits)) : address;
}

/* The context descriptor that says what TCR_EL1 and the roots do. */
static bool decode(const struct arm_case *this, struct pt_space *ret_space)
{
	const struct pt_limits limits = { .output_bits = 52, .lpa2 = true, .small_tables = true };
	uint64_t tcr = this->tcr;
	uint64_t word0 = (tcr & 0x3f) | (tcr >> 14 & 3) << 6 | (tcr >> 7 & 1) << 14 |
			 (tcr >> 16 & 0x3f) << 16 | (tcr >> 30 & 3) << 22 | (tcr >> 23 & 1) << 30 |
			 1ull << 31 | (tcr >> 32 & 7) << 32 | (tcr >> 37 & 3) << 38 | 1ull << 41 |
			 1ull << 46;
	const uint64_t cd[8] = { word0, this->roots[0] | (tcr & TCR_HPD(0) ? 2 : 0),
				 this->roots[1] | (tcr & TCR_HPD(1) ? 2 : 0) |
					 (tcr & TCR_DS ? 1ull << 58 : 0) };

	return pt_decode_arm_cd(cd, &limits, false, ret_space);
}

/* With LPA2 the output size is 52: QEMU uses OA[51:50] with no other. */
static struct arm_case random_case(void)
{
	struct pt_space space;
	struct arm_case this;

	do {
		bool ds = one_of(4);
		unsigned which = (unsigned)(draw() & 1);
		struct half halves[2];

		this = (struct arm_case){
			.tcr = ds ? TCR_DS | 6ull << 32 : draw() % 7 << 32,
			.roots = { random_table(), random_table() },
			.access = draw() % 4,
		};
		for (unsigned i = 0; i < 2; i++)
			halves[i] = random_half(&this.tcr, i);
		this.address = random_address(&halves[which], which);
	} while (!decode(&this, &space));
	return this;
}

static struct arm_cases *make(uint64_t n)
{
	struct arm_cases *cases = calloc(1, sizeof(*cases) + (size_t)n * sizeof(cases->cases[0]));

	if (!cases)
		abort();
	cases->n = n;
	for (unsigned i = 0; i < ARM_N_TABLES; i++)
		for (unsigned k = 0; k < USED; k++)
			tables[ARM_TABLE_SIZE / 8 * i + k] = random_entry();
	for (uint64_t i = 0; i < n; i++)
		cases->cases[i] = random_case();
	return cases;
}

/* -- the walker's answer, and the CPU's -------------------------------------------- */

static uint64_t *word(void *opaque, uint64_t address, bool write)
{
	(void)opaque, (void)write;
	if (address < ARM_TABLES || address >= ARM_TABLES + sizeof(tables))
		return NULL;
	return &tables[(address - ARM_TABLES) / 8];
}

struct answer {
	const char *fault;
	int level;
	uint64_t page;
};

/* The fault status of PAR_EL1. */
static struct answer answer_of(uint64_t par)
{
	static const char *const kinds[] = { "address-size", "translation", "access-flag",
					     "permission",   "?",           "walk-abort" };
	unsigned status = par >> 1 & 0x3f;

	if (!(par & 1))
		return (struct answer){ "none", 0, par & 0x000ffffffffff000 };
	if (status == 0x29 || status == 0x2b)
		return (struct answer){ kinds[status == 0x2b], -1, 0 };
	if (status == 0x13)
		return (struct answer){ "walk-abort", -1, 0 };
	return (struct answer){ status >> 2 < 6 ? kinds[status >> 2] : "?", status & 3, 0 };
}

static struct answer walk(const struct arm_case *this)
{
	const struct pt_memory memory = { .word = word };
	unsigned access =
		this->access == ARM_WRITE_USER || this->access == ARM_WRITE ? PT_WRITE : PT_READ;
	struct pt_result result;
	struct pt_space space;
	enum pt_fault fault;

	if (!decode(this, &space))
		abort();
	if (this->access >= ARM_READ)
		access |= PT_PRIVILEGED;
	fault = pt_translate(&space, this->address, access, &memory, &result);
	if (fault)
		return (struct answer){ pt_fault_name(fault), result.level, 0 };
	return (struct answer){ "none", 0, result.address & 0x000ffffffffff000 };
}

static bool agree(const struct answer *ours, const struct answer *cpu)
{
	return !strcmp(ours->fault, cpu->fault) && ours->page == cpu->page &&
	       (ours->level == cpu->level || !strcmp(ours->fault, "walk-abort"));
}

/* Blocks of a level that has none: QEMU does not look at the level. */
static bool is_block_level(const struct arm_case *this, int level)
{
	unsigned which = this->address >> 55 & 1;
	uint64_t granule = this->tcr >> (which ? 30 : 14) & 3;
	bool ds = this->tcr & TCR_DS;

	if (granule == tg[which][0])
		return level >= (ds ? 0 : 1);
	return level >= (granule == tg[which][1] && !ds ? 2 : 1);
}

/*
 * Where no table is, the CPU may read what is there. Of blocks of 4 TiB, QEMU checks two address
 * bits that are ignored.
 */
static bool may_differ(const struct arm_case *this, const struct answer *ours,
		       const struct answer *cpu)
{
	if (!strcmp(cpu->fault, "address-size") && cpu->level == 1 && (this->tcr >> 32 & 7) < 3)
		return true;
	if (!strcmp(ours->fault, "walk-abort"))
		return true;
	return !strcmp(ours->fault, "translation") && !is_block_level(this, ours->level);
}

static int check(const struct arm_cases *cases, const char *path)
{
	unsigned agreed = 0, disagreed = 0, faults = 0, elsewhere = 0;
	FILE *file = fopen(path, "rb");
	uint64_t par;

	for (uint64_t i = 0; i < cases->n; i++) {
		const struct arm_case *this = &cases->cases[i];
		struct answer ours = walk(this), cpu;

		if (!file || fread(&par, sizeof(par), 1, file) != 1) {
			fprintf(stderr, "%s: the guest did not answer all cases\n", path);
			return 2;
		}
		cpu = answer_of(par);
		faults += strcmp(ours.fault, "none") != 0;
		if (agree(&ours, &cpu)) {
			agreed++;
			continue;
		}
		if (may_differ(this, &ours, &cpu)) {
			elsewhere++;
			continue;
		}
		if (disagreed++ < 10)
			printf("case %" PRIu64 ": tcr 0x%" PRIx64 " va 0x%" PRIx64
			       " access %" PRIu64 ": %s, level %d, 0x%" PRIx64
			       "; the CPU: %s, level %d, 0x%" PRIx64 "\n",
			       i, this->tcr, this->address, this->access, ours.fault, ours.level,
			       ours.page, cpu.fault, cpu.level, cpu.page);
	}
	fclose(file);
	printf("Arm: %u cases agree, %u disagree; %u of all fault, %u are not compared\n", agreed,
	       disagreed, faults, elsewhere);
	return disagreed != 0;
}

int main(int argc, char **argv)
{
	struct arm_cases *cases;
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
