/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Nodes of virtio-iommus in an IORT, as the draft of a VIOT of 2019 had them
 *
 * They stand where SMMUs stand, and ID mappings lead to them in the same way. That of a PCI
 * transport ends behind the device ID, which is all that its reader looked at; the older form, with
 * a model and flags, is read and not written.
 */
#include "write.h"

/* Registers of a virtio device behind the MMIO transport, where nobody says how many bytes. */
#define DEFAULT_SPAN 0x200

#define PCI_LENGTH 20

/* Nothing of it but the function: registers and interrupts are where PCI says. */
static struct record *pci_node(const struct iort_writing *writing, const struct viommu_iommu *iommu)
{
	struct iort_virtio_pci fields = {
		.device_id = (uint32_t)iommu->segment << 16 | iommu->bdf,
	};

	return iort_begin_with(writing, iort_layout(IORT_VIRTIO_PCI, 0, PCI_LENGTH), &fields);
}

/* A platform device was made of this by its reader, so registers and the interrupt are here. */
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

/* Identifiers and mappings are added by who writes SMMUs, for they are the same. */
struct record *iort_virtio_node(const struct iort_writing *writing,
				const struct viommu_iommu *iommu)
{
	return iommu->kind == VIOMMU_VIRTIO_PCI ? pci_node(writing, iommu)
						: mmio_node(writing, iommu);
}
