/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every key of the text form, one row each
 *
 * The rows say which member of which object a key fills; docs/topology.md has the same keys
 * with the same words, and a test compares them. Where two rows share a key, the objects they
 * are for do not. Keys that decide which others make sense stand above these.
 */

#include <string.h>

#include "text.h"

/* -- IOMMUs ------------------------------------------------------------------- */

/*
 * Where a kind of IOMMU stands is said by one key or the other: a virtio-iommu on PCI by its
 * function, all others by the base of their registers. A key of the wrong sort is refused, since
 * nobody could say which of both is meant.
 */
static bool is_function(const void *object)
{
	return ((const struct viommu_iommu *)object)->kind == VIOMMU_VIRTIO_PCI;
}

/*
 * An AMD-Vi IOMMU has both: its registers are found by their base, and its function is that by
 * which the blocks of an IVRS name it.
 */
static bool has_registers(const void *object)
{
	return !is_function(object);
}

/* Keys whose words are those of a single table make sense for the kind of that table only. */
static bool is_vtd(const void *object)
{
	return ((const struct viommu_iommu *)object)->kind == VIOMMU_VTD;
}

/*
 * An IVRS has more of an IOMMU than any other table: images of its feature registers, attributes,
 * and up to three blocks for one and the same.
 */
static bool is_amd(const void *object)
{
	return ((const struct viommu_iommu *)object)->kind == VIOMMU_AMD_VI;
}

/* Kinds of which a table says at which function they are. */
static bool has_function(const void *object)
{
	return is_function(object) || is_amd(object);
}

/* Keys for what only the nodes of an SMMU in an IORT have a field for. */
static bool is_smmu(const void *object)
{
	enum viommu_iommu_kind kind = ((const struct viommu_iommu *)object)->kind;

	return kind == VIOMMU_SMMU_V2 || kind == VIOMMU_SMMU_V3;
}

/*
 * Its interrupts are lists of any length, one for contexts and one for counters; an SMMUv3 has
 * four, each with a task of its own.
 */
static bool is_smmu_v2(const void *object)
{
	return ((const struct viommu_iommu *)object)->kind == VIOMMU_SMMU_V2;
}

/* The words of the library, so that messages and files say the same. */
static const char *iommu_kind(int i)
{
	return viommu_iommu_kind_name((enum viommu_iommu_kind)i);
}

/* A key is a row, and stays one. */
/* clang-format off */

/*
 * Most keys are for one kind of IOMMU. They say what its table has a field for and the model has no
 * other word for, so that a table that was read can be written again as it was.
 */
#define AT(m) offsetof(struct viommu_iommu, m)

