/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TESTS_PGTABLE_SECOND_H
#define VIOMMU_TESTS_PGTABLE_SECOND_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Walkers that share nothing with src/pgtable: recursive, one function a format, from the raw
 * structures to an answer. They exist to disagree.
 */

/* Word at an address; NULL: no memory. */
typedef uint64_t *second_word(void *opaque, uint64_t address);

enum { SECOND_R = 1, SECOND_W = 2, SECOND_X = 4, SECOND_P = 8 };

#define NO_PROCESS (-1)

/* One question. Raw structures of the format at hand; the rest is not looked at. */
struct question {
	second_word *word;
	void *opaque;
	uint64_t va;
	unsigned access;
	long pasid; /* NO_PROCESS: none */

	/* What the device has. */
	unsigned output_bits;
	bool updates, five, gigabyte, lpa2, small, napot, pbmt, rsw;

	uint64_t cd[8];  /* Arm, or the STE in two of them */
	uint64_t raw[8]; /* VT-d entry or context entry; RISC-V ta, fsc, tc; root */
	unsigned levels, glx;
	bool giov, extends;
};

/* Answers of a walker that does not tell the level, or which of the page faults it is. */
#define NO_LEVEL   INT_MIN
#define PAGE_FAULT "page-fault"

struct answer2 {
	const char *fault; /* NULL: none */
	int level;
	uint64_t pa, size;      /* size 0: identity */
	unsigned perm, unknown; /* rights, and those that the walker does not tell */
};

typedef struct answer2 second_walk(struct question *question);

second_walk second_arm, second_arm_contexts, second_x86, second_x86_contexts, second_amd_contexts,
	second_riscv, second_riscv_contexts, second_generic;

/*
 * Walkers of others, in a library with an array `judge` that ends with an entry without a name:
 * `name` is that of the kind of tables, and `limit` takes from a question what they do not have.
 */
struct judge {
	const char *name;
	void (*limit)(struct question *question);
	second_walk *walk;
};

#endif
