/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every key of the text form, one row each
 *
 * docs/topology.md has the same keys with the same text, and a test compares them. Rows with the
 * same key apply to different objects. Keys on which others depend precede them.
 */

#include <string.h>

#include "tables/model/topology.h"
#include "text.h"

/* -- IOMMUs ------------------------------------------------------------------- */

/* An AMD-Vi IOMMU has both: registers at a base, and the function that identifies it in an IVRS. */
static bool has_registers(const void *object)
{
	return iommu_has_window(object);
}

/* A virtio-iommu or RISC-V IOMMU on PCI is at a function, others at the base of their registers. */
static bool is_function(const void *object)
{
	return !has_registers(object);
}

static bool is_vtd(const void *object)
{
	return ((const struct viommu_iommu *)object)->kind == VIOMMU_VTD;
}

static bool is_amd(const void *object)
{
	return ((const struct viommu_iommu *)object)->kind == VIOMMU_AMD_VI;
}

static bool has_function(const void *object)
{
	return iommu_is_function(object);
}

static bool is_riscv(const void *object)
{
	return iommu_is_riscv(object);
}

static bool is_smmu(const void *object)
{
	enum viommu_iommu_kind kind = ((const struct viommu_iommu *)object)->kind;

	return kind == VIOMMU_SMMU_V2 || kind == VIOMMU_SMMU_V3;
}

static bool has_identifier(const void *object)
{
	return is_smmu(object) || is_riscv(object);
}

/*
 * An SMMUv2 has lists of context and performance interrupts; an SMMUv3 has four, each for one
 * purpose.
 */
static bool is_smmu_v2(const void *object)
{
	return ((const struct viommu_iommu *)object)->kind == VIOMMU_SMMU_V2;
}

static bool is_smmu_v3(const void *object)
{
	return ((const struct viommu_iommu *)object)->kind == VIOMMU_SMMU_V3;
}

static const char *iommu_kind(int i)
{
	return viommu_iommu_kind_name((enum viommu_iommu_kind)i);
}

/* One row per key. */
/* clang-format off */

/*
 * Most keys are for one kind of IOMMU, and exist so that a table can be read and generated again
 * without loss.
 */
#define AT(m) offsetof(struct viommu_iommu, m)

