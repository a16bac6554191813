/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_TRANSPORT_PCI_H
#define TESTS_TRANSPORT_PCI_H

#include <viommu/pci.h>

#include "rig.h"

/*
 * The IOMMU as a PCI function, with a guest in front of it
 *
 * rig.window accesses the function as if it was a register window: the driver's steps of guest.h
 * and rig.h work over either bus. INTERRUPT_STATUS and INTERRUPT_ACK both read ISR status.
 */
#define BAR_AT 0x20000000ull

#define N_MESSAGES 16

struct pci_rig {
	struct rig rig; /* first: this is the rig of the driver's steps */
	struct viommu_pci *pci;

	struct {
		uint64_t address;
		uint32_t data;
	} messages[N_MESSAGES];
	unsigned n_messages;
	unsigned n_mapped; /* calls of `mapped`, and the last one */
	bool mapped;
	uint64_t mapped_at;
};

extern const struct viommu_pci_ops pci_rig_ops;

/* A function with one endpoint, whose BAR is mapped and which is a bus master. */
int pci_rig_setup(void **state);
int pci_rig_setup_with(void **state, const struct viommu_pci_config *config,
		       const struct viommu_pci_ops *ops);
int pci_rig_teardown(void **state);

/* Map the BAR, and make the function a bus master. */
void pci_open(struct viommu_pci *pci);

struct window pci_window_of(struct viommu_pci *pci);

/* Go on with another function, which is like it. */
struct viommu_pci *pci_new_like(struct pci_rig *rig);
void pci_move(struct pci_rig *rig, struct viommu_pci *pci);

/* The n-th capability with that ID, and the virtio structure of that type: 0, none. */
unsigned pci_capability(struct viommu_pci *pci, uint8_t id, unsigned n);
unsigned pci_structure(struct viommu_pci *pci, uint8_t type);

uint32_t pci_get(struct viommu_pci *pci, unsigned offset, unsigned length);
void pci_set(struct viommu_pci *pci, unsigned offset, unsigned length, uint32_t value);

/* Common configuration. */
enum {
	COMMON_DEVICE_FEATURE_SELECT = 0,
	COMMON_DEVICE_FEATURE = 4,
	COMMON_DRIVER_FEATURE_SELECT = 8,
	COMMON_DRIVER_FEATURE = 12,
	COMMON_CONFIG_VECTOR = 16,
	COMMON_NUM_QUEUES = 18,
	COMMON_STATUS = 20,
	COMMON_GENERATION = 21,
	COMMON_QUEUE_SELECT = 22,
	COMMON_QUEUE_SIZE = 24,
	COMMON_QUEUE_VECTOR = 26,
	COMMON_QUEUE_ENABLE = 28,
	COMMON_QUEUE_NOTIFY_OFF = 30,
	COMMON_QUEUE_DESC = 32,
	COMMON_QUEUE_RESET = 58,
};

/* Structures in the BAR. */
enum { ISR = 0x2000, TABLE = 0x3000, PENDING = 0x3800, DEVICE_CONFIG = 0x4000 };
enum { MSIX_ENABLE = 0x8000, MSIX_MASK = 0x4000, NO_VECTOR = 0xffff };

/* Enable MSI-X, with vector `i` unmasked and its message `i` at 0xfee00000 + 16 * i. */
void pci_enable_msix(struct viommu_pci *pci);

#endif
