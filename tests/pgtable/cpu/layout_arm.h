/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TESTS_PGTABLE_CPU_LAYOUT_ARM_H
#define VIOMMU_TESTS_PGTABLE_CPU_LAYOUT_ARM_H

#include <stdint.h>

/* Guest memory that the host fills. The guest answers with PAR_EL1 of each case. */
#define ARM_CASES      0x42000000ull
#define ARM_TABLES     0x44000000ull
#define ARM_N_TABLES   32
#define ARM_TABLE_SIZE 0x10000ull

enum { ARM_READ_USER, ARM_WRITE_USER, ARM_READ, ARM_WRITE };

struct arm_case {
	uint64_t tcr, roots[2], address, access;
};

struct arm_cases {
	uint64_t n;
	struct arm_case cases[];
};

#endif
