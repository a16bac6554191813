/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Nodes of virtio-iommus in an IORT, as in the VIOT draft of 2019
 *
 * They stand in the place of SMMUs, and ID mappings refer to them in the same way. The node of a
 * PCI device ends behind the device ID, which is all that its reader used; the older layout with a
 * model and flags is read, but not written.
 */
#include "write.h"

/* The size of the register window, if the topology does not give one. */
#define DEFAULT_SPAN 0x200

#define PCI_LENGTH 20

/* PCI configuration describes registers and interrupts. */
static struct record *pci_node(const struct iort_writing *writing, const struct viommu_iommu *iommu)
{
	struct iort_virtio_pci fields = {
		.device_id = (uint32_t)iommu->segment << 16 | iommu->bdf,
	};

	return iort_begin_with(writing, iort_layout(IORT_VIRTIO_PCI, 0, PCI_LENGTH), &fields);
}

/* The reader made a platform device of it, so it has registers and an interrupt. */
static struct record *mmio_node(const struct iort_writing *writing,
				const struct viommu_iommu *iommu)
{
	struct iort_virtio_mmio fields = {
		.base = iommu->base,
		.span = iommu->span ? iommu->span : DEFAULT_SPAN,
		.flags = iommu->coherent ? IORT_VIRTIO_COHERENT : 0,
		.interrupt = iommu->n_interrupts ? iommu->interrupts[0] : 0,
	};

	return iort_begin_node(writing, IORT_VIRTIO_MMIO, &fields);
}

/* write_smmu.c adds the identifier and the mappings, as for SMMUs. */
struct record *iort_virtio_node(const struct iort_writing *writing,
				const struct viommu_iommu *iommu)
{
	return iommu->kind == VIOMMU_VIRTIO_PCI ? pci_node(writing, iommu)
						: mmio_node(writing, iommu);
}
