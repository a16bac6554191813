/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rows of every IORT structure (ARM DEN 0049)
 *
 * Root complexes, SMMUv3s and PMCGs grew over the revisions. Some firmware writes a node revision
 * that does not match the fields of the node. Readers therefore go by the offset of the first
 * array, and so does the choice of a layout here.
 */
#include "iort.h"

static const struct field head_fields[] = {
	ACPI_ROWS(struct iort_head),
	ROW(struct iort_head, 36, NUMBER, node_count, "Node count"),
	ROW(struct iort_head, 40, OFFSET, node_offset, "Node offset"),
	ROW(struct iort_head, 44, RESERVED, reserved, "Reserved"),
};
const struct layout iort_head_layout =
	LAYOUT("I/O Remapping table", 0, IORT_HEAD_LENGTH, struct iort_head, head_fields);

static const struct field_name node_types[] = {
	{ IORT_ITS_GROUP, "ITS group" },
	{ IORT_NAMED_COMPONENT, "named component" },
	{ IORT_ROOT_COMPLEX, "root complex" },
	{ IORT_SMMU_V2, "SMMUv1 or SMMUv2" },
	{ IORT_SMMU_V3, "SMMUv3" },
	{ IORT_PMCG, "performance monitoring" },
	{ IORT_RMR, "reserved memory" },
	{ IORT_IWB, "interrupt wire bridge" },
	{ IORT_VIRTIO_PCI, "virtio-iommu, PCI" },
	{ IORT_VIRTIO_MMIO, "virtio-iommu, MMIO" },
	{ 0, NULL },
};

/* Offsets of arrays count from the start of the node; references from the start of the table. */
#define NODE_ROWS(host) \
	ROW_NAMED(host, 0, TYPE, node.type, "Type", node_types), \
		ROW(host, 1, LENGTH, node.length, "Length"), \
		ROW(host, 3, NUMBER, node.revision, "Revision"), \
		ROW(host, 4, NUMBER, node.identifier, "Identifier"), \
		ROW(host, 8, NUMBER, node.mapping_count, "ID mapping count"), \
		ROW(host, 12, HEX, node.mapping_offset, "ID mapping offset")

static const struct field_name mapping_flags[] = {
	{ IORT_MAPPING_SINGLE, "single" },
	{ 0, NULL },
};
static const struct field mapping_fields[] = {
	ROW(struct iort_mapping, 0, HEX, input_base, "Input base"),
	ROW(struct iort_mapping, 4, HEX, id_count, "ID count"),
	ROW(struct iort_mapping, 8, HEX, output_base, "Output base"),
	ROW(struct iort_mapping, 12, OFFSET, output_reference, "Output reference"),
	ROW_NAMED(struct iort_mapping, 16, FLAGS, flags, "Flags", mapping_flags),
};
const struct layout iort_mapping_layout =
	LAYOUT("ID mapping", 0, 20, struct iort_mapping, mapping_fields);

/* -- ITS groups ------------------------------------------------------------------ */

/* The identifiers behind it are those of the MADT. Linux uses the first one for the MSI domain. */
static const struct field its_group_fields[] = {
	NODE_ROWS(struct iort_its_group),
	ROW(struct iort_its_group, 16, NUMBER, its_count, "ITS count"),
};
static const struct layout its_group_layout =
	LAYOUT("ITS group", IORT_ITS_GROUP, 20, struct iort_its_group, its_group_fields);

static const struct field its_fields[] = {
	ROW(struct iort_its, 0, NUMBER, identifier, "ITS identifier"),
};
const struct layout iort_its_layout = LAYOUT("ITS", 0, 4, struct iort_its, its_fields);

/* -- devices --------------------------------------------------------------------- */

/*
 * VMMs write no hints and the first two flags: coherent, cacheable and shareable. The third flag
 * came with issue E.f of the specification.
 */
static const struct field_name memory_hints[] = {
	{ 1, "transient" }, { 2, "write allocate" }, { 4, "read allocate" }, { 8, "override" },
	{ 0, NULL },
};
static const struct field_name memory_flags[] = {
	{ IORT_MEMORY_CPM, "coherent path to memory" },
	{ IORT_MEMORY_DACS, "cacheable and shareable" },
	{ 4, "coherent with all attributes" },
	{ 0, NULL },
};