static const struct text_key iommu_keys[] = {
	{ "name", &text_name, { AT(name) }, .required = true,
	  .help = "the name by which other objects refer to it" },
	{ "kind", &text_choice, { AT(kind) }, .nth = iommu_kind, .required = true,
	  .help = "the kind of IOMMU" },
	{ "at", &text_function, { AT(segment), AT(bdf) }, .required = true,
	  .when = is_function, .only = "a virtio-iommu-pci or riscv-iommu-pci",
	  .help = "its PCI function" },
	{ "at", &text_address, { AT(base) }, .required = true,
	  .when = has_registers, .only = "an IOMMU with a register window",
	  .help = "the base address of its registers" },
	{ "span", &text_size, { AT(span) },
	  .when = has_registers, .only = "an IOMMU with a register window",
	  .help = "the size of its registers in bytes; default: that of its kind" },
	{ "segment", &text_segment, { AT(segment) },
	  .when = is_vtd, .only = "a vt-d",
	  .help = "the PCI segment that it serves" },
	{ "function", &text_function, { AT(segment), AT(bdf) }, .required = true,
	  .when = is_amd, .only = "an amd-vi",
	  .help = "its PCI function" },
	{ "interrupts", &text_row, { AT(interrupts), AT(n_interrupts) },
	  .room = VIOMMU_MAX_INTERRUPTS,
	  .help = "its global system interrupts, in the order of the device tree binding" },
	{ "proximity-domain", &text_domain, { AT(proximity_domain), AT(has_proximity_domain) },
	  .help = "its NUMA node" },
	{ "its", &text_its, { AT(its) },
	  .help = "the ITS group for its own MSIs and those that it translates" },
	{ "coherent", &text_boolean, { AT(coherent) },
	  .help = "its table walks are cache-coherent" },
	{ "include-self", &text_boolean, { AT(translates_itself) },
	  .when = has_function, .only = "a virtio-iommu-pci, riscv-iommu-pci or amd-vi",
	  .help = "it translates its own function, as QEMU's tables have it" },
	{ "model", &text_number, { AT(smmu.model) },
	  .when = is_smmu, .only = "an smmu-v2 or smmu-v3",
	  .help = "the implementation, by its number in IORT" },
	{ "vatos", &text_wide_bits, { AT(smmu_v3.vatos) },
	  .when = is_smmu, .only = "an smmu-v2 or smmu-v3",
	  .help = "the page for address translation operations" },
	{ "msi-id", &text_domain, { AT(smmu_v3.msi_id), AT(smmu_v3.has_msi_id) },
	  .when = is_smmu, .only = "an smmu-v2 or smmu-v3",
	  .help = "the device ID of its own MSIs at `its`" },
	{ "capability", &text_bits, { AT(amd.capability) },
	  .when = is_amd, .only = "an amd-vi",
	  .help = "the offset of its PCI capability; default: 0x40" },
	{ "info", &text_bits, { AT(amd.info) },
	  .when = is_amd, .only = "an amd-vi",
	  .help = "its MSI number and unit ID, encoded as in IVRS" },
	{ "features", &text_bits, { AT(amd.features) },
	  .when = is_amd, .only = "an amd-vi",
	  .help = "feature reporting of block 10h" },
	{ "attributes", &text_bits, { AT(amd.attributes) },
	  .when = is_amd, .only = "an amd-vi",
	  .help = "attributes of blocks 11h and 40h" },
	{ "efr", &text_wide_bits, { AT(amd.efr) },
	  .when = is_amd, .only = "an amd-vi",
	  .help = "the image of its extended feature register" },
	{ "efr2", &text_wide_bits, { AT(amd.efr2) },
	  .when = is_amd, .only = "an amd-vi",
	  .help = "the image of the second one" },
	{ "image-flags", &text_domain, { AT(amd.image_flags), AT(amd.has_image_flags) },
	  .when = is_amd, .only = "an amd-vi",
	  .help = "flags of blocks 11h and 40h; default: `flags` without bits 6 and 7" },
	{ "blocks", &text_row, { AT(amd.blocks), AT(amd.n_blocks) },
	  .room = VIOMMU_MAX_BLOCKS, .when = is_amd, .only = "an amd-vi",
	  .help = "its block types in IVRS: 16, 17 or 64; default: those that its features require" },
	{ "flags", &text_bits, { AT(flags) },
	  .help = "bits of its structure that no other key represents" },
	{ "context-interrupts", &text_numbers, { AT(smmu_v2.context_interrupts), AT(smmu_v2.n_context_interrupts) },
	  .when = is_smmu_v2, .only = "an smmu-v2",
	  .help = "interrupts of its context banks" },
	{ "pmu-interrupts", &text_numbers, { AT(smmu_v2.pmu_interrupts), AT(smmu_v2.n_pmu_interrupts) },
	  .when = is_smmu_v2, .only = "an smmu-v2",
	  .help = "interrupts of its performance monitors" },
	{ "edge", &text_boolean, { AT(smmu_v2.edge) },
	  .when = is_smmu_v2, .only = "an smmu-v2",
	  .help = "interrupts of its context banks and monitors are edge-triggered" },
	{ "identifier", &text_domain, { AT(identifier), AT(has_identifier) },
	  .when = has_identifier, .only = "an smmu-v2, smmu-v3 or riscv-iommu",
	  .help = "the identifier of its IORT or RIMT node; default: the index of the node" },
	{ "hid", &text_name, { AT(riscv.hardware_id) },
	  .when = is_riscv, .only = "a riscv-iommu or riscv-iommu-pci",
	  .help = "its ACPI hardware ID or, on PCI, its vendor and device ID, as in RIMT; default: RSCV0004, 00100014" },
	{ "wire-flags", &text_bits, { AT(riscv.wire_flags) },
	  .when = is_riscv, .only = "a riscv-iommu or riscv-iommu-pci",
	  .help = "the trigger of its interrupts, encoded as in RIMT" },
	{ "cmdqv", &text_wide_bits, { AT(cmdqv.base) },
	  .when = is_smmu_v3, .only = "an smmu-v3",
	  .help = "the base address of its command queues for guests (CMDQV of Tegra241)" },
	{ "cmdqv-interrupt", &text_number, { AT(cmdqv.interrupt) },
	  .when = is_smmu_v3, .only = "an smmu-v3",
	  .help = "their global system interrupt" },
	{ "hotplug", &text_number, { AT(hotplug) },
	  .help = "functions that can be plugged in behind it later: its host bridges have a bus number for each" },
};

