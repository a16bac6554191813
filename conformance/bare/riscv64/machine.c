/* SPDX-License-Identifier: BSD-3-Clause */
#include <viommu/protocol.h>

#include "../devicetree.h"

/*
 * QEMU's virt for RISC-V, and others with a device tree, SBI, NS16550 and PCI by ECAM
 *
 * The page table maps 512 GiB one to one with pages of 1 GiB.
 */

enum { DATA = 0, LINE_STATUS = 5, EMPTY = 0x20 };
enum { VALID = 1, READ = 2, WRITE = 4, EXECUTE = 8, USER = 16, ACCESSED = 64, DIRTY = 128 };

#define GIBIBYTE    (1ull << 30)
#define SV48        (9ull << 60)
#define FINISH_FAIL 0x3333u
#define SBI_RESET   0x53525354

static const struct paging paging = { 10, 0 };
static volatile uint8_t *serial, *finisher;
static struct pci_host host;
static const void *device_tree;
static uint64_t root[512] __attribute__((aligned(4096)));
static uint64_t blocks[512] __attribute__((aligned(4096)));

void machine_begin(const void *tree);

void machine_put(char c)
{
	if (!serial)
		return;
	while (!(serial[LINE_STATUS] & EMPTY))
		;
	serial[DATA] = (uint8_t)c;
}

static void turn_off(void)
{
	register uint64_t type __asm__("a0") = 0;
	register uint64_t reason __asm__("a1") = 0;
	register uint64_t function __asm__("a6") = 0;
	register uint64_t extension __asm__("a7") = SBI_RESET;

	__asm__ volatile("ecall" : "+r"(type), "+r"(reason) : "r"(function), "r"(extension));
}

void leave(int status)
{
	if (finisher)
		write32(finisher, 0, (2 * (uint32_t)status + 33) << 16 | FINISH_FAIL);
	turn_off();
	for (;;)
		__asm__ volatile("wfi");
}

const struct pci_host *machine_pci(void)
{
	return &host;
}

const void *machine_tree(void)
{
	return device_tree;
}

/* Firmware hands over a device tree. */
const void *machine_rsdp(void)
{
	return NULL;
}

const char *machine_command_line(void)
{
	return "";
}

bool machine_start_another(void (*function)(void))
{
	(void)function;
	return false;
}

uint64_t machine_handed(void)
{
	return 0x88000000;
}

static uint64_t own_table(void)
{
	return SV48 | (uint64_t)root / PAGE;
}

void machine_begin(const void *tree)
{
	device_tree = tree;
	serial = (volatile uint8_t *)devicetree_device(tree, "ns16550a");
	finisher = (volatile uint8_t *)devicetree_device(tree, "sifive,test0");
	devicetree_pci(tree, &host);
	root[0] = paging_value(&paging, blocks, VALID);
	for (uint64_t i = 0; i < COUNT(blocks); i++)
		blocks[i] = paging_value(&paging, (void *)(i * GIBIBYTE),
					 VALID | READ | WRITE | EXECUTE | ACCESSED | DIRTY);
	__asm__ volatile("sfence.vma\ncsrw satp, %0\nsfence.vma" : : "r"(own_table()) : "memory");
}

uint16_t machine_table(uint64_t body[8])
{
	body[0] = 1 | 1 << 1; /* V, ENS */
	body[1] = own_table();
	return VIOMMU_TABLE_RISCV_PC;
}

void machine_share(uint64_t address, const void *page)
{
	*paging_entry(&paging, root, address) =
		paging_value(&paging, page, VALID | READ | WRITE | USER | ACCESSED | DIRTY);
	__asm__ volatile("sfence.vma" : : : "memory");
}