/* The memory access properties, at offset `at` of the node. */
#define MEMORY_ROWS(host, at) \
	ROW(host, at, NUMBER, memory.cache_coherent, "Cache coherent"), \
		ROW_NAMED(host, (at) + 4, FLAGS, memory.hints, "Allocation hints", memory_hints), \
		ROW(host, (at) + 5, RESERVED, memory.reserved, "Reserved"), \
		ROW_NAMED(host, (at) + 7, FLAGS, memory.flags, "Memory access flags", \
			  memory_flags)

/* The PASID width appears with all of its bits, so that any width has a meaning. */
static const struct field_name component_flags[] = {
	{ IORT_COMPONENT_STALL, "stall" },
	{ IORT_COMPONENT_PASID_MASK << IORT_COMPONENT_PASID_SHIFT, "PASID of 31 bits" },
	{ 0, NULL },
};
static const struct field component_fields[] = {
	NODE_ROWS(struct iort_named_component),
	ROW_NAMED(struct iort_named_component, 16, FLAGS, flags, "Node flags", component_flags),
	MEMORY_ROWS(struct iort_named_component, 20),
	ROW(struct iort_named_component, 28, NUMBER, address_limit, "Address size limit"),
};
static const struct layout component_layout = LAYOUT("Named component", IORT_NAMED_COMPONENT, 29,
						     struct iort_named_component, component_fields);

/* ATS holds for a whole root complex, hence a segment; a DMAR has it for single root ports. */
static const struct field_name ats_flags[] = {
	{ IORT_ATS, "ATS" },
	{ IORT_PRI, "PRI" },
	{ IORT_PASID_FORWARD, "PASID" },
	{ 0, NULL },
};
static const struct field_name pasid_bits[] = {
	{ IORT_PASID_WIDTH, "31 bits" },
	{ 0, NULL },
};
static const struct field_name root_complex_flags[] = {
	{ IORT_PASID_SUPPORTED, "PASID" },
	{ 0, NULL },
};

/*
 * The address size limit is valid from node revision 1 on. The PASID fields replaced reserved
 * bytes in revision 4, and the flags followed them: a node has 32, 36 or 40 bytes before its
 * mappings, whatever its revision.
 */
#define ROOT_COMPLEX_ROWS \
	NODE_ROWS(struct iort_root_complex), MEMORY_ROWS(struct iort_root_complex, 16), \
		ROW_NAMED(struct iort_root_complex, 24, FLAGS, ats, "ATS attribute", ats_flags), \
		ROW(struct iort_root_complex, 28, HEX, segment, "PCI segment")
#define ROOT_COMPLEX_LIMIT_ROW \
	ROW(struct iort_root_complex, 32, NUMBER, address_limit, "Address size limit")
#define ROOT_COMPLEX_PASID_ROWS \
	ROW_NAMED(struct iort_root_complex, 33, FLAGS, pasid, "PASID capabilities", pasid_bits), \
		ROW(struct iort_root_complex, 35, RESERVED, reserved_pasid, "Reserved")

static const struct field root_complex_first_fields[] = { ROOT_COMPLEX_ROWS };
static const struct field root_complex_limit_fields[] = {
	ROOT_COMPLEX_ROWS,
	ROOT_COMPLEX_LIMIT_ROW,
	ROW(struct iort_root_complex, 33, RESERVED, reserved, "Reserved"),
};
static const struct field root_complex_pasid_fields[] = {
	ROOT_COMPLEX_ROWS,
	ROOT_COMPLEX_LIMIT_ROW,
	ROOT_COMPLEX_PASID_ROWS,
};
static const struct field root_complex_fields[] = {
	ROOT_COMPLEX_ROWS,
	ROOT_COMPLEX_LIMIT_ROW,
	ROOT_COMPLEX_PASID_ROWS,
	ROW_NAMED(struct iort_root_complex, 36, FLAGS, flags, "Flags", root_complex_flags),
};

#define ROOT_COMPLEX(length, fields) \
	LAYOUT("Root complex", IORT_ROOT_COMPLEX, length, struct iort_root_complex, fields)
static const struct layout root_complex_layouts[] = {
	ROOT_COMPLEX(40, root_complex_fields),
	ROOT_COMPLEX(36, root_complex_pasid_fields),
	ROOT_COMPLEX(36, root_complex_limit_fields),
	ROOT_COMPLEX(32, root_complex_first_fields),
};

