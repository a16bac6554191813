/* SPDX-License-Identifier: BSD-3-Clause */
#include "bare.h"

/* Bus 0 through ECAM, whose window firmware has opened. */

#define ECAM       0xb0000000ull
#define FUNCTIONS  256
#define COMMAND    0x04
#define BAR        0x10
#define FIRST_CAP  0x34
#define FIRST_EXT  0x100
#define MEMORY     2
#define BUS_MASTER 4
#define BAR_64     4

bool pci_find(uint16_t vendor, uint16_t device, unsigned n, struct function *ret_function)
{
	for (unsigned devfn = 0; devfn < FUNCTIONS; devfn++) {
		const struct function function = { devfn, (uint8_t *)(ECAM + devfn * PAGE) };

		if (pci_read32(&function, 0) != ((uint32_t)device << 16 | vendor) || n--)
			continue;
		*ret_function = function;
		return true;
	}
	return false;
}

uint8_t pci_read8(const struct function *function, unsigned at)
{
	return function->config[at];
}

uint16_t pci_read16(const struct function *function, unsigned at)
{
	return *(volatile uint16_t *)(function->config + at);
}

uint32_t pci_read32(const struct function *function, unsigned at)
{
	return *(volatile uint32_t *)(function->config + at);
}

void pci_write16(const struct function *function, unsigned at, uint16_t value)
{
	*(volatile uint16_t *)(function->config + at) = value;
}

void pci_write32(const struct function *function, unsigned at, uint32_t value)
{
	*(volatile uint32_t *)(function->config + at) = value;
}

unsigned pci_capability(const struct function *function, uint8_t id, unsigned at)
{
	at = pci_read8(function, at ? at + 1 : FIRST_CAP);
	while (at && pci_read8(function, at) != id)
		at = pci_read8(function, at + 1);
	return at;
}

unsigned pci_extended(const struct function *function, uint16_t id)
{
	unsigned at = FIRST_EXT;

	while (at && pci_read16(function, at) != id)
		at = pci_read32(function, at) >> 20;
	return at;
}

volatile uint8_t *pci_bar(const struct function *function, unsigned n)
{
	unsigned at = BAR + 4 * n;
	uint64_t low = pci_read32(function, at), high = 0;

	if (low & BAR_64)
		high = pci_read32(function, at + 4);
	pci_write16(function, COMMAND, pci_read16(function, COMMAND) | MEMORY | BUS_MASTER);
	return (volatile uint8_t *)(high << 32 | (low & ~15ull));
}
