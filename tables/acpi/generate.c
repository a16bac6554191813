/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The smallest set of ACPI tables for a topology: <viommu/acpi.h>
 *
 * A hardware-reduced machine (ACPI 6.5, 4.1) needs no FACS and no fixed registers, so its FADT says
 * little more than where the DSDT is.
 */
#include <stdlib.h>
#include <string.h>

#include "acpi.h"
#include "tables/api/formats.h"
#include "tables/findings/findings.h"
#include "tables/model/topology.h"
#include "tables/table/image.h"
#include "wire/sized.h"

/* -- FADT -------------------------------------------------------------------------------- */

#define FADT_LENGTH        276
#define FADT_REVISION      6
#define FADT_MINOR         5
#define FADT_BOOT_FLAGS_AT 109
#define FADT_FLAGS_AT      112
#define FADT_MINOR_AT      131
#define FADT_VGA_ABSENT    (1u << 2)
#define FADT_WBINVD        (1u << 0)
#define FADT_POWER_BUTTON  (1u << 4) /* these two: no fixed registers for them */
#define FADT_SLEEP_BUTTON  (1u << 5)
#define FADT_HW_REDUCED    (1u << 20)

static struct bytes *new_fadt(void)
{
	struct bytes *fadt = part_begin("FACP", FADT_REVISION);

	bytes_set_size(fadt, FADT_LENGTH);
	memset(fadt->data + ACPI_HEADER_LENGTH, 0, FADT_LENGTH - ACPI_HEADER_LENGTH);
	wire_store(fadt->data + FADT_BOOT_FLAGS_AT, 2, FADT_VGA_ABSENT);
	wire_store(fadt->data + FADT_FLAGS_AT, 4,
		   FADT_WBINVD | FADT_POWER_BUTTON | FADT_SLEEP_BUTTON | FADT_HW_REDUCED);
	wire_store(fadt->data + FADT_MINOR_AT, 1, FADT_MINOR);
	return fadt;
}

/* -- MADT -------------------------------------------------------------------------------- */

#define LOCAL_APIC_ADDRESS 0xfee00000u
#define IO_APIC_ADDRESS    0xfec00000u
#define PROCESSORS_MAX     255u

/* 5.2.12.2 and 5.2.12.3: type, length, and the numbers of the controller. */
static struct bytes *new_madt(uint32_t processors)
{
	static const uint8_t io_apic[] = {
		1, 12, 0, 0, 0, 0, IO_APIC_ADDRESS >> 16 & 0xff, IO_APIC_ADDRESS >> 24, 0, 0, 0, 0
	};
	struct bytes *madt = part_begin("APIC", 5);
	uint8_t head[8];

	wire_store(head, sizeof(head), LOCAL_APIC_ADDRESS);
	bytes_append(madt, head, sizeof(head));
	for (uint32_t i = 0; i < processors; i++) {
		const uint8_t enabled[] = { 0, 8, (uint8_t)i, (uint8_t)i, 1, 0, 0, 0 };

		bytes_append(madt, enabled, sizeof(enabled));
	}
	bytes_append(madt, io_apic, sizeof(io_apic));
	part_end(madt);
	return madt;
}

/* -- which tables ------------------------------------------------------------------------- */

struct generating {
	const struct viommu_topology *topology;
	struct viommu_acpi how;
	struct pointers *parts; /* what the XSDT lists besides the FADT, struct bytes */
	struct bytes *fadt, *dsdt;
	const struct image *set;          /* what is extended, or NULL */
	bool has_devices;                 /* the DSDT has those of the topology */
	struct viommu_findings *findings; /* an error: there is no set */
};

/* An SRAT gets the domains of IOMMUs in a copy. */
static struct bytes *part_of_vmm(struct generating *generating, const struct viommu_table *table)
{
	struct bytes *part = part_of(table);
	struct viommu_table *copy;

	if (!part_is(part, "SRAT"))
		return part;
	copy = table_decode(part->data, part->len, viommu_table_file(table), NULL);
	bytes_free(part);
	table_extend(copy, generating->topology, generating->findings);
	part = part_of(copy);
	viommu_table_free(copy);
	return part;
}

