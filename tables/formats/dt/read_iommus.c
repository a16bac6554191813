/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * IOMMUs of a device tree: nodes with #iommu-cells
 *
 * `compatible` gives the kind. An unknown kind is an IOMMU too, and its endpoints are read alike.
 *
 * A virtio-iommu on PCI has "pci1af4,1057" or "virtio,pci-iommu": the older binding had only the
 * former.
 */
#include <string.h>

#include "base/hash.h"
#include "read.h"
#include "tables/findings/findings.h"
#include "tables/model/topology.h"

/* Any of the strings of `compatible` may match. Models are numbered as in an IORT. */
static const struct kind {
	const char *compatible;
	enum viommu_iommu_kind kind;
	uint32_t model;
} kinds[] = {
	{ "virtio,pci-iommu", VIOMMU_VIRTIO_PCI, 0 }, { "pci1af4,1057", VIOMMU_VIRTIO_PCI, 0 },
	{ "virtio,mmio", VIOMMU_VIRTIO_MMIO, 0 },     { "arm,smmu-v3", VIOMMU_SMMU_V3, 0 },
	{ "arm,smmu-v1", VIOMMU_SMMU_V2, 0 },         { "arm,mmu-400", VIOMMU_SMMU_V2, 2 },
	{ "arm,mmu-401", VIOMMU_SMMU_V2, 4 },         { "arm,mmu-500", VIOMMU_SMMU_V2, 3 },
	{ "cavium,smmu-v2", VIOMMU_SMMU_V2, 5 },      { "nvidia,smmu-500", VIOMMU_SMMU_V2, 3 },
	{ "qcom,smmu-v2", VIOMMU_SMMU_V2, 1 },        { "arm,smmu-v2", VIOMMU_SMMU_V2, 1 },
	{ "riscv,pci-iommu", VIOMMU_RISCV_PCI, 0 },   { "pci1efd,edf1", VIOMMU_RISCV_PCI, 0 },
	{ "riscv,iommu", VIOMMU_RISCV, 0 },
};

/* In the order of the rows, because `compatible` begins with the string of the board. */
static const struct kind *kind_of(const struct dt_node *node)
{
	static const struct kind other = { NULL, VIOMMU_OTHER, 0 };

	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
		if (dt_has_string(node, "compatible", kinds[i].compatible))
			return &kinds[i];
	return &other;
}

bool dt_is_smmu_v2(const struct dt_node *node)
{
	return kind_of(node)->kind == VIOMMU_SMMU_V2;
}

bool dt_is_iommu_function(const struct dt_node *node)
{
	return !iommu_has_window(&(struct viommu_iommu){ .kind = kind_of(node)->kind });
}

/* -- finding ------------------------------------------------------------------------------ */

void dt_find_iommus(struct dt_reading *reading)
{
	bool is_first = true;

	for_each_dt_node(node, reading->tree) {
		struct dt_iommu *iommu;

		if (is_first && dt_is_smmu_v2(node) && dt_is_available(node)) {
			reading->has_masters = dt_property(node, "mmu-masters");
			is_first = false;
		}
		if (!dt_property(node, "#iommu-cells") || !dt_is_available(node))
			continue;
		iommu = memory_new(struct dt_iommu, 1);
		iommu->node = node;
		iommu->name = dt_path(node);
		hash_insert(reading->iommus, node, iommu);
	}
}

struct dt_iommu *dt_iommu_of(struct dt_reading *reading, const struct dt_node *node,
			     const char *property, uint32_t phandle)
{
	const struct dt_node *target = dt_target(reading->tree, phandle);
	struct dt_iommu *iommu = target ? hash_lookup(reading->iommus, target) : NULL;
	struct viommu_place place;

	if (iommu)
		return iommu;
	if (dt_is_unresolved(reading->tree, phandle))
		return NULL;
	place = dt_place(reading->tree, node, property);
	if (!target)
		report(reading->findings, "dt-dangling", place, "write the phandle of an IOMMU",
		       "no node has phandle 0x%x", phandle);
	else if (!dt_property(target, "#iommu-cells"))
		report(reading->findings, "dt-iommu-cells", place,
		       "refer to an IOMMU, or give that node #iommu-cells",
		       "the node with phandle 0x%x, %s, is not an IOMMU: it has no #iommu-cells",
		       phandle, target->name);
	else
		report(reading->findings, "dt-disabled", place, "enable it, or omit the entry",
		       "the IOMMU with phandle 0x%x, %s, is disabled", phandle, target->name);
	return NULL;
}

/* -- reading -------------------------------------------------------------------------------- */

/* Inherited; Linux on Arm assumes noncoherent. */
bool dt_is_coherent(const struct dt_node *node)
{
	for (; node; node = node->parent) {
		if (dt_property(node, "dma-coherent"))
			return true;
		if (dt_property(node, "dma-noncoherent"))
			return false;
	}
	return false;
}

/* The segment of the host bridge. */
static uint16_t segment_of(const struct dt_reading *reading, const struct dt_node *node)
{
	while (node && !dt_is_host_bridge(node))
		node = node->parent;
	return (uint16_t)GPOINTER_TO_UINT(hash_lookup(reading->bridges, node));
}

/* The cells of an APLIC's interrupt are number and trigger, those of a PLIC's only the number. */
#define APLIC_CELLS 2u

/* The triggers of interrupts in device trees, as the flags of a wire. */
static const uint32_t wire_flags[] = { [1] = 2, [2] = 0, [4] = 3, [8] = 1 };

