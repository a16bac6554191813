/* SPDX-License-Identifier: BSD-3-Clause */
#include <viommu/protocol.h>

#include "../bare.h"

/* QEMU's q35: its first serial port and exit device, and what SeaBIOS has made of PCI */

#define SERIAL       0x3f8
#define LINE_STATUS  (SERIAL + 5)
#define EMPTY        0x20
#define DEBUG_EXIT   0xf4
#define FIRST_STATUS 16

enum { PRESENT = 1, WRITABLE = 2, USER = 4 };

static const struct paging paging = { 12, WRITABLE | USER };

void machine_put(char c)
{
	uint8_t status;

	do
		__asm__ volatile("inb %1, %0" : "=a"(status) : "Nd"((uint16_t)LINE_STATUS));
	while (!(status & EMPTY));
	__asm__ volatile("outb %0, %1" : : "a"(c), "Nd"((uint16_t)SERIAL));
}

void leave(int status)
{
	uint8_t value = (uint8_t)(status + FIRST_STATUS);

	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"((uint16_t)DEBUG_EXIT));
	for (;;)
		__asm__ volatile("hlt");
}

const struct pci_host *machine_pci(void)
{
	static const struct pci_host host = { .ecam = 0xb0000000 };

	return &host;
}

const void *machine_tree(void)
{
	return NULL;
}

uint64_t machine_handed(void)
{
	return 0x8000000;
}

static uint64_t *own_root(void)
{
	uint64_t at;

	__asm__ volatile("movq %%cr3, %0" : "=r"(at));
	return (uint64_t *)(at & -PAGE);
}

uint16_t machine_table(uint64_t body[8])
{
	body[0] = 1 | 1 << 6;                  /* first stage */
	body[2] = (uint64_t)own_root() | 0x31; /* NXE, WPE, SRE */
	return VIOMMU_TABLE_X86_PASID_ENTRY;
}

void machine_share(uint64_t address, const void *page)
{
	*paging_entry(&paging, own_root(), address) =
		paging_value(&paging, page, PRESENT | WRITABLE | USER);
}
