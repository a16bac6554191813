/* SPDX-License-Identifier: BSD-3-Clause */
#include "../bare.h"

/*
 * From a multiboot loader (a flat binary) or the boot protocol of PVH (an ELF file), which both
 * start in 32-bit mode, to run() in 64-bit mode
 *
 * One page table maps 512 GiB one to one with pages of 1 GiB. Traps 13 and 14 return to
 * probe_byte(), or end the machine.
 */

__asm__(".section .start, \"ax\"\n"
	".code32\n"
	".balign 4\n"
#ifdef LINUX
	/* At 0x100000; ESI has boot_params: the command line, the RSDP. The loader does not clear
	 * .bss. */
	"start_linux: cli\n"
	"	cld\n"
	"	movl $bss, %edi\n"
	"	movl $bss_end, %ecx\n"
	"	subl %edi, %ecx\n"
	"	xorl %eax, %eax\n"
	"	rep stosb\n"
	"	movl 0x228(%esi), %eax\n"
	"	movl %eax, loader_command_line\n"
	"	movl 0x70(%esi), %eax\n"
	"	movl %eax, loader_rsdp\n"
	"	jmp enter\n"
#elif !defined(PVH)
	"header: .long 0x1badb002, 0x10000, -(0x1badb002 + 0x10000)\n"
	"	.long header, 0x100000, 0, bss_end, start\n"
#endif
	".globl start, start_pvh\n"
	/* The information of multiboot: bit 2 of the flags, the command line. */
	"start:	cli\n"
	"	testl $4, (%ebx)\n"
	"	jz enter\n"
	"	movl 16(%ebx), %eax\n"
	"	movl %eax, loader_command_line\n"
	"	jmp enter\n"
	/* hvm_start_info: the command line, the RSDP. */
	"start_pvh: cli\n"
	"	movl 24(%ebx), %eax\n"
	"	movl %eax, loader_command_line\n"
	"	movl 32(%ebx), %eax\n"
	"	movl %eax, loader_rsdp\n"
	"enter:\n"
	"	movl $pdpt, %edi\n"
	"	xorl %ecx, %ecx\n"
	"fill:	movl %ecx, %eax\n"
	"	shll $30, %eax\n"
	"	orl $0x83, %eax\n"
	"	movl %eax, (%edi,%ecx,8)\n"
	"	movl %ecx, %eax\n"
	"	shrl $2, %eax\n"
	"	movl %eax, 4(%edi,%ecx,8)\n"
	"	incl %ecx\n"
	"	cmpl $512, %ecx\n"
	"	jne fill\n"
	"	movl $pdpt + 3, root\n"
	"	movl $0x20, %eax\n" /* PAE */
	"	movl %eax, %cr4\n"
	"	movl $root, %eax\n"
	"	movl %eax, %cr3\n"
	"	movl $0xc0000080, %ecx\n"
	"	rdmsr\n"
	"	orl $0x900, %eax\n" /* LME, NXE */
	"	wrmsr\n"
	"	movl $0x80010011, %eax\n" /* PG, WP, ET, PE */
	"	movl %eax, %cr0\n"
	"	lgdt gdt_pointer\n"
	"	ljmp $8, $long_mode\n"
	".balign 8\n"
	"gdt:	.quad 0, 0x00209a0000000000, 0x0000920000000000\n"
	"gdt_pointer: .word 23\n"
	"	.quad gdt\n"
	".code64\n"
	"long_mode: movw $16, %ax\n"
	"	movw %ax, %ss\n"
	"	movw %ax, %ds\n"
	"	movw %ax, %es\n"
	"	movq $stack_end, %rsp\n"
	"	call begin\n"
	"	hlt\n"
	/* The error code, then RIP of the fault. */
	".globl on_trap, probe_at, probe_end\n"
	"on_trap: popq %rax\n"
	"	movq (%rsp), %rax\n"
	"	cmpq $probe_at, %rax\n"
	"	jne trapped\n"
	"	movq $probe_end, (%rsp)\n"
	"	movq %cr2, %rax\n"
	"	iretq\n"
	"trapped: movq %rax, %rdi\n"
	"	movq %cr2, %rsi\n"
	"	call fail\n"
	/* probe_byte(): the address of the fault, or ~0. */
	".globl probe_byte\n"
	"probe_byte: movq $-1, %rax\n"
	"probe_at: movb (%rdi), %cl\n"
	"probe_end: ret\n"
	/* XEN_ELFNOTE_PHYS32_ENTRY */
	".section .note.pvh, \"a\", @note\n"
	"	.balign 4\n"
	"	.long 4, 4, 18\n"
	"	.asciz \"Xen\"\n"
	"	.long start_pvh\n"
	".text\n");

extern char on_trap[];
void begin(void);
void fail(uint64_t at, uint64_t address);

uint64_t root[512] __attribute__((aligned(4096)));
uint64_t pdpt[512] __attribute__((aligned(4096)));
static uint64_t idt[32][2];
__asm__(".bss\n.balign 16\n.skip 32768\nstack_end:\n.text\n");

void fail(uint64_t at, uint64_t address)
{
	print("trap at 0x%llx, address 0x%llx\n", (unsigned long long)at,
	      (unsigned long long)address);
	leave(2);
}

static void catch_traps(void)
{
	uint64_t at = (uint64_t)on_trap;
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) pointer = { sizeof(idt) - 1, (uint64_t)idt };

	for (unsigned vector = 13; vector <= 14; vector++) {
		idt[vector][0] =
			(at & 0xffff) | 8ull << 16 | 0x8eull << 40 | (at & 0xffff0000) << 32;
		idt[vector][1] = at >> 32;
	}
	__asm__ volatile("lidt %0" : : "m"(pointer));
}

void begin(void)
{
	catch_traps();
	leave(run());
}
