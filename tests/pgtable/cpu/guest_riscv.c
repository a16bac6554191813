/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A guest that lets a RISC-V CPU walk tables: run by QEMU in machine mode
 *
 * With mstatus.MPRV, loads and atomic operations of machine mode are translated by satp, with the
 * rights of the mode in mstatus.MPP. A write is an atomic OR of 0, which needs the rights of a
 * write and changes nothing but flags of the tables. The answers go to the UART.
 */
#include "layout_riscv.h"

#define UART     ((volatile uint8_t *)0x10000000)
#define FINISHER ((volatile uint32_t *)0x100000)
#define PASS     0x5555

#define MSTATUS_MPP  (3ull << 11)
#define MSTATUS_S    (1ull << 11)
#define MSTATUS_MPRV (1ull << 17)
#define MSTATUS_SUM  (1ull << 18)
#define PBMTE        (1ull << 62)

#define SET(csr, value)   __asm__ volatile("csrw " #csr ", %0" : : "r"((uint64_t)(value)))
#define RAISE(csr, value) __asm__ volatile("csrs " #csr ", %0" : : "r"((uint64_t)(value)))
#define CLEAR(csr, value) __asm__ volatile("csrc " #csr ", %0" : : "r"((uint64_t)(value)))

extern char trap[];
void main(void);

/* The trap has the cause in t1 and goes on behind the instruction. */
__asm__(".section .start, \"ax\"\n"
	".option norvc\n"
	".globl start\n"
	"start:	la sp, stack_end\n"
	"	call main\n"
	"1:	j 1b\n"
	".balign 4\n"
	"trap:	csrr t1, mcause\n"
	"	csrr t0, mepc\n"
	"	addi t0, t0, 4\n"
	"	csrw mepc, t0\n"
	"	mret\n"
	".bss\n.balign 16\n.skip 4096\nstack_end:\n.text\n");

/* Nothing else uses memory while MPRV is set. */
#define TRANSLATED(instruction, answer, address) \
	__asm__ volatile(".option push\n.option norvc\n" \
			 "li t1, -1\n" \
			 "csrs mstatus, %2\n" instruction "\n" \
			 "csrc mstatus, %2\n" \
			 "mv %0, t1\n" \
			 ".option pop" \
			 : "=&r"((answer).cause), "+&r"((answer).value) \
			 : "r"(MSTATUS_MPRV), "r"(address) \
			 : "t0", "t1", "memory")

static struct riscv_answer look_up(const struct riscv_case *this)
{
	struct riscv_answer answer = { 0, 0 };
	uint64_t address = this->address;

	SET(satp, this->satp);
	CLEAR(mstatus, MSTATUS_MPP | MSTATUS_SUM);
	RAISE(mstatus,
	      (this->access >= RISCV_READ ? MSTATUS_S : 0) | (this->sum ? MSTATUS_SUM : 0));
	__asm__ volatile("sfence.vma");
	if (this->access == RISCV_READ || this->access == RISCV_READ_USER)
		TRANSLATED("ld %1, 0(%3)", answer, address);
	else
		TRANSLATED("amoor.d %1, zero, (%3)", answer, address);
	return answer;
}

static void send(const void *bytes, uint64_t length)
{
	for (uint64_t i = 0; i < length; i++)
		*UART = ((const uint8_t *)bytes)[i];
}

void main(void)
{
	const struct riscv_cases *cases = (const struct riscv_cases *)RISCV_CASES;

	SET(mtvec, trap);
	SET(pmpaddr0, UINT64_MAX >> 10);
	SET(pmpcfg0, 0x1f);
	RAISE(0x30a, PBMTE);
	for (uint64_t at = RISCV_DATA; at < RISCV_DATA_END; at += 8)
		*(volatile uint64_t *)at = at;
	for (uint64_t i = 0; i < cases->n; i++) {
		const struct riscv_answer answer = look_up(&cases->cases[i]);

		send(&answer, sizeof(answer));
	}
	send((const void *)RISCV_TABLES, RISCV_N_TABLES * RISCV_TABLE_SIZE);
	*FINISHER = PASS;
}