static const struct text_key iommu_keys[] = {
	{ "name", &text_name, { AT(name) }, .required = true,
	  .help = "what other objects call it" },
	{ "kind", &text_choice, { AT(kind) }, .nth = iommu_kind, .required = true,
	  .help = "which IOMMU it is" },
	{ "at", &text_function, { AT(segment), AT(bdf) }, .required = true,
	  .when = is_function, .only = "a virtio-iommu-pci",
	  .help = "its PCI function" },
	{ "at", &text_address, { AT(base) }, .required = true,
	  .when = has_registers, .only = "an IOMMU with a register window",
	  .help = "where its registers begin" },
	{ "span", &text_size, { AT(span) },
	  .when = has_registers, .only = "an IOMMU with a register window",
	  .help = "bytes of its registers; left out: as its kind has it" },
	{ "segment", &text_segment, { AT(segment) },
	  .when = is_vtd, .only = "a vt-d",
	  .help = "the PCI segment it serves" },
	{ "function", &text_function, { AT(segment), AT(bdf) }, .required = true,
	  .when = is_amd, .only = "an amd-vi",
	  .help = "its PCI function" },
	{ "interrupts", &text_row, { AT(interrupts), AT(n_interrupts) },
	  .room = VIOMMU_MAX_INTERRUPTS,
	  .help = "its global system interrupts, in the order of the device tree binding" },
	{ "proximity-domain", &text_domain, { AT(proximity_domain), AT(has_proximity_domain) },
	  .help = "the NUMA node it belongs to" },
	{ "its", &text_its, { AT(its) },
	  .help = "the ITS group for MSIs, its own and those of what it translates" },
	{ "coherent", &text_boolean, { AT(coherent) },
	  .help = "its table walks see the caches" },
	{ "include-self", &text_boolean, { AT(include_self) },
	  .when = has_function, .only = "a virtio-iommu-pci or amd-vi",
	  .help = "its own function counts among those it translates, as QEMU writes it" },
	{ "model", &text_number, { AT(smmu.model) },
	  .when = is_smmu, .only = "an smmu-v2 or smmu-v3",
	  .help = "the implementation, as IORT numbers it" },
	{ "vatos", &text_wide_bits, { AT(smmu_v3.vatos) },
	  .when = is_smmu, .only = "an smmu-v2 or smmu-v3",
	  .help = "the page for address translation operations" },
	{ "msi-id", &text_domain, { AT(smmu_v3.msi_id), AT(smmu_v3.has_msi_id) },
	  .when = is_smmu, .only = "an smmu-v2 or smmu-v3",
	  .help = "the device ID that its own MSIs go to `its` with" },
	{ "capability", &text_bits, { AT(amd.capability) },
	  .when = is_amd, .only = "an amd-vi",
	  .help = "the offset of its PCI capability" },
	{ "info", &text_bits, { AT(amd.info) },
	  .when = is_amd, .only = "an amd-vi",
	  .help = "its MSI number and unit ID, as IVRS has them" },
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
	  .help = "flags of blocks 11h and 40h; left out: `flags` but for bits 6 and 7" },
	{ "blocks", &text_row, { AT(amd.blocks), AT(amd.n_blocks) },
	  .room = VIOMMU_MAX_BLOCKS, .when = is_amd, .only = "an amd-vi",
	  .help = "which blocks IVRS has for it, 16, 17 or 64; left out: as its features ask" },
	{ "flags", &text_bits, { AT(flags) },
	  .help = "bits of its structure that nothing here stands for" },
	{ "context-interrupts", &text_numbers, { AT(smmu_v2.context_interrupts), AT(smmu_v2.n_context_interrupts) },
	  .when = is_smmu_v2, .only = "an smmu-v2",
	  .help = "those of its context banks" },
	{ "pmu-interrupts", &text_numbers, { AT(smmu_v2.pmu_interrupts), AT(smmu_v2.n_pmu_interrupts) },
	  .when = is_smmu_v2, .only = "an smmu-v2",
	  .help = "those of its performance monitors" },
	{ "edge", &text_boolean, { AT(smmu_v2.edge) },
	  .when = is_smmu_v2, .only = "an smmu-v2",
	  .help = "interrupts of its context banks and monitors are edge-triggered" },
	{ "identifier", &text_domain, { AT(identifier), AT(has_identifier) },
	  .when = is_smmu, .only = "an smmu-v2 or smmu-v3",
	  .help = "the identifier of its IORT node; left out: its place in the table" },
};

#undef AT

/* -- PCI ---------------------------------------------------------------------- */

/*
 * What a host bridge says holds for all functions on its buses of which no range says anything
 * else.
 */
#define AT(m) offsetof(struct viommu_host_bridge, m)

