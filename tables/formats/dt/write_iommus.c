/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * IOMMUs and ITSs in a generated device tree
 *
 * An existing node gets what an IOMMU needs: #iommu-cells and a phandle. A missing node is created
 * if the topology describes it sufficiently: a virtio-iommu and an SMMUv3 fully, an older SMMU with
 * its registers.
 */
#include <inttypes.h>
#include <string.h>

#include "base/array.h"
#include "base/hash.h"
#include "read.h"
#include "write.h"
#include "tables/findings/findings.h"
#include "tables/model/topology.h"
#include "tables/table/unsupported.h"

/* The default size of registers. */
#define SPAN_VIRTIO_MMIO 0x200u
#define SPAN_SMMU_V3     0x20000u
#define SPAN_SMMU_V2     0x10000u
#define SPAN_RISCV       0x1000u

/* -- ITSs ------------------------------------------------------------------------------- */

/* In the order of the tree; a MADT numbers them from 0. */
static struct pointers *its_nodes(const struct dt_writing *writing)
{
	struct pointers *nodes = pointers_new(NULL);

	for_each_dt_node(node, writing->tree)
		if (dt_is_its(node))
			pointers_add(nodes, node);
	return nodes;
}

/*
 * A topology has no address of an ITS, so `reg` is missing. A machine with wire bridges has a
 * GICv5, and MSIs go to a frame of its ITS.
 */
static struct dt_node *create_its(struct dt_writing *writing, uint32_t id)
{
	bool is_gicv5 = topology_count(writing->topology, OBJECT_WIRE_BRIDGE);
	auto_free char *name =
		memory_printf(is_gicv5 ? "its-%" PRIu32 : "msi-controller-%" PRIu32, id);
	struct dt_node *node = dt_create_node(writing, writing->tree->root, name);

	dt_set_string(writing, node, "compatible", is_gicv5 ? "arm,gic-v5-its" : "arm,gic-v3-its");
	if (is_gicv5)
		node = dt_create_node(writing, node, "msi-controller");
	dt_set(writing, node, "msi-controller", NULL, 0);
	dt_set_number(writing, node, "#msi-cells", 1);
	return node;
}

/* By path, or else by number. */
void dt_write_its(struct dt_writing *writing)
{
	auto_pointers struct pointers *nodes = its_nodes(writing);
	const struct viommu_its_group *group;

	for_each_object(i, group, writing->topology, OBJECT_ITS_GROUP) {
		struct dt_node *node = dt_by_name(writing, group->name);

		if (!node && group->ids[0] < nodes->len)
			node = nodes->pdata[group->ids[0]];
		if (!node && !writing->into)
			node = create_its(writing, group->ids[0]);
		if (node)
			hash_insert(writing->its, (gpointer)group->name, node);
		else
			dt_report_missing(writing, "ITS group", group->name, group->place);
	}
}

/* -- creating ------------------------------------------------------------------------------- */

/* The trigger of a controller with two cells: high, as RISC-V's machines have it. */
#define LEVEL_HIGH 4u

/* Number and trigger, or only the number. */
static void set_plain_interrupts(struct dt_writing *writing, struct dt_node *node,
				 const struct viommu_iommu *iommu, size_t n_cells)
{
	const uint32_t cells[] = { iommu->interrupts[0], LEVEL_HIGH };

	if (iommu->n_interrupts && n_cells)
		dt_set_cells(writing, node, "interrupts", cells, n_cells);
}

static void set_interrupts(struct dt_writing *writing, struct dt_node *node,
			   const struct viommu_iommu *iommu)
{
	uint32_t n_cells = dt_interrupt_cells(writing->tree, node, GIC_CELLS);
	auto_free char *of = memory_printf("IOMMU \"%s\"", iommu->name);

	if (iommu->kind == VIOMMU_RISCV)
		return;
	if (iommu->kind == VIOMMU_VIRTIO_MMIO && n_cells < GIC_CELLS)
		set_plain_interrupts(writing, node, iommu, n_cells);
	else
		dt_set_interrupts(writing, node, iommu->interrupts, iommu->n_interrupts, of,
				  iommu->place);
}

