/* SPDX-License-Identifier: BSD-3-Clause */
#include <viommu/protocol.h>

#include "../acpi.h"

/* A PC: its first serial port, QEMU's exit device, and what firmware has left of ACPI and PCI */

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

/* -- what firmware has left ----------------------------------------------------- */

#define EBDA_SEGMENT 0x40eull
#define EBDA_BYTES   0x400
#define BIOS_FIRST   0xe0000ull
#define BIOS_END     0x100000ull

/* From the loader: an address, or 0. */
uint32_t loader_rsdp, loader_command_line;

static const void *scan(uint64_t first, uint64_t end)
{
	for (uint64_t at = first; at < end; at += 16)
		if (!memcmp((const void *)at, "RSD PTR ", 8))
			return (const void *)at;
	return NULL;
}

/* ACPI 6.5, 5.2.5.1. */
const void *machine_rsdp(void)
{
	const volatile uint16_t *segment;
	uint64_t ebda;
	const void *found = (const void *)(uint64_t)loader_rsdp;

	/* A compiler takes a constant address in the first page for a mistake. */
	__asm__("" : "=r"(segment) : "0"(EBDA_SEGMENT));
	ebda = (uint64_t)*segment << 4;
	if (!found && ebda)
		found = scan(ebda, ebda + EBDA_BYTES);
	return found ? found : scan(BIOS_FIRST, BIOS_END);
}

const char *machine_command_line(void)
{
	return loader_command_line ? (const char *)(uint64_t)loader_command_line : "";
}

/* Where ACPI does not say it, it is where SeaBIOS puts it in q35. */
const struct pci_host *machine_pci(void)
{
	static struct pci_host host;

	if (!host.ecam && !acpi_pci(machine_rsdp(), &host))
		host.ecam = 0xb0000000;
	return &host;
}

const void *machine_tree(void)
{
	return NULL;
}

bool machine_start_another(void (*function)(void))
{
	(void)function;
	return false;
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