static const struct text_key host_bridge_keys[] = {
	{ "name", &text_name, { AT(name) },
	  .help = "what it is called, where a reader wants to know" },
	{ "segment", &text_segment, { AT(segment) },
	  .help = "its PCI segment" },
	{ "buses", &text_buses, { AT(bus_first), AT(bus_last) }, .required = true,
	  .help = "its root bus and all that can ever be below it, room for hotplug included" },
	{ "iommu", &text_reference, { AT(iommu) },
	  .help = "who translates its functions; left out: nobody, they bypass" },
	{ "its", &text_its, { AT(its) },
	  .help = "the ITS group for MSIs that bypass the IOMMU" },
	{ "proximity-domain", &text_domain, { AT(proximity_domain), AT(has_proximity_domain) },
	  .help = "the NUMA node it belongs to" },
	{ "ats", &text_boolean, { AT(ats) },
	  .help = "its root complex forwards address translation requests" },
	{ "pri", &text_boolean, { AT(pri) },
	  .help = "its root complex forwards page requests" },
	{ "pasid", &text_boolean, { AT(pasid) },
	  .help = "its root complex forwards PASIDs" },
	{ "pasid-bits", &text_number, { AT(pasid_bits) },
	  .help = "how wide a PASID may be, up to 20; left out: not said" },
	{ "address-bits", &text_number, { AT(address_bits) },
	  .help = "how wide an address its functions can send; left out: 64" },
	{ "incoherent", &text_boolean, { AT(incoherent) },
	  .help = "accesses of its functions do not see the caches" },
};

#undef AT

/*
 * An ID is what an IOMMU knows a function by, so where none is reached there is nothing to number.
 */
static bool range_is_translated(const void *object)
{
	return ((const struct viommu_pci_range *)object)->iommu != NULL;
}

/* Only a bridge has buses below it. */
static bool range_is_of_bridge(const void *object)
{
	return ((const struct viommu_pci_range *)object)->scope == VIOMMU_SCOPE_BRIDGE;
}

static const char *scope_name(int i)
{
	return viommu_scope_name((enum viommu_scope)i);
}

/*
 * Exceptions from what host bridges say, and all there is where a table has no host bridges, as
 * VIOT.
 */
#define AT(m) offsetof(struct viommu_pci_range, m)
#define FUNCTIONS_AT { AT(segment_first), AT(segment_last), AT(bdf_first), AT(bdf_last) }

static const struct text_key range_keys[] = {
	{ "segments", &text_segments, FUNCTIONS_AT,
	  .help = "the PCI segments, if several; then `functions` names none" },
	{ "functions", &text_functions, FUNCTIONS_AT, .required = true,
	  .help = "the functions that it speaks of, in each of the segments" },
	{ "iommu", &text_reference, { AT(iommu) }, .required = true,
	  .help = "who translates them; none: nobody, they bypass" },
	{ "first-id", &text_first_id, { AT(id_first) },
	  .when = range_is_translated, .only = "a range with an IOMMU",
	  .help = "the endpoint ID or stream ID of the first function; "
		  "left out: segment << 16 | BDF" },
	{ "one-id", &text_boolean, { AT(one_id) },
	  .when = range_is_translated, .only = "a range with an IOMMU",
	  .help = "all of them have `first-id`, as what is behind a bridge to PCI has" },
	{ "scope", &text_choice, { AT(scope) }, .nth = scope_name,
	  .help = "what is meant: the functions, or a bridge and everything below it" },
	{ "below", &text_below, { AT(below_first), AT(below_last) },
	  .when = range_is_of_bridge, .only = "a range with the scope of a bridge",
	  .help = "the buses below the bridge; left out: not known" },
	{ "path", &text_name, { AT(path) },
	  .help = "the way on from the function, which is a bridge then: 1c.0/00.0" },
	{ "settings", &text_bits, { AT(settings) },
	  .when = range_is_translated, .only = "a range with an IOMMU",
	  .help = "which interrupts an amd-vi lets pass, as IVRS has it" },
	{ "no-ats", &text_boolean, { AT(no_ats) },
	  .when = range_is_translated, .only = "a range with an IOMMU",
	  .help = "address translation requests of these are refused by an amd-vi" },
};

#undef FUNCTIONS_AT

#undef AT

/* -- everything else ---------------------------------------------------------- */

/* As with ranges: what bypasses has no ID that anybody looks at. */
static bool device_is_translated(const void *object)
{
	return ((const struct viommu_platform_device *)object)->iommu != NULL;
}

/*
 * VIOT knows such a device by the address where it begins, and IORT and DMAR by its path in the
 * ACPI namespace: so it has an address or a name, or both.
 */
#define AT(m) offsetof(struct viommu_platform_device, m)