#undef AT

/* -- PCI ---------------------------------------------------------------------- */

/* A host bridge applies to all functions on its buses that no range covers. */
#define AT(m) offsetof(struct viommu_host_bridge, m)

static const struct text_key host_bridge_keys[] = {
	{ "name", &text_name, { AT(name) },
	  .help = "its name, for messages" },
	{ "segment", &text_segment, { AT(segment) },
	  .help = "its PCI segment" },
	{ "buses", &text_buses, { AT(bus_first), AT(bus_last) }, .required = true,
	  .help = "its root bus and all buses below it, including those reserved for hotplug" },
	{ "iommu", &text_reference, { AT(iommu) },
	  .help = "the IOMMU of its functions; default: none, they bypass" },
	{ "its", &text_its, { AT(its) },
	  .help = "the ITS group for MSIs that bypass the IOMMU" },
	{ "proximity-domain", &text_domain, { AT(proximity_domain), AT(has_proximity_domain) },
	  .help = "its NUMA node" },
	{ "ats", &text_boolean, { AT(ats) },
	  .help = "its root complex forwards address translation requests" },
	{ "pri", &text_boolean, { AT(pri) },
	  .help = "its root complex forwards page requests" },
	{ "pasid", &text_boolean, { AT(pasid) },
	  .help = "its root complex forwards PASIDs" },
	{ "pasid-bits", &text_number, { AT(pasid_bits) },
	  .help = "the width of PASIDs, up to 20; default: unknown" },
	{ "address-bits", &text_number, { AT(address_bits) },
	  .help = "the width of addresses that its functions can send; default: 64" },
	{ "incoherent", &text_boolean, { AT(incoherent) },
	  .help = "accesses of its functions are not cache-coherent" },
	{ "memory-hints", &text_bits, { AT(access.hints) },
	  .help = "their allocation hints, encoded as in IORT, up to 255" },
	{ "memory-flags", &text_domain, { AT(access.flags), AT(access.has_flags) },
	  .help = "their memory access flags, encoded as in IORT; default: 3 if coherent, otherwise 0" },
};

#undef AT

/* A function that bypasses has no ID. */
static bool range_is_translated(const void *object)
{
	return ((const struct viommu_pci_range *)object)->iommu != NULL;
}

static bool range_is_of_bridge(const void *object)
{
	return ((const struct viommu_pci_range *)object)->scope == VIOMMU_SCOPE_BRIDGE;
}

static const char *scope_name(int i)
{
	return viommu_scope_name((enum viommu_scope)i);
}

/* Exceptions from host bridges, or all there is in a table without host bridges, such as VIOT. */
#define AT(m) offsetof(struct viommu_pci_range, m)
#define FUNCTIONS_AT { AT(segment_first), AT(segment_last), AT(bdf_first), AT(bdf_last) }