static void take_table_of_vmm(struct generating *generating, const struct viommu_table *table)
{
	struct bytes *part = part_of_vmm(generating, table);

	if (part_is(part, "DSDT"))
		generating->dsdt = part;
	else if (part_is(part, "FACP"))
		generating->fadt = part;
	else
		pointers_add(generating->parts, part);
}

/* What the topology needs besides the parts. */
static size_t generate_besides(const struct generating *generating,
			       struct viommu_table *tables[VIOMMU_TABLES_MAX])
{
	const struct rule_ids described = { "viot-silent-domain",
					    generating->has_devices ? "iort-silent-cmdqv" : NULL };
	size_t n = tables_generate_besides(generating->topology, generating->parts, tables,
					   &described, generating->findings);

	acpi_report_domains(
		&(struct acpi_domains){
			.topology = generating->topology,
			.in_devices = generating->has_devices,
			.in_srat = parts_have(generating->parts, "SRAT"),
			.how = &generating->how,
			.set = generating->set,
		},
		generating->findings);
	return n;
}

static void add_tables_of_iommus(struct generating *generating)
{
	struct viommu_table *tables[VIOMMU_TABLES_MAX];
	size_t n = generate_besides(generating, tables);

	for (size_t i = 0; i < n; i++) {
		pointers_add(generating->parts, part_of(tables[i]));
		viommu_table_free(tables[i]);
	}
}

/* Devices in the namespace refer to nodes of the IORT. */
static void add_dsdt(struct generating *generating)
{
	const struct bytes *part = parts_find(generating->parts, "IORT");
	struct viommu_table *iort = part ? table_decode(part->data, part->len, "IORT", NULL) : NULL;

	generating->dsdt = part_dsdt(generating->topology, iort, generating->findings);
	viommu_table_free(iort);
}

static void collect(struct generating *generating)
{
	if (!given_fit(generating->how.tables, generating->how.n_tables, generating->findings))
		return;
	for (size_t i = 0; i < generating->how.n_tables; i++)
		take_table_of_vmm(generating, generating->how.tables[i]);
	generating->has_devices = !generating->dsdt;
	if (!generating->fadt)
		generating->fadt = new_fadt();
	if (generating->how.processors && !parts_have(generating->parts, "APIC"))
		pointers_add(generating->parts, new_madt(generating->how.processors));
	add_tables_of_iommus(generating);
	if (generating->has_devices)
		add_dsdt(generating);
}

/* -- the image ---------------------------------------------------------------------------- */

/* The XSDT is before the tables, but knows their addresses: space for it is left first. */
static struct bytes *join(struct generating *generating)
{
	struct pointers *parts = generating->parts;
	struct array *pointers = array_new(sizeof(uint64_t));
	struct bytes *image = bytes_new(), *xsdt;
	uint64_t address = generating->how.address;
	size_t xsdt_at;

	bytes_set_size(image, RSDP_LENGTH);
	array_set_size(pointers, parts->len + 1);
	xsdt = part_xsdt(pointers);
	xsdt_at = part_append(image, xsdt);
	bytes_free(xsdt);
	part_set_dsdt(generating->fadt, address + part_append(image, generating->dsdt));
	array_index(pointers, uint64_t, 0) = address + part_append(image, generating->fadt);
	for (size_t i = 0; i < parts->len; i++)
		array_index(pointers, uint64_t, i + 1) =
			address + part_append(image, parts->pdata[i]);
	xsdt = part_xsdt(pointers);
	memcpy(image->data + xsdt_at, xsdt->data, xsdt->len);
	memset(image->data, 0, RSDP_LENGTH);
	memcpy(image->data, rsdp_signature, sizeof(rsdp_signature));
	memcpy(image->data + RSDP_OEM_ID_AT, "VIOMMU", 6);
	image->data[RSDP_REVISION_AT] = RSDP_REVISION;
	wire_store(image->data + RSDP_LENGTH_AT, 4, RSDP_LENGTH);
	part_point(image->data, address + xsdt_at);
	bytes_free(xsdt);
	array_free(pointers);
	return image;
}