static const struct text_key device_keys[] = {
	{ "name", &text_name, { AT(name) },
	  .help = "what it is called: an ACPI or device tree path, where a table wants one" },
	{ "at", &text_address, { AT(base) },
	  .help = "where its first register window begins; left out: not known" },
	{ "iommu", &text_reference, { AT(iommu) },
	  .help = "who translates it; left out: nobody, it bypasses" },
	{ "id", &text_id, { AT(id) }, .required = true,
	  .when = device_is_translated, .only = "a device with an IOMMU",
	  .help = "its endpoint ID or stream ID" },
	{ "ids", &text_number, { AT(n_ids) },
	  .when = device_is_translated, .only = "a device with an IOMMU",
	  .help = "how many IDs it has, one after the other; left out: one" },
	{ "first-input", &text_input, { AT(input_first), AT(has_input) },
	  .when = device_is_translated, .only = "a device with an IOMMU",
	  .help = "by which number its driver names the first of them; left out: by none" },
	{ "proximity-domain", &text_domain, { AT(proximity_domain), AT(has_proximity_domain) },
	  .help = "the NUMA node it belongs to" },
	{ "pasid-bits", &text_number, { AT(pasid_bits) },
	  .help = "how wide a PASID it can send, up to 20; left out: none" },
	{ "address-bits", &text_number, { AT(address_bits) },
	  .help = "how wide an address it can send; left out: 64" },
	{ "stall", &text_boolean, { AT(stall) },
	  .help = "it can wait for a fault to be mended" },
	{ "incoherent", &text_boolean, { AT(incoherent) },
	  .help = "its accesses do not see the caches" },
	{ "hid", &text_name, { AT(hid) },
	  .help = "its ACPI hardware ID" },
	{ "cid", &text_name, { AT(cid) },
	  .help = "its ACPI compatible ID" },
	{ "uid", &text_name, { AT(uid) },
	  .help = "its ACPI unique ID" },
	{ "settings", &text_bits, { AT(settings) },
	  .when = device_is_translated, .only = "a device with an IOMMU",
	  .help = "which interrupts an amd-vi lets pass, as IVRS has it" },
	{ "number", &text_domain, { AT(number), AT(has_number) },
	  .help = "the number that DMAR gives it, up to 255" },
};

#undef AT

/* As with the device itself. */
static bool device_id_is_translated(const void *object)
{
	return ((const struct viommu_device_id *)object)->iommu != NULL;
}

/*
 * A named component of an IORT may have several mappings, and so IDs that do not follow each other.
 */
#define AT(m) offsetof(struct viommu_device_id, m)

static const struct text_key device_id_keys[] = {
	{ "device", &text_name, { AT(device) }, .required = true,
	  .help = "the name of one of `devices`" },
	{ "iommu", &text_reference, { AT(iommu) },
	  .help = "who translates it; left out: nobody, it bypasses" },
	{ "id", &text_id, { AT(id) }, .required = true,
	  .when = device_id_is_translated, .only = "an ID with an IOMMU",
	  .help = "its endpoint ID or stream ID" },
	{ "ids", &text_number, { AT(n_ids) },
	  .when = device_id_is_translated, .only = "an ID with an IOMMU",
	  .help = "how many there are, one after the other; left out: one" },
	{ "first-input", &text_input, { AT(input_first), AT(has_input) },
	  .when = device_id_is_translated, .only = "an ID with an IOMMU",
	  .help = "by which number its driver names the first of them; left out: by none" },
};

#undef AT

/* IDs as in the MADT, where the ITSs themselves are. */
#define AT(m) offsetof(struct viommu_its_group, m)

static const struct text_key group_keys[] = {
	{ "name", &text_name, { AT(name) }, .required = true,
	  .help = "what other objects call it" },
	{ "ids", &text_numbers, { AT(ids), AT(n_ids) }, .required = true,
	  .help = "its interrupt translation services, as the MADT numbers them" },
};

#undef AT

/* A range of MSIs is about functions, or about the IDs that leave an IOMMU, never about both. */
static bool msis_are_of_functions(const void *object)
{
	return !((const struct viommu_msi_range *)object)->iommu;
}

