/* SPDX-License-Identifier: BSD-3-Clause */
#include "bus.h"

/*
 * virtio 1.4, 4.1.4 and 4.2.2. The structures of the function are found by their capabilities each
 * time, since firmware has little memory.
 */

/* -- registers of both transports ------------------------------------------------------------ */

static const struct {
	uint16_t mmio, common, length; /* length: in common configuration */
} registers[BUS_N_REGISTERS] = {
	[BUS_DEVICE_FEATURES] = { 0x010, 4, 4 },
	[BUS_DEVICE_FEATURES_SELECT] = { 0x014, 0, 4 },
	[BUS_DRIVER_FEATURES] = { 0x020, 12, 4 },
	[BUS_DRIVER_FEATURES_SELECT] = { 0x024, 8, 4 },
	[BUS_QUEUE_SELECT] = { 0x030, 22, 2 },
	[BUS_QUEUE_SIZE_MAX] = { 0x034, 24, 2 },
	[BUS_QUEUE_SIZE] = { 0x038, 24, 2 },
	[BUS_QUEUE_READY] = { 0x044, 28, 2 },
	[BUS_STATUS] = { 0x070, 20, 1 },
	[BUS_QUEUE_DESCRIPTORS] = { 0x080, 32, 4 },
	[BUS_QUEUE_DESCRIPTORS_HIGH] = { 0x084, 36, 4 },
	[BUS_QUEUE_DRIVER] = { 0x090, 40, 4 },
	[BUS_QUEUE_DRIVER_HIGH] = { 0x094, 44, 4 },
	[BUS_QUEUE_DEVICE] = { 0x0a0, 48, 4 },
	[BUS_QUEUE_DEVICE_HIGH] = { 0x0a4, 52, 4 },
};

enum {
	MMIO_MAGIC = 0x000,
	MMIO_VERSION = 0x004,
	MMIO_DEVICE = 0x008,
	MMIO_QUEUE_NOTIFY = 0x050,
	MMIO_INTERRUPT_STATUS = 0x060,
	MMIO_INTERRUPT_ACKNOWLEDGE = 0x064,
	MMIO_CONFIG = 0x100,
};
#define MAGIC_VALUE 0x74726976
#define WORD        4

enum bus_way bus_of(struct machine *machine)
{
	return machine_function(machine) ? BUS_BAR : BUS_MMIO;
}

static uint32_t mmio_load(const struct bus *bus, uint64_t offset)
{
	return (uint32_t)viommu_mmio_read(machine_window(bus->machine), offset, WORD);
}

static void mmio_store(const struct bus *bus, uint64_t offset, uint32_t value)
{
	viommu_mmio_write(machine_window(bus->machine), offset, WORD, value);
}

/* -- PCI ----------------------------------------------------------------------------------- */

enum { PCI_ID = 0x00, PCI_COMMAND = 0x04, PCI_BAR = 0x10, PCI_CAPABILITIES = 0x34 };
enum { COMMAND_MEMORY = 2, COMMAND_MASTER = 4, VENDOR_SPECIFIC = 9 };
enum { CAP_NEXT = 1, CAP_TYPE = 3, CAP_BAR = 4, CAP_OFFSET = 8, CAP_LENGTH = 12, CAP_EXTRA = 16 };
enum { TYPE_COMMON = 1, TYPE_NOTIFY = 2, TYPE_ISR = 3, TYPE_DEVICE = 4, TYPE_ACCESS = 5 };

#define PCI_ID_VALUE      (0x1af4u | (0x1040u + VIOMMU_DEVICE_ID) << 16)
#define MOST_CAPABILITIES 48

static uint32_t config_get(const struct bus *bus, unsigned offset, unsigned length)
{
	return viommu_pci_config_read(machine_function(bus->machine), offset, length);
}

static void config_set(const struct bus *bus, unsigned offset, unsigned length, uint32_t value)
{
	viommu_pci_config_write(machine_function(bus->machine), offset, length, value);
}

/* Bounds a cyclic chain: configuration space has no room for more capabilities. */
static unsigned find_capability(const struct bus *bus, unsigned type)
{
	unsigned at = config_get(bus, PCI_CAPABILITIES, 1);

	for (unsigned i = 0; at && i < MOST_CAPABILITIES; i++) {
		if (config_get(bus, at, 1) == VENDOR_SPECIFIC &&
		    config_get(bus, at + CAP_TYPE, 1) == type)
			return at;
		at = config_get(bus, at + CAP_NEXT, 1);
	}
	return 0;
}

/* A place in the BAR of a virtio structure. */
struct place {
	unsigned bar;
	uint64_t offset;
};

static struct place place_in(const struct bus *bus, unsigned type, uint64_t offset)
{
	unsigned at = find_capability(bus, type);

