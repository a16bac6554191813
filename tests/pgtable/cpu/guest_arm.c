/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A guest that lets an Arm CPU walk tables: run by QEMU at EL2, with the MMU off
 *
 * AT instructions walk the tables of EL1 and EL0 and report in PAR_EL1 where an address leads, or
 * why it does not. Where a walk leaves memory, AT is aborted instead: the handler puts that into
 * PAR_EL1. The answers go to the UART, 8 bytes for each case.
 */
#include "layout_arm.h"

#define UART       ((volatile uint32_t *)0x09000000)
#define SYSTEM_OFF 0x84000008ull
#define SCTLR_M    1ull
#define HCR_RW     (1ull << 31)

#define SET(reg, value)        __asm__ volatile("msr " #reg ", %0" : : "r"((uint64_t)(value)))
#define AT(operation, address) __asm__ volatile("at " #operation ", %0\nisb" : : "r"(address))

extern char vectors[];
void main(void);

__asm__(".section .start, \"ax\"\n"
	".globl start\n"
	"start:	ldr x0, =stack_end\n"
	"	mov sp, x0\n"
	"	bl main\n"
	"	b .\n"
	".balign 2048\n"
	"vectors: .skip 0x200\n" /* of this level: after AT, with PAR_EL1 of a walk that is aborted
				  */
	"	msr tpidr_el2, x9\n"
	"	mrs x9, elr_el2\n"
	"	add x9, x9, #4\n"
	"	msr elr_el2, x9\n"
	"	mov x9, #0x29\n"
	"	msr par_el1, x9\n"
	"	mrs x9, tpidr_el2\n"
	"	eret\n"
	".bss\n.balign 16\n.skip 4096\nstack_end:\n.text\n");

static void look_up(const struct arm_case *this)
{
	switch (this->access) {
	case ARM_READ_USER:
		AT(s1e0r, this->address);
		break;
	case ARM_WRITE_USER:
		AT(s1e0w, this->address);
		break;
	case ARM_READ:
		AT(s1e1r, this->address);
		break;
	default:
		AT(s1e1w, this->address);
	}
}

void main(void)
{
	const struct arm_cases *cases = (const struct arm_cases *)ARM_CASES;

	SET(vbar_el2, vectors);
	SET(hcr_el2, HCR_RW);
	SET(sctlr_el1, SCTLR_M);
	for (uint64_t i = 0; i < cases->n; i++) {
		const struct arm_case *this = &cases->cases[i];
		uint64_t par;

		SET(tcr_el1, this->tcr);
		SET(ttbr0_el1, this->roots[0]);
		SET(ttbr1_el1, this->roots[1]);
		__asm__ volatile("isb\ntlbi alle1\ndsb sy\nisb");
		look_up(this);
		__asm__ volatile("mrs %0, par_el1" : "=r"(par));
		for (unsigned byte = 0; byte < 8; byte++)
			*UART = par >> 8 * byte & 0xff;
	}
	__asm__ volatile("mov x0, %0\nsmc #0" : : "r"(SYSTEM_OFF) : "x0");
}
