/* SPDX-License-Identifier: BSD-3-Clause */
#include "../bare.h"

/*
 * From the boot protocol of Linux on RISC-V to run() in supervisor mode, with 4 levels of tables
 *
 * The image runs wherever it was loaded, and relocates itself. The address of the device tree is in
 * a1. A trap returns to probe_byte(), or ends the machine.
 */

__asm__(".section .start, \"ax\"\n"
	".option push\n"
	".option norvc\n"
	".option norelax\n"
	"header: j start\n"
	"	.long 0\n"
	"	.quad 0x200000, bss_end - header, 0\n"
	"	.long 2, 0\n"
	"	.quad 0\n"
	"	.ascii \"RISCV\\0\\0\\0\"\n"
	"	.ascii \"RSC\\x05\"\n"
	"	.long 0\n"
	"start:	mv s0, a1\n"
	"	lla sp, stack_end\n"
	"	lla t0, bss\n"
	"	lla t1, bss_end\n"
	"clear:	sd zero, 0(t0)\n"
	"	addi t0, t0, 8\n"
	"	bltu t0, t1, clear\n"
	/* Only R_RISCV_RELATIVE: offset, type, addend; all for the address that was linked for. */
	"	lla t0, rela\n"
	"	lla t1, rela_end\n"
	"	lla t2, header\n"
	"	li t3, 0x84000000\n"
	"	sub t2, t2, t3\n"
	"next:	bgeu t0, t1, moved\n"
	"	ld t3, 0(t0)\n"
	"	ld t4, 16(t0)\n"
	"	addi t0, t0, 24\n"
	"	add t3, t3, t2\n"
	"	add t4, t4, t2\n"
	"	sd t4, 0(t3)\n"
	"	j next\n"
	"moved:	lla t0, on_trap\n"
	"	csrw stvec, t0\n"
	"	li t0, 0x40000\n" /* SUM: user pages may be read */
	"	csrs sstatus, t0\n"
	"	mv a0, s0\n"
	"	call begin\n"
	"	j .\n"
	".text\n"
	".balign 4\n"
	"on_trap: csrr t0, sepc\n"
	"	csrr a1, stval\n"
	"	lla t1, probe_at\n"
	"	beq t0, t1, resume\n"
	"	mv a0, t0\n"
	"	csrr a2, scause\n"
	"	call fail\n"
	"resume: lla t1, probe_end\n"
	"	csrw sepc, t1\n"
	"	mv a0, a1\n"
	"	sret\n"
	/* probe_byte(): the address of the fault, or ~0. */
	".globl probe_byte\n"
	"probe_byte: mv a1, a0\n"
	"	li a0, -1\n"
	"probe_at: lb t2, 0(a1)\n"
	"probe_end: ret\n"
	".option pop\n");

__asm__(".bss\n.balign 16\n.skip 32768\nstack_end:\n.text\n");

void machine_begin(const void *tree);
void begin(const void *tree);
void fail(uint64_t at, uint64_t address, uint64_t cause);

void fail(uint64_t at, uint64_t address, uint64_t cause)
{
	print("trap %u at 0x%llx, address 0x%llx\n", (unsigned)cause, (unsigned long long)at,
	      (unsigned long long)address);
	leave(2);
}

void begin(const void *tree)
{
	machine_begin(tree);
	leave(run());
}
