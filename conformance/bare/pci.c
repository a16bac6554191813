/* SPDX-License-Identifier: BSD-3-Clause */
#include "bare.h"

/* Bus 0 through ECAM. Where no firmware has assigned BARs, each gets an address when it is used. */

#define FUNCTIONS  256
#define COMMAND    0x04
#define BAR        0x10
#define FIRST_CAP  0x34
#define FIRST_EXT  0x100
#define MEMORY     2
#define BUS_MASTER 4
#define BAR_64     4

#define BAR_KIND 15
#define MIN_BAR  16

bool pci_find(uint16_t vendor, uint16_t device, unsigned n, struct function *ret_function)
{
	uint64_t ecam = machine_pci()->ecam;

	for (unsigned devfn = 0; ecam && devfn < FUNCTIONS; devfn++) {
		const struct function function = { devfn, (uint8_t *)(ecam + devfn * PAGE) };

		if (pci_read32(&function, 0) != ((uint32_t)device << 16 | vendor) || n--)
			continue;
		*ret_function = function;
		return true;
	}
	return false;
}

bool pci_at(unsigned devfn, struct function *ret_function)
{
	uint64_t ecam = machine_pci()->ecam;

	if (!ecam || devfn >= FUNCTIONS)
		return false;
	*ret_function = (struct function){ devfn, (uint8_t *)(ecam + devfn * PAGE) };
	return pci_read16(ret_function, 0) != 0xffff;
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

static uint64_t bar_address(const struct function *function, unsigned at)
{
	uint64_t low = pci_read32(function, at), high = 0;

	if (low & BAR_64)
		high = pci_read32(function, at + 4);
	return high << 32 | (low & ~(uint64_t)BAR_KIND);
}

/* From the end of the window of 32 bits down, so that each is aligned to its own size. */
static void bar_assign(const struct function *function, unsigned at)
{
	static uint64_t end;
	uint64_t first = machine_pci()->first;
	uint32_t kind = pci_read32(function, at) & BAR_KIND, size;

	if (!end)
		end = machine_pci()->last + 1;
	pci_write32(function, at, UINT32_MAX);
	size = -(pci_read32(function, at) & ~(uint32_t)BAR_KIND);
	if (size < MIN_BAR || end - first < size) {
		print("no memory for BAR %u of function %x\n", (at - BAR) / 4, function->devfn);
		leave(2);
	}
	end = (end - size) & -(uint64_t)size;
	pci_write32(function, at, (uint32_t)end);
	if (kind & BAR_64)
		pci_write32(function, at + 4, 0);
}

volatile uint8_t *pci_bar(const struct function *function, unsigned n)
{
	unsigned at = BAR + 4 * n;

	if (!bar_address(function, at) && machine_pci()->last)
		bar_assign(function, at);
	pci_write16(function, COMMAND, pci_read16(function, COMMAND) | MEMORY | BUS_MASTER);
	return (volatile uint8_t *)(bar_address(function, at) + machine_pci()->offset);
}
