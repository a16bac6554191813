/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_MACHINE_BUS_H
#define VIOMMU_MACHINE_BUS_H

#include "machine.h"

/*
 * How the guest's software reaches the registers of the machine's IOMMU
 *
 * A driver uses the window of virtio-mmio, or the BAR of the PCI function. Firmware without a
 * mapped BAR uses the access capability in PCI configuration space.
 */
enum bus_way { BUS_MMIO, BUS_BAR, BUS_ACCESS, BUS_N_WAYS };

/* The way of a driver to this machine. */
enum bus_way bus_of(struct machine *machine);

/* Registers that both transports have. QUEUE_SIZE is the largest one until it is written. */
enum bus_register {
	BUS_DEVICE_FEATURES,
	BUS_DEVICE_FEATURES_SELECT,
	BUS_DRIVER_FEATURES,
	BUS_DRIVER_FEATURES_SELECT,
	BUS_QUEUE_SELECT,
	BUS_QUEUE_SIZE_MAX,
	BUS_QUEUE_SIZE,
	BUS_QUEUE_READY,
	BUS_STATUS,
	BUS_QUEUE_DESCRIPTORS,
	BUS_QUEUE_DESCRIPTORS_HIGH,
	BUS_QUEUE_DRIVER,
	BUS_QUEUE_DRIVER_HIGH,
	BUS_QUEUE_DEVICE,
	BUS_QUEUE_DEVICE_HIGH,
	BUS_N_REGISTERS
};

struct bus {
	struct machine *machine;
	enum bus_way way;
};

/* Is there a virtio-iommu? Opens the function: its BAR is mapped, and it may access memory. */
bool bus_open(const struct bus *bus);

uint32_t bus_load(const struct bus *bus, enum bus_register reg);
void bus_store(const struct bus *bus, enum bus_register reg, uint32_t value);

/* Configuration space of the device. On PCI a field of 8 bytes is two of 4. */
uint64_t bus_config(const struct bus *bus, uint64_t offset, unsigned length);
uint64_t bus_config_length(const struct bus *bus);

/* Notify of a queue; read and acknowledge the reasons of the interrupt. */
void bus_notify(const struct bus *bus, uint32_t queue);
uint32_t bus_acknowledge(const struct bus *bus);

#endif