static const struct text_key range_keys[] = {
	{ "segments", &text_segments, FUNCTIONS_AT,
	  .help = "the PCI segments, if several; `functions` then gives no segment" },
	{ "functions", &text_functions, FUNCTIONS_AT, .required = true,
	  .help = "the functions, in each of the segments" },
	{ "iommu", &text_reference, { AT(iommu) }, .required = true,
	  .help = "their IOMMU; none: they bypass" },
	{ "first-id", &text_first_id, { AT(id_first) },
	  .when = range_is_translated, .only = "a range with an IOMMU",
	  .help = "the endpoint ID or stream ID of the first function; "
		  "default: segment << 16 | BDF" },
	{ "one-id", &text_boolean, { AT(shared_id) },
	  .when = range_is_translated, .only = "a range with an IOMMU",
	  .help = "all of them share `first-id`, as functions behind a bridge to conventional PCI do" },
	{ "scope", &text_choice, { AT(scope) }, .nth = scope_name,
	  .help = "the functions themselves, or a bridge and everything below it" },
	{ "below", &text_below, { AT(secondary_bus), AT(subordinate_bus) },
	  .when = range_is_of_bridge, .only = "a range with the scope of a bridge",
	  .help = "the buses below the bridge; default: unknown" },
	{ "path", &text_name, { AT(path) },
	  .help = "the path from the function, which is a bridge then: 1c.0/00.0" },
	{ "settings", &text_bits, { AT(settings) },
	  .when = range_is_translated, .only = "a range with an IOMMU",
	  .help = "the interrupts that an amd-vi passes, encoded as in IVRS" },
	{ "no-ats", &text_boolean, { AT(no_ats) },
	  .when = range_is_translated, .only = "a range with an IOMMU",
	  .help = "an amd-vi refuses their address translation requests" },
};

#undef FUNCTIONS_AT

#undef AT

/* -- everything else ---------------------------------------------------------- */

static bool device_is_translated(const void *object)
{
	return ((const struct viommu_platform_device *)object)->iommu != NULL;
}

/*
 * VIOT identifies a device by its address, IORT and DMAR by its ACPI path: so it has an address, a
 * name, or both.
 */
#define AT(m) offsetof(struct viommu_platform_device, m)

static const struct text_key device_keys[] = {
	{ "name", &text_name, { AT(name) },
	  .help = "its name: an ACPI or device tree path for tables that require one" },
	{ "at", &text_address, { AT(base) },
	  .help = "the base address of its first register window; default: unknown" },
	{ "span", &text_size, { AT(span) },
	  .help = "the size of its first register window in bytes; default: 0x200, virtio-mmio" },
	{ "interrupts", &text_row, { AT(interrupts), AT(n_interrupts) },
	  .room = VIOMMU_MAX_INTERRUPTS,
	  .help = "its global system interrupts" },
	{ "iommu", &text_reference, { AT(iommu) },
	  .help = "its IOMMU; default: none, it bypasses" },
	{ "id", &text_id, { AT(id) }, .required = true,
	  .when = device_is_translated, .only = "a device with an IOMMU",
	  .help = "its endpoint ID or stream ID" },
	{ "ids", &text_number, { AT(n_ids) },
	  .when = device_is_translated, .only = "a device with an IOMMU",
	  .help = "the number of its consecutive IDs; default: 1" },
	{ "first-input", &text_input, { AT(input_first), AT(has_input) },
	  .when = device_is_translated, .only = "a device with an IOMMU",
	  .help = "the driver's number for the first ID; default: none" },
	{ "proximity-domain", &text_domain, { AT(proximity_domain), AT(has_proximity_domain) },
	  .help = "its NUMA node" },
	{ "pasid-bits", &text_number, { AT(pasid_bits) },
	  .help = "the width of PASIDs that it can send, up to 20; default: none" },
	{ "address-bits", &text_number, { AT(address_bits) },
	  .help = "the width of addresses that it can send; default: 64" },
	{ "stall", &text_boolean, { AT(stall) },
	  .help = "it can stall on a fault until it is resolved" },
	{ "incoherent", &text_boolean, { AT(incoherent) },
	  .help = "its accesses are not cache-coherent" },
	{ "hid", &text_name, { AT(hid) },
	  .help = "its ACPI hardware ID" },
	{ "cid", &text_name, { AT(cid) },
	  .help = "its ACPI compatible ID" },
	{ "uid", &text_name, { AT(uid) },
	  .help = "its ACPI unique ID" },
	{ "settings", &text_bits, { AT(settings) },
	  .when = device_is_translated, .only = "a device with an IOMMU",
	  .help = "the interrupts that an amd-vi passes, encoded as in IVRS" },
	{ "number", &text_domain, { AT(number), AT(has_number) },
	  .help = "its number in DMAR, up to 255" },
	{ "memory-hints", &text_bits, { AT(access.hints) },
	  .help = "its allocation hints, encoded as in IORT, up to 255" },
	{ "memory-flags", &text_domain, { AT(access.flags), AT(access.has_flags) },
	  .help = "its memory access flags, encoded as in IORT; default: 3 if coherent, otherwise 0" },
};