/* The cells of an APLIC: number and trigger, by the flags of a wire. */
static void fill_riscv(struct dt_writing *writing, struct dt_node *node,
		       const struct viommu_iommu *iommu)
{
	static const uint32_t triggers[] = { 2, 8, 1, 4 };
	uint32_t cells[2 * VIOMMU_MAX_INTERRUPTS];
	size_t n = 0;

	for (unsigned i = 0; i < iommu->n_interrupts; i++) {
		cells[n++] = iommu->interrupts[i];
		cells[n++] = triggers[iommu->riscv.wire_flags % G_N_ELEMENTS(triggers)];
	}
	if (n)
		dt_set_cells(writing, node, "interrupts", cells, n);
}

/* Names are given for all four interrupts or for none. */
static void fill_smmu_v3(struct dt_writing *writing, struct dt_node *node,
			 const struct viommu_iommu *iommu)
{
	static const char names[] = "eventq\0priq\0cmdq-sync\0gerror";

	if (iommu->n_interrupts == VIOMMU_MAX_INTERRUPTS)
		dt_set(writing, node, "interrupt-names", names, sizeof(names));
}

/* A topology does not have the interrupts of contexts here. */
static void fill_smmu_v2(struct dt_writing *writing, struct dt_node *node,
			 const struct viommu_iommu *iommu)
{
	dt_set_number(writing, node, "#global-interrupts", iommu->n_interrupts);
}

static void fill_none(struct dt_writing *writing, struct dt_node *node,
		      const struct viommu_iommu *iommu)
{
	(void)writing;
	(void)node;
	(void)iommu;
}

/* Kinds that can be created below the root. */
static const struct maker {
	enum viommu_iommu_kind kind;
	uint32_t model;
	const char *name, *compatible;
	uint32_t span;
	void (*fill)(struct dt_writing *writing, struct dt_node *node,
		     const struct viommu_iommu *iommu);
} makers[] = {
	{ VIOMMU_VIRTIO_MMIO, 0, "virtio_mmio", "virtio,mmio", SPAN_VIRTIO_MMIO, fill_none },
	{ VIOMMU_SMMU_V3, 0, "iommu", "arm,smmu-v3", SPAN_SMMU_V3, fill_smmu_v3 },
	{ VIOMMU_SMMU_V2, 0, "iommu", "arm,smmu-v1", SPAN_SMMU_V2, fill_smmu_v2 },
	{ VIOMMU_SMMU_V2, 1, "iommu", "arm,smmu-v2", SPAN_SMMU_V2, fill_smmu_v2 },
	{ VIOMMU_SMMU_V2, 2, "iommu", "arm,mmu-400", SPAN_SMMU_V2, fill_smmu_v2 },
	{ VIOMMU_SMMU_V2, 3, "iommu", "arm,mmu-500", SPAN_SMMU_V2, fill_smmu_v2 },
	{ VIOMMU_SMMU_V2, 4, "iommu", "arm,mmu-401", SPAN_SMMU_V2, fill_smmu_v2 },
	{ VIOMMU_SMMU_V2, 5, "iommu", "cavium,smmu-v2", SPAN_SMMU_V2, fill_smmu_v2 },
	{ VIOMMU_RISCV, 0, "iommu", "riscv,iommu", SPAN_RISCV, fill_riscv },
};

/* The model of an SMMUv3 selects errata, which the driver detects. */
static const struct maker *maker_of(const struct viommu_iommu *iommu)
{
	for (size_t i = 0; i < G_N_ELEMENTS(makers); i++)
		if (makers[i].kind == iommu->kind &&
		    (iommu->kind != VIOMMU_SMMU_V2 || makers[i].model == iommu->smmu.model))
			return &makers[i];
	return NULL;
}

static uint64_t span_of(const struct dt_writing *writing, const struct maker *maker,
			const struct viommu_iommu *iommu)
{
	const uint64_t *with_monitors = hash_lookup(writing->spans, iommu->name);

	if (iommu->span)
		return iommu->span;
	return with_monitors ? MAX(*with_monitors, maker->span) : maker->span;
}

/* Below the root, because no other bus is known to translate to the address. */
static struct dt_node *create_iommu(struct dt_writing *writing, const struct viommu_iommu *iommu)
{
	const struct maker *maker = maker_of(iommu);
	auto_free char *name = NULL;
	struct dt_node *node;

	if (!maker)
		return NULL;
	name = memory_printf("%s@%" PRIx64, maker->name, iommu->base);
	node = dt_create_node(writing, writing->tree->root, name);
	if (iommu_has_queues(iommu))
		dt_set(writing, node, "compatible", DT_QUEUES_BOTH, sizeof(DT_QUEUES_BOTH));
	else
		dt_set_string(writing, node, "compatible", maker->compatible);
	dt_set_registers(writing, node, &iommu->base, 1, span_of(writing, maker, iommu));
	set_interrupts(writing, node, iommu);
	maker->fill(writing, node, iommu);
	if (iommu->coherent)
		dt_set(writing, node, "dma-coherent", NULL, 0);
	return node;
}

