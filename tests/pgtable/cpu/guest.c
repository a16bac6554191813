/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A guest of a few pages that lets an x86-64 CPU walk tables: run by QEMU as its kernel
 *
 * The host puts tables and cases into memory (layout.h). For each case this loads CR3 with the
 * root, reads or writes in ring 3, and notes the page fault or the value. In the end it writes all
 * results, and the tables with the flags that the CPU has set, to the debug console.
 *
 * Its own code is at -2 GiB, in the last entry of each root, and for ring 3 in the one before. The
 * host does not use these two. A flat binary with a multiboot header: the address fields say where
 * it goes.
 */
#include "layout.h"

#define LOAD   0x100000
#define KERNEL 0xffffffff80000000ull /* + physical address */
#if LEVELS == 5
#define USER 0xfffe000000000000ull
#define CR4  "0x1020" /* PAE, LA57 */
#define TOP  "root5"
#else
#define USER 0xffffff0000000000ull
#define CR4  "0x20"
#define TOP  "root"
#endif
#define AT(pa) ((void *)(KERNEL + (pa)))

__asm__(".section .start, \"ax\"\n"
	".code32\n"
	".balign 4\n"
	"header: .long 0x1badb002, 0x10000, -(0x1badb002 + 0x10000)\n"
	"	.long header + 0x80000000, 0x100000, 0, bss_end + 0x80000000, start + 0x80000000\n"
	".globl start\n"
	"start:	cli\n"
	"	movl $pdpt + 0x80000000 + 3, %eax\n"
	"	movl %eax, root + 0x80000000\n"
	"	movl %eax, root + 0x80000000 + 8 * 511\n"
	"	movl $0x83, pdpt + 0x80000000\n"
	"	movl $0x83, pdpt + 0x80000000 + 8 * 510\n"
	"	movl $root + 0x80000000 + 3, %eax\n"
	"	movl %eax, root5 + 0x80000000\n"
	"	movl %eax, root5 + 0x80000000 + 8 * 511\n"
	"	movl $" CR4 ", %eax\n"
	"	movl %eax, %cr4\n"
	"	movl $" TOP " + 0x80000000, %eax\n"
	"	movl %eax, %cr3\n"
	"	movl $0xc0000080, %ecx\n"
	"	rdmsr\n"
	"	orl $0x900, %eax\n" /* LME, NXE */
	"	wrmsr\n"
	"	movl $0x80010011, %eax\n" /* PG, WP, ET, PE */
	"	movl %eax, %cr0\n"
	"	lgdt gdt_pointer + 0x80000000\n"
	"	ljmp $8, $long_mode + 0x80000000\n"
	".balign 8\n"
	"gdt_pointer: .word 8 * 7 - 1\n"
	"	.quad gdt + 0x80000000\n"
	".code64\n"
	"long_mode: movabsq $high, %rax\n"
	"	jmp *%rax\n"
	"high:	movw $16, %ax\n"
	"	movw %ax, %ss\n"
	"	movw %ax, %ds\n"
	"	movw %ax, %es\n"
	"	leaq stack_end(%rip), %rsp\n"
	"	call main\n"
	"	hlt\n"
	/* run(cr3, rip, va): in ring 3 until an exception. */
	".globl run\n"
	"run:	pushq %rbx\n"
	"	pushq %rbp\n"
	"	pushq %r12\n"
	"	pushq %r13\n"
	"	pushq %r14\n"
	"	pushq %r15\n"
	"	movq %rsp, saved(%rip)\n"
	"	movq %rdi, %cr3\n"
	"	movq %rdx, %rdi\n"
	"	pushq $0x1b\n"
	"	pushq $0\n"
	"	pushq $2\n"
	"	pushq $0x23\n"
	"	pushq %rsi\n"
	"	iretq\n"
	".globl on_fault, on_general, on_done\n"
	"on_fault: popq %rdx\n"
	"	movl $1, %ecx\n"
	"	jmp back\n"
	"on_general: movl $2, %ecx\n"
	"	jmp back\n"
	"on_done: xorl %ecx, %ecx\n"
	"back:	movq %rax, value(%rip)\n"
	"	movl %ecx, kind(%rip)\n"
	"	movl %edx, error(%rip)\n"
	"	movq saved(%rip), %rsp\n"
	"	popq %r15\n"
	"	popq %r14\n"
	"	popq %r13\n"
	"	popq %r12\n"
	"	popq %rbp\n"
	"	popq %rbx\n"
	"	ret\n"
	/* In ring 3. */
	".globl user_read, user_write\n"
	"user_read: movq (%rdi), %rax\n"
	"	int $0x80\n"
	"user_write: xorl %eax, %eax\n"
	"	lock xaddq %rax, (%rdi)\n"
	"	int $0x80\n"
	".text\n");