#undef AT

static bool device_id_is_translated(const void *object)
{
	return ((const struct viommu_device_id *)object)->iommu != NULL;
}

/* A named component of an IORT may have several mappings, and so IDs that are not contiguous. */
#define AT(m) offsetof(struct viommu_device_id, m)

static const struct text_key device_id_keys[] = {
	{ "device", &text_name, { AT(device) }, .required = true,
	  .help = "the name of one of `devices`" },
	{ "iommu", &text_reference, { AT(iommu) },
	  .help = "its IOMMU; default: none, it bypasses" },
	{ "id", &text_id, { AT(id) }, .required = true,
	  .when = device_id_is_translated, .only = "an ID with an IOMMU",
	  .help = "its endpoint ID or stream ID" },
	{ "ids", &text_number, { AT(n_ids) },
	  .when = device_id_is_translated, .only = "an ID with an IOMMU",
	  .help = "the number of consecutive IDs; default: 1" },
	{ "first-input", &text_input, { AT(input_first), AT(has_input) },
	  .when = device_id_is_translated, .only = "an ID with an IOMMU",
	  .help = "the driver's number for the first ID; default: none" },
};

#undef AT

/* The MADT describes the ITSs themselves. */
#define AT(m) offsetof(struct viommu_its_group, m)

static const struct text_key group_keys[] = {
	{ "name", &text_name, { AT(name) }, .required = true,
	  .help = "the name by which other objects refer to it" },
	{ "ids", &text_numbers, { AT(ids), AT(n_ids) }, .required = true,
	  .help = "its interrupt translation services, by their numbers in the MADT" },
};

#undef AT

/* A range of MSIs applies to functions, or to IDs behind an IOMMU. */
static bool msis_are_of_functions(const void *object)
{
	return !((const struct viommu_msi_range *)object)->iommu;
}

static bool msis_are_of_iommu(const void *object)
{
	return !msis_are_of_functions(object);
}

/* Only for MSIs whose ITS group or device ID differs from that of their host bridge or IOMMU. */
#define AT(m) offsetof(struct viommu_msi_range, m)

static const struct text_key msi_range_keys[] = {
	{ "iommu", &text_reference, { AT(iommu) },
	  .help = "the IOMMU of `ids`; without it, `functions` applies" },
	{ "ids", &text_id_range, { AT(id_first), AT(id_last) }, .required = true,
	  .when = msis_are_of_iommu, .only = "a range with an IOMMU",
	  .help = "the stream IDs" },
	{ "functions", &text_functions,
	  { AT(segment), AT(segment), AT(bdf_first), AT(bdf_last) }, .required = true,
	  .when = msis_are_of_functions, .only = "a range without `iommu`",
	  .help = "the functions" },
	{ "its", &text_its, { AT(its) }, .required = true,
	  .help = "the ITS group of their MSIs, or none" },
	{ "first-device-id", &text_bits, { AT(device_id_first) },
	  .help = "the device ID of the first one at the ITS group; default: 0" },
	{ "one-id", &text_boolean, { AT(shared_id) },
	  .when = msis_are_of_functions, .only = "a range without `iommu`",
	  .help = "all of them share `first-device-id`" },
};

#undef AT

static const char *interrupt_kind(int i)
{
	return viommu_interrupt_kind_name((enum viommu_interrupt_kind)i);
}

/*
 * An interrupt source has a requester ID that firmware assigns, by which the IOMMU identifies it.
 */
#define AT(m) offsetof(struct viommu_interrupt_source, m)

