/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SMMU nodes of an IORT, and nodes of virtio-iommus, as IOMMUs
 *
 * A topology has the interrupts of an SMMU in the order of the device tree binding.
 */
#include "base/array.h"
#include "base/hash.h"
#include "tables/findings/findings.h"
#include "read.h"
#include "tables/model/topology.h"

#define SEGMENT_SHIFT 16

/* Trigger modes found among the interrupts of one SMMU. */
enum { ANY_LEVEL = 1, ANY_EDGE = 2 };

/* The device tree binding has sync before GERR. */
static void fill_interrupts(struct viommu_iommu *iommu, const struct iort_smmu_v3 *smmu)
{
	const uint32_t interrupts[] = { smmu->event, smmu->pri, smmu->sync, smmu->gerr };

	for (size_t i = 0; i < G_N_ELEMENTS(interrupts); i++) {
		iommu->interrupts[i] = interrupts[i];
		if (interrupts[i])
			iommu->n_interrupts = G_N_ELEMENTS(interrupts);
	}
}

/* Flags keep only the bits without a member of their own. */
static void fill_smmu_v3(struct viommu_iommu *iommu, const struct iort_smmu_v3 *smmu)
{
	static const uint32_t known =
		IORT_SMMU_V3_COHERENT | IORT_SMMU_V3_DOMAIN | IORT_SMMU_V3_DEVICE_ID;

	iommu->kind = VIOMMU_SMMU_V3;
	iommu->base = smmu->base;
	iommu->coherent = smmu->flags & IORT_SMMU_V3_COHERENT;
	iommu->flags = smmu->flags & ~known;
	iommu->smmu_v3.vatos = smmu->vatos;
	iommu->smmu.model = smmu->model;
	iommu->has_proximity_domain = smmu->flags & IORT_SMMU_V3_DOMAIN;
	iommu->proximity_domain = iommu->has_proximity_domain ? smmu->proximity_domain : 0;
	fill_interrupts(iommu, smmu);
}

/* The GSIVs of one array, to be freed with memory_free(). Adds their trigger modes to `edges`. */
static uint32_t *gsivs_of(const struct record *node, const struct layout *layout, size_t *ret_n,
			  unsigned *edges)
{
	struct array *numbers = array_new(sizeof(uint32_t));
	const struct record *record;

	for (guint i = 0; (record = iort_next(node, layout, &i));) {
		const struct iort_interrupt *interrupt = record->host;

		array_append(numbers, interrupt->gsiv);
		*edges |= interrupt->flags ? ANY_EDGE : ANY_LEVEL;
	}
	*ret_n = numbers->len;
	return (uint32_t *)(void *)array_steal(numbers);
}

/* Generators write two zeroes if they do not know the interrupts. */
static void fill_global_interrupts(struct viommu_iommu *iommu, const struct record *node)
{
	guint i = 0;
	const struct record *record = iort_next(node, &iort_global_interrupts_layout, &i);
	const struct iort_global_interrupts *interrupts = record ? record->host : NULL;

	if (!interrupts || !(interrupts->fault || interrupts->configuration))
		return;
	iommu->interrupts[iommu->n_interrupts++] = interrupts->fault;
	iommu->interrupts[iommu->n_interrupts++] = interrupts->configuration;
}

/* As in the device tree binding, global interrupts come first. */
static void fill_smmu_v2(struct viommu_iommu *iommu, const struct record *node)
{
	const struct iort_smmu_v2 *smmu = node->host;

	fill_global_interrupts(iommu, node);
	iommu->kind = VIOMMU_SMMU_V2;
	iommu->base = smmu->base;
	iommu->span = smmu->span;
	iommu->coherent = smmu->flags & IORT_SMMU_V2_COHERENT;
	iommu->flags = smmu->flags & ~(uint32_t)IORT_SMMU_V2_COHERENT;
	iommu->smmu.model = smmu->model;
}

/* The device ID is segment << 16 | BDF. */
static void fill_virtio_pci(struct viommu_iommu *iommu, const struct iort_virtio_pci *node)
{
	iommu->kind = VIOMMU_VIRTIO_PCI;
	iommu->segment = (uint16_t)(node->device_id >> SEGMENT_SHIFT);
	iommu->bdf = (uint16_t)node->device_id;
}

/* The interrupt belongs to the virtio transport. */
static void fill_virtio_mmio(struct viommu_iommu *iommu, const struct iort_virtio_mmio *node)
{
	iommu->kind = VIOMMU_VIRTIO_MMIO;
	iommu->base = node->base;
	iommu->span = node->span;
	iommu->coherent = node->flags & IORT_VIRTIO_COHERENT;
	iommu->interrupts[0] = (uint32_t)node->interrupt;
	iommu->n_interrupts = iommu->interrupts[0] ? 1 : 0;
}

/*
 * The ITS group of the SMMU's own MSIs, or the group that receives all stream IDs unchanged. Other
 * mappings become MSI ranges.
 */
static void fill_its(const struct iort_reading *reading, struct viommu_iommu *iommu,
		     const struct record *node)
{
	const struct iort_mapping *own = iort_device_id_mapping(node);

	if (own) {
		iommu->its = iort_its_at(reading, own->output_reference);
		iommu->smmu_v3.has_msi_id = iommu->its;
		iommu->smmu_v3.msi_id = iommu->its ? own->output_base : 0;
		return;
	}
	iommu->its = iort_identity_its(reading, node);
}

/* The topology copies the arrays. */
static void add_iommu(const struct iort_reading *reading, struct viommu_iommu *iommu,
		      const struct record *node)
{
	unsigned edges = 0;
	auto_free uint32_t *contexts = gsivs_of(node, &iort_interrupt_layout,
						&iommu->smmu_v2.n_context_interrupts, &edges);
	auto_free uint32_t *monitors = gsivs_of(node, &iort_pmu_interrupt_layout,
						&iommu->smmu_v2.n_pmu_interrupts, &edges);

	iommu->smmu_v2.context_interrupts = contexts;
	iommu->smmu_v2.pmu_interrupts = monitors;
	iommu->smmu_v2.edge = edges == ANY_EDGE;
	if (!topology_add_iommu(reading->topology, iommu))
		iort_note_linux(reading, node, OBJECT_IOMMU);
	if (edges == (ANY_EDGE | ANY_LEVEL))
		iort_report_dropped(reading, "iort-silent-interrupts", node,
				    "different trigger modes of an SMMU's interrupts");
}

/* An IOMMU that cannot be added takes a number too, so that numbers follow the table. */
void iort_read_iommu(struct iort_reading *reading, const struct record *node)
{
	struct viommu_iommu iommu = { .size = sizeof(iommu) };
	unsigned type = iort_type_of(node);

	iommu.place = table_place(reading->table, node->at);
	if (type == IORT_SMMU_V3)
		fill_smmu_v3(&iommu, node->host);
	else if (type == IORT_SMMU_V2)
		fill_smmu_v2(&iommu, node);
	else if (type == IORT_VIRTIO_PCI)
		fill_virtio_pci(&iommu, node->host);
	else
		fill_virtio_mmio(&iommu, node->host);
	iommu.name =
		iort_name_node(reading->iommus, node, type < IORT_VIRTIO_PCI ? "smmu" : "viommu");
	iommu.has_identifier = iort_read_identifier(reading, node, &iommu.identifier);
	fill_its(reading, &iommu, node);
	add_iommu(reading, &iommu, node);
}
