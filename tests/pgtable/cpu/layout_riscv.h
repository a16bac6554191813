/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TESTS_PGTABLE_CPU_LAYOUT_RISCV_H
#define VIOMMU_TESTS_PGTABLE_CPU_LAYOUT_RISCV_H

#include <stdint.h>

/*
 * Memory of the guest: its program, then what the host fills. Each word from RISCV_DATA to
 * RISCV_DATA_END is its own address.
 */
#define RISCV_RAM        0x80000000ull
#define RISCV_TABLES     0x80200000ull
#define RISCV_N_TABLES   64
#define RISCV_TABLE_SIZE 0x1000ull
#define RISCV_DATA       0x80400000ull
#define RISCV_DATA_END   0x81000000ull
#define RISCV_CASES      0x82000000ull
#define RISCV_RAM_END    0x88000000ull

enum { RISCV_READ_USER, RISCV_WRITE_USER, RISCV_READ, RISCV_WRITE };

struct riscv_case {
	uint64_t satp, address;
	uint32_t access, sum;
};

struct riscv_cases {
	uint64_t n;
	struct riscv_case cases[];
};

/* Of each case. All tables follow. */
struct riscv_answer {
	uint64_t cause; /* of the trap; RISCV_NO_TRAP: it was none */
	uint64_t value; /* the word that was read */
};

#define RISCV_NO_TRAP UINT64_MAX

#endif
