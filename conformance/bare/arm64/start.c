/* SPDX-License-Identifier: BSD-3-Clause */
#include "../bare.h"

/*
 * From the boot protocol of Linux on arm64 to run() at EL1, with the MMU on
 *
 * The image runs wherever it was loaded, on a boundary of 4 KiB, and relocates itself. The address
 * of the device tree is in x0. A synchronous exception returns to probe_byte(), or from an exit
 * call that does not exist, or ends the machine.
 */

__asm__(".section .start, \"ax\"\n"
	"header: b start\n"
	"	.long 0\n"
	"	.quad 0, bss_end - header\n"
	"	.quad 0xa\n" /* little-endian, pages of 4 KiB, anywhere in memory */
	"	.quad 0, 0, 0\n"
	"	.ascii \"ARM\\x64\"\n"
	"	.long 0\n"
	"start:	mov x19, x0\n"
	"	mrs x1, CurrentEL\n"
	"	cmp x1, #8\n"
	"	b.ne at_el1\n"
	"	mov x1, #0x80000000\n" /* HCR_EL2.RW */
	"	msr hcr_el2, x1\n"
	"	mov x1, #0x3c5\n" /* EL1h, interrupts off */
	"	msr spsr_el2, x1\n"
	"	adr x1, at_el1\n"
	"	msr elr_el2, x1\n"
	"	ldr w1, sctlr\n"
	"	msr sctlr_el1, x1\n"
	"	eret\n"
	"sctlr:	.long 0x30d00800\n"
	"at_el1: adrp x1, stack_end\n"
	"	add x1, x1, :lo12:stack_end\n"
	"	mov sp, x1\n"
	"	adrp x1, bss\n"
	"	adrp x2, bss_end\n"
	"clear:	stp xzr, xzr, [x1], #16\n"
	"	cmp x1, x2\n"
	"	b.lo clear\n"
	/* Only R_AARCH64_RELATIVE: offset, type, addend. */
	"	adr x3, header\n"
	"	adrp x1, rela\n"
	"	add x1, x1, :lo12:rela\n"
	"	adrp x2, rela_end\n"
	"	add x2, x2, :lo12:rela_end\n"
	"next:	cmp x1, x2\n"
	"	b.hs moved\n"
	"	ldr x4, [x1]\n"
	"	ldr x5, [x1, #16]\n"
	"	add x1, x1, #24\n"
	"	add x5, x5, x3\n"
	"	str x5, [x4, x3]\n"
	"	b next\n"
	"moved:	adrp x1, vectors\n"
	"	add x1, x1, :lo12:vectors\n"
	"	msr vbar_el1, x1\n"
	"	isb\n"
	"	mov x0, x19\n"
	"	bl begin\n"
	"	b .\n"
	".text\n"
	".balign 2048\n"
	"vectors:\n"
	".rept 16\n"
	"	b on_trap\n"
	"	.balign 128\n"
	".endr\n"
	"on_trap: mrs x9, elr_el1\n"
	"	adr x10, probe_at\n"
	"	adr x11, probe_end\n"
	"	cmp x9, x10\n"
	"	b.eq resume\n"
	"	adr x10, exit_at\n"
	"	adr x11, exit_end\n"
	"	cmp x9, x10\n"
	"	b.eq resume\n"
	"	mov x0, x9\n"
	"	mrs x1, far_el1\n"
	"	bl fail\n"
	"resume: msr elr_el1, x11\n"
	"	mrs x0, far_el1\n"
	"	eret\n"
	/* probe_byte(): the address of the fault, or ~0. */
	".globl probe_byte\n"
	"probe_byte: mov x1, x0\n"
	"	mov x0, #-1\n"
	"probe_at: ldrb w2, [x1]\n"
	"probe_end: ret\n"
	/* exit_with(): semihosting, or without it PSCI's SYSTEM_OFF. */
	".globl exit_with\n"
	"exit_with: mov x1, x0\n"
	"	mov x0, #0x18\n"
	"exit_at: hlt #0xf000\n"
	"exit_end: mov x0, #8\n"
	"	movk x0, #0x8400, lsl #16\n"
	"	hvc #0\n"
	"	b .\n"
	/* PSCI hands over the stack. */
	".globl another_start\n"
	"another_start: mov sp, x0\n"
	"	bl another_begin\n"
	"	b .\n");

__asm__(".bss\n.balign 16\n.skip 32768\nstack_end:\n.text\n");

void machine_begin(const void *tree);
void begin(const void *tree);
void fail(uint64_t at, uint64_t address);

void fail(uint64_t at, uint64_t address)
{
	print("trap at 0x%llx, address 0x%llx\n", (unsigned long long)at,
	      (unsigned long long)address);
	leave(2);
}

void begin(const void *tree)
{
	machine_begin(tree);
	leave(run());
}