static const struct text_key source_keys[] = {
	{ "kind", &text_choice, { AT(kind) }, .nth = interrupt_kind, .required = true,
	  .help = "the kind of interrupt source" },
	{ "number", &text_number, { AT(number) },
	  .help = "the ID of an IOAPIC or the number of an HPET; default: 0" },
	{ "function", &text_function, { AT(segment), AT(bdf) }, .required = true,
	  .help = "the PCI function whose requester ID it uses" },
	{ "path", &text_name, { AT(path) },
	  .help = "the path from the function, which is a bridge then: 1c.0/00.0" },
	{ "iommu", &text_reference, { AT(iommu) }, .required = true,
	  .help = "the IOMMU that remaps them" },
	{ "settings", &text_bits, { AT(settings) },
	  .help = "the interrupts that an amd-vi passes, encoded as in IVRS" },
};

#undef AT

static const char *ats_kind(int i)
{
	return viommu_ats_kind_name((enum viommu_ats_kind)i);
}

/*
 * ATSR and SATC of a DMAR. In an IORT, ATS is an attribute of the root complex, and hence of a host
 * bridge here.
 */
#define AT(m) offsetof(struct viommu_ats, m)

static const struct text_key ats_keys[] = {
	{ "kind", &text_choice, { AT(kind) }, .nth = ats_kind, .required = true,
	  .help = "the statement about the function" },
	{ "function", &text_function, { AT(segment), AT(bdf) }, .required = true,
	  .help = "the PCI function" },
	{ "scope", &text_choice, { AT(scope) }, .nth = scope_name,
	  .help = "the functions themselves, or a bridge and everything below it" },
	{ "path", &text_name, { AT(path) },
	  .help = "the path from the function, which is a bridge then: 1c.0/00.0" },
	{ "required", &text_boolean, { AT(required) },
	  .help = "the function works only with ATS" },
	{ "flags", &text_bits, { AT(flags) },
	  .help = "properties of an integrated function, encoded as in DMAR, up to 255" },
};

#undef AT

/* With `iommu`, the memory is for all devices behind it, or for `ids`; without, for `functions`. */
static bool memory_is_of_functions(const void *object)
{
	return !((const struct viommu_reserved_memory *)object)->iommu;
}

static bool memory_is_of_iommu(const void *object)
{
	return !memory_is_of_functions(object);
}

static const char *memory_kind(int i)
{
	return viommu_memory_kind_name((enum viommu_memory_kind)i);
}

/* RMR of an IORT, RMRR of a DMAR, IVMD of an IVRS. */
#define AT(m) offsetof(struct viommu_reserved_memory, m)

static const struct text_key memory_keys[] = {
	{ "range", &text_addresses, { AT(first), AT(last) }, .required = true,
	  .help = "its first and last byte" },
	{ "kind", &text_choice, { AT(kind) }, .nth = memory_kind,
	  .help = "the kind of memory; default: reserved" },
	{ "iommu", &text_reference, { AT(iommu) },
	  .help = "it is for everything that this IOMMU translates" },
	{ "ids", &text_some_ids, { AT(id_first), AT(id_last), AT(has_ids) },
	  .when = memory_is_of_iommu, .only = "memory with `iommu`",
	  .help = "it is only for these stream IDs" },
	{ "functions", &text_functions,
	  { AT(segment), AT(segment), AT(bdf_first), AT(bdf_last) }, .required = true,
	  .when = memory_is_of_functions, .only = "memory without `iommu`",
	  .help = "it is for these functions" },
	{ "scope", &text_choice, { AT(scope) }, .nth = scope_name,
	  .when = memory_is_of_functions, .only = "memory without `iommu`",
	  .help = "the functions themselves, or a bridge and everything below it" },
	{ "path", &text_name, { AT(path) },
	  .when = memory_is_of_functions, .only = "memory without `iommu`",
	  .help = "the path from the function, which is a bridge then: 1c.0/00.0" },
	{ "flags", &text_bits, { AT(flags) },
	  .help = "bits of its structure that no other key represents" },
};

#undef AT

/* A PMCG of an IORT. */
#define AT(m) offsetof(struct viommu_monitor, m)

