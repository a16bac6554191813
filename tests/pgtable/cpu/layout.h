/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TESTS_PGTABLE_CPU_LAYOUT_H
#define VIOMMU_TESTS_PGTABLE_CPU_LAYOUT_H

#include <stdint.h>

/* Guest memory that the host fills, and what the guest answers. */
#define CPU_CASES       0x1000000ull
#define CPU_TABLES      0x2000000ull
#define CPU_N_TABLES    64
#define CPU_ROOTS       8            /* the first tables; their last two entries are the guest's */
#define CPU_DATA        0x3000000ull /* each word is its own address */
#define CPU_DATA_LENGTH 0x400000ull
#define CPU_BITS        40 /* of physical addresses, in QEMU's TCG */

struct cpu_case {
	uint64_t root, va, write;
};

struct cpu_cases {
	uint64_t n;
	struct cpu_case cases[];
};

struct cpu_result {
	uint64_t value;
	uint32_t kind;  /* 0 done, 1 page fault, 2 general protection */
	uint32_t error; /* of a page fault: 1 present, 2 write, 4 user, 8 reserved */
};

#endif
