/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"

/*
 * The properties of a device
 *
 * A property is one row. The class takes its properties from the rows, and
 * `-plugin viommu-qemu.so,help=on` prints them, since QEMU answers its own `-device NAME,help`
 * before it loads plugins. settings.c checks their values.
 *
 * Lists of ranges are strings, because the syntax of property arrays depends on QEMU's version.
 */

struct row {
	Property property;
	const char *help;
};

#define ROW(kind, name, member, value, help) \
	{ \
		DEFINE_PROP_##kind(name, struct iommu, settings.member, value), help \
	}
#define ROW_STRING(name, member, help) \
	{ \
		DEFINE_PROP_STRING(name, struct iommu, settings.member), help \
	}
/* The last rows: a property of PROBE each. */
#define ROW_PROBE(name, type, has, member, bits, text) \
	ROW_STRING("", probe[PROBE_##name], "PROBE reports the " text ": off, auto or a number"),

static struct row rows[] = {
	ROW_STRING("root-bus", root_bus,
		   "name of the root bus to serve (\"pcie.0\", a pxb-pcie's id); "
		   "default: the one it is on, on virtio-mmio the machine's first"),
	ROW(BOOL, "pci", pci, true,
	    "on virtio-mmio: serve a root bus; off: only devices on virtio-mmio"),
	ROW(UINT64, "page-size-mask", page_size_mask, 0,
	    "mask of page sizes; the lowest bit is the granule, at least 1 byte; 0: 4 KiB and up"),
	ROW(UINT8, "aw-bits", aw_bits, MAX_AW_BITS, "width of addresses that can be mapped"),
	ROW(UINT64, "input-first", input_first, 0, "lowest address that can be mapped"),
	ROW(UINT64, "input-last", input_last, 0,
	    "highest address that can be mapped; 0: the highest of aw-bits"),
	ROW(UINT32, "domain-first", domain_first, 0, "lowest domain number"),
	ROW(UINT32, "domain-last", domain_last, 0, "highest domain number; 0: no limit"),
	ROW(UINT32, "probe-size", probe_size, 0, "bytes for properties in a PROBE request; 0: 512"),
	ROW(BOOL, "boot-bypass", boot_bypass, true,
	    "after power-on, endpoints that are attached to no domain bypass the IOMMU"),
	ROW_STRING("reserved", reserved, "reserved regions: FIRST-LAST[:msi], joined by '+'"),
	ROW(ON_OFF_AUTO, "msi", msi, ON_OFF_AUTO_AUTO,
	    "report the machine's MSI window as a reserved region; auto: unless 'reserved' has "
	    "one"),
	ROW(UINT64, "max-domains", max_domains, 0, "limit on the guest's domains; 0: 65536"),
	ROW(UINT64, "max-mappings", max_mappings, 0, "limit on the guest's mappings; 0: 4194304"),
	ROW(UINT64, "max-bytes", max_bytes, 0,
	    "limit on host memory for domains and mappings; 0: 1 GiB"),
	ROW(UINT32, "max-request-rate", max_requests, 0, "limit on requests per second; 0: none"),
	ROW(UINT32, "max-attach-rate", max_attaches, 0,
	    "limit on ATTACHes per second; 0: 10000"),
	ROW(UINT32, "max-fault-rate", max_faults, 0,
	    "limit on reported faults per second, further ones are dropped; 0: 100000"),
	ROW(BOOL, "wait-for-io", wait_for_io, true,
	    "UNMAP, DETACH and ATTACH wait for disk I/O of their endpoints that is in flight"),
	ROW(UINT32, "pasid-bits", pasid_bits, 0,
	    "experimental: PASIDs of endpoints have so many bits, up to 20; 0: none"),
	ROW_STRING("tables", tables,
		   "experimental: page tables of the guest that endpoints may be attached to: 'x86', "
		   "'arm', 'riscv', 'amd', 'generic', joined by '+'; default: none"),
	ROW(BOOL, "nest", nest, false,
	    "experimental: a page table of the guest may be over mappings of a domain"),
	ROW(UINT32, "page-requests", page_requests, 0,
	    "experimental: limit on an endpoint's unanswered page requests; 0: it makes none"),
	ROW_STRING("personality", personality,
		   "experimental: what the device speaks: 'native', or a published draft of page tables, "
		   "'draft-c' or 'draft-e'; default: native"),
	ROW_STRING("endpoints", endpoints,
		   "settings of single endpoints: ID:NAME=VALUE[:NAME=VALUE...], joined by '+'; ID is "
		   "the device's, NAME page-size-mask, input-first, input-last, or that of a property "
		   "probe-NAME"),
	ROW_STRING("firmware", firmware,
		   "description of the device for the guest: 'auto', 'off', 'viot', 'dt', or in its own "
		   "configuration space 'builtin-v1', 'builtin-v2', 'builtin-v3', 'builtin-v3-segments'; "
		   "default: auto"),
	VIOMMU_PROPERTIES(ROW_PROBE)
};

/* The name of a member has underscores, which a QEMU property has not. */
static void name_probe_rows(void)
{
	for (unsigned int i = 0; i < N_PROBE_PROPERTIES; i++)
		rows[ARRAY_SIZE(rows) - N_PROBE_PROPERTIES + i].property.name = probe_name(i);
}

void properties_install(DeviceClass *class)
{
	static Property properties[ARRAY_SIZE(rows) + 1];

	name_probe_rows();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		properties[i] = rows[i].property;
	set_properties(class, properties, ARRAY_SIZE(rows));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		object_class_property_set_description(OBJECT_CLASS(class), rows[i].property.name,
						      rows[i].help);
}

static void print_row(const struct row *row)
{
	const Property *property = &row->property;
	g_autofree char *value = g_strdup("");

	if (property->set_default && PROPERTY_TYPE(property->info)[0] == 'b')
		value = g_strdup_printf(" (%s)", property->defval.u ? "on" : "off");
	else if (property->set_default && !property->info->enum_table)
		value = g_strdup_printf(" (%" PRIu64 ")", property->defval.u);
	printf("  %s=<%s>%s\n      %s\n", property->name, PROPERTY_TYPE(property->info), value,
	       row->help);
}

void properties_print(void)
{
	name_probe_rows();
	puts("-device " TYPE_VIOMMU_PCI "     on a root bus (pcie.0, or a pxb-pcie's)\n"
	     "-device " TYPE_VIOMMU_DEVICE "  on a virtio-mmio bus\n"
	     "-device " TYPE_VIOMMU_DMA "     a function for tests that does DMA\n"
	     "with these properties (defaults in parentheses), in addition to those of every "
	     "virtio\n"
	     "device:");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		print_row(&rows[i]);
	puts("  record=<str>\n"
	     "      record a trace of the guest into this file; can be set at any time, \"\" ends it\n"
	     "  record-limit=<size> (16M)\n"
	     "      the largest trace");
}