static const struct text_key monitor_keys[] = {
	{ "at", &text_address, { AT(base) }, .required = true,
	  .help = "the base address of its page 0" },
	{ "page-1", &text_wide_bits, { AT(base_1) },
	  .help = "the base address of its page 1; default: none" },
	{ "iommu", &text_reference, { AT(iommu) },
	  .help = "it counts for this IOMMU" },
	{ "device", &text_name, { AT(device) },
	  .help = "it counts for this one of `devices`" },
	{ "segment", &text_domain, { AT(segment), AT(has_segment) },
	  .help = "it counts for the root complex of this PCI segment" },
	{ "interrupt", &text_number, { AT(interrupt) },
	  .help = "its global system interrupt, for overflow; default: none, or an MSI" },
	{ "its", &text_its, { AT(its) },
	  .help = "its interrupt is an MSI to this ITS group" },
	{ "msi-id", &text_bits, { AT(msi_id) },
	  .help = "the device ID of this MSI; default: 0" },
	{ "identifier", &text_domain, { AT(identifier), AT(has_identifier) },
	  .help = "the identifier of its IORT node; default: the index of the node" },
};

#undef AT

/* An IWB of an IORT. */
#define AT(m) offsetof(struct viommu_wire_bridge, m)

static const struct text_key wire_bridge_keys[] = {
	{ "name", &text_name, { AT(name) }, .required = true,
	  .help = "its path in the ACPI namespace" },
	{ "at", &text_address, { AT(base) }, .required = true,
	  .help = "the base address of its configuration frame" },
	{ "index", &text_number, { AT(index) },
	  .help = "its number, up to 65535; default: 0" },
	{ "its", &text_its, { AT(its) },
	  .help = "the ITS group of its MSIs" },
	{ "msi-id", &text_bits, { AT(msi_id) },
	  .help = "the device ID of its MSIs; default: 0" },
	{ "identifier", &text_domain, { AT(identifier), AT(has_identifier) },
	  .help = "the identifier of its IORT node; default: the index of the node" },
};

#undef AT

#define AT(m) offsetof(struct viommu_table_header, m)
#define ROOM(m) sizeof(((struct viommu_table_header *)NULL)->m)

static const struct text_key header_keys[] = {
	{ "oem-id", &text_bytes, { AT(oem_id) }, .room = ROOM(oem_id),
	  .help = "the vendor of the platform, up to 6 characters" },
	{ "oem-table-id", &text_bytes, { AT(oem_table_id) }, .room = ROOM(oem_table_id),
	  .help = "the platform, up to 8 characters" },
	{ "oem-revision", &text_id, { AT(oem_revision) },
	  .help = "the vendor's revision of the table" },
	{ "creator-id", &text_bytes, { AT(creator_id) }, .room = ROOM(creator_id),
	  .help = "the generator of the table, up to 4 characters" },
	{ "creator-revision", &text_id, { AT(creator_revision) },
	  .help = "the revision of the generator" },
	{ "revision", &text_domain, { AT(revision), AT(has_revision) },
	  .help = "the revision of the table; default: the oldest that can represent the topology" },
	{ "address-bits", &text_number, { AT(address_bits) },
	  .help = "the width of host addresses, for DMAR and IVRS; default: 48 bits in DMAR, 40 in IVRS" },
	{ "flags", &text_domain, { AT(flags), AT(has_flags) },
	  .help = "flags of the table, for DMAR and IVRS; default: those that the topology requires" },
	{ "plain-counts", &text_boolean, { AT(legacy_id_counts) },
	  .help = "the ID count of IORT mappings is not less 1, as in QEMU before 9.0" },
	{ "aligned", &text_boolean, { AT(aligned) },
	  .help = "device entries of 8 bytes are aligned by pads, for IVRS" },
};

/* clang-format on */
#undef ROOM

#undef AT

#define SECTION(name, what, type, host, keys) \
	{ \
		name, what, type, sizeof(host), keys, sizeof(keys) / sizeof((keys)[0]) \
	}

