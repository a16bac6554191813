/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every key of the text form, one row each
 *
 * The rows say which member of which object a key fills; docs/topology.md has the same keys
 * with the same words, and a test compares them. Where two rows share a key, the objects they
 * are for do not. Keys that decide which others make sense stand above these.
 */
#include "text.h"

/* -- IOMMUs ------------------------------------------------------------------- */

static bool is_function(const void *object)
{
	return ((const struct viommu_iommu *)object)->kind == VIOMMU_VIRTIO_PCI;
}

static bool has_registers(const void *object)
{
	return !is_function(object);
}

static bool is_vtd(const void *object)
{
	return ((const struct viommu_iommu *)object)->kind == VIOMMU_VTD;
}

static bool is_amd(const void *object)
{
	return ((const struct viommu_iommu *)object)->kind == VIOMMU_AMD_VI;
}

static const char *iommu_kind(int i)
{
	return viommu_iommu_kind_name((enum viommu_iommu_kind)i);
}

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
	  .when = is_function, .only = "a virtio-iommu-pci",
	  .help = "its own function counts among those it translates, as QEMU writes it" },
};
#undef AT

/* -- PCI ---------------------------------------------------------------------- */

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
};
#undef AT

static bool range_is_translated(const void *object)
{
	return ((const struct viommu_pci_range *)object)->iommu != NULL;
}

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
};
#undef FUNCTIONS_AT
#undef AT

/* -- everything else ---------------------------------------------------------- */

static bool device_is_translated(const void *object)
{
	return ((const struct viommu_platform_device *)object)->iommu != NULL;
}

#define AT(m) offsetof(struct viommu_platform_device, m)
static const struct text_key device_keys[] = {
	{ "name", &text_name, { AT(name) },
	  .help = "what it is called: an ACPI or device tree path, where a table wants one" },
	{ "at", &text_address, { AT(base) }, .required = true,
	  .help = "where its first register window begins" },
	{ "iommu", &text_reference, { AT(iommu) },
	  .help = "who translates it; left out: nobody, it bypasses" },
	{ "id", &text_id, { AT(id) }, .required = true,
	  .when = device_is_translated, .only = "a device with an IOMMU",
	  .help = "its endpoint ID or stream ID" },
	{ "proximity-domain", &text_domain, { AT(proximity_domain), AT(has_proximity_domain) },
	  .help = "the NUMA node it belongs to" },
};
#undef AT

#define AT(m) offsetof(struct viommu_its_group, m)
static const struct text_key group_keys[] = {
	{ "name", &text_name, { AT(name) }, .required = true,
	  .help = "what other objects call it" },
	{ "ids", &text_numbers, { AT(ids), AT(n_ids) }, .required = true,
	  .help = "its interrupt translation services, as the MADT numbers them" },
};
#undef AT

static bool memory_is_of_functions(const void *object)
{
	return !((const struct viommu_reserved_memory *)object)->iommu;
}

static const char *memory_kind(int i)
{
	return viommu_memory_kind_name((enum viommu_memory_kind)i);
}

#define AT(m) offsetof(struct viommu_reserved_memory, m)
static const struct text_key memory_keys[] = {
	{ "range", &text_addresses, { AT(first), AT(last) }, .required = true,
	  .help = "its first and its last byte" },
	{ "kind", &text_choice, { AT(kind) }, .nth = memory_kind,
	  .help = "what is special about it; left out: reserved" },
	{ "iommu", &text_reference, { AT(iommu) },
	  .help = "it holds for everything that this IOMMU translates" },
	{ "functions", &text_functions,
	  { AT(segment), AT(segment), AT(bdf_first), AT(bdf_last) }, .required = true,
	  .when = memory_is_of_functions, .only = "memory without `iommu`",
	  .help = "it holds for these functions" },
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
};
#undef ROOM
#undef AT

#define SECTION(name, what, type, host, keys) \
	{ name, what, type, sizeof(host), keys, sizeof(keys) / sizeof((keys)[0]) }

const struct text_section text_sections[N_TEXT_SECTIONS] = {
	SECTION("iommus", "an IOMMU", OBJECT_IOMMU, struct viommu_iommu, iommu_keys),
	SECTION("host-bridges", "a host bridge", OBJECT_HOST_BRIDGE, struct viommu_host_bridge,
		host_bridge_keys),
	SECTION("ranges", "a range", OBJECT_PCI_RANGE, struct viommu_pci_range, range_keys),
	SECTION("devices", "a device", OBJECT_PLATFORM_DEVICE, struct viommu_platform_device,
		device_keys),
	SECTION("its-groups", "an ITS group", OBJECT_ITS_GROUP, struct viommu_its_group,
		group_keys),
	SECTION("reserved-memory", "reserved memory", OBJECT_RESERVED_MEMORY,
		struct viommu_reserved_memory, memory_keys),
};

const struct text_section text_header =
	SECTION("tables", "the header of a table", N_OBJECT_TYPES, struct viommu_table_header,
		header_keys);