/* Up to four wires, which may have any order. */
static void read_wires(const struct dt_reading *reading, const struct dt_node *node,
		       struct viommu_iommu *iommu)
{
	const struct dt_property *interrupts = dt_property(node, "interrupts");
	size_t cells = dt_interrupt_cells(reading->tree, node, APLIC_CELLS);
	uint32_t trigger = cells == APLIC_CELLS ? dt_cell(interrupts, 1) : 0;

	if (!interrupts || cells < 1 || cells > APLIC_CELLS)
		return;
	iommu->n_interrupts =
		(unsigned)MIN(dt_cells(interrupts) / cells, (size_t)VIOMMU_MAX_INTERRUPTS);
	for (unsigned i = 0; i < iommu->n_interrupts; i++)
		iommu->interrupts[i] = dt_cell(interrupts, i * cells);
	if (trigger < G_N_ELEMENTS(wire_flags))
		iommu->riscv.wire_flags = wire_flags[trigger];
}

/* The index of a string in a list, or -1. */
static int index_of(const struct dt_property *names, const char *name)
{
	const char *at = (const char *)names->value, *end = at + names->length;

	for (int i = 0; at < end; i++) {
		size_t length = strnlen(at, (size_t)(end - at));

		if (length == strlen(name) && !memcmp(at, name, length))
			return i;
		at += length + 1;
	}
	return -1;
}

/* Interrupts of an SMMUv3 are identified by name and may have any order. */
static void read_interrupts(const struct dt_reading *reading, const struct dt_node *node,
			    struct viommu_iommu *iommu)
{
	static const char *const order[] = { "eventq", "priq", "cmdq-sync", "gerror" };
	const struct dt_property *names = dt_property(node, "interrupt-names");

	if (iommu->kind == VIOMMU_VIRTIO_MMIO) {
		iommu->interrupts[0] = dt_interrupt(reading, node, 0);
		iommu->n_interrupts = iommu->interrupts[0] ? 1 : 0;
	}
	if (iommu->kind == VIOMMU_RISCV)
		read_wires(reading, node, iommu);
	if (iommu->kind != VIOMMU_SMMU_V3 || !names)
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(order); i++) {
		int index = index_of(names, order[i]);

		iommu->interrupts[i] = index < 0 ? 0 : dt_interrupt(reading, node, (size_t)index);
		if (iommu->interrupts[i])
			iommu->n_interrupts = (unsigned)i + 1;
	}
}

/* An SMMUv3 may send its own interrupts as MSIs. */
static void read_own_msis(const struct dt_reading *reading, const struct dt_node *node,
			  struct viommu_iommu *iommu)
{
	uint32_t id;
	const char *its = dt_own_its(reading, node, &id);

	if (iommu->kind != VIOMMU_SMMU_V3 || !its)
		return;
	if (iommu->its && strcmp(iommu->its, its) != 0)
		return;
	iommu->its = its;
	iommu->smmu_v3.has_msi_id = true;
	iommu->smmu_v3.msi_id = id;
}

/*
 * An SMMU with masters has the older binding for Linux, whatever else it has. The first SMMU
 * decides which binding is that of all.
 */
static void note_linux(const struct dt_reading *reading, const struct dt_node *node)
{
	static const char older[] = "Linux reads mmu-masters and not `iommus` or iommu-map, and "
				    "only if it is built with CONFIG_ARM_SMMU_LEGACY_DT_BINDINGS";
	static const char other[] = "Linux prints \"not probing due to mismatched DT properties\": "
				    "the first SMMU of the tree has mmu-masters";
	bool has_masters = dt_property(node, "mmu-masters");
	size_t n = topology_count(reading->topology, OBJECT_IOMMU);

	if (dt_is_smmu_v2(node) && (has_masters || reading->has_masters))
		topology_set_unused(reading->topology,
				    topology_get(reading->topology, OBJECT_IOMMU, n - 1),
				    has_masters ? older : other);
}

/* Registers on a bus that is not translated are unknown, which is not an error. */
static void read_iommu(struct dt_reading *reading, const struct dt_iommu *found)
{
	const struct dt_node *node = found->node;
	struct viommu_iommu iommu = {
		.size = sizeof(iommu),
		.name = found->name,
		.kind = kind_of(node)->kind,
		.smmu.model = kind_of(node)->model,
		.its = found->its,
		.coherent = dt_is_coherent(node),
		.has_proximity_domain = dt_has_number(node, "numa-node-id"),
		.proximity_domain = dt_number(node, "numa-node-id", 0),
		.place = dt_place(reading->tree, node, NULL),
	};

	if (!iommu_has_window(&iommu)) {
		iommu.segment = segment_of(reading, node);
		dt_function_bdf(node, &iommu.bdf);
		iommu.coherent = false;
	} else if (!dt_registers(node, &iommu.base, &iommu.span)) {
		iommu.base = iommu.span = 0;
	}
	read_interrupts(reading, node, &iommu);
	read_own_msis(reading, node, &iommu);
	if (iommu.kind == VIOMMU_SMMU_V3)
		dt_read_queues(reading, node, &iommu.cmdqv);
	if (topology_add_iommu(reading->topology, &iommu) < 0)
		report(reading->findings, "topology-window", iommu.place, "correct `reg`",
		       "the registers of %s end beyond 64 bits", node->name);
	else
		note_linux(reading, node);
}

/* In the order of the tree, which the hash table does not keep. */
void dt_read_iommus(struct dt_reading *reading)
{
	for_each_dt_node(node, reading->tree) {
		const struct dt_iommu *found = hash_lookup(reading->iommus, node);

		if (found)
			read_iommu(reading, found);
	}
}