/* -- SMMUs ----------------------------------------------------------------------- */

/* One node type covers versions 1 and 2 and their implementations; the model distinguishes them. */
static const struct field_name smmu_v2_models[] = {
	{ 0, "SMMUv1" },  { 1, "SMMUv2" },   { 2, "MMU-400" }, { 3, "MMU-500" },
	{ 4, "MMU-401" }, { 5, "ThunderX" }, { 0, NULL },
};
static const struct field_name smmu_v2_flags[] = {
	{ IORT_SMMU_V2_DVM, "DVM" },
	{ IORT_SMMU_V2_COHERENT, "coherent walk" },
	{ 0, NULL },
};
static const struct field smmu_v2_fields[] = {
	NODE_ROWS(struct iort_smmu_v2),
	ROW(struct iort_smmu_v2, 16, HEX, base, "Base address"),
	ROW(struct iort_smmu_v2, 24, HEX, span, "Span"),
	ROW_NAMED(struct iort_smmu_v2, 32, ENUM, model, "Model", smmu_v2_models),
	ROW_NAMED(struct iort_smmu_v2, 36, FLAGS, flags, "Flags", smmu_v2_flags),
	ROW(struct iort_smmu_v2, 40, HEX, global_offset, "Global interrupt offset"),
	ROW(struct iort_smmu_v2, 44, NUMBER, context_count, "Context interrupt count"),
	ROW(struct iort_smmu_v2, 48, HEX, context_offset, "Context interrupt offset"),
	ROW(struct iort_smmu_v2, 52, NUMBER, pmu_count, "PMU interrupt count"),
	ROW(struct iort_smmu_v2, 56, HEX, pmu_offset, "PMU interrupt offset"),
};
static const struct layout smmu_v2_layout =
	LAYOUT("SMMUv1 or SMMUv2", IORT_SMMU_V2, 60, struct iort_smmu_v2, smmu_v2_fields);

static const struct field_name interrupt_flags[] = {
	{ 1, "edge" },
	{ 0, NULL },
};
/* There is always one, at an offset; hence no count. */
static const struct field global_interrupts_fields[] = {
	ROW(struct iort_global_interrupts, 0, NUMBER, fault, "NSgIrpt"),
	ROW_NAMED(struct iort_global_interrupts, 4, FLAGS, fault_flags, "NSgIrpt flags",
		  interrupt_flags),
	ROW(struct iort_global_interrupts, 8, NUMBER, configuration, "NSgCfgIrpt"),
	ROW_NAMED(struct iort_global_interrupts, 12, FLAGS, configuration_flags, "NSgCfgIrpt flags",
		  interrupt_flags),
};
const struct layout iort_global_interrupts_layout =
	LAYOUT("Global interrupts", 0, 16, struct iort_global_interrupts, global_interrupts_fields);

static const struct field interrupt_fields[] = {
	ROW(struct iort_interrupt, 0, NUMBER, gsiv, "GSIV"),
	ROW_NAMED(struct iort_interrupt, 4, FLAGS, flags, "Flags", interrupt_flags),
};
const struct layout iort_interrupt_layout =
	LAYOUT("Context interrupt", 0, 8, struct iort_interrupt, interrupt_fields);
const struct layout iort_pmu_interrupt_layout =
	LAYOUT("PMU interrupt", 0, 8, struct iort_interrupt, interrupt_fields);

static const struct field_name smmu_v3_models[] = {
	{ 0, "generic" },
	{ 1, "HiSilicon Hi161x" },
	{ 2, "Cavium CN99xx" },
	{ 0, NULL },
};
static const struct field_name smmu_v3_flags[] = {
	{ IORT_SMMU_V3_COHERENT, "coherent" },
	{ 2, "HTTU access flag" },
	{ 4, "HTTU dirty state" },
	{ IORT_SMMU_V3_DOMAIN, "proximity domain" },
	{ IORT_SMMU_V3_DEVICE_ID, "DeviceID mapping" },
	{ 0, NULL },
};

/*
 * Event, PRI, GERR, sync. A device tree has sync before GERR, and QEMU once wrote that order here.
 */