/* IDs as they leave the IOMMU, which is what the next hop sees. */
static bool msis_are_of_iommu(const void *object)
{
	return !msis_are_of_functions(object);
}

/*
 * Only for MSIs that do not go on as they are to where their host bridge or their IOMMU sends them.
 */
#define AT(m) offsetof(struct viommu_msi_range, m)

static const struct text_key msi_range_keys[] = {
	{ "iommu", &text_reference, { AT(iommu) },
	  .help = "it speaks of IDs behind this IOMMU; left out: of functions" },
	{ "ids", &text_id_range, { AT(id_first), AT(id_last) }, .required = true,
	  .when = msis_are_of_iommu, .only = "a range with an IOMMU",
	  .help = "the stream IDs that it speaks of" },
	{ "functions", &text_functions,
	  { AT(segment), AT(segment), AT(bdf_first), AT(bdf_last) }, .required = true,
	  .when = msis_are_of_functions, .only = "a range without `iommu`",
	  .help = "the functions that it speaks of" },
	{ "its", &text_its, { AT(its) }, .required = true,
	  .help = "the ITS group that their MSIs go to; none: nowhere" },
	{ "first-device-id", &text_bits, { AT(device_id_first) },
	  .help = "the device ID of the first one there; left out: 0" },
};

#undef AT

static const char *interrupt_kind(int i)
{
	return viommu_interrupt_kind_name((enum viommu_interrupt_kind)i);
}

/*
 * What sends interrupts without being a function has one all the same: the one that firmware gave
 * it to send with, by which the IOMMU knows it.
 */
#define AT(m) offsetof(struct viommu_interrupt_source, m)

static const struct text_key source_keys[] = {
	{ "kind", &text_choice, { AT(kind) }, .nth = interrupt_kind, .required = true,
	  .help = "what sends the interrupts" },
	{ "number", &text_number, { AT(number) },
	  .help = "the ID of an IOAPIC, the number of an HPET; left out: 0" },
	{ "function", &text_function, { AT(segment), AT(bdf) }, .required = true,
	  .help = "as which PCI function it sends them" },
	{ "path", &text_name, { AT(path) },
	  .help = "the way on from the function, which is a bridge then: 1c.0/00.0" },
	{ "iommu", &text_reference, { AT(iommu) }, .required = true,
	  .help = "who remaps them" },
	{ "settings", &text_bits, { AT(settings) },
	  .help = "which interrupts an amd-vi lets pass, as IVRS has it" },
};

#undef AT

static const char *ats_kind(int i)
{
	return viommu_ats_kind_name((enum viommu_ats_kind)i);
}

/*
 * The structures of a DMAR about address translation services. In an IORT they are a property of
 * the root complex, and so of a host bridge here.
 */
#define AT(m) offsetof(struct viommu_ats, m)

static const struct text_key ats_keys[] = {
	{ "kind", &text_choice, { AT(kind) }, .nth = ats_kind, .required = true,
	  .help = "what is said of the function" },
	{ "function", &text_function, { AT(segment), AT(bdf) }, .required = true,
	  .help = "the PCI function" },
	{ "scope", &text_choice, { AT(scope) }, .nth = scope_name,
	  .help = "what is meant: the functions, or a bridge and everything below it" },
	{ "path", &text_name, { AT(path) },
	  .help = "the way on from the function, which is a bridge then: 1c.0/00.0" },
	{ "required", &text_boolean, { AT(required) },
	  .help = "it works with ATS only" },
	{ "flags", &text_bits, { AT(flags) },
	  .help = "properties of an integrated function, as DMAR has them, up to 255" },
};

#undef AT

/* Naming an IOMMU means the devices behind it, and then single functions say nothing more. */
static bool memory_is_of_functions(const void *object)
{
	return !((const struct viommu_reserved_memory *)object)->iommu;
}

/* IDs behind it, for memory that is not for all of them. */
static bool memory_is_of_iommu(const void *object)
{
	return !memory_is_of_functions(object);
}

