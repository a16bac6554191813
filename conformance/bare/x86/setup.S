/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The first two sectors of an image by Linux's boot protocol 2.12 (Documentation/arch/x86/boot.rst):
 * the header, and a setup from real mode to the program at 0x100000 with the header's address in ESI
 *
 * A loader that enters at 0x100000 in 32-bit mode does without the setup. LENGTH is that of the program
 * in its file, ROOM that in memory.
 */
.code16
.globl _start
_start:
	.org 0x1f1
	.byte 1				/* setup_sects */
	.word 0
	.long (LENGTH + 15) / 16	/* syssize */
	.word 0, 0, 0, 0xaa55
	.byte 0xeb, setup - 1f		/* 0x200: where real mode enters */
1:	.ascii "HdrS"
	.word 0x20c, 0, 0, 0, 0
	.byte 0, 1			/* type_of_loader; loadflags: loaded high */
	.word 0
	.long 0x100000			/* code32_start */
	.long 0, 0, 0
	.word 0
	.byte 0, 0
	.long 0				/* 0x228: cmd_line_ptr */
	.long 0x7fffffff, 0x1000
	.byte 0, 12			/* not relocatable */
	.word 0
	.long 255, 0
	.quad 0
	.long 0, 0
	.quad 0, 0x100000		/* pref_address */
	.long ROOM, 0			/* init_size */

setup:	cli
	xorl %esi, %esi
	movw %ds, %si
	shll $4, %esi
	leal gdt(%esi), %eax
	movl %eax, gdt_at
	lgdtl gdt_pointer
	movl %cr0, %eax
	orl $1, %eax
	movl %eax, %cr0
	movw $0x18, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	ljmpl $0x10, $0x100000
	.balign 8
gdt:	.quad 0, 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
gdt_pointer: .word 31
gdt_at:	.long 0
	.org 0x400