	return (struct place){ config_get(bus, at + CAP_BAR, 1),
			       config_get(bus, at + CAP_OFFSET, 4) + offset };
}

/* Aim the access capability there. Returns the offset of its data. */
static unsigned aim(const struct bus *bus, struct place place, unsigned length)
{
	unsigned at = find_capability(bus, TYPE_ACCESS);

	config_set(bus, at + CAP_BAR, 1, place.bar);
	config_set(bus, at + CAP_OFFSET, 4, (uint32_t)place.offset);
	config_set(bus, at + CAP_LENGTH, 4, length);
	return at + CAP_EXTRA;
}

static uint32_t pci_load(const struct bus *bus, unsigned type, uint64_t offset, unsigned length)
{
	struct place place = place_in(bus, type, offset);

	if (bus->way == BUS_ACCESS)
		return config_get(bus, aim(bus, place, length), length);
	return (uint32_t)viommu_pci_bar_read(machine_function(bus->machine), place.offset, length);
}

static void pci_store(const struct bus *bus, unsigned type, uint64_t offset, unsigned length,
		      uint32_t value)
{
	struct place place = place_in(bus, type, offset);

	if (bus->way == BUS_ACCESS)
		config_set(bus, aim(bus, place, length), length, value);
	else
		viommu_pci_bar_write(machine_function(bus->machine), place.offset, length, value);
}

static bool pci_open(const struct bus *bus)
{
	if (config_get(bus, PCI_ID, 4) != PCI_ID_VALUE || !find_capability(bus, TYPE_COMMON) ||
	    !find_capability(bus, TYPE_DEVICE) || !find_capability(bus, TYPE_ACCESS))
		return false;
	if (bus->way == BUS_BAR) {
		config_set(bus, PCI_BAR, 4, (uint32_t)MACHINE_BAR);
		config_set(bus, PCI_BAR + 4, 4, MACHINE_BAR >> 32);
		config_set(bus, PCI_COMMAND, 2, COMMAND_MEMORY | COMMAND_MASTER);
	}
	return true;
}

/* -- any way ------------------------------------------------------------------------------ */

bool bus_open(const struct bus *bus)
{
	if (bus->way != BUS_MMIO)
		return pci_open(bus);
	return mmio_load(bus, MMIO_MAGIC) == MAGIC_VALUE && mmio_load(bus, MMIO_VERSION) == 2 &&
	       mmio_load(bus, MMIO_DEVICE) == VIOMMU_DEVICE_ID;
}

uint32_t bus_load(const struct bus *bus, enum bus_register reg)
{
	if (bus->way == BUS_MMIO)
		return mmio_load(bus, registers[reg].mmio);
	return pci_load(bus, TYPE_COMMON, registers[reg].common, registers[reg].length);
}

void bus_store(const struct bus *bus, enum bus_register reg, uint32_t value)
{
	if (bus->way == BUS_MMIO)
		mmio_store(bus, registers[reg].mmio, value);
	else
		pci_store(bus, TYPE_COMMON, registers[reg].common, registers[reg].length, value);
}

uint64_t bus_config(const struct bus *bus, uint64_t offset, unsigned length)
{
	if (bus->way == BUS_MMIO)
		return viommu_mmio_read(machine_window(bus->machine), MMIO_CONFIG + offset, length);
	if (length <= WORD)
		return pci_load(bus, TYPE_DEVICE, offset, length);
	return bus_config(bus, offset, WORD) | bus_config(bus, offset + WORD, WORD) << 32;
}

/* On PCI the length of the capability; on MMIO the rest of the register window. */
uint64_t bus_config_length(const struct bus *bus)
{
	if (bus->way == BUS_MMIO)
		return viommu_mmio_length(machine_window(bus->machine)) - MMIO_CONFIG;
	return config_get(bus, find_capability(bus, TYPE_DEVICE) + CAP_LENGTH, 4);
}

void bus_notify(const struct bus *bus, uint32_t queue)
{
	uint32_t multiplier;

	if (bus->way == BUS_MMIO) {
		mmio_store(bus, MMIO_QUEUE_NOTIFY, queue);
	} else {
		multiplier = config_get(bus, find_capability(bus, TYPE_NOTIFY) + CAP_EXTRA, 4);
		pci_store(bus, TYPE_NOTIFY, (uint64_t)queue * multiplier, 2, queue);
	}
	machine_serve(bus->machine);
}

uint32_t bus_acknowledge(const struct bus *bus)
{
	uint32_t status;

	if (bus->way != BUS_MMIO)
		return pci_load(bus, TYPE_ISR, 0, 1);
	status = mmio_load(bus, MMIO_INTERRUPT_STATUS);
	mmio_store(bus, MMIO_INTERRUPT_ACKNOWLEDGE, status);
	return status;
}