static const char *memory_kind(int i)
{
	return viommu_memory_kind_name((enum viommu_memory_kind)i);
}

/* RMRs of an IORT, RMRRs of a DMAR, IVMDs of an IVRS: all of them say which memory and for whom. */
#define AT(m) offsetof(struct viommu_reserved_memory, m)

static const struct text_key memory_keys[] = {
	{ "range", &text_addresses, { AT(first), AT(last) }, .required = true,
	  .help = "its first and its last byte" },
	{ "kind", &text_choice, { AT(kind) }, .nth = memory_kind,
	  .help = "what is special about it; left out: reserved" },
	{ "iommu", &text_reference, { AT(iommu) },
	  .help = "it holds for everything that this IOMMU translates" },
	{ "ids", &text_some_ids, { AT(id_first), AT(id_last), AT(has_ids) },
	  .when = memory_is_of_iommu, .only = "memory with `iommu`",
	  .help = "only for these of its stream IDs" },
	{ "functions", &text_functions,
	  { AT(segment), AT(segment), AT(bdf_first), AT(bdf_last) }, .required = true,
	  .when = memory_is_of_functions, .only = "memory without `iommu`",
	  .help = "it holds for these functions" },
	{ "scope", &text_choice, { AT(scope) }, .nth = scope_name,
	  .when = memory_is_of_functions, .only = "memory without `iommu`",
	  .help = "what is meant: the functions, or a bridge and everything below it" },
	{ "path", &text_name, { AT(path) },
	  .when = memory_is_of_functions, .only = "memory without `iommu`",
	  .help = "the way on from the function, which is a bridge then: 1c.0/00.0" },
	{ "flags", &text_bits, { AT(flags) },
	  .help = "bits of its structure that nothing here stands for" },
};

#undef AT

#define AT(m) offsetof(struct viommu_table_header, m)
#define ROOM(m) sizeof(((struct viommu_table_header *)NULL)->m)

static const struct text_key header_keys[] = {
	{ "oem-id", &text_bytes, { AT(oem_id) }, .room = ROOM(oem_id),
	  .help = "who makes the platform, up to 6 characters" },
	{ "oem-table-id", &text_bytes, { AT(oem_table_id) }, .room = ROOM(oem_table_id),
	  .help = "which platform it is, up to 8 characters" },
	{ "oem-revision", &text_id, { AT(oem_revision) },
	  .help = "the maker's revision of the table" },
	{ "creator-id", &text_bytes, { AT(creator_id) }, .room = ROOM(creator_id),
	  .help = "what made the table, up to 4 characters" },
	{ "creator-revision", &text_id, { AT(creator_revision) },
	  .help = "which revision of it" },
	{ "revision", &text_domain, { AT(revision), AT(has_revision) },
	  .help = "the revision of the table; left out: the oldest that can say all there is" },
	{ "address-bits", &text_number, { AT(address_bits) },
	  .help = "how wide the host's addresses are, for DMAR and IVRS; left out: as usual" },
	{ "flags", &text_domain, { AT(flags), AT(has_flags) },
	  .help = "flags of the table, for DMAR and IVRS; left out: as the topology asks" },
	{ "plain-counts", &text_boolean, { AT(plain_counts) },
	  .help = "IORT has as many IDs in a mapping as it says, as QEMU wrote it until 9.0" },
	{ "aligned", &text_boolean, { AT(aligned) },
	  .help = "pads before device entries of 8 bytes, where they need one, for IVRS" },
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
};

const struct text_section text_header = SECTION("tables", "the header of a table", N_OBJECT_TYPES,
						struct viommu_table_header, header_keys);

/*
 * What device trees, libvirt and the specifications call what a key says. A word may stand for
 * several keys: the first that the section has is meant.
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
	{ "ioapic-id", "number" },
	{ "hpet-number", "number" },
	{ "handle", "number" },
};

/* The rows are few, and are only searched for a finding. */
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

/* Every type has a section, so the search always ends. */
const struct text_section *text_section_of(enum object_type type)
{
	const struct text_section *section = text_sections;

	while (section->type != type)
		section++;
	return section;
}