const struct text_section text_sections[N_TEXT_SECTIONS] = {
	SECTION("iommus", "an IOMMU", OBJECT_IOMMU, struct viommu_iommu, iommu_keys),
	SECTION("host-bridges", "a host bridge", OBJECT_HOST_BRIDGE, struct viommu_host_bridge,
		host_bridge_keys),
	SECTION("ranges", "a range", OBJECT_PCI_RANGE, struct viommu_pci_range, range_keys),
	SECTION("devices", "a device", OBJECT_PLATFORM_DEVICE, struct viommu_platform_device,
		device_keys),
	SECTION("device-ids", "a device ID", OBJECT_DEVICE_ID, struct viommu_device_id,
		device_id_keys),
	SECTION("its-groups", "an ITS group", OBJECT_ITS_GROUP, struct viommu_its_group,
		group_keys),
	SECTION("msi-ranges", "a range of MSIs", OBJECT_MSI_RANGE, struct viommu_msi_range,
		msi_range_keys),
	SECTION("interrupt-sources", "a source of interrupts", OBJECT_INTERRUPT_SOURCE,
		struct viommu_interrupt_source, source_keys),
	SECTION("ats", "an ATS function", OBJECT_ATS, struct viommu_ats, ats_keys),
	SECTION("reserved-memory", "reserved memory", OBJECT_RESERVED_MEMORY,
		struct viommu_reserved_memory, memory_keys),
	SECTION("monitors", "a performance monitor", OBJECT_MONITOR, struct viommu_monitor,
		monitor_keys),
	SECTION("wire-bridges", "an interrupt wire bridge", OBJECT_WIRE_BRIDGE,
		struct viommu_wire_bridge, wire_bridge_keys),
};

const struct text_section text_header = SECTION("tables", "the header of a table", N_OBJECT_TYPES,
						struct viommu_table_header, header_keys);

/*
 * Words of device trees, libvirt and the specifications. If a word stands for several keys, the
 * first that the section has is suggested.
 */
static const struct {
	const char *word, *key;
} synonyms[] = {
	{ "address", "at" },
	{ "address", "range" },
	{ "base", "at" },
	{ "base", "range" },
	{ "reg", "at" },
	{ "bdf", "function" },
	{ "bdf", "functions" },
	{ "bdf", "at" },
	{ "requester-id", "function" },
	{ "requester-id", "functions" },
	{ "device", "function" },
	{ "device", "functions" },
	{ "devices", "functions" },
	{ "size", "span" },
	{ "size", "range" },
	{ "length", "span" },
	{ "length", "range" },
	{ "type", "kind" },
	{ "compatible", "kind" },
	{ "label", "name" },
	{ "bus", "buses" },
	{ "bus-range", "buses" },
	{ "secondary-bus", "below" },
	{ "subordinate-bus", "below" },
	{ "domain", "segment" },
	{ "domain", "segments" },
	{ "numa-node", "proximity-domain" },
	{ "numa-node-id", "proximity-domain" },
	{ "node", "proximity-domain" },
	{ "pxm", "proximity-domain" },
	{ "gsi", "interrupts" },
	{ "irq", "interrupts" },
	{ "irqs", "interrupts" },
	{ "interrupt", "interrupts" },
	{ "msi-parent", "its" },
	{ "dma-coherent", "coherent" },
	{ "iommus", "iommu" },
	{ "iommu-map", "iommu" },
	{ "smmu", "iommu" },
	{ "endpoint", "id" },
	{ "endpoint-id", "id" },
	{ "stream-id", "id" },
	{ "sid", "id" },
	{ "stream-ids", "ids" },
	{ "alias", "one-id" },
	{ "shared-id", "one-id" },
	{ "translates-itself", "include-self" },
	{ "secondary-bus", "below" },
	{ "legacy-id-counts", "plain-counts" },
	{ "ioapic-id", "number" },
	{ "hpet-number", "number" },
	{ "handle", "number" },
};

const char *text_synonym(const struct text_section *section, const char *word)
{
	for (size_t i = 0; i < sizeof(synonyms) / sizeof(synonyms[0]); i++)
		if (!strcmp(synonyms[i].word, word) && text_find_key(section, synonyms[i].key))
			return synonyms[i].key;
	return NULL;
}

const struct text_key *text_find_key(const struct text_section *section, const char *name)
{
	for_each_key(key, section)
		if (!strcmp(key->name, name))
			return key;
	return NULL;
}

const struct text_section *text_section_of(enum object_type type)
{
	const struct text_section *section = text_sections;

	while (section->type != type)
		section++;
	return section;
}