extern char on_fault[], on_general[], on_done[], user_read[], user_write[], stack_end[];
void run(uint64_t cr3, uint64_t rip, uint64_t va);
void main(void);

uint64_t root5[512] __attribute__((aligned(4096))); /* over the next, with 5 levels */
uint64_t root[512] __attribute__((aligned(4096)));
uint64_t pdpt[512] __attribute__((aligned(4096)));
static uint64_t user_root[512] __attribute__((aligned(4096)));
static uint64_t user_pdpt[512] __attribute__((aligned(4096)));
uint64_t gdt[7] = { 0, 0x00209a0000000000, 0x0000920000000000, 0x0000f20000000000,
		    0x0020fa0000000000 };
static struct {
	uint32_t reserved;
	uint64_t rsp[3];
	uint8_t rest[76];
} __attribute__((packed)) tss;
static uint64_t idt[256][2];
uint64_t saved, value;
uint32_t kind, error;
__asm__(".bss\n.balign 16\n.skip 8192\nstack_end: .skip 4096\nfault_end:\n.text\n");
extern char fault_end[];

static void out(const void *bytes, uint64_t n)
{
	__asm__ volatile("rep outsb" : "+S"(bytes), "+c"(n) : "d"(0xe9) : "memory");
}

static void gate(unsigned vector, const char *code, uint64_t type)
{
	uint64_t at = (uint64_t)code;

	idt[vector][0] = (at & 0xffff) | 8ull << 16 | type << 40 | (at & 0xffff0000) << 32;
	idt[vector][1] = at >> 32;
}

static uint64_t physical(const void *at)
{
	return (uint64_t)at - KERNEL;
}

static void set_up(void)
{
	uint64_t at = (uint64_t)&tss;
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) pointer = { sizeof(gdt) - 1, (uint64_t)gdt };

	gdt[5] =
		(sizeof(tss) - 1) | (at & 0xffffff) << 16 | 0x89ull << 40 | (at >> 24 & 0xff) << 56;
	gdt[6] = at >> 32;
	tss.rsp[0] = (uint64_t)fault_end;
	__asm__ volatile("lgdt %0" : : "m"(pointer));
	__asm__ volatile("ltr %w0" : : "r"(0x28));
	gate(13, on_general, 0x8e);
	gate(12, on_general, 0x8e);
	gate(14, on_fault, 0x8e);
	gate(0x80, on_done, 0xee);
	pointer.limit = sizeof(idt) - 1;
	pointer.base = (uint64_t)idt;
	__asm__ volatile("lidt %0" : : "m"(pointer));
	user_pdpt[0] = 0x87;
	user_root[0] = physical(user_pdpt) | 7;
}

void main(void)
{
	const struct cpu_cases *cases = AT(CPU_CASES);
	uint64_t *data = AT(CPU_DATA);

	set_up();
	for (uint64_t i = 0; i < CPU_DATA_LENGTH / 8; i++)
		data[i] = CPU_DATA + 8 * i;
	for (uint64_t i = 0; i < CPU_ROOTS; i++) {
		uint64_t *table = AT(CPU_TABLES + 4096 * i);

		table[511] = physical(LEVELS == 5 ? root : pdpt) | 3;
		table[510] = physical(LEVELS == 5 ? user_root : user_pdpt) | 7;
	}
	for (uint64_t i = 0; i < cases->n; i++) {
		const struct cpu_case *this = &cases->cases[i];
		struct cpu_result result;

		run(this->root, USER + physical(this->write ? user_write : user_read), this->va);
		result = (struct cpu_result){ value, kind, error };
		out(&result, sizeof(result));
	}
	out(AT(CPU_TABLES), CPU_N_TABLES * 4096);
	__asm__ volatile("outb %%al, %%dx" : : "a"(0), "d"(0xf4));
}