#define SMMU_V3_ROWS \
	NODE_ROWS(struct iort_smmu_v3), ROW(struct iort_smmu_v3, 16, HEX, base, "Base address"), \
		ROW_NAMED(struct iort_smmu_v3, 24, FLAGS, flags, "Flags", smmu_v3_flags), \
		ROW(struct iort_smmu_v3, 28, RESERVED, reserved, "Reserved"), \
		ROW(struct iort_smmu_v3, 32, HEX, vatos, "VATOS address"), \
		ROW_NAMED(struct iort_smmu_v3, 40, ENUM, model, "Model", smmu_v3_models), \
		ROW(struct iort_smmu_v3, 44, NUMBER, event, "Event GSIV"), \
		ROW(struct iort_smmu_v3, 48, NUMBER, pri, "PRI GSIV"), \
		ROW(struct iort_smmu_v3, 52, NUMBER, gerr, "GERR GSIV"), \
		ROW(struct iort_smmu_v3, 56, NUMBER, sync, "Sync GSIV")

/* Proximity domain and DeviceID mapping came later: mappings of old nodes begin in their place. */
static const struct field smmu_v3_first_fields[] = { SMMU_V3_ROWS };
static const struct field smmu_v3_fields[] = {
	SMMU_V3_ROWS,
	ROW(struct iort_smmu_v3, 60, NUMBER, proximity_domain, "Proximity domain"),
	ROW(struct iort_smmu_v3, 64, NUMBER, device_id_mapping, "DeviceID mapping"),
};
static const struct layout smmu_v3_layouts[] = {
	LAYOUT("SMMUv3", IORT_SMMU_V3, 68, struct iort_smmu_v3, smmu_v3_fields),
	LAYOUT("SMMUv3", IORT_SMMU_V3, 60, struct iort_smmu_v3, smmu_v3_first_fields),
};

/* -- other nodes ----------------------------------------------------------------- */

/* The node reference is the only reference outside an ID mapping. */
#define PMCG_ROWS \
	NODE_ROWS(struct iort_pmcg), ROW(struct iort_pmcg, 16, HEX, page_0, "Page 0 base"), \
		ROW(struct iort_pmcg, 24, NUMBER, overflow, "Overflow GSIV"), \
		ROW(struct iort_pmcg, 28, OFFSET, node_reference, "Node reference")

static const struct field pmcg_first_fields[] = { PMCG_ROWS };
static const struct field pmcg_fields[] = {
	PMCG_ROWS,
	ROW(struct iort_pmcg, 32, HEX, page_1, "Page 1 base"),
};
static const struct layout pmcg_layouts[] = {
	LAYOUT("Performance monitoring counter group", IORT_PMCG, 40, struct iort_pmcg,
	       pmcg_fields),
	LAYOUT("Performance monitoring counter group", IORT_PMCG, 32, struct iort_pmcg,
	       pmcg_first_fields),
};

/*
 * The memory attributes are a number (5: normal memory, write-back); they appear with all of their
 * bits.
 */
static const struct field_name rmr_flags[] = {
	{ 1, "remapping permitted" },
	{ 2, "privileged" },
	{ 0x3fc, "attributes" },
	{ 0, NULL },
};
static const struct field rmr_fields[] = {
	NODE_ROWS(struct iort_rmr),
	ROW_NAMED(struct iort_rmr, 16, FLAGS, flags, "Flags", rmr_flags),
	ROW(struct iort_rmr, 20, NUMBER, descriptor_count, "Descriptor count"),
	ROW(struct iort_rmr, 24, HEX, descriptor_offset, "Descriptor offset"),
};
static const struct layout rmr_layout =
	LAYOUT("Reserved memory range", IORT_RMR, 28, struct iort_rmr, rmr_fields);

/* Linux logs a firmware bug if base or length is not a multiple of 64 KiB. */
static const struct field rmr_descriptor_fields[] = {
	ROW(struct iort_rmr_descriptor, 0, HEX, base, "Base"),
	ROW(struct iort_rmr_descriptor, 8, HEX, length, "Length"),
	ROW(struct iort_rmr_descriptor, 16, RESERVED, reserved, "Reserved"),
};
const struct layout iort_rmr_descriptor_layout =
	LAYOUT("Memory range", 0, 20, struct iort_rmr_descriptor, rmr_descriptor_fields);