size_t acpi_generate(const struct viommu_topology *topology, const struct viommu_acpi *how,
		     void **ret_bytes, struct viommu_findings *findings)
{
	struct generating generating = {
		.topology = topology,
		.parts = pointers_new(part_free),
		.findings = findings_new(),
	};
	struct bytes *image = NULL;
	size_t length = 0;

	*ret_bytes = NULL;
	if (!sized_take(&generating.how, sizeof(generating.how), how) &&
	    generating.how.processors <= PROCESSORS_MAX)
		collect(&generating);
	if (generating.fadt && !viommu_findings_count_from(generating.findings, VIOMMU_ERROR))
		image = join(&generating);
	if (image && part_image_fits(generating.how.address, image->len, generating.findings)) {
		length = image->len;
		*ret_bytes = bytes_steal(image);
		image = NULL;
	}
	bytes_free(image);
	findings_take(findings, generating.findings);
	viommu_findings_free(generating.findings);
	bytes_free(generating.fadt);
	bytes_free(generating.dsdt);
	pointers_free(generating.parts);
	return length;
}

/* -- into a set that exists --------------------------------------------------------------- */

struct extending {
	struct generating generating; /* parts: what the caller gives */
	struct pointers *tables;      /* to add, struct viommu_table */
	struct pointers *own;         /* those of them that are not the caller's */
};

static void table_free(void *table)
{
	viommu_table_free(table);
}

static void extend_with_own(struct extending *extending, struct viommu_table *table)
{
	pointers_add(extending->own, table);
	pointers_add(extending->tables, table);
}

/* As it is, but for an SRAT. */
static void extend_with(struct extending *extending, const struct viommu_table *table)
{
	struct bytes *part = part_of_vmm(&extending->generating, table);

	pointers_add(extending->generating.parts, part);
	if (part_is(part, "SRAT"))
		extend_with_own(extending, table_decode(part->data, part->len,
							viommu_table_file(table), NULL));
	else
		pointers_add(extending->tables, (gpointer)table);
}

static void collect_besides(struct extending *extending)
{
	struct generating *generating = &extending->generating;
	struct viommu_table *tables[VIOMMU_TABLES_MAX];
	size_t n;

	if (!given_fit(generating->how.tables, generating->how.n_tables, generating->findings))
		return;
	for (size_t i = 0; i < generating->how.n_tables; i++)
		extend_with(extending, generating->how.tables[i]);
	n = generate_besides(generating, tables);
	for (size_t i = 0; i < n; i++)
		extend_with_own(extending, tables[i]);
}

size_t acpi_extend(const void *bytes, size_t length, const struct viommu_topology *topology,
		   const struct viommu_acpi *how, void **ret_bytes,
		   struct viommu_findings *findings)
{
	struct extending extending = {
		.generating = { .topology = topology,
				.parts = pointers_new(part_free),
				.findings = findings_new() },
		.tables = pointers_new(NULL),
		.own = pointers_new(table_free),
	};
	struct generating *generating = &extending.generating;
	struct image set = { .bytes = bytes, .length = length };
	const char *why;
	size_t made = 0;

	*ret_bytes = NULL;
	if (!sized_take(&generating->how, sizeof(generating->how), how) &&
	    !generating->how.processors) {
		set.address = generating->how.address;
		generating->set = image_open(&set, true, &why) ? &set : NULL;
		collect_besides(&extending);
	}
	if (extending.tables->len &&
	    !viommu_findings_count_from(generating->findings, VIOMMU_ERROR))
		made = acpi_add(bytes, length, generating->how.address,
				(const struct viommu_table *const *)extending.tables->pdata,
				extending.tables->len, ret_bytes, generating->findings);
	findings_take(findings, generating->findings);
	viommu_findings_free(generating->findings);
	pointers_free(generating->parts);
	pointers_free(extending.tables);
	pointers_free(extending.own);
	return made;
}