/* -- any IOMMU ------------------------------------------------------------------------------ */

/* Existing #iommu-cells stay, because they need not be 1. */
static void finish(struct dt_writing *writing, struct dt_node *node,
		   const struct viommu_iommu *iommu)
{
	if (!dt_property(node, "#iommu-cells"))
		dt_set_number(writing, node, "#iommu-cells", 1);
	if (iommu->has_proximity_domain)
		dt_set_number(writing, node, "numa-node-id", iommu->proximity_domain);
	dt_write_queues(writing, node, iommu);
	if (iommu->kind == VIOMMU_SMMU_V3 && iommu->smmu_v3.has_msi_id)
		dt_set_msis(writing, node, iommu->its, iommu->smmu_v3.msi_id);
	dt_ensure_phandle(writing, node);
	hash_insert(writing->iommus, (gpointer)iommu->name, node);
}

/* A warning, because its devices then have no IOMMU. */
static void report_omitted(struct dt_writing *writing, const struct viommu_iommu *iommu)
{
	report(writing->findings, "dt-silent-iommu", iommu->place,
	       "describe it in the table of its own platform",
	       "a device tree cannot describe %s \"%s\": the IOMMU and its routes were omitted",
	       viommu_iommu_kind_name(iommu->kind), iommu->name);
}

/* IOMMUs on PCI are written with their host bridges. */
void dt_write_iommus(struct dt_writing *writing)
{
	const struct viommu_iommu *iommu;

	for_each_object(i, iommu, writing->topology, OBJECT_IOMMU) {
		struct dt_node *node = dt_by_name(writing, iommu->name);

		if (!node && iommu_has_window(iommu))
			node = dt_by_window(writing, iommu->base);
		if (!node && !iommu_has_window(iommu))
			continue;
		if (!node)
			node = create_iommu(writing, iommu);
		if (node)
			finish(writing, node, iommu);
		else
			report_omitted(writing, iommu);
	}
}

/* -- IOMMUs on PCI ------------------------------------------------------------------- */

/* The name of the node does not matter. */
static struct dt_node *find_function(const struct dt_node *bridge, uint16_t bdf)
{
	uint16_t own;

	for (struct dt_node *node = bridge->first; node; node = node->next)
		if (dt_function_bdf(node, &own) && own == bdf)
			return node;
	return NULL;
}

/* The unit address is device,function. */
static char *function_name(const struct viommu_iommu *iommu)
{
	unsigned bdf = iommu->bdf;
	auto_free char *address = memory_printf("@%x,%x", bdf >> 3 & 0x1f, bdf & 7);
	const char *last = strrchr(iommu->name, '/');

	if (last && g_str_has_suffix(last, address))
		return memory_text(last + 1);
	return memory_printf("iommu%s", address);
}

/* All strings of the bindings. */
static struct dt_node *create_function(struct dt_writing *writing, struct dt_node *bridge,
				       const struct viommu_iommu *iommu)
{
	static const char virtio[] = "virtio,pci-iommu\0pci1af4,1057";
	static const char riscv[] = "pci1efd,edf1\0riscv,pci-iommu";
	bool is_riscv = iommu->kind == VIOMMU_RISCV_PCI;
	const uint32_t reg[] = { (uint32_t)iommu->bdf << 8, 0, 0, 0, 0 };
	auto_free char *name = function_name(iommu);
	struct dt_node *node = dt_create_node(writing, bridge, name);

	dt_set(writing, node, "compatible", is_riscv ? riscv : virtio,
	       is_riscv ? sizeof(riscv) : sizeof(virtio));
	dt_set_cells(writing, node, "reg", reg, G_N_ELEMENTS(reg));
	return node;
}

/* dt_write_iommus() has found nodes by path. */
void dt_write_function(struct dt_writing *writing, struct dt_node *bridge,
		       const struct viommu_iommu *iommu)
{
	struct dt_node *node = hash_lookup(writing->iommus, iommu->name);

	if (!node)
		node = find_function(bridge, iommu->bdf);
	if (!node)
		node = create_function(writing, bridge, iommu);
	finish(writing, node, iommu);
}