/* From issue E.g on. The object name directly follows, without padding. */
static const struct field iwb_fields[] = {
	NODE_ROWS(struct iort_iwb),
	ROW(struct iort_iwb, 16, HEX, base, "Config frame base"),
	ROW(struct iort_iwb, 24, NUMBER, index, "IWB index"),
};
static const struct layout iwb_layout =
	LAYOUT("Interrupt wire bridge", IORT_IWB, 26, struct iort_iwb, iwb_fields);

/*
 * The reader of 2019 used the device ID only. One generator wrote 56 bytes, as an older draft had
 * it: both lengths are valid.
 */
#define VIRTIO_PCI_ROWS \
	NODE_ROWS(struct iort_virtio_pci), \
		ROW(struct iort_virtio_pci, 16, HEX, device_id, "Device ID")

static const struct field virtio_pci_first_fields[] = { VIRTIO_PCI_ROWS };
static const struct field virtio_pci_fields[] = {
	VIRTIO_PCI_ROWS,
	ROW(struct iort_virtio_pci, 20, RESERVED, reserved, "Reserved"),
	ROW(struct iort_virtio_pci, 32, NUMBER, model, "Model"),
	ROW(struct iort_virtio_pci, 36, HEX, flags, "Flags"),
	ROW(struct iort_virtio_pci, 40, RESERVED, reserved_end, "Reserved"),
};
static const struct layout virtio_pci_layouts[] = {
	LAYOUT("virtio-iommu on PCI", IORT_VIRTIO_PCI, 56, struct iort_virtio_pci,
	       virtio_pci_fields),
	LAYOUT("virtio-iommu on PCI", IORT_VIRTIO_PCI, 20, struct iort_virtio_pci,
	       virtio_pci_first_fields),
};

/* Linux of 2019 made a platform device of it: one register window and one interrupt. */
static const struct field virtio_mmio_fields[] = {
	NODE_ROWS(struct iort_virtio_mmio),
	ROW(struct iort_virtio_mmio, 16, HEX, base, "Base address"),
	ROW(struct iort_virtio_mmio, 24, HEX, span, "Span"),
	ROW(struct iort_virtio_mmio, 32, HEX, flags, "Flags"),
	ROW(struct iort_virtio_mmio, 40, HEX, interrupt, "Interrupt"),
};
static const struct layout virtio_mmio_layout = LAYOUT("virtio-iommu on MMIO", IORT_VIRTIO_MMIO, 48,
						       struct iort_virtio_mmio, virtio_mmio_fields);

/* The mappings of an unknown node are decoded too. */
struct unknown_node {
	struct iort_node node;
};
static const struct field unknown_fields[] = { NODE_ROWS(struct unknown_node) };
static const struct layout unknown_layout =
	LAYOUT("Node of unknown type", IORT_UNKNOWN, IORT_NODE_LENGTH, struct unknown_node,
	       unknown_fields);

/* -- the layout of a node -------------------------------------------------------- */

/* Within a type the longest first: the first one that fits has the most fields. */
static const struct form {
	const struct layout *layout;
	unsigned revision; /* the first node revision that has it */
} forms[] = {
	{ &its_group_layout, 0 },
	{ &component_layout, 0 },
	{ &root_complex_layouts[0], 4 },
	{ &root_complex_layouts[1], 4 },
	{ &root_complex_layouts[2], 0 },
	{ &root_complex_layouts[3], 0 },
	{ &smmu_v2_layout, 0 },
	{ &smmu_v3_layouts[0], 0 },
	{ &smmu_v3_layouts[1], 0 },
	{ &pmcg_layouts[0], 0 },
	{ &pmcg_layouts[1], 0 },
	{ &rmr_layout, 0 },
	{ &iwb_layout, 0 },
	{ &virtio_pci_layouts[0], 0 },
	{ &virtio_pci_layouts[1], 0 },
	{ &virtio_mmio_layout, 0 },
};

/* A type that has no row is unknown. */
const struct layout *iort_layout(uint64_t type, unsigned revision, size_t room)
{
	const struct layout *shortest = &unknown_layout;

	for (size_t i = 0; i < G_N_ELEMENTS(forms); i++) {
		const struct form *form = &forms[i];

		if (form->layout->type != type)
			continue;
		shortest = form->layout;
		if (form->revision <= revision && form->layout->length <= room)
			break;
	}
	return shortest;
}
